// A relay that shows a member the frames of a commit otherwise than they were made: the member tells
// its user. PROTOCOL.md §4.7, §5.10.

import { COMMIT_PLACE_BYTES, decodeCommittedBody, encodeCommittedBody } from '@sotto/protocol';
import type { CommittedBody } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { BACKOFF_MAX_MS, PRESENCE_INTERVAL_MS, RECEIPT_DELAY_MS } from '../src/limits.ts';
import { expectTalk, joinMembers, Room, statesOf, textsOf, told, warningsOf } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import type { Entry } from '@sotto/fixtures';

const MISBEHAVED = 'reconnecting relay-misbehaved';

function placeOf({ operation, body }: Entry): CommittedBody | undefined {
  const committed = operation === 'committed' ? decodeCommittedBody(body) : undefined;
  return committed?.ok === true ? committed.value : undefined;
}

/** The entry in another place of its commit, or of another commit. */
function moved(entry: Entry, place: Partial<CommittedBody>): Entry {
  const committed = placeOf(entry);
  if (committed === undefined) throw new Error('not a frame of a commit');
  return { ...entry, body: encodeCommittedBody({ ...committed, ...place }) };
}

/** The same bytes as somebody could have published them. */
function asPublished({ sequence, body }: Entry): Entry {
  return { sequence, operation: 'entry', body };
}

/** The entries that are shown in place of one; `index`: its place in its commit, if it has one. */
type Lie = (entry: Entry, index: number | undefined) => readonly Entry[];

/**
 * Makes the relay lie about all entries to some connections. Entries behind one that it adds or
 * leaves out have other numbers, so that no gap shows.
 */
function lieTo(room: Room, isLiedTo: (connection: number) => boolean, lie: Lie): void {
  let shift = 0;
  room.relay.shape = (entry, connection) => {
    if (!isLiedTo(connection)) return [entry];
    const shown = lie(entry, placeOf(entry)?.index);
    const numbered = shown.map((one, at) => ({ ...one, sequence: entry.sequence + shift + at }));
    shift += shown.length - 1;
    return numbered;
  };
}

async function open(): Promise<{ room: Room; anna: RoomMember; ben: RoomMember }> {
  const room = new Room();
  const [anna, ben] = await joinMembers(room, 2);
  await room.clock.advance(2 * RECEIPT_DELAY_MS);
  return { room, anna, ben };
}

const noise = (room: Room): Entry => ({ sequence: 0, operation: 'entry', body: room.random.bytes(496) });

const lies: readonly (readonly [string, (room: Room) => Lie])[] = [
  ['with an index that is left out', () => (entry, index) => [index === 1 ? moved(entry, { index: 2 }) : entry]],
  ['with an index twice', () => (entry, index) => [index === 1 ? moved(entry, { index: 0 }) : entry]],
  ['from an index above 0 on', () => (entry, index) => [index === 0 ? moved(entry, { index: 1 }) : entry]],
  ['with another count in its middle', () => (entry, index) => [index === 1 ? moved(entry, { count: 3 }) : entry]],
  [
    'under two commit numbers',
    () => (entry, index) => [
      index === 1 ? moved(entry, { commitNumber: (placeOf(entry)?.commitNumber ?? 0) + 1 }) : entry,
    ],
  ],
  [
    'under a later commit number',
    () => (entry, index) => [
      index === undefined ? entry : moved(entry, { commitNumber: (placeOf(entry)?.commitNumber ?? 0) + 1 }),
    ],
  ],
  [
    'under the commit number of the one before',
    () => (entry, index) => [
      index === undefined ? entry : moved(entry, { commitNumber: (placeOf(entry)?.commitNumber ?? 0) - 1 }),
    ],
  ],
  ['without a frame', () => (entry, index) => (index === 1 ? [] : [entry])],
  ['with a frame twice', () => (entry, index) => (index === 1 ? [entry, entry] : [entry])],
  ['with an ordinary frame in its middle', (room) => (entry, index) => (index === 1 ? [noise(room), entry] : [entry])],
  ['with a frame as an ordinary one', () => (entry, index) => [index === 1 ? asPublished(entry) : entry]],
  ['without its end', () => (entry, index) => (index !== undefined && index > 1 ? [] : [entry])],
];

