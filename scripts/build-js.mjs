// Writes what one image holds under /app: the modules of ours that its programs reach, as plain
// JavaScript, and the packages that scripts/images.json lists for it.
// Types are blanked out, so that lines and columns stay as they were.
// usage: node scripts/build-js.mjs IMAGE DIRECTORY
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { basename, dirname, join } from 'node:path';

const IMPORT = /(\bfrom\s+|\bimport\s*\(?\s*)(['"])([^'"\s]+)\2/g;
/** Files of a dependency that Node never loads: types, sources, documents, addons for others. */
const NEVER_LOADED = /\.([cm]?ts|map|markdown|bare|cc|c|h|gyp)$|^CMakeLists\.txt$/;
const DOCUMENT = /\.md$/i;
const LICENCE = /^(licen[cs]e|notice|copying|copyright)/i;
const UNUSED_FOLDERS = ['node_modules', '.github'];

const [image = '', outdir = ''] = process.argv.slice(2);
const plan = JSON.parse(readFileSync('scripts/images.json', 'utf8'))[image];
if (plan === undefined || outdir === '' || process.argv.length !== 4) {
  process.stderr.write('usage: node scripts/build-js.mjs IMAGE DIRECTORY\n');
  process.exit(2);
}
// The stripper is marked experimental; what it gives is checked by every container test.
process.removeAllListeners('warning');

const code = join(outdir, 'code/app/node_modules');
const dependencies = join(outdir, 'dependencies/app/node_modules');
mkdirSync(code, { recursive: true });
const manifests = new Set();
const reached = new Set(plan.programs);
for (const file of reached) {
  const script = stripTypeScriptTypes(readFileSync(file, 'utf8'));
  for (const [, , , specifier] of script.matchAll(IMPORT)) {
    const target = resolveOwn(file, specifier);
    if (target !== undefined) reached.add(target);
    else if (!specifier.startsWith('node:')) requireListed(file, specifier);
  }
  write(inImage(file).replace(/\.ts$/, '.js'), pointToScripts(script));
  manifests.add(join(...file.split('/').slice(0, 2), 'package.json'));
}
for (const file of manifests) {
  write(inImage(file), readFileSync(file, 'utf8').replace(/("\.\/src\/[^"]+)\.ts"/g, '$1.js"'));
}
for (const folder of plan.packages) {
  if (!existsSync(join(folder, 'package.json'))) throw new Error(`${image}: ${folder} is not installed`);
  cpSync(folder, join(dependencies, inImage(folder)), {
    recursive: true,
    filter: (source) => source === folder || isLoaded(source),
  });
}

/** `packages/x/...` and `node_modules/...` below the image's /app/node_modules. */
function inImage(path) {
  return path.startsWith('packages/') ? path.replace('packages/', '@sotto/') : path.replace('node_modules/', '');
}

function write(path, text) {
  mkdirSync(dirname(join(code, path)), { recursive: true });
  writeFileSync(join(code, path), text);
}

/** @returns the file of ours that an import names; undefined if it is none of ours. */
function resolveOwn(from, specifier) {
  if (specifier.startsWith('.')) return join(dirname(from), specifier);
  const [, name, entry] = /^@sotto\/([^/]+)(\/.+)?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  const target = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')).exports[`.${entry ?? ''}`];
  if (target === undefined) throw new Error(`${from}: ${specifier} is no entry`);
  return join('packages', name, target);
}

function requireListed(from, specifier) {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const places = [join(dirname(from).split('/', 2).join('/'), 'node_modules', name), `node_modules/${name}`];
  if (!places.some((place) => plan.packages.includes(place)))
    throw new Error(`${from}: ${specifier} is not in scripts/images.json for ${image}`);
}

/** Relative imports name `.ts` files; the scripts are `.js`. */
function pointToScripts(script) {
  return script.replace(IMPORT, (whole, keyword, quote, specifier) =>
    specifier.startsWith('.') ? `${keyword}${quote}${specifier.replace(/\.ts$/, '.js')}${quote}` : whole,
  );
}

function isLoaded(source) {
  const name = basename(source);
  if (statSync(source).isDirectory()) {
    const isOtherPlatform = basename(dirname(source)) === 'prebuilds' && name !== `linux-${process.arch}`;
    return !UNUSED_FOLDERS.includes(name) && !isOtherPlatform && hasLoaded(source);
  }
  return !NEVER_LOADED.test(name) && (!DOCUMENT.test(name) || LICENCE.test(name));
}

/** An empty folder is left out. */
function hasLoaded(folder) {
  return readdirSync(folder).some((name) => isLoaded(join(folder, name)));
}
