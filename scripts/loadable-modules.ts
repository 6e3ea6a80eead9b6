// Finds every file that a program can load, by TypeScript's reading of each import and by Node's own
// resolution. test/meta/image-contents.test.ts holds the images to it.

import { readFileSync } from 'node:fs';
import { createRequire, findPackageJSON, isBuiltin, stripTypeScriptTypes } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { preProcessFile } from 'typescript';
import { readLock } from '../tools/reproducible-build/lockfile.ts';
import { readCommandLine } from './command-line.ts';

const PROGRAMS_MAX = 16;
const SCRIPT = /\.[cm]?[jt]s$/;

const isOurs = (path: string): boolean => !path.includes('node_modules/');

/** Static imports, `import()` and `require`, those behind a condition too. */
function importsOf(path: string): readonly string[] {
  const text = readFileSync(path, 'utf8');
  const script = path.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
  return preProcessFile(script, true, true).importedFiles.map(({ fileName }) => fileName);
}

function isModule(path: string): boolean {
  if (/\.[cm][jt]s$/.test(path)) return /\.m[jt]s$/.test(path);
  const manifest = findPackageJSON(pathToFileURL(path));
  return manifest !== undefined && (JSON.parse(readFileSync(manifest, 'utf8')) as { type?: string }).type === 'module';
}

/** @returns a path from the repository root; undefined if the package is optional and not there. */
function resolveFrom(path: string, specifier: string): string | undefined {
  try {
    const file = isModule(path)
      ? fileURLToPath(import.meta.resolve(specifier, pathToFileURL(path)))
      : createRequire(pathToFileURL(path)).resolve(specifier);
    readFileSync(file);
    return relative('.', file);
  } catch (error) {
    if (!isOurs(path) && error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** @returns the folder of the package that a file of others belongs to. */
function packageOf(path: string): string {
  return /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path;
}

/** Packages that an image lacks because they are for development only. */
function readDevelopmentPackages(): ReadonlySet<string> {
  const locked = readLock(readFileSync('package-lock.json', 'utf8'));
  return new Set(locked.filter(({ development }) => development).map(({ path }) => path));
}

function findLoadable(programs: readonly string[]): { modules: readonly string[]; packages: readonly string[] } {
  const development = readDevelopmentPackages();
  const files = new Set(programs);
  for (const path of files) {
    if (!SCRIPT.test(path)) continue;
    for (const specifier of importsOf(path).filter((each) => !isBuiltin(each))) {
      const target = resolveFrom(path, specifier);
      if (target === undefined || (!isOurs(path) && development.has(packageOf(target)))) continue;
      files.add(target);
    }
  }
  const packages = new Set([...files].filter((path) => !isOurs(path)).map(packageOf));
  return { modules: [...files].filter(isOurs).sort(), packages: [...packages].sort() };
}

const { operands } = readCommandLine({
  usage: `Usage: node --experimental-import-meta-resolve scripts/loadable-modules.ts PROGRAM...

Prints as JSON what the programs can load: modules of ours, and folders of the packages of others.
The flag lets Node resolve imports as if they stood in another file.`,
  options: {},
  operandsMax: PROGRAMS_MAX,
});
process.stdout.write(`${JSON.stringify(findLoadable(operands))}\n`);
