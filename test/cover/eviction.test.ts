// Evicted members that come back at once, while the others move: they never learn where to.
// PROTOCOL.md §5.8, §5.9.

import { COVERS, encodeInvite } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { statesOf, textsOf, told } from '@sotto/fixtures/room';
import type { MemberOptions, RoomMember } from '@sotto/fixtures/room';
import { CoveredRoom } from './covered-room.ts';
import { Intruder, Spoiler } from './intruder.ts';

/** Evictions in each mode: `SOTTO_EVICTIONS=50 npm test` makes fifty, in many minutes. */
const EVICTIONS = Number(process.env['SOTTO_EVICTIONS'] ?? 1);
const RUN_LIMIT_MS = 60_000;
/** For a member to come in, and for all slots and delays behind that. */
const COMING_MS = 60_000;
/** For the eviction and the move, and for the next rotations in the old room. */
const MOVING_MS = 90_000;
const TEXT_MS = 15_000;

interface Scene {
  readonly room: CoveredRoom;
  readonly host: RoomMember;
  readonly ben: RoomMember;
  readonly eve: RoomMember;
  /** Two connections of eve, on which she comes back as a stranger. */
  readonly intruders: readonly Intruder[];
  readonly spoilers: readonly Spoiler[];
}

/** Eve's client hears that it was removed, and both of her other connections begin to join. */
async function openScene(
  cover: Cover,
  options: { latencyMs?: number; seed?: number } = {},
  hear: NonNullable<MemberOptions['hear']> = () => undefined,
): Promise<Scene> {
  const room = await CoveredRoom.open(cover, options);
  const elsewhere = room.host.rooms;
  const intruders: Intruder[] = [];
  const comeBack = (): void => {
    for (const intruder of intruders) intruder.comeIn();
  };
  const host = room.enter('host', { moderator: room.host, elsewhere, hear });
  await room.clock.advance(COMING_MS);
  const ben = room.enter('ben', { elsewhere });
  await room.clock.advance(COMING_MS);
  const eve = room.enter('eve', {
    elsewhere,
    hear: (event) => {
      if (event.type === 'state' && event.code === 'evicted') comeBack();
    },
  });
  await room.clock.advance(COMING_MS);
  intruders.push(await Intruder.attach(room), await Intruder.attach(room));
  const spoilers = [await Spoiler.attach(room)];
  return { room, host, ben, eve, intruders, spoilers };
}

async function evictEve({ room, host, eve, spoilers }: Scene): Promise<void> {
  for (const spoiler of spoilers) spoiler.arm();
  host.client.evict(eve.client.fingerprint);
  await room.clock.advance(MOVING_MS);
  expect(statesOf(eve).at(-1)).toBe('closed evicted');
}

/** The others talk in the new room. */
async function expectTalk({ room, host, ben }: Scene): Promise<void> {
  for (const [speaker, hearer] of [
    [host, ben],
    [ben, host],
  ] as const) {
    speaker.client.send(`${speaker.name} is here`);
    await room.clock.advance(TEXT_MS);
    expect(textsOf(hearer).at(-1)).toBe(`${speaker.name} is here`);
  }
}

function end({ room }: Scene): void {
  for (const { client } of room.members) client.panic();
}

async function expectSecretWay(cover: Cover, options: { latencyMs?: number; seed?: number }): Promise<void> {
  const scene = await openScene(cover, options);
  const { room, host, ben, eve, intruders, spoilers } = scene;
  await evictEve(scene);
  const { invite } = room.host.last;
  for (const member of [host, ben]) {
    expect(told(member, 'moved')).toEqual([{ type: 'moved', invite: encodeInvite(invite) }]);
  }
  expect(told(eve, 'moved')).toEqual([]);
  expect(room.host.asked).toEqual(['evict', 'moved']);
  // She is back in the old room, was shown the upload, and some of the junk is behind it.
  expect(intruders.some(({ isIn }) => isIn)).toBe(true);
  expect(spoilers.some(({ isSpent }) => isSpent)).toBe(true);
  for (const intruder of intruders) {
    expect(intruder.hasRead(invite.roomSecret)).toBe(false);
    expect(intruder.hasRead(invite.onionKey)).toBe(false);
  }
  await expectTalk(scene);
  end(scene);
}

describe.each(COVERS)('in %s', (cover) => {
  test(
    'an evicted member that comes back at once, twice, does not learn where the others went',
    { timeout: EVICTIONS * RUN_LIMIT_MS },
    async () => {
      for (let seed = 1; seed <= EVICTIONS; seed += 1) await expectSecretWay(cover, { seed });
    },
  );
});

test.each([0, 700])(
  'an evicted member at a latency of %i ms does not learn it either',
  { timeout: EVICTIONS * RUN_LIMIT_MS },
  async (latencyMs) => {
    for (let seed = 1; seed <= EVICTIONS; seed += 1) await expectSecretWay('stealth-8', { latencyMs, seed });
  },
);

/**
 * Eve has come in under a second key before the host offers the other room; the moderator listed the
 * members before that. `list`: what the order lists.
 */
