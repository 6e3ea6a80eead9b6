// What a store might answer: a reply that is no answer, or one to something else, is a value with a
// code and never an exception.

import { fuzz, FUZZ_GROWTH_BYTES_MAX, FUZZ_LIMIT_MS, FUZZ_SLOWEST_MS } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import {
  decodeAppended,
  decodeLoaded,
  decodeRead,
  decodeReply,
  decodeTouched,
  decodeWord,
} from '../src/store/redis-replies.ts';
import type { DecodeWords } from '../src/store/redis-replies.ts';

type Told = string | number | Uint8Array;

const appended = decodeAppended({ commitNumber: 4, first: 31, oldest: 12, count: 3 });
const key = new Uint8Array(32).fill(1);
const tag = new Uint8Array(16).fill(2);
const snapshot = new Uint8Array(40).fill(3);
const room: readonly Told[] = ['room', key, tag, 'off', 600, 2, 5, 34, snapshot, 30, 31, snapshot, 6, 6];

function words(...told: readonly Told[]): Buffer[] {
  return told.map((word) => Buffer.from(word instanceof Uint8Array ? word : String(word)));
}

/** A word with another in its place. */
function changed(index: number, word: Told): Buffer[] {
  return words(...room.map((before, at) => (at === index ? word : before)));
}

function codeOf<Value>(decode: DecodeWords<Value>, ...told: readonly Told[]): string {
  const decoded = decode(words(...told));
  return decoded.ok ? 'ok' : decoded.code;
}

