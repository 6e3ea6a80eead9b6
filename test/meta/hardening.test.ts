// The compose files meet every requirement, and each rule finds its own fault, and that fault alone.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../tools/compose-lint/compose-variables.ts';
import { lintRepository, lintStack, RULES } from '../../tools/compose-lint/lint.ts';
import { STACKS } from '../../tools/compose-lint/requirements.ts';
import type { StackPlan } from '../../tools/compose-lint/requirements.ts';
import type { Finding } from '../../tools/compose-lint/rule.ts';
import { makeStack, readFiles } from '../../tools/compose-lint/stack.ts';
import type { Tree, Value } from '../../tools/compose-lint/tree.ts';
import { BREAKS, tmpfs } from './hardening-breaks.ts';

const settings = parseSettings(readFileSync('.env', 'utf8'));

function readText(path: string): string | undefined {
  if (path === 'seccomp-relay.json' || path === 'seccomp/sotto.json') return '{}';
  return readdirSync('.').includes(path) || path.startsWith('test/') || path.startsWith('packages/')
    ? readFileSync(path, 'utf8')
    : undefined;
}

function planNamed(name: string): StackPlan {
  const plan = STACKS.find((each) => each.name === name);
  if (plan === undefined) throw new Error(`no stack is named ${name}`);
  return plan;
}

const [SHIPPED, TORNET] = [planNamed('as shipped'), planNamed('on the private Tor network')];

/** A tree that a test may break: undefined takes a key away. */
type Broken = Record<string, Value | undefined>;

/** A copy of `tree` with another value at the end of a path. */
function put(tree: Tree, path: readonly string[], value: Value | undefined): Tree {
  const [key = '', ...rest] = path;
  const below = tree[key];
  const inner = (typeof below === 'object' && below !== null && !Array.isArray(below) ? below : {}) as Tree;
  const changed: Broken = { ...tree, [key]: rest.length === 0 ? value : put(inner, rest, value) };
  return Object.fromEntries(
    Object.entries(changed).filter((entry): entry is [string, Value] => entry[1] !== undefined),
  );
}

function found(plan: StackPlan, source: Tree, read = readText): readonly Finding[] {
  return lintStack(makeStack(plan, source, settings, read));
}

const brief = (findings: readonly Finding[]): string[] =>
  findings.map(({ subject, code, evidence }) => `${subject}: ${code}: ${evidence}`);

const shipped = readFiles(SHIPPED, readText);

describe('the compose files', () => {
  test('meet every requirement', () => {
    expect(brief(lintRepository(settings, readText))).toEqual([]);
  });

  test('are all linted: no overlay of the tree is left out', () => {
    const files = readdirSync('.', { recursive: true, encoding: 'utf8' }).filter(
      (file) => /\.ya?ml$/.test(file) && !/(^|\/)(node_modules|\.[^/]+)\//.test(file),
    );
    const stacks = files.filter((file) => /^services:/m.test(readFileSync(file, 'utf8')));
    expect(stacks.sort()).toEqual([...new Set(STACKS.flatMap((plan) => plan.files))].sort());
  });
});

