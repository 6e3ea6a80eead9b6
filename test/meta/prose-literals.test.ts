// Finds texts in the code that users could see and that are not in the catalogue: string literals
// and templates with two or more words. It leaves packages/doctor out, which has texts of its own.

import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { filesUnder } from '../../scripts/repository-files.ts';

const PACKAGES = ['terminal', 'client', 'host', 'tor', 'relay', 'confinement'];

/** Two words with a blank between them, whatever stands around the words. */
const PROSE = /\p{L}{2,}[\p{L}\p{P}]*\s+[\p{L}\p{P}]*\p{L}{2,}/u;

interface Allowance {
  readonly path: string;
  readonly text: RegExp;
  readonly sense: string;
}

const ALLOWED: readonly Allowance[] = [
  { path: 'packages/relay/src/store/redis-scripts.ts', text: /^#!lua|redis\.call|^\s*local /, sense: 'Lua for Redis' },
  {
    path: 'packages/tor/src/control/',
    text: /^(?:AUTHCHALLENGE|ADD_ONION) /,
    sense: 'a command of Tor’s control port',
  },
  {
    path: 'packages/tor/src/control/',
    text: /^Tor safe cookie authentication /,
    sense: 'a label of control-spec §3.24',
  },
  { path: 'packages/tor/src/onion/', text: /^\.onion checksum$/, sense: 'a label of rend-spec-v3 §6' },
  { path: 'packages/host/src/', text: /^(?:mode|member) operation$/, sense: 'the names of fields, sorted and joined' },
  {
    path: 'packages/confinement/src/errors.ts',
    text: /^(?:user|cap_drop|security_opt|read_only|networks): /,
    sense: 'a meaning for docs/CODES.md',
  },
];

/** Calls whose texts are for a bug report or for a machine. */
const CALLS: ReadonlySet<string> = new Set(['Error', 'TypeError', 'RangeError', 'RegExp', 'assert']);

function isOfABug(node: ts.Node): boolean {
  for (let parent = node.parent; !ts.isSourceFile(parent); parent = parent.parent) {
    if ((ts.isNewExpression(parent) || ts.isCallExpression(parent)) && ts.isIdentifier(parent.expression))
      if (CALLS.has(parent.expression.text)) return true;
    if (ts.isStatement(parent)) return false;
  }
  return false;
}

/** The literal parts of a text, with a blank for each part that is filled in; undefined for no text. */
function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' … ');
}

/** @returns the texts in `source` that look like prose. */
function proseIn(path: string, source: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    const isImport = ts.isImportDeclaration(node.parent) || ts.isExportDeclaration(node.parent);
    if (text !== undefined && !isImport && PROSE.test(text) && !isOfABug(node)) {
      const isAllowed = ALLOWED.some((allowed) => path.startsWith(allowed.path) && allowed.text.test(text));
      if (!isAllowed) found.push(`${path}: ${text}`);
    }
    ts.forEachChild(node, visit);
  };
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  ts.forEachChild(file, visit);
  return found;
}

const SOURCES = PACKAGES.flatMap((name) => filesUnder(`packages/${name}/src`)).filter((path) => path.endsWith('.ts'));

test('no source of the programs holds a text for users', () => {
  expect(SOURCES.length).toBeGreaterThan(150);
  expect(SOURCES.flatMap((path) => proseIn(path, readFileSync(path, 'utf8')))).toEqual([]);
});

test('a text in a literal, in a template and in a table is found, and the text of a bug is not', () => {
  const source = `
    const table = { a: 'the room is open' };
    show(\`\${member} has left\`);
    show(safely\`joined as \${member} on a network\`);
    throw new Error('this cannot be reached');
    const code = 'room-locked';
  `;
  expect(proseIn('packages/terminal/src/x.ts', source)).toEqual([
    'packages/terminal/src/x.ts: the room is open',
    'packages/terminal/src/x.ts:  …  has left',
    'packages/terminal/src/x.ts: joined as  …  on a network',
  ]);
});

test('every allowance is still needed', () => {
  const unused = ALLOWED.filter(({ path, text }) =>
    SOURCES.filter((file) => file.startsWith(path)).every((file) => {
      const texts: string[] = [];
      const visit = (node: ts.Node): void => {
        texts.push(textOf(node) ?? '');
        ts.forEachChild(node, visit);
      };
      visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));
      return !texts.some((one) => text.test(one));
    }),
  );
  expect(unused.map(({ sense }) => sense)).toEqual([]);
});
