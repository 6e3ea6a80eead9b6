// What a service runs, asks and is told: its image, its commands, its environment, its health check.

import { hasVariable } from './compose-variables.ts';
import { unless } from './rule.ts';
import type { Rule } from './rule.ts';
import type { Service } from './stack.ts';
import { show, textAt, textsAt, textsIn, treeAt } from './tree.ts';
import type { Tree } from './tree.ts';

const serviceUnknown: Rule<Service> = {
  code: 'service-unknown',
  promise: 'of every service it is written down whom it may reach',
  next: 'write its promise into tools/compose-lint/requirements.ts and docs/ARCHITECTURE.md',
  against: ({ promise }) => unless(promise !== undefined, 'no promise is made of it'),
};

const imageUnpinned: Rule<Service> = {
  code: 'image-unpinned',
  cis: '5.28',
  promise: 'an image is the one that .env names, by a tag that does not move',
  next: 'name it by a variable of .env, with a tag other than latest',
  against: ({ tree, source }) => {
    const image = textAt(tree, 'image') ?? '';
    const tag = /:([\w][\w.-]*)(@sha256:[0-9a-f]{64})?$/.exec(image)?.[1];
    const pinned = hasVariable((textAt(source, 'image') ?? '').replace(/^[a-z-]+:/, ''));
    return unless(pinned && tag !== undefined && tag !== 'latest', `image: ${show(source['image'])}`);
  },
};

const imageForeign: Rule<Service> = {
  code: 'image-foreign',
  promise: 'what is not built here is Redis',
  next: 'build it from a Dockerfile of this repository',
  against: ({ tree, source }) =>
    unless(
      tree['build'] !== undefined || source['image'] === '${SOTTO_REDIS_IMAGE}',
      `image: ${show(source['image'])}`,
    ),
};

/** Of a build: never asked of a registry, where the names are anybody's. `never` starts what has been built. */
const BUILT_HERE = '${SOTTO_PULL_POLICY:-build}';
const imageAskedFor: Rule<Service> = {
  code: 'image-asked-for',
  promise: 'an image that is built here is never asked of a registry, and is built anew when the checkout has changed',
  next: `pull_policy: ${BUILT_HERE}`,
  against: ({ tree, source }) =>
    unless(
      tree['build'] === undefined || source['pull_policy'] === BUILT_HERE,
      `pull_policy: ${show(source['pull_policy'])}`,
    ),
};

const profileDiffers: Rule<Service> = {
  code: 'profile-differs',
  promise: '`up` starts what hosts a room, and clients are started by whom they belong to',
  next: 'clients: `profiles: [client]`; others: none',
  against: ({ tree, promise }) =>
    unless(
      textsAt(tree, 'profiles').join() === (promise?.profile ?? ''),
      `profiles: ${textsAt(tree, 'profiles').join(', ') || 'none'}`,
    ),
};

/** From the user's own terminal, and read by the client. */
const PASSED_THROUGH: readonly string[] = ['TERM'];
const environmentPassedThrough: Rule<Service> = {
  code: 'environment-passed-through',
  promise: 'nothing of the caller’s environment gets in but what kind of terminal it is',
  next: 'state the value, or remove the variable',
  against: ({ tree }) =>
    Object.entries(treeAt(tree, 'environment'))
      .filter(([name, value]) => value === null && !PASSED_THROUGH.includes(name))
      .map(([name]) => name),
};

const protectionWaived: Rule<Service> = {
  code: 'protection-waived',
  promise: 'every program looks for all its protections before it begins',
  next: 'remove SOTTO_UNPROTECTED; whoever needs it sets it in a file of his own (adr/0014)',
  against: ({ tree }) => Object.keys(treeAt(tree, 'environment')).filter((name) => name === 'SOTTO_UNPROTECTED'),
};

const SECRET_NAME = /pass(word|phrase|wd)?|secret|token|credential|api_?key|private|cookie|invite/i;
/** Long hexadecimal (nearly all zeros is none) or base64, a connection string, a key in PEM, a URL with a password. */
const SECRET_VALUE =
  /(?!0{30})[0-9a-f]{32}|(?!0{30})[A-Za-z0-9+/]{40}|sotto1[a-z0-9]|-----BEGIN|:\/\/[^/\s:]+:[^/\s@]+@/i;
const PLACE = /^(\/run\/[\w./-]+)?$/;

