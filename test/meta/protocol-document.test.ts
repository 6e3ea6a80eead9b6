// The document and the code say the same: limits, codes, operations, and every section that code
// cites.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as protocol from '@sotto/protocol';
import { CLIENT_CODES } from '@sotto/client';
import { describe, expect, test } from 'vitest';

const document = readFileSync('docs/PROTOCOL.md', 'utf8');

function section(heading: string): string {
  const start = document.indexOf(`\n${heading}`);
  if (start === -1) throw new Error(`PROTOCOL.md has no heading ${heading}`);
  const end = document.slice(start + 1).search(/\n#{2,3} /);
  return end === -1 ? document.slice(start) : document.slice(start, start + 1 + end);
}

/** The first two cells of each row under a table's rule. */
function rows(text: string): [string, string][] {
  return [...text.matchAll(/^\| *([A-Za-z0-9_-]+) *\|(?: *([^|\n]*?) *\|)?/gm)]
    .map((match): [string, string] => [match[1] ?? '', match[2] ?? ''])
    .filter(([first]) => first !== 'code' && first !== 'constant' && first !== 'operation' && !first.startsWith('-'));
}

describe('PROTOCOL.md', () => {
  test('states every limit with the value that the code has', () => {
    const stated = rows(section('## 8. Limits'));
    expect(stated.length).toBeGreaterThan(20);
    const limits = new Map(Object.entries(protocol).filter(([, value]) => typeof value === 'number'));
    for (const [name, value] of stated) expect([name, Number(value)]).toEqual([name, limits.get(name)]);
  });

  test.each([
    ['### 9.1', protocol.RELAY_CODES],
    ['### 9.2', protocol.FRAME_CODES],
    ['### 9.3', protocol.CONTENT_CODES],
    ['### 9.4', protocol.INVITE_CODES],
    ['### 9.5', protocol.ADMIN_CODES],
    ['### 9.6', CLIENT_CODES],
  ])('lists in %s exactly the error codes of the code', (heading, codes) => {
    expect(
      rows(section(heading))
        .map(([code]) => code)
        .sort(),
    ).toEqual((Array.isArray(codes) ? codes.map(String) : Object.keys(codes)).sort());
  });

  test('numbers relay codes and operations as the wire does', () => {
    expect(Object.fromEntries(rows(section('### 9.1')).map(([code, number]) => [code, Number(number)]))).toEqual(
      protocol.RELAY_CODES,
    );
    const stated = rows(section('### 3.1')).filter(([name]) => /^[A-Z]+$/.test(name));
    expect(Object.fromEntries(stated.map(([name, number]) => [name.toLowerCase(), Number(number)]))).toEqual(
      protocol.OPERATIONS,
    );
  });

  test('has every section that the code cites', () => {
    const headings = new Set([...document.matchAll(/^#{2,3} (\d+(?:\.\d+)?)/gm)].map((match) => match[1]));
    const cited = sources('packages').flatMap((file) =>
      citations(readFileSync(file, 'utf8')).map((cite) => ({ file, cite })),
    );
    expect(cited.length).toBeGreaterThan(20);
    expect(cited.filter(({ cite }) => !headings.has(cite))).toEqual([]);
  });

  test('fails if the code cites a missing section', () => {
    expect(citations('// PROTOCOL.md §4.2, §99.1.\n// PROTOCOL.md §5.2-§5.5')).toEqual(['4.2', '99.1', '5.2', '5.5']);
  });
});

function citations(text: string): string[] {
  return [...text.matchAll(/PROTOCOL\.md ((?:(?:, |-| and )?§\d+(?:\.\d+)?)+)/g)].flatMap((match) =>
    [...(match[1] ?? '').matchAll(/§(\d+(?:\.\d+)?)/g)].map((cite) => cite[1] ?? ''),
  );
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => join(folder, file));
}
