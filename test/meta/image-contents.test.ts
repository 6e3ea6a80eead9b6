// An image holds what its programs can load, and nothing else. SOTTO_WRITE_IMAGES=1 writes the lists
// of packages in scripts/images.json anew.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'prettier';
import { afterAll, describe, expect, test } from 'vitest';

const PLAN_FILE = 'scripts/images.json';
const PRINT_WIDTH = 120;
/** For a machine under load; a tree is built in 1 s alone. */
const BUILD_LIMIT_MS = 120_000;
const MODULES_FOLDER = 'app/node_modules';
/** Files of a package that Node never loads. */
const UNUSED_FILE = /\.([cm]?ts|map|bare|md|markdown|c|cc|h|gyp)$|\/CMakeLists\.txt$/i;
const LICENCE = /\/(licen[cs]e|notice|copying|copyright)[^/]*$/i;
/** Their programs keep keys in locked memory. */
const HAS_ADDONS = ['client', 'host'];

interface Plan {
  readonly programs: readonly string[];
  readonly packages: readonly string[];
}

interface Loadable {
  readonly modules: readonly string[];
  readonly packages: readonly string[];
}

const folder = mkdtempSync(join(tmpdir(), 'sotto-image-contents-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const readPlans = (): Readonly<Record<string, Plan>> =>
  JSON.parse(readFileSync(PLAN_FILE, 'utf8')) as Readonly<Record<string, Plan>>;

const findLoadable = (programs: readonly string[]): Loadable =>
  JSON.parse(
    execFileSync(
      process.execPath,
      ['--no-warnings', '--experimental-import-meta-resolve', 'scripts/loadable-modules.ts', ...programs],
      { encoding: 'utf8' },
    ),
  ) as Loadable;

const loadable = new Map(Object.entries(readPlans()).map(([image, { programs }]) => [image, findLoadable(programs)]));
const loadableOf = (image: string): Loadable => loadable.get(image) ?? { modules: [], packages: [] };

if (process.env['SOTTO_WRITE_IMAGES'] !== undefined) {
  const written = Object.entries(readPlans()).map(([image, { programs }]) => [
    image,
    { programs, packages: loadableOf(image).packages },
  ]);
  const text = JSON.stringify(Object.fromEntries(written));
  writeFileSync(PLAN_FILE, await format(text, { parser: 'json', printWidth: PRINT_WIDTH, objectWrap: 'collapse' }));
}

const plans = readPlans();
const IMAGES = Object.keys(plans);

/** Paths of a repository as an image has them below /app/node_modules. */
const inImage = (path: string): string =>
  path
    .replace(/^packages\//, '@sotto/')
    .replace(/^node_modules\//, '')
    .replace(/\.ts$/, '.js');

/** Builds what an image holds under /app. @returns its root, with code and dependencies in one tree. */
function build(image: string, name = image): string {
  const into = join(folder, name);
  if (existsSync(into)) return into;
  execFileSync(process.execPath, ['scripts/build-js.mjs', image, into]);
  for (const layer of ['dependencies', 'code']) {
    if (existsSync(join(into, layer))) execFileSync('cp', ['-R', `${join(into, layer)}/.`, into]);
  }
  return into;
}

const filesOf = (root: string): readonly string[] =>
  readdirSync(join(root, MODULES_FOLDER), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(join(root, MODULES_FOLDER).length + 1));

/** Folders that hold a package, as ./scripts/sbom finds them. */
const packagesOf = (root: string): readonly string[] =>
  filesOf(root)
    .map((path) => /^((?:.*\/)?(?:node_modules\/)?(?:@[^/]+\/)?[^/@]+)\/package\.json$/.exec(path)?.[1] ?? '')
    .filter((path) => /^(?:(?:.*\/)?node_modules\/)?(?:@[^/]+\/)?[^/@]+$/.test(path));

const isOurs = (path: string): boolean => /^@sotto\/[^/]+$/.test(path);

/** Starts a program far from the repository, where only its own image's modules can be found. */
function start(root: string, program: string): { code: number | null; stdout: string; stderr: string } {
  const run = spawnSync(process.execPath, [join(root, MODULES_FOLDER, inImage(program)), '--help'], {
    cwd: root,
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

test('the plan names every image that holds programs of ours', () => {
  const targets = ['Dockerfile.client', 'Dockerfile.relay', 'Dockerfile.tor'].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/node scripts\/build-js\.mjs (\S+) \/out;/g)].map(([, image]) => image),
  );
  expect(targets.sort()).toEqual([...IMAGES].sort());
});

test.each(IMAGES)('the entry point of the %s image is a program of the plan', (image) => {
  const files = ['Dockerfile.client', 'Dockerfile.relay', 'Dockerfile.tor'].map((file) => readFileSync(file, 'utf8'));
  const stage = files.join('\n').split(`\nFROM scratch AS ${image}\n`)[1]?.split('\nFROM ')[0] ?? '';
  const [, entry = ''] = /^ENTRYPOINT .*"\/app\/node_modules\/([^"]+)"\]$/m.exec(stage) ?? [];
  expect(plans[image]?.programs.map(inImage)).toContain(entry);
});

describe.each(IMAGES)('the %s image', { timeout: BUILD_LIMIT_MS }, (image) => {
  test('holds the packages of others that its programs can load, and no other', () => {
    expect(plans[image]?.packages, `SOTTO_WRITE_IMAGES=1 writes ${PLAN_FILE}`).toEqual(loadableOf(image).packages);
    const shipped = packagesOf(build(image)).filter((path) => !isOurs(path));
    expect([...shipped].sort()).toEqual(loadableOf(image).packages.map(inImage).sort());
  });

  test('holds the modules of ours that its programs can load, and no other', () => {
    const root = build(image);
    const scripts = filesOf(root).filter((path) => /^@sotto\/[^/]+\/src\//.test(path));
    expect([...scripts].sort()).toEqual(loadableOf(image).modules.map(inImage).sort());
  });

  test('has all that its programs need to start', () => {
    const root = build(image);
    for (const program of plans[image]?.programs ?? []) {
      const run = start(root, program);
      expect([program, run.code, run.stderr]).toEqual([program, 0, '']);
      expect(run.stdout).toMatch(/^Usage: /m);
    }
  });

  test('has no types, sources, documents or addons for other machines', () => {
    const files = filesOf(build(image));
    expect(files.filter((path) => UNUSED_FILE.test(path) && !LICENCE.test(path))).toEqual([]);
    const platforms = files
      .map((path) => /\/prebuilds\/([^/]+)\//.exec(path)?.[1])
      .filter((name) => name !== undefined);
    expect(new Set(platforms)).toEqual(new Set(HAS_ADDONS.includes(image) ? [`linux-${process.arch}`] : []));
  });
});

test('the gate needs no package of others', () => {
  expect(plans['gate']?.packages).toEqual([]);
});

test('the relay and the gate hold nothing of crypto and of the client', () => {
  for (const image of ['relay', 'gate']) {
    const packages = new Set(loadableOf(image).modules.map((path) => path.split('/')[1]));
    for (const name of ['crypto', 'client', 'terminal', 'host', 'doctor']) expect(packages).not.toContain(name);
  }
});

describe('control', { timeout: BUILD_LIMIT_MS }, () => {
  test('a program that imports a package has it, and what that needs, among what it can load', () => {
    const { packages, modules } = findLoadable(['packages/tor/src/onion/dial.ts']);
    expect(packages).toEqual(['node_modules/ip-address', 'node_modules/smart-buffer', 'node_modules/socks']);
    expect(modules).toContain('packages/tor/src/errors.ts');
    expect(loadableOf('gate').modules).not.toContain('packages/tor/src/onion/dial.ts');
  });

  test('a package that is missing from an image keeps its program from starting', () => {
    const root = build('relay', 'relay-spoiled');
    rmSync(join(root, MODULES_FOLDER, 'denque'), { recursive: true });
    const run = start(root, 'packages/relay/src/main.ts');
    expect(run.code).not.toBe(0);
    expect(run.stderr).toContain('denque');
  });

  test('a package that is installed but not planned is no part of the tree that is built', () => {
    expect(existsSync('node_modules/vitest/package.json')).toBe(true);
    expect(packagesOf(build('relay'))).not.toContain('vitest');
    expect(packagesOf(build('relay'))).toContain('ioredis');
  });
});
