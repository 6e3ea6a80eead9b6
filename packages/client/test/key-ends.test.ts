// A client's keys are zeroed however it ends, and at once if its user panics. The tests watch every
// secret that it makes from outside.

import { useSecretMemory } from '@sotto/crypto/locked-memory';
import { describe, expect, test } from 'vitest';
import { DialError } from '../src/index.ts';
import { LEAVERS_RANK_MS, RANK_FIRST_MS } from '../src/limits.ts';
import { MemoryHost } from '@sotto/fixtures/memory-host';
import { Room, statesOf } from '@sotto/fixtures/room';
import type { RoomMember, MemberOptions } from '@sotto/fixtures/room';

const handedOut: Uint8Array[] = [];
useSecretMemory({
  status: 'unlocked',
  allocate: (bytes) => {
    const place = new Uint8Array(bytes);
    handedOut.push(place);
    return place;
  },
  release: () => undefined,
});

/** How many of the secrets that were made since `mark` are not zero. */
function alive(mark: number): number {
  return handedOut.slice(mark).filter((place) => place.some((byte) => byte !== 0)).length;
}

interface Scene {
  readonly room: Room;
  readonly seat: RoomMember;
  readonly mark: number;
}

/** A member that is alone in the room: all secrets from `mark` on are its own. */
async function seated(options: MemberOptions = {}): Promise<Scene> {
  const room = new Room();
  await room.founded;
  const mark = handedOut.length;
  const seat = room.member('Anna', options);
  return { room, seat, mark };
}

async function joined(): Promise<Scene> {
  const scene = await seated();
  scene.seat.client.start();
  await scene.room.clock.advance(1);
  expect(statesOf(scene.seat).at(-1)).toBe('joined');
  return scene;
}

/** Every state in which a user may panic. */
const STATES: readonly (readonly [name: string, at: () => Promise<Scene>])[] = [
  [
    'that has not started',
    async () => {
      const scene = await seated();
      // The keys of its identity exist a moment later.
      await scene.room.clock.advance(1);
      return scene;
    },
  ],
  [
    'that waits for Tor',
    async () => {
      const scene = await seated({ dial: () => new Promise(() => undefined) });
      scene.seat.client.start();
      await scene.room.clock.advance(1);
      return scene;
    },
  ],
  [
    'that waits for the relay',
    async () => {
      const scene = await seated();
      scene.room.relay.mute = true;
      scene.seat.client.start();
      await scene.room.clock.advance(1);
      expect(statesOf(scene.seat).at(-1)).toBe('joining');
      return scene;
    },
  ],
  [
    'that could not be reached yet',
    async () => {
      const scene = await seated({ dial: () => Promise.reject(new DialError('onion-unreachable', 'no way')) });
      scene.seat.client.start();
      await scene.room.clock.advance(1);
      expect(statesOf(scene.seat).at(-1)).toContain('reconnecting');
      return scene;
    },
  ],
  ['that is in the room', joined],
  [
    'whose keys are at work',
    async () => {
      const scene = await joined();
      scene.seat.client.send('half a sentence');
      expect(scene.seat.client.isBusy).toBe(true);
      return scene;
    },
  ],
  [
    'that was cut off',
    async () => {
      const scene = await joined();
      scene.room.unreachable = true;
      scene.seat.streams.at(-1)?.cut();
      await scene.room.clock.advance(1_000);
      expect(statesOf(scene.seat).at(-1)).toContain('reconnecting');
      return scene;
    },
  ],
  [
    'that is leaving',
    async () => {
      const scene = await joined();
      scene.seat.client.leave();
      expect(statesOf(scene.seat).at(-1)).toBe('joined');
      return scene;
    },
  ],
];

describe('a panic', () => {
  test.each(STATES)('zeroes all keys of a client %s, at once', async (_state, at) => {
    const { seat, mark } = await at();
    expect(alive(mark)).toBeGreaterThan(0);
    seat.client.panic();
    expect(alive(mark)).toBe(0);
  });

  test.each(STATES)('ends all events and frames of a client %s', async (_state, at) => {
    const { room, seat, mark } = await at();
    const [told, arrived, dialled] = [seat.events.length, room.relay.arrivals.length, seat.streams.length];
    seat.client.panic();
    await seat.client.ended;
    // This is longer than any retry, ping or goodbye would take.
    await room.clock.advance(300_000);
    seat.client.send('to nobody');
    seat.client.leave();
    expect(seat.events.length).toBe(told);
    expect(room.relay.arrivals.length).toBe(arrived);
    expect(seat.streams.length).toBe(dialled);
    expect(alive(mark)).toBe(0);
  });

  test('control: a client that leaves sends its goodbye', async () => {
    const { room, seat } = await joined();
    const log = room.relay.log.length;
    seat.client.leave();
    await room.clock.advance(60_000);
    expect(room.relay.log.length).toBeGreaterThan(log);
    expect(statesOf(seat).at(-1)).toBe('closed');
  });

  test('from within an event handler ends the client there', async () => {
    const { room, seat, mark } = await seated({
      hear: (event, self) => {
        if (event.type === 'state' && event.state === 'joining') self.client.panic();
      },
    });
    seat.client.start();
    await room.clock.advance(60_000);
    expect(statesOf(seat)).toEqual(['joining']);
    expect(room.relay.attached).toEqual([]);
    expect(alive(mark)).toBe(0);
  });

  test('before the keys are ready zeroes them as soon as they are', async () => {
    const { room, seat, mark } = await seated();
    seat.client.panic();
    await room.clock.advance(1);
    expect(alive(mark)).toBe(0);
  });
});

describe('all keys are zeroed', () => {
  test('when a member leaves', async () => {
    const { room, seat, mark } = await joined();
    seat.client.leave();
    await room.clock.advance(60_000);
    await seat.client.ended;
    expect(alive(mark)).toBe(0);
  });

  test('when the host closes the room', async () => {
    const { room, seat, mark } = await joined();
    room.relay.closeAll('room-closed');
    await room.clock.advance(60_000);
    expect(statesOf(seat).at(-1)).toBe('closed room-closed');
    expect(alive(mark)).toBe(0);
  });

  test('when a dial fails for good', async () => {
    const final = new DialError('tor-too-old', 'no', { final: true });
    const { room, seat, mark } = await seated({ dial: () => Promise.reject(final) });
    seat.client.start();
    await room.clock.advance(1_000);
    expect(statesOf(seat).at(-1)).toBe('closed tor-too-old');
    expect(alive(mark)).toBe(0);
  });

  test('when a member is evicted: its own, while the others go on', async () => {
    const room = new Room();
    // Opened beforehand: the keys of the fixture itself do not count.
    const next = new Room({ seed: 2, clock: room.clock });
    await next.founded;
    const house = new MemoryHost(room, () => Promise.resolve(next));
    const host = await room.join('Host', { moderator: house, elsewhere: house.rooms });
    await room.clock.advance(RANK_FIRST_MS + 2 * LEAVERS_RANK_MS);
    const mark = handedOut.length;
    const mallory = await room.join('Mallory', { elsewhere: house.rooms });
    await room.clock.advance(RANK_FIRST_MS + 2 * LEAVERS_RANK_MS);
    host.client.evict(mallory.client.fingerprint);
    await room.clock.advance(60_000);
    expect(statesOf(mallory).at(-1)).toBe('closed evicted');
    host.client.panic();
    expect(alive(mark)).toBe(0);
    expect(room.invite.roomSecret.some((byte) => byte !== 0)).toBe(true);
  });
});
