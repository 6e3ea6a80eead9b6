// Each import rule of .dependency-cruiser.cjs finds a violation, and names only files that exist.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import type { ICruiseOptions, ICruiseResult, IFlattenedRuleSet } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

type Paths = string | readonly string[] | undefined;

interface Rule {
  readonly name: string;
  readonly from: { readonly path?: Paths; readonly pathNot?: Paths };
  readonly to: { readonly path?: Paths; readonly pathNot?: Paths };
}

interface Config {
  readonly forbidden: readonly Rule[];
  readonly options: Record<string, unknown>;
}

const CONFIG_FILE = '../../.dependency-cruiser.cjs';
/** For a machine under load; a cruise of the whole takes 2 s alone. */
const CRUISE_LIMIT_MS = 120_000;
const ROOTS = ['packages', 'scripts', 'tools', 'test'];
const config = createRequire(import.meta.url)(CONFIG_FILE) as Config;

async function cruiseHere(roots: readonly string[], options: ICruiseOptions): Promise<ICruiseResult> {
  const { output } = await cruise([...roots], options);
  if (typeof output === 'string') throw new Error('the cruise gave text');
  return output;
}

const folder = mkdtempSync(join(tmpdir(), 'sotto-import-rules-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
let trees = 0;

/** Writes one tree of sources, and asks the rules about it. @returns the names of those that find something. */
async function violationsOf(
  files: Readonly<Record<string, string>>,
  rules: readonly Rule[] = config.forbidden,
): Promise<readonly string[]> {
  trees += 1;
  const root = join(folder, String(trees));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const roots = ROOTS.filter((name) => Object.keys(files).some((path) => path.startsWith(`${name}/`)));
  const { exclude, doNotFollow, tsPreCompilationDeps, enhancedResolveOptions } = config.options;
  const options = { exclude, doNotFollow, tsPreCompilationDeps, enhancedResolveOptions } as ICruiseOptions;
  const { summary } = await cruiseHere(roots, {
    ...options,
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: rules } as unknown as IFlattenedRuleSet,
  });
  return [...new Set(summary.violations.map(({ rule }) => rule.name))];
}

const value = 'export const value = 1;\n';
const take = (from: string): string => `import { value } from '${from}';\nexport const taken = value;\n`;
const manifest = (name: string): string => JSON.stringify({ name, version: '1.0.0', main: 'index.js' });

/** A file of `from` that imports a file of `to`; both are paths below the root. */
function pair(from: string, to: string): Readonly<Record<string, string>> {
  const up = '../'.repeat(from.split('/').length - 1);
  return { [from]: take(`${up}${to}`), [to]: value };
}

function installed(from: string, name: string, field: string): Readonly<Record<string, string>> {
  return {
    'package.json': JSON.stringify({ name: 'root', version: '1.0.0', [field]: { [name]: '1.0.0' } }),
    [`node_modules/${name}/package.json`]: manifest(name),
    [`node_modules/${name}/index.js`]: 'exports.value = 1;\n',
    [from]: take(name),
  };
}

const node = (from: string, module: string): Readonly<Record<string, string>> => ({ [from]: take(module) });

/** What each rule forbids, at its plainest. `only` rules are added below. */
const VIOLATIONS: readonly (readonly [rule: string, what: string, files: Readonly<Record<string, string>>])[] = [
  ['doctor-stands-apart', 'a package imports the doctor', pair('packages/relay/src/a.ts', 'packages/doctor/src/b.ts')],
  ['doctor-stands-apart', 'a script imports the doctor', pair('scripts/a.ts', 'packages/doctor/src/b.ts')],
  [
    'front-ends-hand-crypto-over-and-use-none',
    'the terminal imports the entry of crypto',
    pair('packages/terminal/src/a.ts', 'packages/crypto/src/index.ts'),
  ],
  [
    'confinement-is-asked-by-programs',
    'a module that is no program imports confinement',
    pair('packages/relay/src/relay.ts', 'packages/confinement/src/index.ts'),
  ],
  ['confinement-only-looks', 'confinement opens a stream', node('packages/confinement/src/a.ts', 'node:net')],
  [
    'relay-never-reaches-crypto',
    'the relay reaches crypto through another package',
    {
      'packages/relay/src/a.ts': take('../../protocol/src/b.ts'),
      'packages/protocol/src/b.ts': "export { value } from '../../crypto/src/c.ts';\n",
      'packages/crypto/src/c.ts': value,
    },
  ],
  [
    'pure-primitives-are-loaded-on-purpose-only',
    'the terminal reaches the pure primitives through another package',
    {
      'packages/terminal/src/a.ts': take('../../crypto/src/mls/b.ts'),
      'packages/crypto/src/mls/b.ts': "export { value } from '../provider/pure-x-wing.ts';\n",
      'packages/crypto/src/provider/pure-x-wing.ts': value,
    },
  ],
  ['protocol-imports-nothing', 'the protocol imports Node', node('packages/protocol/src/a.ts', 'node:buffer')],
  ['machine-imports-nothing', 'the shapes of machines import Node', node('packages/machine/src/a.ts', 'node:timers')],
  ['messages-imports-nothing', 'the messages import Node', node('packages/messages/src/a.ts', 'node:util')],
  [
    'machines-import-no-edge',
    'a machine imports its edge',
    pair('packages/relay/src/store/room-machine.ts', 'packages/relay/src/store/room.ts'),
  ],
  ['machines-have-no-io', 'a machine imports a socket', node('packages/host/src/a-machine.ts', 'node:net')],
  ['machines-have-no-io', 'a machine imports a timer', node('packages/host/src/a-machine.ts', 'node:timers/promises')],
  [
    'machines-have-no-io',
    'a machine imports Redis',
    installed('packages/relay/src/a-machine.ts', 'ioredis', 'dependencies'),
  ],
  [
    'machines-reach-no-io',
    'a machine reaches a file through a neighbour',
    {
      'packages/tor/src/control/a-machine.ts': take('./b.ts'),
      'packages/tor/src/control/b.ts': `import { readFileSync } from 'node:fs';\nexport const value = readFileSync;\n`,
    },
  ],
  [
    'machines-reach-no-io',
    'a machine reaches the clock of the system',
    {
      'packages/tor/src/a-machine.ts': take('./b.ts'),
      'packages/tor/src/b.ts': "export { value } from '../../machine/src/system-clock.ts';\n",
      'packages/machine/src/system-clock.ts': value,
    },
  ],
  [
    'group-never-imports-session',
    'the group imports the session',
    pair('packages/client/src/group/a.ts', 'packages/client/src/session/b.ts'),
  ],
  [
    'group-never-imports-session',
    'the group imports a type of the session',
    {
      'packages/client/src/group/a.ts': "import type { B } from '../session/b.ts';\nexport type A = B;\n",
      'packages/client/src/session/b.ts': 'export type B = 1;\n',
    },
  ],
  ['crypto-has-no-io', 'crypto imports Node', node('packages/crypto/src/a.ts', 'node:fs')],
  [
    'native-crypto-has-primitives-only',
    'the native provider opens a file',
    node('packages/crypto/src/provider/native-a.ts', 'node:fs'),
  ],
  [
    'locked-memory-only-looks',
    'locked memory opens a stream',
    node('packages/crypto/src/locked-memory.ts', 'node:net'),
  ],
  [
    'browser-never-reaches-native-crypto',
    'the entry of crypto reaches the native provider',
    {
      'packages/crypto/src/index.ts': "export { value } from './a.ts';\n",
      'packages/crypto/src/a.ts': "export { value } from './provider/native-provider.ts';\n",
      'packages/crypto/src/provider/native-provider.ts': value,
    },
  ],
  ['client-never-imports-a-socket', 'the client imports a socket', node('packages/client/src/a.ts', 'node:net')],
  [
    'no-deep-import',
    'the terminal imports a module of the client behind its entry',
    pair('packages/terminal/src/a.ts', 'packages/client/src/session/state.ts'),
  ],
  [
    'no-deep-import',
    'a test imports a module of another package behind its entry',
    pair('packages/host/test/a.test.ts', 'packages/relay/src/rooms.ts'),
  ],
  [
    'fixtures-are-for-tests',
    'a package imports the fixtures',
    pair('packages/relay/src/a.ts', 'test/fixtures/src/index.ts'),
  ],
  ['fixtures-are-for-tests', 'a script imports the fixtures', pair('scripts/a.ts', 'test/fixtures/src/index.ts')],
  ['src-imports-no-test', 'a package imports its own test', pair('packages/tor/src/a.ts', 'packages/tor/test/b.ts')],
  ['src-imports-no-test', 'a package imports a test of the whole', pair('packages/tor/src/a.ts', 'test/scenario/b.ts')],
  [
    'tests-import-no-test-of-another-package',
    'a test imports a test of another package',
    pair('packages/host/test/a.test.ts', 'packages/tor/test/b.ts'),
  ],
  [
    'no-test-of-a-package-is-imported-from-outside',
    'a scenario imports a test of a package',
    pair('test/scenario/a.test.ts', 'packages/tor/test/b.ts'),
  ],
  [
    'no-dev-dependency-in-src',
    'a package imports a tool',
    installed('packages/relay/src/a.ts', 'vitest', 'devDependencies'),
  ],
  [
    'no-circular',
    'two modules import each other',
    { 'tools/a.ts': `${take('./b.ts')}${value}`, 'tools/b.ts': `${take('./a.ts')}${value}` },
  ],
];

const PACKAGES: readonly string[] = readdirSync('packages');
const isOnly = ({ name }: Rule): boolean => /-imports-(no-package|.+-only)$/.test(name);
const regexps = (paths: Paths): readonly string[] => (paths === undefined ? [] : [paths].flat());

/** Each way to read a pattern: one for each alternative of each group. */
function alternatives(pattern: string): readonly string[] {
  const [group, inner = ''] = /\((?:\?[:!])?([^()]*)\)\??/.exec(pattern) ?? [];
  if (group === undefined) return [pattern];
  const readings = group.startsWith('(?!') ? [''] : inner.split('|');
  return readings.flatMap((each) => alternatives(pattern.replace(group, () => each)));
}

/** `$1` is what `from.path` caught, in whatever file. */
const asRegExp = (pattern: string): RegExp => new RegExp(pattern.replaceAll('$1', '[^/]+(?:/.+)?'));

const stalePatterns = (rules: readonly Rule[], known: readonly string[]): readonly string[] =>
  rules.flatMap(({ name, from, to }) =>
    [from.path, from.pathNot, to.path, to.pathNot]
      .flatMap(regexps)
      .flatMap(alternatives)
      .filter((pattern) => !known.some((path) => asRegExp(pattern).test(path)))
      .map((pattern) => `${name}: ${pattern}`),
  );

describe('an import rule', { timeout: CRUISE_LIMIT_MS }, () => {
  test.each(VIOLATIONS)('%s finds that %s', async (rule, _what, files) => {
    expect(await violationsOf(files)).toContain(rule);
  });

  test.each(config.forbidden.filter(isOnly))(
    '$name finds an import of each package that it leaves out',
    async (rule) => {
      const [, from = ''] = /^\^packages\/([^/]+)\/src$/.exec(String(rule.from.path)) ?? [];
      const allowed = new RegExp(String(rule.to.pathNot));
      const others = PACKAGES.filter((name) => !allowed.test(`packages/${name}/`));
      expect(others.length).toBeGreaterThan(0);
      for (const other of others) {
        const files = pair(`packages/${from}/src/a.ts`, `packages/${other}/src/index.ts`);
        expect([other, await violationsOf(files)]).toEqual([other, expect.arrayContaining([rule.name])]);
      }
    },
  );

  test('has a violation above', () => {
    const shown = new Set(VIOLATIONS.map(([rule]) => rule));
    const rules = config.forbidden.filter((rule) => !isOnly(rule)).map(({ name }) => name);
    expect([...shown].sort()).toEqual([...rules].sort());
    expect(new Set(config.forbidden.map(({ name }) => name)).size).toBe(config.forbidden.length);
  });

  test('finds nothing in imports that are allowed', async () => {
    const files = {
      ...pair('packages/relay/src/a.ts', 'packages/protocol/src/index.ts'),
      ...pair('packages/relay/src/room.ts', 'packages/relay/src/room-machine.ts'),
      ...pair('packages/client/src/session/a.ts', 'packages/client/src/group/b.ts'),
      ...pair('packages/host/test/a.test.ts', 'test/fixtures/src/index.ts'),
      ...pair('packages/terminal/src/a.ts', 'packages/client/src/index.ts'),
      ...pair('test/scenario/a.test.ts', 'packages/tor/src/index.ts'),
    };
    expect(await violationsOf(files)).toEqual([]);
  });

  test('says of each package what it may import', () => {
    const paths = config.forbidden.filter(isOnly).map(({ from }) => from.path);
    expect([...paths].sort()).toEqual(PACKAGES.map((name) => `^packages/${name}/src`).sort());
  });
});

describe('the files that the rules name', () => {
  let known: readonly string[] = [];

  beforeAll(async () => {
    const { output } = await cruise(ROOTS, { ...config.options, ruleSet: {} });
    if (typeof output === 'string') throw new Error('the cruise gave text');
    const { modules } = output;
    known = [
      ...modules.map(({ source }) => source),
      ...builtinModules,
      ...builtinModules.map((name) => `node:${name}`),
    ];
  }, CRUISE_LIMIT_MS);

  test('exist, in each alternative of each pattern', () => {
    expect(known).toContain('packages/relay/src/main.ts');
    expect(stalePatterns(config.forbidden, known)).toEqual([]);
  });

  test('control: a pattern that matches no file is named', () => {
    const rule: Rule = {
      name: 'stale',
      from: { path: '^packages/relay/src', pathNot: '^packages/(relay|gone)/src/main\\.ts$' },
      to: { path: ['^packages/crypto/', '^packages/keyring/'] },
    };
    expect(stalePatterns([rule], known)).toEqual(['stale: ^packages/gone/src/main\\.ts$', 'stale: ^packages/keyring/']);
  });
});