describe('a rule of the compose linter', () => {
  test.each(BREAKS)('finds a fault at %s, made %j: %s', (path, value, finding) => {
    expect(brief(found(SHIPPED, put(shipped, path.split(' '), value)))).toEqual([finding]);
  });

  test('finds a service and a volume that have no requirement', () => {
    const relay = { ...(shipped['services'] as Record<string, Tree>)['redis'], user: '10020:10020' } as Tree;
    expect(brief(found(SHIPPED, put(shipped, ['services', 'other'], relay)))).toEqual([
      'service other: service-unknown: it has no requirement',
    ]);
    const onEgress = put(put(shipped, ['services', 'other'], relay), ['services', 'other', 'networks'], {
      egress: null,
    });
    expect(brief(found(SHIPPED, onEgress))).toContain('service other: networks-differ: is on egress');
    const volume = tmpfs('size=1m,uid=10004,gid=10104,mode=2770,noexec,nosuid,nodev');
    expect(brief(found(SHIPPED, put(shipped, ['volumes', 'other', 'driver_opts'], volume)))).toEqual([
      'volume other: volume-owner: no service writes to it',
    ]);
  });

  test('finds a required volume that is not mounted, and the group that this leaves unused', () => {
    expect(brief(found(SHIPPED, put(shipped, ['services', 'client', 'volumes'], [])))).toEqual([
      'service client: group-unneeded: group 10105 is of no volume that it mounts',
      'service client: mounts-differ: does not mount gate-socket',
    ]);
  });

  test('finds a service that has lost the group of a volume that it mounts', () => {
    const found104 = found(SHIPPED, put(shipped, ['services', 'client', 'group_add'], []));
    expect(brief(found104)).toEqual(['volume gate-socket: volume-owner: client is not in group 10105']);
  });

  test('finds a store that lacks an argument, or allows a command too many', () => {
    const command = (shipped['services'] as Record<string, Tree>)['redis']?.['command'] as readonly string[];
    const told = (words: readonly string[]): string[] =>
      brief(found(SHIPPED, put(shipped, ['services', 'redis', 'command'], words)));
    const without = (word: string): readonly string[] => {
      const at = command.indexOf(word);
      return [...command.slice(0, at), ...command.slice(at + 2)];
    };
    expect(told(without('--save'))).toEqual(['service redis: store-loose: lacks --save ']);
    expect(told(without('--appendonly'))).toEqual(['service redis: store-loose: lacks --appendonly no']);
    expect(told([...command, '+config'])).toEqual(['service redis: store-loose: +config']);
    expect(told([...command, '+@all'])).toEqual(['service redis: store-loose: +@all']);
    expect(told([...command, '~*'])).toEqual(['service redis: store-loose: ~*']);
    expect(brief(found(SHIPPED, put(shipped, ['services', 'redis', 'tmpfs'], undefined)))).toEqual([
      'service redis: store-loose: no tmpfs lies over /data',
    ]);
  });

  test('finds a test network with a way out', () => {
    const source = readFiles(TORNET, readText);
    expect(brief(found(TORNET, put(source, ['networks', 'egress', 'internal'], undefined)))).toEqual([
      'network egress: network-leads-out: internal: nothing',
    ]);
    expect(brief(found(TORNET, put(source, ['networks', 'egress', 'driver_opts'], undefined)))).toEqual([
      'network egress: machine-reached: inhibit_ipv4: nothing',
    ]);
  });

  test('accepts a stricter seccomp profile that is a file of the repository', () => {
    const options = ['no-new-privileges:true', 'seccomp=./seccomp-relay.json'];
    expect(brief(found(SHIPPED, put(shipped, ['services', 'relay', 'security_opt'], options)))).toEqual([]);
  });

  test('is broken by a test above, each of them', () => {
    const here =
      readFileSync('test/meta/hardening.test.ts', 'utf8') + BREAKS.map(([, , finding]) => finding).join('\n');
    const codes = RULES.map(({ code }) => code);
    expect(codes.length).toBeGreaterThan(60);
    expect(codes.filter((code) => !here.includes(`: ${code}: `))).toEqual([]);
  });

  test('has a code of its own, in lower case with hyphens', () => {
    const codes = RULES.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.filter((code) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(code))).toEqual([]);
  });
});

/** What each service must have; taking it away must be found at that very service. */
const REQUIRED: readonly (readonly [key: string, code: string])[] = [
  ['read_only', 'root-writable'],
  ['cap_drop', 'capabilities-kept'],
  ['security_opt', 'privileges-gained'],
  ['user', 'user-missing'],
  ['ipc', 'ipc-shared'],
  ['init', 'init-missing'],
  ['logging', 'output-kept'],
  ['restart', 'restart-unbounded'],
  ['stop_grace_period', 'stop-slow'],
  ['cpus', 'cpu-unlimited'],
  ['mem_limit', 'memory-unlimited'],
  ['memswap_limit', 'swap-allowed'],
  ['pids_limit', 'pids-unlimited'],
  ['ulimits', 'core-dumped'],
  ['image', 'image-unpinned'],
];

describe('every service of every stack', () => {
  test.each(STACKS.flatMap((plan) => REQUIRED.map((required) => [plan.name, ...required] as const)))(
    '%s: without %s it is found: %s',
    (name, key, code) => {
      const plan = planNamed(name);
      const source = readFiles(plan, readText);
      for (const service of Object.keys(plan.services)) {
        const findings = found(plan, put(source, ['services', service, key], undefined));
        expect(findings.map((finding) => [finding.subject, finding.code])).toContainEqual([`service ${service}`, code]);
      }
    },
  );
});
