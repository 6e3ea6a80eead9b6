// The documents that people read first are plain: short sentences, short lines, real subjects.
// Each package says in a README what it is for, where to begin, and what it may import.
// Titles of tests are sentences: see CONTRIBUTING.md, "Prose".

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { filesUnder } from '../../scripts/repository-files.ts';
import { countWords, proseFaults, sentencesOf, titleFaults, titlesOf } from './prose.ts';

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
  'docs/PERFORMANCE.md',
  'docs/THREAT_MODEL.md',
  'docs/adr/README.md',
  'docs/adr/0019-words-and-folders.md',
  'test/model/README.md',
];
/** The folders whose test titles are held to the rules. */
const TITLE_ROOTS = ['test', 'packages', 'tools'];
const TEST_FILE = /\.(test|contract)\.ts$/;
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

describe('the prose of a document', () => {
  test.each([...DOCUMENTS, ...PACKAGES.map(readmeOf)])('follows the rules that a program can check: %s', (path) => {
    expect(proseFaults(read(path))).toEqual([]);
  });

  test.each([...DOCUMENTS])('has sentences to check: %s', (path) => {
    expect(sentencesOf(read(path)).length).toBeGreaterThan(4);
  });

  test('fills one page in docs/ARCHITECTURE.md', () => {
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

  test('names only existing files', () => {
    expect([...read('docs/ARCHITECTURE.md').matchAll(/`[\w./-]+\.ts`/g)].length).toBeGreaterThan(10);
    expect(missing(read('docs/ARCHITECTURE.md'))).toEqual([]);
  });

  test('fails if it names a missing file', () => {
    expect(missing('`client/src/client.ts` and `client/src/nowhere.ts`')).toEqual(['client/src/nowhere.ts']);
  });
});

describe('docs/adr/README.md', () => {
  const pages = readdirSync('docs/adr').filter((file) => /^\d{4}-.*\.md$/.test(file));
  const index = read('docs/adr/README.md');
  const rowOf = (page: string): string | undefined =>
    index.split('\n').find((line) => line.startsWith('|') && line.includes(`(${page})`));

  test.each(pages)('has the title, the status and the present paths of %s', (page) => {
    const [, number = '', title = ''] = /^# (\d+)\. (.*)$/m.exec(read(`docs/adr/${page}`)) ?? [];
    const accepted = /^Accepted, ([\d-]+)/m.exec(read(`docs/adr/${page}`))?.[1] ?? 'no date';
    const [, link, shownTitle, status, , places = ''] = (rowOf(page) ?? '').split('|').map((cell) => cell.trim());
    expect([link, shownTitle, status]).toEqual([`[${number}](${page})`, title, `accepted, ${accepted}`]);
    const paths = [...places.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(0);
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('lists only existing pages', () => {
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
  test.each(PACKAGES)('names purpose, entry and allowed imports in %s', (folder) => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Manifest;
    expect(
      readmeFault(read(readmeOf(folder)), manifest, (path) => existsSync(`${folder}/${path}`) || existsSync(path)),
    ).toBeUndefined();
  });

  test('fails if a part is missing', () => {
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

describe('the titles of tests', () => {
  const files = TITLE_ROOTS.flatMap((root) => filesUnder(root)).filter((path) => TEST_FILE.test(path));

  test('are collected from every file of the roots', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((path) => titlesOf(path, read(path)).length === 0)).toEqual([]);
  });

  test.each(files)('follow the rules in %s', (path) => {
    expect(titlesOf(path, read(path)).flatMap(titleFaults)).toEqual([]);
  });
});

describe('a fault in the title of a test', () => {
  const faults = (text: string): readonly string[] =>
    titlesOf('some.test.ts', text)
      .flatMap(titleFaults)
      .map(({ rule }) => rule);

  test('is a title of fewer than three words, or of more than 25', () => {
    expect(faults("test('waits', run);")).toEqual(['words']);
    expect(faults("test('waits at once', run);")).toEqual([]);
    expect(faults(`it('the relay ${'very '.repeat(23)}waits', run);`)).toEqual(['words']);
    expect(faults("describe('relay', run);")).toEqual([]);
  });

  test('is a subject that names no actor, in describe too', () => {
    for (const subject of ['Who', 'whoever', 'what', 'he'])
      expect(faults(`test('${subject} sees it is told', run);`)).toEqual(['subject']);
    expect(faults("describe('what was said', run);")).toEqual(['subject']);
    expect(faults("describe('the relay: who attaches', run);")).toEqual([]);
  });

  test('is a clause that completes no sentence', () => {
    for (const start of ['that', 'who', 'which', 'and', 'but', 'of'])
      expect(faults(`test('${start} has no string waits', run);`)).not.toEqual([]);
  });

  test('is found in each form of a test call', () => {
    expect(faults("test.each([1, 2])('%s', run);")).toEqual(['words']);
    expect(faults("test.skipIf(never)('who sees', run);")).toEqual(['words', 'subject']);
    expect(faults('describe.each`a`("what is seen", run);')).toEqual(['subject']);
    expect(faults("const test = other('what is seen', run);")).toEqual([]);
  });
});
