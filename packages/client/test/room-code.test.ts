// The room code is computed when it is asked for, and never else. PROTOCOL.md §5.12.

import { createHook } from 'node:async_hooks';
import { nativeCrypto } from '@sotto/crypto/native';
import { roomCode } from '@sotto/crypto/mls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEY_GRACE_MS } from '@sotto/protocol';
import { ROTATE_AFTER_TEXT_MS } from '../src/limits.ts';
import { epochOf, expectTalk, joinMembers, Room, told } from '@sotto/fixtures/room';

/** Node makes one resource of this type for each scrypt, whoever asks for it. */
const SCRYPT = 'SCRYPTREQUEST';
let computed = 0;
const hook = createHook({
  init: (_id, type) => {
    if (type === SCRYPT) computed += 1;
  },
});
beforeEach(() => {
  computed = 0;
  hook.enable();
});
afterEach(() => {
  hook.disable();
});

/** From a text to the next epoch, with a turn that is passed over. */
const ROTATION_MS = ROTATE_AFTER_TEXT_MS + 3 * KEY_GRACE_MS;

describe('the room code', () => {
  test('is not computed in any of many epochs while no member asks for it', async () => {
    const room = new Room();
    const members = await joinMembers(room, 3);
    for (let round = 0; round < 4; round += 1) {
      await expectTalk(room, members, `round ${round}`);
      await room.clock.advance(ROTATION_MS);
    }
    const epochs = members.map((member) => told(member, 'epoch').length);
    expect(Math.min(...epochs)).toBeGreaterThan(4);
    expect(computed).toBe(0);
  });

  test('control: is computed once in each epoch in which a member asks for it', async () => {
    const room = new Room();
    const [anna] = await joinMembers(room, 2);
    const first = await anna.client.roomCode();
    expect(computed).toBe(1);
    expect(await Promise.all([anna.client.roomCode(), anna.client.roomCode()])).toEqual([first, first]);
    expect(computed).toBe(1);
    anna.client.send('a text');
    await room.clock.advance(ROTATION_MS);
    expect(computed).toBe(1);
    const next = await anna.client.roomCode();
    expect(computed).toBe(2);
    expect(next?.words).not.toEqual(first?.words);
  });

  test('is that of the epoch in which it was asked for, whatever begins meanwhile', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    const epoch = epochOf(anna);
    const asked = anna.client.roomCode();
    const expected = await ben.client.roomCode();
    // Asked anew, so that neither answer is the other's: a new epoch begins before it is awaited.
    const again = ben.client.roomCode();
    anna.client.send('a text');
    await room.clock.advance(ROTATION_MS);
    expect(epochOf(anna)).toBeGreaterThan(epoch ?? 0);
    expect(await asked).toEqual(expected);
    expect(await again).toEqual(expected);
    expect(expected?.epoch).toBe(epoch);
    expect((await anna.client.roomCode())?.epoch).toBe(epochOf(anna));
  });

  test('is absent outside of the room: before the join, and after a panic', async () => {
    const room = new Room();
    const [anna] = await joinMembers(room, 2);
    expect(await room.member('Cleo').client.roomCode()).toBeUndefined();
    expect((await anna.client.roomCode())?.words).toHaveLength(8);
    anna.client.panic();
    expect(await anna.client.roomCode()).toBeUndefined();
  });

  test('control: the count finds a code that nothing of the client has asked for', async () => {
    await roomCode(nativeCrypto, new Uint8Array(64));
    expect(computed).toBe(1);
  });
});
