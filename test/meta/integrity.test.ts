// What ./scripts/verify and ./scripts/sbom are made of, without an engine: archives, layers,
// released digests, bills of materials.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseDpkgStatus } from '../../tools/reproducible-build/debian-packages.ts';
import { differencesBetween, digestOfAll, nameLayers } from '../../tools/reproducible-build/layers.ts';
import type { Layer } from '../../tools/reproducible-build/layers.ts';
import {
  differencesFromRelease,
  differencesOfLayers,
  parseBuild,
  renderBuild,
} from '../../tools/reproducible-build/released-digests.ts';
import type { Build } from '../../tools/reproducible-build/released-digests.ts';
import { makeBom } from '../../tools/reproducible-build/sbom.ts';
import type { ImageContents, NpmBom } from '../../tools/reproducible-build/sbom.ts';
import { readTar } from '../../tools/reproducible-build/tar.ts';
import type { TarEntry } from '../../tools/reproducible-build/tar.ts';
import { parseRelease } from '../../packages/doctor/src/release.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

describe('an archive', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-tar-'));
  const long = `${'deep/'.repeat(30)}file-with-a-name`;
  mkdirSync(join(folder, 'in', 'deep/'.repeat(30)), { recursive: true });
  writeFileSync(join(folder, 'in', long), 'long');
  writeFileSync(join(folder, 'in', 'short'), 'x'.repeat(513), { mode: 0o640 });
  utimesSync(join(folder, 'in', 'short'), 1, 1);
  symlinkSync('short', join(folder, 'in', 'link'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each(['ustar', 'pax', 'gnu'])('gives every file with its metadata, in the form %s', (format) => {
    const { stdout } = spawnSync('tar', ['-C', join(folder, 'in'), `--format=${format}`, '-cf', '-', '.'], {
      maxBuffer: 2 ** 24,
    });
    const entries = new Map(readTar(stdout).map((entry) => [entry.path, entry]));
    expect(Buffer.from(entries.get(long)?.content ?? []).toString()).toBe('long');
    expect(entries.get('short')).toMatchObject({ kind: 'file', mode: 0o640, modified: 1 });
    expect(entries.get('short')?.content.length).toBe(513);
    expect(entries.get('link')).toMatchObject({ kind: 'link', target: 'short' });
    expect(entries.get('deep')?.kind).toBe('folder');
  });

  test('is refused if it is cut short or is no archive', () => {
    const { stdout } = spawnSync('tar', ['-C', join(folder, 'in'), '-cf', '-', 'short']);
    expect(() => readTar(stdout.subarray(0, 600))).toThrow('ends within an entry');
    expect(() => readTar(new Uint8Array(512).fill(255))).toThrow('archive');
    expect(() => readTar(new TextEncoder().encode('not an archive'.repeat(50)))).toThrow('no number');
    expect(readTar(new Uint8Array(1024))).toEqual([]);
  });
});

const file: TarEntry = {
  path: 'app/main.js',
  kind: 'file',
  target: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  modified: 0,
  content: new Uint8Array([1]),
};

describe('two builds', () => {
  test('are equal if their files are', () => {
    expect(differencesBetween([file], [{ ...file, content: new Uint8Array([1]) }])).toEqual([]);
  });

  test.each<[string, Partial<TarEntry>, string]>([
    ['a time', { modified: 1 }, 'app/main.js: time 1970-01-01T00:00:00.000Z and 1970-01-01T00:00:01.000Z'],
    ['a mode', { mode: 0o755 }, 'app/main.js: mode 644 and 755'],
    ['an owner', { uid: 5 }, 'app/main.js: owner 0:0 and 5:0'],
    ['content', { content: new Uint8Array([2]) }, 'app/main.js: content 4bf5122f344554c5 and dbc1b4c900ffe48d'],
    ['where a link leads', { target: 'a' }, 'app/main.js: target  and a'],
  ])('differ if one has another: %s', (_what, change, line) => {
    expect(differencesBetween([file], [{ ...file, ...change }])).toEqual([line]);
  });

  test('differ by a file that only one has, and by the order of files', () => {
    const other = { ...file, path: 'b' };
    expect(differencesBetween([file], [file, other])).toEqual(['b: only in the second']);
    expect(differencesBetween([other, file], [file])).toEqual(['b: only in the first']);
    expect(differencesBetween([file, other], [other, file])).toEqual(['the order of files']);
  });

  test('have layers named by the Dockerfile’s instructions', () => {
    const instructions = [
      'ARG A=1',
      'COPY /rootfs/ / # buildkit',
      'COPY /out/code/ / # buildkit',
      'ENV A=1',
      'WORKDIR /app',
    ];
    expect(nameLayers(['a', 'b', 'c'], instructions).map(({ name }) => name)).toEqual([
      'rootfs',
      'code',
      'WORKDIR /app',
    ]);
    expect(nameLayers(['a', 'b'], instructions).map(({ name }) => name)).toEqual(['layer 1', 'layer 2']);
  });
});

describe('the list of released digests', () => {
  const layers: readonly Layer[] = [
    { name: 'rootfs', digest: digest('a') },
    { name: 'WORKDIR /app', digest: digest('b') },
  ];
  const release: Build = {
    version: '1.0.0',
    commit: 'c0ffee',
    bases: new Map([['node:24', digest('1')]]),
    images: new Map([['relay linux/amd64', layers]]),
  };

  test('is read back as it was written', () => {
    expect(parseBuild(`# a comment\n\n${renderBuild(release)}`)).toEqual(release);
    expect(differencesFromRelease(release, parseBuild(renderBuild(release)))).toEqual([]);
  });

  test('is read by the doctor as it was written', () => {
    const written = renderBuild({ ...release, images: new Map([...release.images, ['relay linux/arm64', layers]]) });
    const digests = layers.map((layer) => layer.digest);
    expect(parseRelease(written)).toEqual({ version: '1.0.0', images: { 'sotto-relay': [digests, digests] } });
  });

  test('names the differences of a rebuild, base images first', () => {
    const [rootfs, workdir] = layers;
    if (rootfs === undefined || workdir === undefined) throw new Error('two layers');
    const images = new Map([
      ['relay linux/amd64', [rootfs, { ...workdir, digest: digest('c') }]],
      ['relay linux/arm64', layers],
    ]);
    expect(differencesFromRelease(release, { ...release, bases: new Map(), images })).toEqual([
      `base node:24: released ${digest('1')}, here none`,
      'image relay linux/amd64: layer WORKDIR /app',
      'image relay linux/arm64: not in the release',
    ]);
  });

  test('accepts another base image with the same layers', () => {
    expect(differencesFromRelease(release, { ...release, bases: new Map() })).toEqual([]);
  });

  test('detects an extra layer and a missing one', () => {
    expect(differencesOfLayers('relay', layers, layers.slice(0, 1))).toEqual(['image relay: layer WORKDIR /app']);
    expect(differencesOfLayers('relay', layers.slice(0, 1), layers)).toEqual(['image relay: layer WORKDIR /app']);
    expect(digestOfAll(layers)).not.toBe(digestOfAll(layers.slice(0, 1)));
  });

  test.each([
    ['an unknown word', `${renderBuild(release)}images a b\n`],
    ['a digest that is none', renderBuild(release).replaceAll('a'.repeat(64), 'a')],
    ['a missing commit', renderBuild(release).replace('commit c0ffee\n', '')],
    ['nothing', ''],
  ])('is refused with %s', (_what, text) => {
    expect(() => parseBuild(text)).toThrow(/not understood|not a layer|missing/);
  });
});

describe('a bill of materials', () => {
  const component = (ref: string): NpmBom['components'][number] => {
    const [name = '', version = ''] = ref.split('@');
    return { 'bom-ref': ref, type: 'library', name, version, purl: `pkg:npm/${ref}`, scope: 'optional' };
  };
  const npm: NpmBom = {
    components: ['b@1.0.0', 'a@1.0.0', 'tool@1.0.0'].map(component),
    dependencies: [
      { ref: 'tool@1.0.0', dependsOn: [] },
      { ref: 'a@1.0.0', dependsOn: ['tool@1.0.0', 'b@1.0.0'] },
    ],
  };
  const status =
    'Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib (1:1.3)\nVersion: 1:1.3+b1\nDescription: z\n and more: of it\n\n' +
    'Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n' +
    'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.41\n';
  const image: ImageContents = {
    name: 'sotto-relay',
    version: '1.0.0',
    layers: [{ name: 'code', digest: digest('a') }],
    npm: ['a@1.0.0', 'b@1.0.0'],
    debian: parseDpkgStatus(status),
    nodeVersion: '24.0.0',
  };

  test('lists the packages of dpkg, with the source names of security advisories', () => {
    expect(parseDpkgStatus(status)).toEqual([
      { name: 'libc6', version: '2.41', architecture: 'amd64', source: 'glibc@2.41' },
      { name: 'zlib1g', version: '1:1.3+b1', architecture: 'amd64', source: 'zlib@1:1.3' },
    ]);
  });

  test('lists the contents of the image and nothing else, in order', () => {
    const bom = JSON.parse(makeBom(image, npm)) as { components: { 'bom-ref': string }[]; dependencies: unknown[] };
    expect(bom.components.map((each) => each['bom-ref'])).toEqual([
      'a@1.0.0',
      'b@1.0.0',
      'pkg:deb/debian/libc6@2.41?arch=amd64',
      'pkg:deb/debian/zlib1g@1%3A1.3%2Bb1?arch=amd64',
      'pkg:generic/node@24.0.0',
    ]);
    expect(bom.dependencies[1]).toEqual({ ref: 'a@1.0.0', dependsOn: ['b@1.0.0'] });
  });

  test('is the same for the same image in any order of npm, and differs for another', () => {
    const reversed = { components: [...npm.components].reverse(), dependencies: [...npm.dependencies].reverse() };
    expect(makeBom({ ...image, npm: [...image.npm].reverse() }, reversed)).toBe(makeBom(image, npm));
    expect(makeBom(image, npm)).toMatch(
      /"serialNumber": "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"/,
    );
    expect(makeBom({ ...image, version: '1.0.1' }, npm)).not.toBe(makeBom(image, npm));
  });

  test('is refused for an image with a package that the lock file lacks', () => {
    expect(() => makeBom({ ...image, npm: ['c@1.0.0'] }, npm)).toThrow('c@1.0.0');
  });
});
