// Only the relay makes a commit: a stranger with the string that publishes the frames of one
// disturbs nobody. PROTOCOL.md §4.7, §5.2.

import { COVERS, toHex } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { textsOf } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import { CoveredRoom, troubleOf, UNSHARED } from './covered-room.ts';
import { StringHolder } from './string-holder.ts';

/** For a member to come in, and for all slots and delays behind that. */
const COMING_MS = 60_000;
/** A text leaves within a slot and comes within another, in every mode. */
const TEXT_MS = 15_000;

function member(room: CoveredRoom, name: string): RoomMember {
  const found = room.members.find((one) => one.name === name);
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
}

/** The code of each member's epoch, which tells apart epochs of one number. */
function codesOf({ members }: CoveredRoom): Promise<(string | undefined)[]> {
  return Promise.all(members.map(async ({ client }) => (await client.roomCode())?.words.join(' ')));
}

async function open(cover: (typeof COVERS)[number]): Promise<{ room: CoveredRoom; holder: StringHolder }> {
  const room = await CoveredRoom.open(cover, { allowances: UNSHARED });
  for (const name of ['anna', 'ben']) {
    room.enter(name, {});
    await room.clock.advance(COMING_MS);
  }
  return { room, holder: await StringHolder.attach(room) };
}

/** Each says a text, and all others hear it. */
async function expectTalk(room: CoveredRoom): Promise<void> {
  for (const { name, client } of room.members) {
    client.send(`${name} is here`);
    await room.clock.advance(TEXT_MS);
    for (const other of room.members) {
      if (other.name !== name) expect(textsOf(other).at(-1)).toBe(`${name} is here`);
    }
  }
}

describe.each(COVERS)('in %s', (cover) => {
  test('a stranger that publishes a whole joining commit begins no epoch, and the room does not notice', async () => {
    const { room, holder } = await open(cover);
    const { upload, commitNumber } = await holder.makeJoin();
    const bodies = holder.sealForPublish(upload);
    holder.publish(bodies, commitNumber);
    await room.clock.advance(TEXT_MS);
    // The relay has taken them all and has shown them as they were published.
    const shown = holder.received('entry').map(toHex);
    expect(bodies.map(toHex).filter((body) => !shown.includes(body))).toEqual([]);
    // Rotations go on by the clock, but none of the epochs is the stranger's.
    expect(room.members.map((one) => one.client.members().length)).toEqual([2, 2]);
    const [code, ...others] = await codesOf(room);
    expect(code).toBeDefined();
    expect(others).toEqual([code]);
    await expectTalk(room);
    room.enter('carla', {});
    await room.clock.advance(COMING_MS);
    expect(member(room, 'carla').client.members()).toHaveLength(3);
    await expectTalk(room);
    expect(room.members.flatMap(troubleOf)).toEqual([]);
  });

  test('control: the same commit, staged and committed, lets the stranger in', async () => {
    const { room, holder } = await open(cover);
    const { upload, commitNumber } = await holder.makeJoin();
    // The stranger's frames come as a commit's, with the very envelopes that it has staged.
    holder.commit(upload, commitNumber);
    await room.clock.advance(TEXT_MS);
    const shown = holder.received('committed').map(toHex);
    expect(upload.bodies.map(toHex).filter((body) => !shown.includes(body))).toEqual([]);
    expect(room.members.map((one) => one.client.members().length)).toEqual([3, 3]);
    await expectTalk(room);
    expect(room.members.flatMap(troubleOf)).toEqual([]);
  });
});
