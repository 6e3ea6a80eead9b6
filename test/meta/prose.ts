// Finds sentences of a Markdown document, and titles of tests, that break the rules of prose in
// CONTRIBUTING.md, as far as a program can check them.

import ts from 'typescript';

const COLUMNS_MAX = 100;
const WORDS_MAX = 25;
const TITLE_WORDS_MIN = 3;
/** A title that begins so completes the sentence of no `describe`. */
const FRAGMENT = /^(?:that|which|and|but|or|of)\b/;
const LIST_ITEM = /^\s*(?:[*-]|\d+\.)\s+/;
/** Such a subject names nobody. */
const NOBODY = /^(?:[Ww]ho|[Ww]hat|[Ww]hoever|[Ww]hatever|[Ww]hom|[Ww]hose|[Hh]e|[Ss]he)\b/;
/** A sentence ends at a stop; the next one begins with a capital, a digit, a command or a path. */
const SENTENCE_END = /(?<=[.!?]["”’)*]*)\s+(?=["“(*]*[A-Z0-9`‹])/;
/** Words that end with a stop and end no sentence. */
const ABBREVIATION = /\b(?:e\.g|i\.e|etc|vs|No)\.$/;

export interface Passage {
  readonly number: number;
  readonly text: string;
}

export interface Fault {
  /** The number of its line. */
  readonly at: number;
  readonly rule: 'columns' | 'words' | 'subject';
  readonly text: string;
}

const isTable = (text: string): boolean => /^\s*\|/.test(text);

/** The lines of a document that are prose: neither a table nor code. */
function proseLines(document: string): readonly Passage[] {
  const prose: Passage[] = [];
  let fenced = false;
  let inCode = false;
  let inList = false;
  let before = '';
  for (const [index, text] of document.split('\n').entries()) {
    const fence = /^\s*```/.test(text);
    if (fence) fenced = !fenced;
    const isCode: boolean = text.startsWith('    ') && !inList && (inCode || before === '');
    if (text !== '') {
      inCode = isCode;
      if (LIST_ITEM.test(text) && !isCode) inList = true;
      else if (!text.startsWith(' ')) inList = false;
    }
    before = text.trim();
    if (fence || fenced || isCode || isTable(text)) prose.push({ number: index + 1, text: '' });
    else prose.push({ number: index + 1, text });
  }
  return prose;
}

/**
 * Each sentence with the line on which its paragraph begins. A span of code counts as one word, with
 * the test titles that follow it.
 */
export function sentencesOf(document: string): readonly Passage[] {
  const paragraphs: Passage[] = [];
  let open: { number: number; text: string } | undefined;
  const close = (): void => {
    if (open !== undefined) paragraphs.push(open);
    open = undefined;
  };
  for (const { number, text } of proseLines(document)) {
    if (text.trim() === '' || text.startsWith('#')) close();
    else if (LIST_ITEM.test(text)) {
      close();
      open = { number, text: text.replace(LIST_ITEM, '') };
    } else if (open === undefined) open = { number, text };
    else open.text += ` ${text.trim()}`;
  }
  close();
  return paragraphs.flatMap(({ number, text }) => splitSentences(text).map((sentence) => ({ number, text: sentence })));
}

function splitSentences(paragraph: string): readonly string[] {
  const plain = paragraph
    .replaceAll(/`[^`]*`/g, '`code`')
    .replaceAll(/`code` "[^"]*"(?:, "[^"]*")*/g, '`code`')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim();
  const sentences: string[] = [];
  for (const piece of plain.split(SENTENCE_END)) {
    const last = sentences.at(-1);
    if (last !== undefined && ABBREVIATION.test(last)) sentences[sentences.length - 1] = `${last} ${piece}`;
    else sentences.push(piece);
  }
  return sentences;
}

export function countWords(sentence: string): number {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}`]/u.test(word)).length;
}

/** The sentences and lines that break a rule, in the order of the document. */
export function proseFaults(document: string): readonly Fault[] {
  const wide = proseLines(document)
    .filter(({ text }) => Array.from(text).length > COLUMNS_MAX)
    .map(({ number, text }): Fault => ({ at: number, rule: 'columns', text: text.slice(0, 60) }));
  const sentences = sentencesOf(document).flatMap(({ number, text }): Fault[] => {
    const words = countWords(text);
    const faults: Fault[] = [];
    if (words > WORDS_MAX) faults.push({ at: number, rule: 'words', text: `${words}: ${text}` });
    if (NOBODY.test(text.replace(/^["“(*_]+/, ''))) faults.push({ at: number, rule: 'subject', text });
    return faults;
  });
  return [...wide, ...sentences].sort((one, other) => one.at - other.at);
}

export interface Title {
  readonly path: string;
  readonly kind: 'describe' | 'test';
  readonly text: string;
}

/** The name behind all calls and properties of a callee: `test` of `test.each(cases)`. */
function calledName(callee: ts.Expression): string | undefined {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) return calledName(callee.expression);
  return ts.isTaggedTemplateExpression(callee) ? calledName(callee.tag) : undefined;
}

/** The literal titles of a test file, in its order. */
export function titlesOf(path: string, text: string): readonly Title[] {
  const titles: Title[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const name = calledName(node.expression);
      const [title, body] = node.arguments;
      const isTest = name === 'test' || name === 'it';
      if ((isTest || name === 'describe') && title !== undefined && body !== undefined && ts.isStringLiteralLike(title))
        titles.push({ path, kind: isTest ? 'test' : 'describe', text: title.text });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return titles;
}

export interface TitleFault {
  readonly path: string;
  readonly rule: 'words' | 'subject' | 'fragment';
  readonly text: string;
}

/** The rules that a title breaks. A placeholder as `%s` counts as a word. */
export function titleFaults({ path, kind, text }: Title): readonly TitleFault[] {
  const words = countWords(text);
  const rules: TitleFault['rule'][] = [];
  if (words > WORDS_MAX || (kind === 'test' && words < TITLE_WORDS_MIN)) rules.push('words');
  if (NOBODY.test(text)) rules.push('subject');
  if (FRAGMENT.test(text)) rules.push('fragment');
  return rules.map((rule) => ({ path, rule, text }));
}
