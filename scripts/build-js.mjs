// Writes packages as plain JavaScript for the images: the same sources with their types blanked
// out, so that lines and columns stay. usage: node scripts/build-js.mjs <outdir> <package>...
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const [outdir, ...packages] = process.argv.slice(2);
if (outdir === undefined || outdir.startsWith('-') || packages.length === 0) {
  process.stderr.write('usage: node scripts/build-js.mjs <outdir> <package>...\n');
  process.exit(2);
}
// The stripper is marked experimental; what it gives is checked by every container test.
process.removeAllListeners('warning');

for (const name of packages) {
  const source = join('packages', name);
  const target = join(outdir, '@sotto', name);
  for (const file of readdirSync(join(source, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.d.ts')) continue;
    const script = join(target, 'src', file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(script), { recursive: true });
    writeFileSync(script, pointToScripts(stripTypeScriptTypes(readFileSync(join(source, 'src', file), 'utf8'))));
  }
  const manifest = readFileSync(join(source, 'package.json'), 'utf8');
  writeFileSync(join(target, 'package.json'), manifest.replace(/("\.\/src\/[^"]+)\.ts"/g, '$1.js"'));
}

/** Relative imports name `.ts` files; the scripts are `.js`. */
function pointToScripts(script) {
  return script.replace(/(\bfrom\s+|\bimport\s*\(?\s*)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2');
}
