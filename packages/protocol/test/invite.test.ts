import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeInvite, encodeInvite, INVITE_CODES } from '../src/index.ts';
import type { InviteCode } from '../src/index.ts';

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const invite = { onionKey: key(0xa5), roomSecret: key(0x5a) };
const text = encodeInvite(invite);

/**
 * A string with a right checksum around any payload: the same code, written anew for this test (BIP
 * 350).
 */
function encodeAnyPayload(payload: readonly number[], constant = 0x2bc830a3): string {
  const bits = payload.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> (7 - bit)) & 1));
  while (bits.length % 5 !== 0) bits.push(0);
  const words = Array.from({ length: bits.length / 5 }, (_, word) =>
    bits.slice(5 * word, 5 * word + 5).reduce((value, bit) => 2 * value + bit, 0),
  );
  return withChecksum(words, constant);
}

function withChecksum(words: readonly number[], constant = 0x2bc830a3): string {
  const prefix = Array.from('sotto', (character) => character.charCodeAt(0));
  const values = [...prefix.map((code) => code >> 5), 0, ...prefix.map((code) => code & 31), ...words];
  let sum = 1n;
  const generator = [0x3b6a57b2n, 0x26508e6dn, 0x1ea119fan, 0x3d4233ddn, 0x2a1462b3n];
  for (const value of [...values, 0, 0, 0, 0, 0, 0]) {
    const top = sum >> 25n;
    sum = ((sum & 0x1ffffffn) << 5n) ^ BigInt(value);
    for (const [bit, term] of generator.entries()) if (((top >> BigInt(bit)) & 1n) === 1n) sum ^= term;
  }
  const remainder = Number(sum) ^ constant;
  const checksum = [25, 20, 15, 10, 5, 0].map((shift) => (remainder >> shift) & 31);
  return `sotto1${[...words, ...checksum].map((word) => ALPHABET[word] ?? '').join('')}`;
}

const payload = [1, 0, ...invite.onionKey, ...invite.roomSecret];

describe('a connection string', () => {
  test('is 118 characters long, and decodes to the same invite', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (onionKey, roomSecret) => {
          const string = encodeInvite({ onionKey, roomSecret });
          expect(string).toMatch(/^sotto1[02-9ac-hj-np-z]{112}$/);
          expect(decodeInvite(string)).toEqual({ ok: true, value: { onionKey, roomSecret } });
          expect(decodeInvite(string.toUpperCase())).toEqual({ ok: true, value: { onionKey, roomSecret } });
        },
      ),
    );
  });

  test('matches another implementation of bech32m', () => {
    expect(encodeAnyPayload(payload)).toBe(text);
  });

  test('may have white space around it, as copying can add', () => {
    expect(decodeInvite(`\n  ${text}\r\n`).ok).toBe(true);
  });

  test('is refused with any one character changed', () => {
    for (let index = 0; index < text.length; index += 1) {
      for (const character of `${ALPHABET}1bio`) {
        const wrong = `${text.slice(0, index)}${character}${text.slice(index + 1)}`;
        if (wrong !== text) expect(decodeInvite(wrong).ok, `${index} ${character}`).toBe(false);
      }
    }
  });

  test('is refused with any two neighbours swapped', () => {
    let swaps = 0;
    for (let index = 0; index + 1 < text.length; index += 1) {
      const [a = '', b = ''] = [text[index], text[index + 1]];
      if (a === b) continue;
      swaps += 1;
      expect(decodeInvite(`${text.slice(0, index)}${b}${a}${text.slice(index + 2)}`).ok, `${index}`).toBe(false);
    }
    expect(swaps).toBeGreaterThan(80);
  });

  test('is refused with any one character missing or doubled', () => {
    for (let index = 0; index < text.length; index += 1) {
      const rest = text.slice(index + 1);
      expect(decodeInvite(text.slice(0, index) + rest).ok).toBe(false);
      expect(decodeInvite(text.slice(0, index + 1) + (text[index] ?? '') + rest).ok).toBe(false);
    }
  });

  test('is refused with a Unicode character that maps to the right one only by a change of case', () => {
    // The Kelvin sign becomes a k, the long s an S.
    const upper = text.toUpperCase();
    expect(upper).toContain('K');
    for (const wrong of [upper.replace('K', '\u212a'), text.replace('s', '\u017f'), upper.replace('S', '\u017f')]) {
      expect(decodeInvite(wrong).ok).toBe(false);
    }
  });

  const refusals: readonly (readonly [string, InviteCode, string])[] = [
    ['nothing', 'invite-empty', ''],
    ['white space', 'invite-empty', ' \n\t '],
    ['a string that begins otherwise', 'invite-prefix', `b${text.slice(1)}`],
    ['a string without its beginning', 'invite-prefix', text.slice(3)],
    ['mixed case', 'invite-case', `${text.slice(0, 20)}${text.slice(20).toUpperCase()}`],
    ['a character that is not in the alphabet', 'invite-character', `${text.slice(0, 50)}b${text.slice(51)}`],
    ['a space within', 'invite-character', `${text.slice(0, 50)} ${text.slice(50)}`],
    ['a wrong character', 'invite-checksum', `${text.slice(0, -1)}${text.endsWith('q') ? 'p' : 'q'}`],
    ['a string that was cut off', 'invite-checksum', text.slice(0, 100)],
    ['the checksum of bech32, not bech32m', 'invite-checksum', encodeAnyPayload(payload, 1)],
    ['a string cut off within its checksum', 'invite-length', 'sotto1qqq'],
    ['a payload one byte short', 'invite-length', encodeAnyPayload(payload.slice(0, -1))],
    ['a payload one byte long', 'invite-length', encodeAnyPayload([...payload, 0])],
    ['no payload', 'invite-length', encodeAnyPayload([])],
    ['a later version, whatever its length', 'invite-version', encodeAnyPayload([2, 0, 0])],
    ['version 0', 'invite-version', encodeAnyPayload([0, ...payload.slice(1)])],
    ['an unknown flag', 'invite-flags', encodeAnyPayload([1, 1, ...payload.slice(2)])],
  ];

  test.each(refusals)('is refused with its code: %s', (_name, code, string) => {
    expect(decodeInvite(string)).toEqual({ ok: false, code });
  });

  test('has a case here for every code', () => {
    expect(new Set(refusals.map(([, code]) => code))).toEqual(new Set(INVITE_CODES));
  });

  test('has one spelling: left-over bits that are not zero, and a whole extra word, are refused', () => {
    const words = Array.from(text.slice(6, -6), (character) => ALPHABET.indexOf(character));
    expect(withChecksum(words)).toBe(text);
    const last = words.at(-1) ?? 0;
    // 66 bytes are 528 bits: 106 words with two bits left over.
    for (const bits of [1, 2, 3]) {
      const wrong = withChecksum([...words.slice(0, -1), last | bits]);
      expect(decodeInvite(wrong)).toEqual({ ok: false, code: 'invite-length' });
    }
    expect(decodeInvite(withChecksum([...words, 0]))).toEqual({ ok: false, code: 'invite-length' });
  });
});