describe('a relay that shows one member a commit', () => {
  test.each(lies)('%s is told as the one that misbehaves, and the room goes on', async (_what, make) => {
    const { room, anna, ben } = await open();
    const connection = ben.connection();
    lieTo(room, (to) => to === connection, make(room));
    const cleo = await room.join('Cleo');
    // A commit that ends too early shows with the next frame.
    anna.client.send('is anything wrong?');
    await room.clock.advance(1);
    expect(statesOf(ben)).toContain(MISBEHAVED);
    await room.clock.advance(2 * BACKOFF_MAX_MS);
    expect(ben.connection()).not.toBe(connection);
    expect(textsOf(ben)).toEqual(['is anything wrong?']);
    await expectTalk(room, [anna, ben, cleo], 'after');
    for (const member of [anna, cleo]) expect(statesOf(member)).not.toContain(MISBEHAVED);
  });

  test('as it was made is not blamed (the control)', async () => {
    const { room, anna, ben } = await open();
    lieTo(
      room,
      () => true,
      (entry) => [entry],
    );
    const cleo = await room.join('Cleo');
    anna.client.send('is anything wrong?');
    await room.clock.advance(2 * BACKOFF_MAX_MS);
    await expectTalk(room, [anna, ben, cleo], 'after');
    for (const member of [anna, ben, cleo]) {
      expect(statesOf(member)).not.toContain(MISBEHAVED);
      expect(warningsOf(member)).toEqual([]);
    }
  });

  test('not at all, and the next ones one number lower, is told: the member cannot read the others', async () => {
    const { room, anna, ben } = await open();
    let hidden = 0;
    const connection = ben.connection();
    // The relay goes on to tell him commit numbers that are one lower.
    lieTo(
      room,
      (to) => to === connection,
      (entry) => {
        const place = placeOf(entry);
        if (place === undefined) return [entry];
        hidden += 1;
        return hidden <= place.count ? [] : [moved(entry, { commitNumber: place.commitNumber - 1 })];
      },
    );
    await room.join('Cleo');
    anna.client.send('only for those in the new epoch');
    await room.clock.advance(10 * PRESENCE_INTERVAL_MS);
    expect(textsOf(ben)).toEqual([]);
    expect(warningsOf(ben)).toContain('room-forked');
  });
});

describe('a relay that gives one member another operation', () => {
  test('a text as a commit: the member is told by the next word of anybody', async () => {
    const { room, anna, ben } = await open();
    const connection = ben.connection();
    const commitNumber = room.relay.commitNumber + 1;
    let lied = false;
    room.relay.shape = (entry, to) => {
      if (to !== connection || lied) return [entry];
      lied = true;
      const envelope = entry.body.subarray(0, entry.body.length - COMMIT_PLACE_BYTES);
      return [
        { ...entry, operation: 'committed', body: encodeCommittedBody({ commitNumber, index: 0, count: 1, envelope }) },
      ];
    };
    anna.client.send('not for Ben');
    await room.clock.advance(1);
    anna.client.send('for Ben');
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['for Ben']);
    expect(warningsOf(ben)).toContain('log-differs');
    // Under a commit number that there is not the relay takes nothing of his: that is told as well.
    ben.client.send('under a wrong number');
    await room.clock.advance(2 * BACKOFF_MAX_MS);
    expect(statesOf(ben)).toContain(MISBEHAVED);
    expect(textsOf(anna)).toEqual(['under a wrong number']);
  });

  test('a whole commit as frames that somebody has published: the member cannot read the others, says so, and comes back', async () => {
    const { room, anna, ben } = await open();
    const connection = ben.connection();
    const epochs = told(ben, 'epoch').length;
    lieTo(
      room,
      (to) => to === connection,
      (entry) => [asPublished(entry)],
    );
    const cleo = await room.join('Cleo');
    anna.client.send('in the new epoch');
    await room.clock.advance(1);
    // Published frames begin no epoch, with any content.
    expect(told(ben, 'epoch')).toHaveLength(epochs);
    expect(textsOf(ben)).toEqual([]);
    room.relay.shape = (entry) => [entry];
    await room.clock.advance(10 * PRESENCE_INTERVAL_MS);
    expect([...warningsOf(ben), ...statesOf(ben)]).toEqual(expect.arrayContaining(['room-forked']));
    await expectTalk(room, [anna, ben, cleo], 'after');
  });
});

describe('a member that was cut off while the log lost a commit', () => {
  test('resyncs as soon as it has read up, although a later commit was whole', async () => {
    const { room, anna, ben } = await open();
    room.unreachable = true;
    ben.streams.at(-1)?.cut();
    await room.clock.advance(1);
    room.unreachable = false;
    const away = room.relay.log.length;
    const cleo = await room.join('Cleo');
    const lost = room.relay.log.length;
    const dora = await room.join('Dora');
    // The whole of Cleo's commit is gone when he comes back, and Dora's is there.
    const first = room.relay.log.findIndex((entry, index) => index >= lost && placeOf(entry)?.index === 0);
    expect(first).toBeGreaterThanOrEqual(lost);
    expect(lost).toBeGreaterThan(away);
    room.relay.trim(first);
    await room.clock.advance(BACKOFF_MAX_MS);
    expect(told(ben, 'gap')).toHaveLength(1);
    await expectTalk(room, [anna, ben, cleo, dora], 'after');
    // The beginning of what it missed is not kept any more.
    expect(warningsOf(ben)).toEqual(['away-too-long']);
  });
});