describe('a reply of the store', () => {
  test('begins with the number of its request, or else it answers another', () => {
    const decode = decodeWord(['present']);
    expect(decodeReply('17', words(17, 'present'), decode)).toEqual({ ok: true, value: 'present' });
    expect(decodeReply('17', words(16, 'present'), decode)).toMatchObject({ code: 'store-reply-unasked' });
    for (const nothing of [null, undefined, 17, 'OK', Buffer.from('17'), {}, [], [17, 'present'], [null]]) {
      expect(decodeReply('17', nothing, decode)).toMatchObject({ code: 'store-reply' });
    }
  });

  test.each([
    ['ok', ['stored', 31, 12]],
    ['ok', ['stored', 31, 34]],
    ['ok', ['stale', 5]],
    ['ok', ['stale', 0]],
    ['ok', ['out-of-step', 30]],
    ['ok', ['room-unknown']],
    // Another first, an oldest that drops too little or what is not there yet, and an excuse that
    // is none.
    ['store-reply-unasked', ['stored', 30, 12]],
    ['store-reply-unasked', ['stored', 32, 12]],
    ['store-reply-unasked', ['stored', 31, 11]],
    ['store-reply-unasked', ['stored', 31, 35]],
    ['store-reply-unasked', ['stale', 4]],
    ['store-reply-unasked', ['out-of-step', 31]],
    ['store-reply-unasked', ['out-of-step', 0]],
    ['store-reply', ['stored', 31]],
    ['store-reply', ['stored', 31, 12, 1]],
    ['store-reply', ['stored', -31, 12]],
    ['store-reply', ['stored', '031', 12]],
    ['store-reply', ['stored', '3e1', 12]],
    ['store-reply', ['stale', 'x']],
    ['store-reply', ['stale', '9007199254740993']],
    ['store-reply', ['room-unknown', 1]],
    ['store-reply', ['present']],
    ['store-reply', []],
  ] as const)('to an append is %s: %j', (code, told) => {
    expect(codeOf(appended, ...told)).toBe(code);
  });

  test('to a reading has no entry before the first requested one, and no more bytes than requested', () => {
    const decode = decodeRead(7, 100);
    const [body, long] = [new Uint8Array(50).fill(9), new Uint8Array(101)];
    const [said, committed] = [['entry', body] as const, ['committed', body] as const];
    expect(decode(words(7, ...said, ...committed))).toEqual({
      ok: true,
      value: [
        { number: 7, operation: 'entry', body: Buffer.from(body) },
        { number: 8, operation: 'committed', body: Buffer.from(body) },
      ],
    });
    const good = [codeOf(decode, 9, ...said), codeOf(decode, 7, 'entry', long), codeOf(decode, 7), codeOf(decode)];
    expect(good).toEqual(Array.from({ length: 4 }, () => 'ok'));
    expect(codeOf(decode, 6, ...said)).toBe('store-reply-unasked');
    expect(codeOf(decode, 7, ...said, ...said, ...said)).toBe('store-reply-unasked');
    const wrongs = [
      words('x', ...said),
      words('9007199254740991', ...said),
      words(7, 'entry', ''),
      words(7, 'publish', body),
      words(7, body),
      words(7, ...said, 'entry'),
      [...words(7, 'entry'), null],
      [...words(7), null, ...words(body)],
    ];
    for (const wrong of wrongs) expect(decode(wrong)).toMatchObject({ code: 'store-reply' });
  });

  test('to a touch gives the position of the room', () => {
    const touched = decodeTouched(4);
    expect(touched(words('present', 3, 5, 9))).toEqual({
      ok: true,
      value: { kind: 'present', commitNumber: 3, oldest: 5, next: 9 },
    });
    for (const good of [['room-unknown'], ['present', 3, 4, 9], ['present', 3, 2, 2]]) {
      expect(codeOf(touched, ...good)).toBe('ok');
    }
    const wrongs = [['present'], ['present', 3, 9], ['present', 3, 0, 9], ['present', 3, 5, 4], ['room', 3, 5, 9], []];
    for (const wrong of [...wrongs, ['present', 3, 5, 9, 9]]) expect(codeOf(touched, ...wrong)).toBe('store-reply');
    // It was to drop what comes before 4.
    expect(codeOf(touched, 'present', 3, 3, 9)).toBe('store-reply-unasked');
  });

  test('to a load is a room with consistent parts', () => {
    expect(decodeLoaded(words(...room)).ok).toBe(true);
    expect(decodeLoaded(words('room-unknown'))).toEqual({ ok: true, value: undefined });
    const wrong: readonly Buffer[][] = [
      changed(0, 'rooms'),
      changed(1, tag),
      changed(2, key),
      changed(3, 'loud'),
      changed(4, 599),
      changed(5, -1),
      changed(6, 0),
      changed(6, 35),
      changed(7, 31),
      changed(8, ''),
      changed(8, new Uint8Array(524_289)),
      changed(9, 32),
      changed(10, 34),
      changed(13, 5),
      words(...room, 1),
      words(...room.slice(0, -1)),
      words('room-unknown', 1),
      [],
    ];
    for (const told of wrong) expect(decodeLoaded(told)).toMatchObject({ code: 'store-reply' });
    expect(decodeLoaded([...words(...room.slice(0, 8)), null, ...words(...room.slice(9))]).ok).toBe(false);
  });

  test.each([
    ['an append', appended, ['stored', 31, 12]],
    ['a reading', decodeRead(7, 1_000), [7, 'entry', snapshot, 'committed', snapshot]],
    ['a touch', decodeTouched(4), ['present', 3, 5, 9]],
    ['a load', decodeLoaded, room],
    ['a removal', decodeWord(['removed', 'room-unknown']), ['removed']],
  ] as readonly [string, DecodeWords<unknown>, readonly Told[]][])(
    'to %s never makes its reader throw, hang or grow',
    { timeout: FUZZ_LIMIT_MS },
    async (_name, decode, told) => {
      const accepted = pack(words(17, ...told));
      const take = (bytes: Uint8Array): boolean => decodeReply('17', unpack(bytes), decode).ok;
      expect(take(accepted)).toBe(true);
      const report = await fuzz(accepted, take);
      expect(report.refused).toBeGreaterThan(0);
      expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
      expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
    },
  );
});

/** Each word behind its length. */
function pack(told: readonly Buffer[]): Uint8Array {
  return Buffer.concat(told.flatMap((word) => [Buffer.from([word.length]), word]));
}

function unpack(bytes: Uint8Array): unknown[] {
  const told: unknown[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const end = offset + 1 + (bytes[offset] ?? 0);
    told.push(end > bytes.length ? null : Buffer.from(bytes.subarray(offset + 1, end)));
    offset = end;
  }
  return told;
}
