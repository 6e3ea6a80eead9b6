// The documents that people read first are plain: short sentences, short lines, real subjects.
// Each package says in a README what it is for, where to begin, and what it may import.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { countWords, proseFaults, sentencesOf } from './prose.ts';

const PACKAGES = [...readdirSync('packages').map((name) => `packages/${name}`), 'test/fixtures'].filter((folder) =>
  existsSync(`${folder}/package.json`),
);
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs/ARCHITECTURE.md',
  'docs/INTEGRITY.md',
  'docs/KNOWN_ISSUES.md',
  'docs/adr/README.md',
  'docs/adr/0019-words-and-folders.md',
];
const PACKAGE_README_LINES_MAX = 15;
const ARCHITECTURE_LINES_MAX = 120;

const read = (path: string): string => readFileSync(path, 'utf8');
const readmeOf = (folder: string): string => `${folder}/README.md`;

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Why a package's README is not as agreed, or undefined. */
function readmeFault(text: string, manifest: Manifest, exists: (path: string) => boolean): string | undefined {
  const lines = text.trimEnd().split('\n');
  const shortName = manifest.name.slice('@sotto/'.length);
  if (lines.length > PACKAGE_README_LINES_MAX) return `has ${lines.length} lines`;
  if (lines[0] !== `# ${shortName}` && lines[0] !== `# ${manifest.name}`) return `does not begin with "# ${shortName}"`;
  // A name without its folder is told by the path beside it.
  const files = [...text.matchAll(/`([\w./-]+\/[\w.-]+\.ts)`/g)].map(([, path = '']) => path);
  if (files.length === 0) return 'names no file to begin with';
  const missing = files.find((path) => !exists(path));
  if (missing !== undefined) return `names ${missing}, which is not there`;
  const imports = /\bimports?\b[^]*$/i.exec(text)?.[0];
  if (imports === undefined) return 'does not say, at its end, what it may import';
  const dependencies = Object.keys(manifest.dependencies ?? {}).filter((name) => name.startsWith('@sotto/'));
  const unnamed = dependencies.find((name) => !imports.includes(name.slice('@sotto/'.length)));
  return unnamed === undefined ? undefined : `does not say that it may import ${unnamed}`;
}

describe('prose', () => {
  test.each([...DOCUMENTS, ...PACKAGES.map(readmeOf)])('%s keeps the rules that a program can check', (path) => {
    expect(proseFaults(read(path))).toEqual([]);
  });

  test.each([...DOCUMENTS])('%s has sentences to check', (path) => {
    expect(sentencesOf(read(path)).length).toBeGreaterThan(4);
  });

  test('docs/ARCHITECTURE.md stays one page', () => {
    expect(read('docs/ARCHITECTURE.md').trimEnd().split('\n').length).toBeLessThanOrEqual(ARCHITECTURE_LINES_MAX);
  });
});