const secretInEnvironment: Rule<Service> = {
  code: 'secret-in-environment',
  promise: 'no secret stands in the file, in an environment, in arguments or in labels: `inspect` shows them all',
  next: 'hand it over through a file in memory or a socket',
  against: ({ tree }) => [
    ...namedSecrets(treeAt(tree, 'environment'), 'environment'),
    ...namedSecrets(treeAt(treeAt(tree, 'build'), 'args'), 'build.args'),
    ...['environment', 'build', 'command', 'entrypoint', 'healthcheck', 'labels']
      .flatMap((key) => [...textsIn(tree[key], key)])
      .filter(([, text]) => SECRET_VALUE.test(text))
      .map(([path]) => path),
  ],
};

/** A variable named like a secret may say where one lies, and nothing else. */
function namedSecrets(variables: Tree, path: string): readonly string[] {
  return Object.entries(variables)
    .filter(([name, value]) => SECRET_NAME.test(name) && !PLACE.test(typeof value === 'string' ? value : 'not a place'))
    .map(([name]) => `${path}.${name}`);
}

const healthUnasked: Rule<Service> = {
  code: 'health-unasked',
  cis: '5.27',
  promise: 'what listens is asked whether it does',
  next: 'give it a healthcheck; only what listens on nothing goes without',
  against: ({ tree, promise }) => {
    const check = treeAt(tree, 'healthcheck');
    const asked = check['disable'] !== true && textsAt(check, 'test').length > 1;
    return unless(asked || promise?.listens === false, `healthcheck: ${show(tree['healthcheck'])}`);
  },
};

const healthPrints: Rule<Service> = {
  code: 'health-prints',
  promise: 'health checks print nothing: the engine keeps what they print',
  next: 'CMD /usr/bin/test, or CMD-SHELL with >/dev/null 2>&1',
  against: ({ tree }) => {
    const check = treeAt(tree, 'healthcheck');
    if (check['test'] === undefined) return [];
    const command = textsAt(check, 'test');
    return unless(isSilent(command), `healthcheck.test: ${show(check['test'])}`);
  },
};

function isSilent([kind, program = '', argument = '']: readonly string[]): boolean {
  if (kind === 'CMD') return program === '/usr/bin/test';
  const quiet = ' >/dev/null 2>&1';
  return (
    kind === 'CMD-SHELL' &&
    argument === '' &&
    program.endsWith(quiet) &&
    !/[;&|]\s*\S/.test(program.slice(0, -quiet.length))
  );
}

const HEALTH_KEYS: readonly string[] = ['test', 'interval', 'timeout', 'retries', 'start_period', 'disable'];
const healthKeyUnknown: Rule<Service> = {
  code: 'health-key-unknown',
  promise: 'every key of a health check is one that this linter knows',
  next: `keep to ${HEALTH_KEYS.join(', ')}`,
  against: ({ tree }) => Object.keys(treeAt(tree, 'healthcheck')).filter((key) => !HEALTH_KEYS.includes(key)),
};

/** What Redis must be told, in this order; nothing else configures it. */
const REDIS_TOLD: readonly (readonly string[])[] = [
  ['--save', ''],
  ['--appendonly', 'no'],
  ['--maxmemory-policy', 'noeviction'],
  ['--slowlog-max-len', '0'],
  ['resetkeys', '~room:*', 'resetchannels', '-@all'],
];
const REDIS_ALLOWED = /^\+(ping|evalsha|script\|load|hset|hmget|x(add|range|trim)|pexpire|del|rename|exists)$/;

const storeLoose: Rule<Service> = {
  code: 'store-loose',
  promise: 'Redis writes nothing to a disk, drops nothing, and knows only the commands of the relay',
  next: 'see the comments beside the command of redis in docker-compose.yml',
  against: ({ name, tree }) => {
    if (name !== 'redis') return [];
    const told = textsAt(tree, 'command');
    const text = told.join('\0');
    const missing = REDIS_TOLD.filter((words) => !`\0${text}\0`.includes(`\0${words.join('\0')}\0`));
    const allowed = told.filter(
      (word) => /^(\+|allcommands|allkeys|allchannels|&|%|~(?!room:))/.test(word) && !REDIS_ALLOWED.test(word),
    );
    // The official image declares a volume there, which would be on the disk.
    const covered = textsAt(tree, 'tmpfs').some((entry) => entry.startsWith('/data:'));
    return [
      ...missing.map((words) => `is not told ${words.join(' ')}`),
      ...allowed,
      ...unless(covered, 'no tmpfs lies over /data'),
    ];
  },
};

export const PROGRAM_RULES: readonly Rule<Service>[] = [
  serviceUnknown,
  imageUnpinned,
  imageForeign,
  imageAskedFor,
  profileDiffers,
  environmentPassedThrough,
  protectionWaived,
  secretInEnvironment,
  healthUnasked,
  healthPrints,
  healthKeyUnknown,
  storeLoose,
];