async function evictBehindJoin(
  cover: Cover,
  seed: number,
  list: (listed: readonly Uint8Array[], second: Intruder) => readonly Uint8Array[],
): Promise<{ readonly scene: Scene; readonly second: Intruder; readonly late: RoomMember }> {
  const scene = await openScene(cover, { seed });
  const { room, host, eve } = scene;
  const house = room.host;
  const second = await Intruder.attach(room);
  const offered = Promise.withResolvers<undefined>();
  const genuine = house.evict.bind(house);
  house.evict = async (memberId, listed) => {
    await offered.promise;
    return genuine(memberId, list(listed, second));
  };
  host.client.evict(eve.client.fingerprint);
  second.comeIn();
  const late = room.enter('late', { elsewhere: house.rooms });
  await room.clock.advance(COMING_MS);
  expect(second.memberIds).toHaveLength(1);
  expect(statesOf(late).at(-1)).toBe('joined');
  offered.resolve(undefined);
  await room.clock.advance(MOVING_MS);
  expect(statesOf(eve).at(-1)).toBe('closed evicted');
  return { scene, second, late };
}

test.each(['off', 'jitter', 'stealth-8'] as const)(
  'in %s an evicted member that joins under another key before the commit is removed by it, and does not learn the way',
  { timeout: EVICTIONS * RUN_LIMIT_MS },
  async (cover) => {
    for (let seed = 1; seed <= EVICTIONS; seed += 1) {
      const { scene, second, late } = await evictBehindJoin(cover, seed, (listed) => listed);
      const { room, host, ben, intruders } = scene;
      const { invite } = room.host.last;
      for (const member of [host, ben]) {
        expect(told(member, 'moved')).toEqual([{ type: 'moved', invite: encodeInvite(invite) }]);
        const reasons = told(member, 'removed').map(({ reason }) => reason);
        expect(reasons.filter((reason) => reason === 'unlisted')).toHaveLength(2);
      }
      for (const intruder of [second, ...intruders]) {
        expect(intruder.hasRead(invite.roomSecret)).toBe(false);
        expect(intruder.hasRead(invite.onionKey)).toBe(false);
      }
      // An honest newcomer of that minute is removed, too, and told so.
      expect(statesOf(late).at(-1)).toBe('closed unlisted');
      expect(told(late, 'moved')).toEqual([]);
      await expectTalk(scene);
      end(scene);
    }
  },
);

test.each(['off', 'stealth-8'] as const)(
  'control: in %s it learns the way where the order lists its second key',
  { timeout: RUN_LIMIT_MS },
  async (cover) => {
    const { scene, second } = await evictBehindJoin(cover, 1, (listed, { memberIds }) => [...listed, ...memberIds]);
    expect(second.hasRead(scene.room.host.last.invite.roomSecret)).toBe(true);
    end(scene);
  },
);

test.each(['jitter', 'stealth-8', 'stealth-32'] as const)(
  'control: in %s it learns it where a member says the way in the next epoch',
  { timeout: RUN_LIMIT_MS },
  async (cover) => {
    const scene = await openScene(cover, {}, (event, { client }) => {
      if (event.type === 'removed' && event.reason === 'evicted')
        client.send(encodeInvite(scene.room.host.last.invite));
    });
    const { room, intruders } = scene;
    const { host: house } = room;
    const genuine = house.evict.bind(house);
    // Nobody follows a move that is not signed; so the way is only in what the host says.
    house.evict = async (memberId, listed) => {
      const { order, move } = await genuine(memberId, listed);
      return { order, move: { ...move, signature: new Uint8Array(64) } };
    };
    await evictEve(scene);
    expect(intruders.some((intruder) => intruder.hasRead(Buffer.from(encodeInvite(house.last.invite))))).toBe(true);
    end(scene);
  },
);

test('a way that leaks admits nobody: a stranger knocks, and a join that keeps no rule is refused', async () => {
  const scene = await openScene('off');
  const { room, host, ben } = scene;
  await evictEve(scene);
  const next = room.host.last;
  // An accomplice has told eve the string.
  const again = room.enter('eve', { invite: next.invite, elsewhere: room.host.rooms });
  await room.clock.advance(COMING_MS);
  expect(statesOf(again).at(-1)).toBe('knocking');
  const intruder = await Intruder.attach(next);
  intruder.comeIn();
  await room.clock.advance(MOVING_MS);
  // Her commit was stored, and begins no epoch but her own.
  expect(intruder.isIn).toBe(true);
  await expectTalk(scene);
  for (const member of [host, ben]) expect(member.client.members()).toHaveLength(2);
  expect(intruder.hasRead(Buffer.from('ben is here'))).toBe(false);
  expect(textsOf(again)).toEqual([]);
  // Control: once a member admits her, she hears what is said.
  ben.client.admit(again.client.fingerprint);
  await room.clock.advance(COMING_MS);
  host.client.send('to all three');
  await room.clock.advance(TEXT_MS);
  expect(textsOf(again)).toEqual(['to all three']);
  end(scene);
});

test('a listed member that was away through the eviction and junk behind it comes along', async () => {
  const scene = await openScene('off');
  const { room, host, ben } = scene;
  const dora = room.enter('dora', { elsewhere: room.host.rooms });
  await room.clock.advance(COMING_MS);
  room.unreachable = true;
  dora.streams.at(-1)?.cut();
  await evictEve(scene);
  expect(told(dora, 'moved')).toEqual([]);
  room.unreachable = false;
  await room.clock.advance(2 * COMING_MS);
  expect(told(dora, 'moved')).toHaveLength(1);
  expect(statesOf(dora).at(-1)).toBe('joined');
  await expectTalk(scene);
  expect(textsOf(dora)).toEqual(['host is here', 'ben is here']);
  expect([host, ben, dora].map(({ client }) => client.members().length)).toEqual([3, 3, 3]);
  end(scene);
});
