// A name that looks like another member's causes a warning, whichever member has it. Ordinary names
// do not.

import { describe, expect, test } from 'vitest';
import { LEAVERS_RANK_MS, MEMBER_SILENT_MS, MEMBERS_CHECK_MS, RANK_FIRST_MS } from '../src/limits.ts';
import { joinMembers, Room, told, warningsOf } from '@sotto/fixtures/room';

describe('a member whose name looks like another’s', () => {
  test.each([
    ['a member’s, with punctuation', 'ben!'],
    ['a member’s, with something invisible', 'B\u034fe\ufe0fn'],
    ['a member’s, in Cyrillic and Latin', 'B\u0435n'],
    ['a member’s, behind a separator', '_Ben'],
    ['one’s own, with a zero-width space', 'An\u200bna'],
    ['one’s own, in Cyrillic and Latin', '\u0410nna'],
  ])('causes a warning: %s', async (_whose, name) => {
    const room = new Room();
    const [anna] = await joinMembers(room, 2);
    const posing = await room.join(name);
    await room.clock.advance(1);
    expect(told(anna, 'warning')).toMatchObject([
      { code: 'name-taken', from: { name: name.normalize('NFC'), fingerprint: posing.client.fingerprint } },
    ]);
  });

  test('causes a warning if it joins under another key after the first has left', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    ben.client.leave();
    await room.clock.advance(5_000);
    await room.join('B\u0435n');
    await room.clock.advance(1);
    expect(warningsOf(anna)).toEqual(['key-changed']);
  });

  test('causes one warning, however often it falls silent and sends again', async () => {
    const room = new Room();
    const [anna] = await joinMembers(room, 2);
    const posing = await room.join('BEN');
    await room.clock.advance(1);
    for (let count = 0; count < 3; count += 1) {
      room.unreachable = true;
      posing.streams.at(-1)?.cut();
      await room.clock.advance(MEMBER_SILENT_MS + 2 * MEMBERS_CHECK_MS);
      room.unreachable = false;
      await room.clock.advance(60_000);
      posing.client.send('back');
      await room.clock.advance(1);
    }
    expect(told(anna, 'arrived').filter(({ member }) => member.name === 'BEN').length).toBeGreaterThan(1);
    expect(warningsOf(anna).filter((code) => code.startsWith('name-'))).toEqual(['name-taken']);
  });
});

describe('a member with a word of the program’s own for a name', () => {
  test.each(['sotto', 'S\u043ettO', 'Host', '\u04bb\u043est', 'WARNING!', 'you'])(
    'causes a warning: %j',
    async (name) => {
      const room = new Room();
      const [anna] = await joinMembers(room, 2);
      await room.join(name);
      await room.clock.advance(1);
      expect(warningsOf(anna)).toEqual(['name-reserved']);
    },
  );
});

test('members with ordinary names cause no warning', async () => {
  const room = new Room();
  const [anna, ben] = await joinMembers(room, 2);
  for (const name of ['Bea', 'Иван', 'Елена', 'Ελένη', 'محمد', '王小明', 'José', 'Jose', 'می\u200cترا']) {
    await room.join(name);
    await room.clock.advance(RANK_FIRST_MS + LEAVERS_RANK_MS);
  }
  ben.client.send('hello');
  await room.clock.advance(1_000);
  ben.client.send('hello again');
  await room.clock.advance(1_000);
  expect(warningsOf(anna)).toEqual([]);
  expect(warningsOf(ben)).toEqual([]);
});

test('a name arrives in NFC, in whichever form its user typed it', async () => {
  const room = new Room();
  const [anna] = await joinMembers(room, 2);
  const jose = await room.join('Jose\u0301');
  await room.clock.advance(1);
  expect(told(anna, 'arrived').at(-1)?.member.name).toBe('Jos\u00e9');
  expect(
    told(jose, 'members')
      .at(-1)
      ?.members.find(({ self }) => self)?.name,
  ).toBe('Jos\u00e9');
});
