import { bodyBytes, LARGEST_FRAME_BYTES, PATIENCE_SECONDS_LEAST, SMALLEST_FRAME_BYTES } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import {
  BACKOFF_MAX_MS,
  LEAVERS_RANK_MS,
  PRESENCE_INTERVAL_MS,
  RANK_FIRST_MS,
  RECEIPT_DELAY_MS,
} from '../src/limits.ts';
import { hostOf } from '@sotto/fixtures/memory-host';
import { epochOf, expectTalk, joinMembers, Room, textsOf, told, warningsOf } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import type { Entry } from '@sotto/fixtures';

describe('a relay that shows members different rooms', () => {
  /**
   * Omits the next entry for one connection, and renumbers the following ones, so that no gap
   * shows.
   */
  function hideNext(room: Room, connection: number): void {
    let hidden = 0;
    room.relay.shape = (entry, to) => {
      if (to !== connection) return [entry];
      hidden += 1;
      return hidden === 1 ? [] : [{ ...entry, sequence: entry.sequence - 1 }];
    };
  }

  test('is detected at the next message after it omits an entry for one member', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    hideNext(room, ben.connection());
    anna.client.send('hidden');
    await room.clock.advance(1);
    anna.client.send('shown');
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['shown']);
    expect(warningsOf(ben)).toEqual(['log-differs']);
    expect(told(ben, 'warning')[0]?.from?.name).toBe('Anna');
  });

  test('is detected after it changes the order of entries', async () => {
    const room = new Room();
    const [anna, ben, cleo] = await joinMembers(room, 3);
    if (cleo === undefined) throw new Error('nobody');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    const held: Entry[] = [];
    room.relay.shape = (entry, to) => {
      if (to !== ben.connection()) return [entry];
      held.push(entry);
      if (held.length !== 2) return held.length > 2 ? [entry] : [];
      return [
        { ...entry, sequence: entry.sequence - 1 },
        { ...(held[0] ?? entry), sequence: entry.sequence },
      ];
    };
    anna.client.send('first');
    await room.clock.advance(1);
    cleo.client.send('second');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    expect(textsOf(ben)).toEqual(['second', 'first']);
    expect(warningsOf(ben)).toContain('log-differs');
  });

  /** Swaps the next two entries for `connection`. */
  function swapNext(room: Room, connection: number): void {
    const held: Entry[] = [];
    room.relay.shape = (entry, to) => {
      if (to !== connection || held.length === 2) return [entry];
      held.push(entry);
      const [first] = held;
      if (first === entry || first === undefined) return [];
      return [
        { sequence: first.sequence, body: entry.body },
        { ...first, sequence: entry.sequence },
      ];
    };
  }

  /** Three members; Anna can begin an epoch at any moment. */
  async function gatherAround(room: Room): Promise<[RoomMember, RoomMember, RoomMember]> {
    const seats = [
      await room.join('Anna', { moderator: hostOf(room) }),
      await room.join('Ben'),
      await room.join('Cleo'),
    ] as const;
    await room.clock.advance(2 * (RANK_FIRST_MS + LEAVERS_RANK_MS));
    return [...seats];
  }

  /** Two members send a text at once. A new epoch begins before any member has sent a receipt. */
  async function sayLast(room: Room, seats: readonly [RoomMember, RoomMember, RoomMember]): Promise<void> {
    const [anna, , cleo] = seats;
    const epoch = epochOf(anna) ?? 0;
    const { length } = room.relay.arrivals;
    anna.client.send('first');
    cleo.client.send('second');
    await room.clock.advance(1);
    anna.client.setAccess('knock');
    await room.clock.advance(100);
    expect(seats.map(epochOf)).toEqual([epoch + 1, epoch + 1, epoch + 1]);
    expect(room.relay.arrivals.length - length).toBe(2);
  }

  test('is detected in the next epoch after it changes the order of the last texts, even without another text', async () => {
    const room = new Room();
    const seats = await gatherAround(room);
    const [, ben] = seats;
    swapNext(room, ben.connection());
    await sayLast(room, seats);
    expect(textsOf(ben)).toEqual(['second', 'first']);
    expect(seats.map(warningsOf)).toEqual([[], [], []]);
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    // Ben saw another log than both other members, so he warns twice, and each of them once.
    expect(seats.map(warningsOf)).toEqual([['log-differs'], ['log-differs', 'log-differs'], ['log-differs']]);
    await room.clock.advance(5 * PRESENCE_INTERVAL_MS);
    expect(seats.map((seat) => warningsOf(seat).length)).toEqual([1, 2, 1]);
  });

  test('is detected even if four epochs in a row follow each other faster than a receipt', async () => {
    const room = new Room();
    const seats = await gatherAround(room);
    const [anna, ben] = seats;
    swapNext(room, ben.connection());
    await sayLast(room, seats);
    for (const mode of ['open', 'knock', 'open'] as const) {
      anna.client.setAccess(mode);
      await room.clock.advance(RECEIPT_DELAY_MS / 5);
    }
    expect(seats.map(warningsOf)).toEqual([[], [], []]);
    await room.clock.advance(RECEIPT_DELAY_MS);
    expect(seats.map((seat) => warningsOf(seat).length)).toEqual([1, 2, 1]);
    expect(told(anna, 'delivered').map(({ by }) => by)).toEqual([1]);
    // Each difference is reported once, although three more epochs mention it.
    anna.client.setAccess('knock');
    await room.clock.advance(2 * PRESENCE_INTERVAL_MS);
    expect(seats.map((seat) => warningsOf(seat).length)).toEqual([1, 2, 1]);
  });

  test('control: in an honest room, texts count as delivered however fast epochs follow each other', async () => {
    const room = new Room();
    const seats = await gatherAround(room);
    const [anna] = seats;
    await sayLast(room, seats);
    for (const mode of ['open', 'knock', 'open'] as const) {
      anna.client.setAccess(mode);
      await room.clock.advance(RECEIPT_DELAY_MS / 5);
    }
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    expect(told(anna, 'delivered').map(({ by }) => by)).toEqual([1, 2]);
    expect(seats.map(warningsOf)).toEqual([[], [], []]);
  });

  test('does not make a text count as delivered to a member that saw another log', async () => {
    const room = new Room();
    const seats = await gatherAround(room);
    const [anna, ben] = seats;
    swapNext(room, ben.connection());
    await sayLast(room, seats);
    await room.clock.advance(5 * PRESENCE_INTERVAL_MS);
    const id = told(anna, 'sent').find(({ ref }) => ref === undefined)?.id;
    expect(told(anna, 'delivered').filter((event) => event.id === id)).toEqual([{ type: 'delivered', id, by: 1 }]);
    anna.client.send('third');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    expect(told(anna, 'delivered').at(-1)?.by).toBe(2);
  });

  test('control: in an honest room, the last text of an epoch is delivered to all members without a warning', async () => {
    const room = new Room();
    const seats = await gatherAround(room);
    await sayLast(room, seats);
    const { length } = room.relay.arrivals;
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    // Each member sends one receipt, and none for an epoch without texts.
    expect(room.relay.arrivals.length - length).toBe(3);
    expect(told(seats[0], 'delivered').map(({ by }) => by)).toEqual([1, 2]);
    seats[0].client.setAccess('open');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    expect(room.relay.arrivals.length - length).toBe(3);
    expect(seats.map(warningsOf)).toEqual([[], [], []]);
  });

  test.each(['silence', 'a text at once'])(
    'is detected in the next epoch, through %s, after it hides one member’s last text from all others',
    async (next) => {
      const room = new Room();
      const seats = await gatherAround(room);
      const [anna] = seats;
      const noise = room.random.bytes(bodyBytes(SMALLEST_FRAME_BYTES));
      const hidden = (room.relay.log.at(-1)?.sequence ?? 0) + 1;
      room.relay.shape = (entry, to) =>
        entry.sequence === hidden && to !== anna.connection() ? [{ ...entry, body: noise }] : [entry];
      anna.client.send('hidden');
      await room.clock.advance(1);
      anna.client.setAccess('knock');
      await room.clock.advance(100);
      // Only Anna knows of a text. Only a receipt or a presence carries the hash of the earlier
      // epoch.
      if (next !== 'silence') anna.client.send(next);
      await room.clock.advance(RECEIPT_DELAY_MS / 2);
      expect(seats.map(warningsOf)).toEqual([[], [], []]);
      await room.clock.advance(RECEIPT_DELAY_MS);
      expect(seats.slice(1).map(warningsOf)).toEqual([['log-differs'], ['log-differs']]);
      await room.clock.advance(2 * PRESENCE_INTERVAL_MS);
      expect(seats.map((seat) => warningsOf(seat).length)).toEqual([2, 1, 1]);
    },
  );

  test('is detected after it goes back and grows again while members are away', async () => {
    const room = new Room();
    const [anna, ben] = await joinMembers(room, 2);
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    room.unreachable = true;
    ben.streams.at(-1)?.cut();
    await room.clock.advance(1);
    for (const text of ['one', 'two']) anna.client.send(text);
    await room.clock.advance(1);
    anna.streams.at(-1)?.cut();
    await room.clock.advance(1);
    room.relay.rollBack(2);
    for (let grown = 0; grown < 3; grown += 1) room.relay.append(room.random.bytes(bodyBytes(LARGEST_FRAME_BYTES)));
    room.unreachable = false;
    await room.clock.advance(2 * BACKOFF_MAX_MS);
    anna.client.send('three');
    await room.clock.advance(2 * RECEIPT_DELAY_MS);
    expect(textsOf(ben)).toEqual(['three']);
    expect(warningsOf(ben)).toEqual(['log-differs']);
    expect(warningsOf(anna)).toEqual(['log-differs']);
  });

  test('control: a member that was removed and rejoins causes no warning', async () => {
    const room = new Room();
    const [anna, ben, cleo] = await joinMembers(room, 3);
    if (cleo === undefined) throw new Error('nobody');
    room.relay.patienceSeconds = PATIENCE_SECONDS_LEAST;
    for (const { streams } of [anna, cleo]) streams.at(-1)?.cut();
    await room.clock.advance(2 * BACKOFF_MAX_MS);
    const unheard = ben.connection();
    room.relay.passesOn = (connection) => connection !== unheard;
    const removed = (): number => told(anna, 'removed').length;
    room.relay.keeps = (arrival) => arrival.connection !== unheard || removed() > 0;
    for (let waited = 0; waited < 10 && removed() === 0; waited += 1) await room.clock.advance(PRESENCE_INTERVAL_MS);
    expect(removed()).toBe(1);
    anna.client.send('meanwhile');
    await room.clock.advance(PRESENCE_INTERVAL_MS);
    expect(anna.client.members()).toHaveLength(3);
    await expectTalk(room, [anna, ben, cleo], 'again');
    await room.clock.advance(2 * PRESENCE_INTERVAL_MS);
    for (const seat of [anna, ben, cleo]) expect(warningsOf(seat)).toEqual([]);
  });

  test('control: an honest room with cuts causes no warning', async () => {
    const room = new Room();
    const seats = await joinMembers(room, 4);
    for (let round = 0; round < 20; round += 1) {
      seats[round % 4]?.client.send(`text ${round}`);
      if (round % 5 === 0) seats[(round + 1) % 4]?.streams.at(-1)?.cut();
      await room.clock.advance(700);
    }
    await room.clock.advance(2 * BACKOFF_MAX_MS);
    for (const seat of seats) expect(warningsOf(seat)).toEqual([]);
  });
});
