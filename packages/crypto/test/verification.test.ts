// The safety number and the room code follow their formulas, computed again with Node.

import { wordlist } from '@scure/bip39/wordlists/english.js';
import { createHash } from 'node:crypto';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { createGroupIdentity, ROOM_CODE_WORDS, roomCode, safetyNumber } from '../src/mls/index.ts';
import { at, createRoom, applyCommit, value } from './group-room.ts';

const random = new SeededRandom(17);

describe('the safety number', () => {
  test('has 60 digits, equal on both sides, and differs for every pair and every changed key', () => {
    const [ada, bea, cia] = [1, 2, 3].map(() => createGroupIdentity(random.bytes));
    if (!ada || !bea || !cia) throw new Error('three');
    const number = safetyNumber(ada, bea);
    expect(number).toMatch(/^[0-9]{60}$/);
    expect(safetyNumber(bea, ada)).toBe(number);
    expect(new Set([number, safetyNumber(ada, cia), safetyNumber(bea, cia)]).size).toBe(3);
  });

  test('follows its formula, computed again with Node’s hash', () => {
    const [ada, bea] = [createGroupIdentity(random.bytes), createGroupIdentity(random.bytes)];
    const pair = Buffer.concat(
      [ada, bea].map(({ memberKey }) => Buffer.from(memberKey)).sort((a, b) => Buffer.compare(a, b)),
    );
    let hash = Buffer.from('sotto/2 safety number');
    for (let round = 0; round < 5200; round += 1) hash = createHash('sha512').update(hash).update(pair).digest();
    const digits = Array.from({ length: 12 }, (_, group) =>
      String(hash.readUIntBE(5 * group, 5) % 100_000).padStart(5, '0'),
    );
    expect(safetyNumber(ada, bea)).toBe(digits.join(''));
  });
});

describe('the room code', () => {
  test('is six words of a list of 2,048, from the first 66 bits of the hash', () => {
    expect(wordlist).toHaveLength(2048);
    expect(new Set(wordlist).size).toBe(2048);
    const authenticator = random.bytes(64);
    const bits = [...createHash('sha512').update('sotto/1 room code').update(authenticator).digest()]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('');
    const words = Array.from(
      { length: ROOM_CODE_WORDS },
      (_, index) => wordlist[Number.parseInt(bits.slice(11 * index, 11 * index + 11), 2)],
    );
    expect(roomCode(authenticator)).toEqual(words);
    expect(roomCode(authenticator)).toHaveLength(6);
  });

  test('is equal for all members of an epoch, and differs in the next one and across a fork', async () => {
    const { members } = await createRoom(3);
    const codes = () =>
      members.map(({ group }) => roomCode(group.epochAuthenticator(group.epoch) ?? new Uint8Array(0)).join(' '));
    const before = codes();
    expect(new Set(before).size).toBe(1);
    const [one, two] = [value(await at(members, 0).group.rotate()), value(await at(members, 1).group.rotate())];
    await applyCommit([at(members, 0), at(members, 2)], one);
    await applyCommit([at(members, 1)], two);
    expect(new Set([...before, ...codes()]).size).toBe(3);
  });
});
