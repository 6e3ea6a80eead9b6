// The field's words hold in the code: no exported name and no file name has a retired word.

import { describe, expect, test } from 'vitest';
import { ALLOWED, allNames, checkWords, namesOf, RETIRED, retiredIn, wordsOf } from './words.ts';

const names = allNames();
const { left, unneeded } = checkWords(names);

describe('the words of the code', () => {
  test('are collected from every package, scripts, tools and tests', () => {
    expect(names.length).toBeGreaterThan(3_000);
    const kinds = new Set(names.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(['export', 'file', 'literal', 'member']);
    for (const folder of ['packages/client/src/', 'packages/relay/test/', 'scripts/', 'tools/', 'test/meta/'])
      expect(names.some(({ path }) => path.startsWith(folder))).toBe(true);
  });

  test('include no retired word but in an allowed sense', () => {
    process.stdout.write(`retired words left: ${left.length}\n`);
    expect(left).toEqual([]);
  });

  test('need every allowance in the table', () => {
    expect(unneeded).toEqual([]);
    expect(ALLOWED.filter(({ word }) => !RETIRED.has(word))).toEqual([]);
  });
});

describe('a retired word', () => {
  const found = (text: string, path = 'packages/client/src/some-file.ts'): readonly string[] =>
    checkWords(namesOf(path, text)).left.map((line) => line.replace(/^.*?: (.*?): .*$/, '$1'));

  test.each([
    [
      'a function',
      'export function takeKeyTurn(): void {}',
      ['export takeKeyTurn has "turn"', 'export takeKeyTurn has "take"'],
    ],
    ['a class', 'export class GroupSeat {}', ['export GroupSeat has "seat"']],
    ['a constant', 'export const ERRANDS_MAX = 3;', ['export ERRANDS_MAX has "errand"']],
    ['a name that is passed on', "export { Session, type Seat } from './x.ts';", ['export Seat has "seat"']],
    ['a property', 'export interface Session { readonly belonging: string }', ['member belonging has "belonging"']],
    ['a method', 'export class Session { tellAll(): void {} }', ['member tellAll has "tell"']],
    [
      'a member of a union',
      "export type Event = { readonly kind: 'room-parted' };",
      ['literal room-parted has "parted"'],
    ],
    ['a key of a table', "export const CODES = { 'room-parted': 1 } as const;", ['member room-parted has "parted"']],
    ['two words', 'export class LiveRoom {}', ['export LiveRoom has "live room"']],
  ])('is found in a name: %s', (_where, text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  test('is found in the name of a file, test files included', () => {
    expect(found('', 'packages/client/test/key-turns.test.ts')).toEqual(['file key-turns has "turn"']);
    expect(found('', 'test/containers/walls.test.ts')).toEqual(['file walls has "wall"']);
  });

  test.each([
    'header',
    'airline',
    'encodeHeader',
    'returns',
    'OUTLINE_BYTES',
    'command-liner',
    'overhead',
    'mistake',
    'peerless',
    'heartbeat',
  ])('is not found inside another word: %s', (name) => {
    expect(retiredIn(name)).toEqual([]);
  });

  test('is found if an allowance is for another name or another folder', () => {
    const text = 'export interface Options { readonly wants: string; readonly wantsMore: string }';
    expect(found(text, 'packages/doctor/src/options.ts')).toEqual(['member wantsMore has "want"']);
    expect(found(text, 'packages/client/src/options.ts')).toHaveLength(2);
  });

  test('is not found in names that a file does not export', () => {
    const text = `
      function takeTurn(seat: string): string { return seat; }
      export class Session { #belonging = 1; private errand = 2; }
      export function run(head: string): void { const counter = { turn: head }; use(counter); }`;
    expect(found(text)).toEqual([]);
  });
});

test('a name is split at capitals, digits, underscores and hyphens', () => {
  expect(wordsOf('parseMLSHead2Rows')).toEqual(['parse', 'mls', 'head', 'rows']);
  expect(wordsOf('HEAD_BYTES_MAX')).toEqual(['head', 'bytes', 'max']);
  expect(wordsOf('room-parted')).toEqual(['room', 'parted']);
});
