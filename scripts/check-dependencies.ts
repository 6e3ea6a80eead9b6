// `npm run dependencies`: checks the lock file, the manifests and every installing command against
// tools/reproducible-build/dependency-rules.ts. It needs no network.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine } from './command-line.ts';
import {
  auditCommands,
  auditInstallScripts,
  auditNpmSettings,
  auditPackage,
  auditPins,
  auditReasons,
} from '../tools/reproducible-build/dependency-rules.ts';
import { installScriptsOf, licenceOf, readLock } from '../tools/reproducible-build/lockfile.ts';
import type { LockedPackage, Manifest } from '../tools/reproducible-build/lockfile.ts';

const readManifest = (file: string): Manifest => JSON.parse(readFileSync(file, 'utf8')) as Manifest;

/** The manifest of a package that is installed; packages for other platforms are not. */
function installedManifest({ path }: LockedPackage): Manifest | undefined {
  const file = join(path, 'package.json');
  return existsSync(file) ? readManifest(file) : undefined;
}

/** Dockerfiles, and every script that somebody or CI starts. */
function filesThatInstall(): readonly string[] {
  const folders = ['.', 'scripts', 'scripts/lib', '.ci', 'test/tornet', 'test/leaks/image', 'test/adversary/image'];
  return folders.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(folder, entry.name))
      .filter((file) => folder !== '.' || file.startsWith('Dockerfile')),
  );
}

readCommandLine({ usage: 'Usage: npm run dependencies', options: {} });
const locked = readLock(readFileSync('package-lock.json', 'utf8'));
const manifests = [
  'package.json',
  'test/fixtures/package.json',
  ...readdirSync('packages').map((name) => `packages/${name}/package.json`),
];
const record = readFileSync('docs/adr/0004-dependencies.md', 'utf8');
const withScripts = new Map<string, readonly string[]>();
for (const entry of locked) {
  const manifest = installedManifest(entry);
  const scripts = manifest === undefined ? [] : installScriptsOf(manifest, existsSync(join(entry.path, 'binding.gyp')));
  if (scripts.length > 0) withScripts.set(entry.path, scripts);
}

const findings = [
  ...locked.flatMap((entry) => auditPackage(entry, licenceOf(installedManifest(entry) ?? {}))),
  ...manifests.flatMap((file) => auditPins(file, readManifest(file))),
  ...manifests.flatMap((file) => auditReasons(file, readManifest(file), record)),
  ...auditInstallScripts(locked, withScripts),
  ...auditNpmSettings(readFileSync('.npmrc', 'utf8')),
  ...filesThatInstall().flatMap((file) => auditCommands(file, readFileSync(file, 'utf8'))),
];

for (const { subject, code, evidence, next } of findings)
  process.stdout.write(`${subject}: ${code}: ${evidence}\n    next: ${next}\n`);
const shipped = locked.filter((entry) => !entry.development).length;
process.stdout.write(`${locked.length} packages, ${shipped} of them shipped; ${findings.length} findings\n`);
const scripted = locked.filter((entry) => entry.hasInstallScript || withScripts.has(entry.path));
process.stdout.write(
  `with install scripts, which npm does not run: ${scripted.map((entry) => `${entry.name}@${entry.version}`).join(', ') || 'none'}\n`,
);
process.exitCode = findings.length === 0 ? 0 : 1;
