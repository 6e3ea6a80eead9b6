// Finds retired words in what the code exports and in file names: for test/meta/words.test.ts and
// scripts/code-figures.ts. Why each word was retired: docs/adr/0019-words-and-folders.md.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import ts from 'typescript';
import { filesUnder } from '../../scripts/repository-files.ts';

const FOLDERS = ['packages', 'scripts', 'tools', 'test'];

/** Retired word, or words side by side -> the field's word. A plural goes with its singular. */
export const RETIRED: ReadonlyMap<string, string> = new Map([
  // The session and the group.
  ['belonging', 'membership'],
  ['doorstep', 'admission'],
  ['admitting', 'admission'],
  ['errand', 'commit request'],
  ['want', 'enqueue'],
  ['following', 'log'],
  ['reading', 'connection'],
  ['speaking', 'sending'],
  ['say', 'send'],
  ['telling', 'notifications'],
  ['tell', 'emit, notify'],
  ['watching', 'log consistency'],
  ['upkeep', 'maintenance'],
  ['keyring', 'group worker'],
  ['line', 'connection (a line of text stays a line)'],
  ['spare', 'standby'],
  ['crossing', 'handover'],
  ['turn', 'step context, queue, rotation'],
  ['standing', 'status, phase'],
  ['stay', 'status, phase'],
  ['take', 'on… for events, process… for data'],
  ['seat', 'member'],
  ['row', 'commit bundle (a row of a table stays a row)'],
  ['warrant', 'authorization'],
  ['judge', 'validate'],
  ['judged', 'validated'],
  ['judgement', 'verdict'],
  ['adopt', 'merge'],
  ['adopted', 'merged'],
  ['discard', 'clear'],
  ['discarded', 'cleared'],
  ['join again', 'resync'],
  ['rejoin', 'resync'],
  ['depart', 'dispatch'],
  ['departed', 'dispatched'],
  ['departure', 'dispatch'],
  ['launch', 'release'],
  ['launched', 'released'],
  ['recall', 'requeue'],
  ['recalled', 'requeued'],
  ['overtake', 'supersede'],
  ['overtaken', 'superseded'],
  // The wire.
  ['head', 'snapshot'],
  ['counter', 'commit number'],
  ['beat', 'ping'],
  ['beaten', 'pong'],
  ['parted', 'forked'],
  ['conn string', 'invite'],
  ['connection string', 'invite'],
  // Relay, tor, host, terminal, doctor.
  ['peer', 'connection'],
  ['live room', 'room'],
  ['feeding', 'delivery'],
  ['feed', 'deliver'],
  ['door', 'endpoint'],
  ['way', 'dialer'],
  ['dial owner', 'dialer'],
  ['stopwatch', 'startup timer'],
  ['walk', 'reachability check'],
  ['walking', 'reachability check'],
  ['moving', 'room move'],
  ['dealing', 'member command'],
  ['deed', 'member action'],
  ['promise', 'requirement'],
  ['wall', 'isolation'],
  // Test harnesses.
  ['rehearsal', 'fixture'],
  ['house', 'fixture'],
  ['company', 'fixture'],
  ['circle', 'fixture'],
  ['gathering', 'fixture'],
  ['crowd', 'fixture'],
  ['test kit', 'fixtures'],
]);

export interface Allowance {
  /** Where paths begin for which it holds. */
  readonly under: readonly string[];
  readonly word: string;
  /** Absent: the word may stand in any name there. */
  readonly names?: readonly string[];
  /** In which other sense the word is right there. */
  readonly sense: string;
}

export const ALLOWED: readonly Allowance[] = [
  {
    word: 'line',
    under: [
      'packages/confinement/src/command-line.ts',
      'packages/doctor/src/',
      'packages/host/src/',
      'packages/json-socket/src/',
      'packages/messages/src/english/',
      'packages/protocol/src/limits.ts',
      'packages/terminal/',
      'packages/tor/',
      'scripts/',
      'test/containers/',
      'test/leaks/',
    ],
    sense: 'a line of text: of a terminal, a command, a control port, a JSON stream',
  },
  { word: 'line', under: ['test/adversary/'], names: ['onLine'], sense: 'a line of text' },
  { word: 'row', under: ['packages/terminal/'], sense: 'a row of the screen' },
  { word: 'head', under: ['packages/tor/'], names: ['readSocksHead'], sense: 'the first bytes of a SOCKS reply' },
  { word: 'counter', under: ['test/leaks/'], sense: 'a packet counter of the kernel’s filter' },
  { word: 'tell', under: ['packages/doctor/'], names: ['cannot-tell'], sense: 'to know: the verdict without evidence' },
  { word: 'want', under: ['packages/doctor/'], names: ['wants'], sense: 'the thing that a user has asked for' },
  { word: 'stay', under: ['packages/terminal/'], names: ['staysRaw'], sense: 'to remain as it is' },
  { word: 'stay', under: ['test/leaks/'], names: ['namesStayHere'], sense: 'to remain in a place' },
  {
    word: 'spare',
    under: ['packages/protocol/'],
    names: ['spare'],
    sense: 'frames of a slot beyond those of the room',
  },
  { word: 'reading', under: ['packages/terminal/'], names: ['reading'], sense: 'a prompt that reads keys' },
  {
    word: 'take',
    under: ['packages/protocol/src/bytes.ts'],
    names: ['take'],
    sense: 'to read bytes and go behind them',
  },
];

