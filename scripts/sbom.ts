// `./scripts/sbom` after set-up: writes the bill of materials of every image of the stack, from
// this machine's images.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, USAGE_EXIT_SYSEXITS } from './command-line.ts';
import { parseSettings, settingsHere } from '../tools/compose-lint/compose-variables.ts';
import { STACKS } from '../tools/compose-lint/requirements.ts';
import { makeStack, readFiles } from '../tools/compose-lint/stack.ts';
import { textAt } from '../tools/compose-lint/tree.ts';
import { parseDpkgStatus } from '../tools/reproducible-build/debian-packages.ts';
import { DockerError, hasImage, readImage, readPath, runProgram } from '../tools/reproducible-build/docker-image.ts';
import { makeBom, SbomError } from '../tools/reproducible-build/sbom.ts';
import type { ImageContents, NpmBom } from '../tools/reproducible-build/sbom.ts';
import type { TarEntry } from '../tools/reproducible-build/tar.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const text = (entry: TarEntry): string => Buffer.from(entry.content).toString('utf8');

/** The names of the shipped stack's images in Compose, each once. */
function imageNames(): readonly string[] {
  const [shipped] = STACKS;
  if (shipped === undefined) return [];
  const readText = (path: string): string => readFileSync(path, 'utf8');
  const stack = makeStack(
    shipped,
    readFiles(shipped, readText),
    settingsHere(parseSettings(readText('.env')), process.env),
    readText,
  );
  return [...new Set(stack.services.map(({ tree }) => textAt(tree, 'image') ?? ''))].sort();
}

function contentsOf(tag: string): ImageContents {
  const [name = tag, version = ''] = tag.split(':');
  const manifests = (readPath(tag, '/app/node_modules') ?? []).filter(({ path }) =>
    /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path),
  );
  const npm = manifests.map((entry) => {
    const manifest = JSON.parse(text(entry)) as { readonly name: string; readonly version: string };
    return `${manifest.name}@${manifest.version}`;
  });
  const status = readPath(tag, '/var/lib/dpkg/status') ?? readPath(tag, '/var/lib/dpkg/status.d') ?? [];
  const nodeVersion =
    manifests.length === 0 ? undefined : runProgram(tag, '/usr/local/bin/node', '--version').trim().replace(/^v/, '');
  const debian = parseDpkgStatus(
    status
      .filter(({ kind }) => kind === 'file')
      .map(text)
      .join('\n\n'),
  );
  if (debian.length === 0) throw new SbomError(`${tag} has no list of its Debian packages; next: build it again`);
  return { name, version, layers: readImage(tag).layers, npm: [...new Set(npm)].sort(), debian, nodeVersion };
}

function main(folder: string): number {
  // `npm sbom --omit dev` drops packages that tools need, too (seen with 11.19: y18n), so the image
  // itself is read.
  const npm = JSON.parse(
    execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 ** 2,
    }),
  ) as NpmBom;
  mkdirSync(folder, { recursive: true });
  let missing = 0;
  for (const tag of imageNames()) {
    if (!hasImage(tag)) {
      say(`   ${tag}: is not here; next: ./scripts/setup gets or builds it`);
      missing += 1;
      continue;
    }
    const contents = contentsOf(tag);
    const file = join(folder, `${contents.name.replaceAll('/', '-')}.cdx.json`);
    writeFileSync(file, makeBom(contents, npm));
    say(`   ${file}: ${contents.npm.length} npm packages, ${contents.debian.length} Debian packages`);
  }
  return missing === 0 ? 0 : 1;
}

const { operands } = readCommandLine({
  usage: 'Usage: node scripts/sbom.ts [DIRECTORY]; ./scripts/sbom sets the machine up first',
  usageExit: USAGE_EXIT_SYSEXITS,
  operandsMax: 1,
  options: {},
});

try {
  process.exitCode = main(operands[0] ?? 'sbom');
} catch (error) {
  if (!(error instanceof DockerError || error instanceof SbomError)) throw error;
  say(`sbom: ${error.code}: ${error.message}`);
  process.exitCode = 1;
}