describe('docs/ARCHITECTURE.md', () => {
  const sources = readdirSync('packages', { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && path.includes('/src/') && !path.includes('node_modules'),
  );
  /** Files that a text names and that are not there, with or without their folder. */
  const missing = (text: string): readonly string[] =>
    [...text.matchAll(/`([\w./-]+\.ts)`/g)]
      .map(([, path = '']) => path)
      .filter((path) => !sources.some((source) => source === path || source.endsWith(`/${path}`)));

  test('names files that are there', () => {
    expect([...read('docs/ARCHITECTURE.md').matchAll(/`[\w./-]+\.ts`/g)].length).toBeGreaterThan(10);
    expect(missing(read('docs/ARCHITECTURE.md'))).toEqual([]);
  });

  test('would be found to name a file that is not there', () => {
    expect(missing('`client/src/client.ts` and `client/src/nowhere.ts`')).toEqual(['client/src/nowhere.ts']);
  });
});

describe('docs/adr/README.md', () => {
  const pages = readdirSync('docs/adr').filter((file) => /^\d{4}-.*\.md$/.test(file));
  const index = read('docs/adr/README.md');
  const rowOf = (page: string): string | undefined =>
    index.split('\n').find((line) => line.startsWith('|') && line.includes(`(${page})`));

  test.each(pages)('has the title and the status of %s, and where its subject is now', (page) => {
    const [, number = '', title = ''] = /^# (\d+)\. (.*)$/m.exec(read(`docs/adr/${page}`)) ?? [];
    const accepted = /^Accepted, ([\d-]+)/m.exec(read(`docs/adr/${page}`))?.[1] ?? 'no date';
    const [, link, shownTitle, status, , places = ''] = (rowOf(page) ?? '').split('|').map((cell) => cell.trim());
    expect([link, shownTitle, status]).toEqual([`[${number}](${page})`, title, `accepted, ${accepted}`]);
    const paths = [...places.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(0);
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('has no page that is not there', () => {
    const linked = [...index.matchAll(/\]\(([^)]+)\)/g)].map(([, page = '']) => page);
    expect(linked.sort()).toEqual(pages.sort());
  });
});

describe('a fault in prose', () => {
  const words = (count: number): string => `The ${'be '.repeat(count - 2)}fits.`;

  test('is a sentence of more than 25 words', () => {
    expect(proseFaults(words(25))).toEqual([]);
    expect(proseFaults(`Short.\n\n${words(26)}`)).toMatchObject([{ at: 3, rule: 'words' }]);
    expect(proseFaults(`* A list has\n  ${words(24)}`)).toMatchObject([{ at: 1, rule: 'words' }]);
  });

  test('is a sentence that begins with nobody', () => {
    for (const subject of ['Who', 'What', 'Whoever', 'He', '**Who', '(What'])
      expect(proseFaults(`The relay waits. ${subject} sees it is not known.`)).toMatchObject([{ rule: 'subject' }]);
    expect(proseFaults('Whole rooms go. Here they stay. The host knows who waits.')).toEqual([]);
  });

  test('is a line of more than 100 columns', () => {
    expect(proseFaults(`a${'b'.repeat(99)}`)).toEqual([]);
    expect(proseFaults(`a${'b'.repeat(100)}`)).toMatchObject([{ at: 1, rule: 'columns' }]);
  });

  test('is none in a table or in code', () => {
    const bad = `Who ${'wide '.repeat(40)}`;
    expect(proseFaults(`| ${bad} |\n\n    ${bad}\n\n    ${bad}\n\n\`\`\`\n${bad}\n\`\`\`\n`)).toEqual([]);
    expect(proseFaults(`* item\n    ${bad}\n`)).not.toEqual([]);
  });

  test('is found in each of two sentences of one paragraph', () => {
    expect(sentencesOf('One `a.b c. D` is\nshort. Two? `Three` ends.')).toEqual([
      { number: 1, text: 'One `code` is short.' },
      { number: 1, text: 'Two?' },
      { number: 1, text: '`code` ends.' },
    ]);
    expect(countWords('A `code` span - and one more')).toBe(6);
  });
});

describe('the README of a package', () => {
  test.each(PACKAGES)('%s says what it is for, where to begin, and what it may import', (folder) => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Manifest;
    expect(
      readmeFault(read(readmeOf(folder)), manifest, (path) => existsSync(`${folder}/${path}`) || existsSync(path)),
    ).toBeUndefined();
  });

  test('is found wanting', () => {
    const manifest = { name: '@sotto/relay', dependencies: { '@sotto/protocol': '0.1.0', ioredis: '6.0.0' } };
    const good = '# @sotto/relay\n\nIt orders frames. Begin at `src/room.ts`.\n\nMay import `protocol`.\n';
    const fault = (text: string): string | undefined => readmeFault(text, manifest, (path) => path === 'src/room.ts');
    expect(fault(good)).toBeUndefined();
    expect(fault(good.replace('@sotto/', ''))).toBeUndefined();
    expect(fault(`${good}\n${'more\n'.repeat(10)}`)).toBe('has 16 lines');
    expect(fault(good.replace('relay', 'rely'))).toContain('does not begin');
    expect(fault(good.replace('`src/room.ts`', 'anywhere'))).toBe('names no file to begin with');
    expect(fault(good.replace('room.ts', 'rooms.ts'))).toContain('is not there');
    expect(fault(good.replace('May import', 'May use'))).toContain('does not say');
    expect(fault(good.replace('`protocol`', 'nothing'))).toContain('@sotto/protocol');
  });
});
