// Rules of programs: image, command, environment and health check of a service.

import { hasVariable } from './compose-variables.ts';
import { unless } from './rule.ts';
import type { Rule } from './rule.ts';
import type { Service } from './stack.ts';
import { show, textAt, textsAt, textsIn, treeAt } from './tree.ts';
import type { Tree } from './tree.ts';

const serviceUnknown: Rule<Service> = {
  code: 'service-unknown',
  requirement: 'every service is in the list of requirements',
  next: 'add it to tools/compose-lint/requirements.ts and docs/ARCHITECTURE.md',
  against: ({ requirement }) => unless(requirement !== undefined, 'it has no requirement'),
};

const imageUnpinned: Rule<Service> = {
  code: 'image-unpinned',
  cis: '5.28',
  requirement: '.env names every image, by a tag that does not move',
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
  requirement: 'every image but that of Redis is built here',
  next: 'build it from a Dockerfile of this repository',
  against: ({ tree, source }) =>
    unless(
      tree['build'] !== undefined || source['image'] === '${SOTTO_REDIS_IMAGE}',
      `image: ${show(source['image'])}`,
    ),
};

/** For an image that is built here: a registry might have another one under its name. `never` starts the image that was built. */
const BUILT_HERE = '${SOTTO_PULL_POLICY:-build}';
const imageAskedFor: Rule<Service> = {
  code: 'image-asked-for',
  requirement: 'an image that is built here never comes from a registry, and is rebuilt when the checkout has changed',
  next: `set pull_policy: ${BUILT_HERE}`,
  against: ({ tree, source }) =>
    unless(
      tree['build'] === undefined || source['pull_policy'] === BUILT_HERE,
      `pull_policy: ${show(source['pull_policy'])}`,
    ),
};

const profileDiffers: Rule<Service> = {
  code: 'profile-differs',
  requirement: '`up` starts the services that host a room; each user starts a client',
  next: 'set `profiles: [client]` for clients, none for others',
  against: ({ tree, requirement }) =>
    unless(
      textsAt(tree, 'profiles').join() === (requirement?.profile ?? ''),
      `profiles: ${textsAt(tree, 'profiles').join(', ') || 'none'}`,
    ),
};

/** Variables of the user's own terminal that the client reads. */
const PASSED_THROUGH: readonly string[] = ['TERM'];
const environmentPassedThrough: Rule<Service> = {
  code: 'environment-passed-through',
  requirement: 'a service gets no variable of the caller’s environment but TERM',
  next: 'set the value, or remove the variable',
  against: ({ tree }) =>
    Object.entries(treeAt(tree, 'environment'))
      .filter(([name, value]) => value === null && !PASSED_THROUGH.includes(name))
      .map(([name]) => name),
};

const protectionWaived: Rule<Service> = {
  code: 'protection-waived',
  requirement: 'every program checks all its protections before it starts',
  next: 'remove SOTTO_UNPROTECTED; to start without a protection, set it in a file of your own (adr/0014)',
  against: ({ tree }) => Object.keys(treeAt(tree, 'environment')).filter((name) => name === 'SOTTO_UNPROTECTED'),
};

const SECRET_NAME = /pass(word|phrase|wd)?|secret|token|credential|api_?key|private|cookie|invite/i;
/** Long hexadecimal (nearly all zeros is none) or base64, a connection string, a key in PEM, a URL with a password. */
const SECRET_VALUE =
  /(?!0{30})[0-9a-f]{32}|(?!0{30})[A-Za-z0-9+/]{40}|sotto1[a-z0-9]|-----BEGIN|:\/\/[^/\s:]+:[^/\s@]+@/i;
const PLACE = /^(\/run\/[\w./-]+)?$/;

const secretInEnvironment: Rule<Service> = {
  code: 'secret-in-environment',
  requirement:
    'no secret is in the file, in an environment, in arguments or in labels: `docker inspect` shows them all',
  next: 'pass it through a file in memory or a socket',
  against: ({ tree }) => [
    ...namedSecrets(treeAt(tree, 'environment'), 'environment'),
    ...namedSecrets(treeAt(treeAt(tree, 'build'), 'args'), 'build.args'),
    ...['environment', 'build', 'command', 'entrypoint', 'healthcheck', 'labels']
      .flatMap((key) => [...textsIn(tree[key], key)])
      .filter(([, text]) => SECRET_VALUE.test(text))
      .map(([path]) => path),
  ],
};

/** A variable with the name of a secret may hold the path of one, and nothing else. */
function namedSecrets(variables: Tree, path: string): readonly string[] {
  return Object.entries(variables)
    .filter(([name, value]) => SECRET_NAME.test(name) && !PLACE.test(typeof value === 'string' ? value : 'not a place'))
    .map(([name]) => `${path}.${name}`);
}

const healthUnasked: Rule<Service> = {
  code: 'health-unasked',
  cis: '5.27',
  requirement: 'every service that listens has a health check',
  next: 'give it a healthcheck; only a service that listens on nothing needs none',
  against: ({ tree, requirement }) => {
    const check = treeAt(tree, 'healthcheck');
    const asked = check['disable'] !== true && textsAt(check, 'test').length > 1;
    return unless(asked || requirement?.listens === false, `healthcheck: ${show(tree['healthcheck'])}`);
  },
};

const healthPrints: Rule<Service> = {
  code: 'health-prints',
  requirement: 'health checks print nothing: the engine keeps what they print',
  next: 'use CMD /usr/bin/test, or CMD-SHELL with >/dev/null 2>&1',
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
  requirement: 'this linter knows every key of a health check',
  next: `keep to ${HEALTH_KEYS.join(', ')}`,
  against: ({ tree }) => Object.keys(treeAt(tree, 'healthcheck')).filter((key) => !HEALTH_KEYS.includes(key)),
};

/** The arguments that Redis must get, in this order; it has no other configuration. */
const REDIS_ARGUMENTS: readonly (readonly string[])[] = [
  ['--save', ''],
  ['--appendonly', 'no'],
  ['--maxmemory-policy', 'noeviction'],
  ['--slowlog-max-len', '0'],
  ['resetkeys', '~room:*', 'resetchannels', '-@all'],
];
const REDIS_ALLOWED = /^\+(ping|evalsha|script\|load|hset|hmget|x(add|range|trim)|pexpire|del|rename|exists)$/;

const storeLoose: Rule<Service> = {
  code: 'store-loose',
  requirement: 'Redis writes nothing to a disk, evicts nothing, and allows only the relay’s commands',
  next: 'see the comments beside the command of redis in docker-compose.yml',
  against: ({ name, tree }) => {
    if (name !== 'redis') return [];
    const told = textsAt(tree, 'command');
    const text = told.join('\0');
    const missing = REDIS_ARGUMENTS.filter((words) => !`\0${text}\0`.includes(`\0${words.join('\0')}\0`));
    const allowed = told.filter(
      (word) => /^(\+|allcommands|allkeys|allchannels|&|%|~(?!room:))/.test(word) && !REDIS_ALLOWED.test(word),
    );
    // The official image declares a volume there, which would be on the disk.
    const covered = textsAt(tree, 'tmpfs').some((entry) => entry.startsWith('/data:'));
    return [
      ...missing.map((words) => `lacks ${words.join(' ')}`),
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
