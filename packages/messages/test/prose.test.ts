// Each sentence of the catalogue is short, and has a subject that names an actor: see
// CONTRIBUTING.md, "Prose".

import { describe, expect, test } from 'vitest';
import { ENGLISH } from '../src/index.ts';

const WORDS_MAX = 25;
/** At the beginning of a sentence, or of a clause behind a colon or a semicolon. */
const SUBJECT_WITHOUT_ACTOR = /(?:^|[:;]\s+)["“(]*(?:who|what|whoever|whatever|whom|whose|he|she)\b/i;
const SENTENCE_END = /(?<=[.!?]["”’)]*)\s+/;

/** The sentences of a text. An indented line is a row of a table, and a passage of its own. */
function sentencesOf(text: string): readonly string[] {
  const passages: string[] = [];
  let continues = false;
  for (const line of text.split('\n')) {
    const isProse = /^\S/.test(line);
    if (isProse && continues) passages.push(`${passages.pop() ?? ''} ${line}`);
    else if (line.trim() !== '') passages.push(line.trim());
    continues = isProse;
  }
  return passages.flatMap((passage) => passage.split(SENTENCE_END));
}

const countWords = (sentence: string): number =>
  sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

/** The sentences of a text that break a rule. A place for a parameter counts as one word. */
const faultsOf = (text: string): readonly string[] =>
  sentencesOf(text).filter((sentence) => countWords(sentence) > WORDS_MAX || SUBJECT_WITHOUT_ACTOR.test(sentence));

describe('a text of the English catalogue', () => {
  test.each(Object.entries(ENGLISH))('has short sentences with an actor as subject: %s', (_id, text) => {
    expect(sentencesOf(text)).not.toEqual([]);
    expect(faultsOf(text)).toEqual([]);
  });
});

describe('control: the check of the sentences', () => {
  const words = (count: number): string => Array.from({ length: count }, () => 'go').join(' ');

  test('finds a sentence of more than 25 words, after another one and across line ends', () => {
    expect(faultsOf(`${words(25)}. ${words(25)}`)).toEqual([]);
    expect(faultsOf(`${words(26)}: {place}`)).toHaveLength(1);
    expect(faultsOf(`short. ${words(26)}. short`)).toEqual([`${words(26)}.`]);
    expect(faultsOf(`${words(13)}\n${words(13)}`)).toHaveLength(1);
  });

  test('finds a subject that names no actor, in a later sentence or clause too', () => {
    for (const subject of ['who', 'What', 'whoever', 'He'])
      for (const before of ['', 'the relay waits. ', 'room: ', 'the room ended; '])
        expect(faultsOf(`${before}${subject} waits must wait`)).toHaveLength(1);
    expect(faultsOf('the relay shows who is here: whole rooms, and here they stay')).toEqual([]);
  });

  test('reads rows of a table and paragraphs as passages of their own', () => {
    expect(sentencesOf('Usage: a\n\nOne\ntwo. Three\n  --row  text\n         more\nend')).toEqual([
      'Usage: a',
      'One two.',
      'Three',
      '--row  text',
      'more',
      'end',
    ]);
  });
});