export interface Name {
  readonly path: string;
  readonly kind: 'file' | 'export' | 'member' | 'literal';
  readonly name: string;
}

/** The words of a camel-case, snake-case or hyphenated name, in lower case. */
export function wordsOf(name: string): readonly string[] {
  const words = name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? [];
  return words.map((word) => word.toLowerCase());
}

function isWord(word: string, retired: string): boolean {
  return word === retired || word === `${retired}s` || word === `${retired}es`;
}

/** The retired words of a name. */
export function retiredIn(name: string): readonly string[] {
  const words = wordsOf(name);
  return [...RETIRED.keys()].filter((entry) => {
    const sought = entry.split(' ');
    return words.some((_, start) => sought.every((part, index) => isWord(words[start + index] ?? '', part)));
  });
}

const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

const isPrivate = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);

/** Names of members and of literal types in an exported declaration, outside of function bodies. */
function membersIn(node: ts.Node, found: (kind: 'member' | 'literal', name: string) => void): void {
  ts.forEachChild(node, (child) => {
    if (ts.isBlock(child) || ts.isArrowFunction(child) || ts.isFunctionExpression(child)) return;
    if (ts.isParameter(child)) return;
    if (ts.isClassElement(child) && isPrivate(child)) return;
    if (
      ts.isPropertySignature(child) ||
      ts.isMethodSignature(child) ||
      ts.isPropertyDeclaration(child) ||
      ts.isMethodDeclaration(child) ||
      ts.isGetAccessor(child) ||
      ts.isPropertyAssignment(child) ||
      ts.isShorthandPropertyAssignment(child)
    ) {
      if (ts.isPrivateIdentifier(child.name)) return;
      // A key with blanks is the title of a case.
      if (ts.isIdentifier(child.name) || (ts.isStringLiteral(child.name) && !child.name.text.includes(' ')))
        found('member', child.name.text);
    }
    if (ts.isLiteralTypeNode(child) && ts.isStringLiteral(child.literal)) found('literal', child.literal.text);
    membersIn(child, found);
  });
}

/** Every name that a file exports, and its own. */
export function namesOf(path: string, text: string): readonly Name[] {
  const names: Name[] = [{ path, kind: 'file', name: basename(path).replace(/\.(test\.)?\w+$/, '') }];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause } = statement;
      if (exportClause !== undefined && ts.isNamedExports(exportClause))
        for (const { name } of exportClause.elements) names.push({ path, kind: 'export', name: name.text });
      continue;
    }
    if (!isExported(statement)) continue;
    const declared = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map(({ name }) => name)
      : [(statement as ts.DeclarationStatement).name];
    for (const name of declared)
      if (name !== undefined && ts.isIdentifier(name)) names.push({ path, kind: 'export', name: name.text });
    membersIn(statement, (kind, name) => names.push({ path, kind, name }));
  }
  return names;
}

/** Every name of the checkout that the words have to hold in. */
export function allNames(): readonly Name[] {
  const files = FOLDERS.flatMap((folder) => filesUnder(folder)).filter((path) => /\.(ts|mjs)$/.test(path));
  return files.flatMap((path) => namesOf(path, readFileSync(path, 'utf8')));
}

/** The allowances that let a word stand in a name. */
function allowancesFor({ path, name }: Name, word: string): readonly Allowance[] {
  return ALLOWED.filter(
    (entry) =>
      entry.word === word &&
      entry.under.some((start) => path.startsWith(start)) &&
      (entry.names === undefined || entry.names.includes(name)),
  );
}

export interface Verdict {
  /** A line for each name with a retired word. */
  readonly left: readonly string[];
  /** Allowances, and folders of theirs, that no name needs any more. */
  readonly unneeded: readonly string[];
}

/** Holds names against the retired words and the allowances. */
export function checkWords(names: readonly Name[]): Verdict {
  const used = new Set<string>();
  const left = new Set<string>();
  for (const entry of names)
    for (const word of retiredIn(entry.name)) {
      const { path, kind, name } = entry;
      const allowances = allowancesFor(entry, word);
      if (allowances.length === 0) left.add(`${path}: ${kind} ${name} has "${word}": ${RETIRED.get(word) ?? ''}`);
      for (const { under } of allowances)
        for (const start of under) if (path.startsWith(start)) used.add(`${word}: ${start}`);
    }
  const allowed = ALLOWED.flatMap(({ word, under }) => under.map((start) => `${word}: ${start}`));
  return { left: [...left], unneeded: allowed.filter((entry) => !used.has(entry)) };
}
