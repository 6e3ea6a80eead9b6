// The work for a heard content does not depend on how much this member has said, and each member
// counts once for each own text that it has seen. PROTOCOL.md §5.10.

import fc from 'fast-check';
import { createGroupIdentity } from '@sotto/crypto/mls';
import { EPOCHS_BEFORE, LOG_HASH_BYTES, NO_PARTIAL_TEXTS } from '@sotto/protocol';
import type { Content } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import type { ClientEvent } from '../src/events.ts';
import type { GroupOpened } from '../src/group/opened-entry.ts';
import { RoomAccess } from '../src/group/room-keys.ts';
import { TRACKED_TEXTS_MAX } from '../src/limits.ts';
import { step } from '../src/session/session-machine.ts';
import { processRoster, rollBack } from '../src/session/slices/inbox.ts';
import type { Member } from '../src/session/slices/inbox.ts';
import { currentHash, startEpoch } from '../src/session/slices/log.ts';
import {
  countDeliveries,
  createOutbox,
  dispatch,
  enqueue,
  rollBackTracked,
  seal,
  trackText,
} from '../src/session/slices/outbox.ts';
import type { Draft, Outbox } from '../src/session/slices/outbox.ts';
import { createSession } from '../src/session/state.ts';
import type { Session } from '../src/session/state.ts';
import { observerOf } from './observed.ts';
import type { Operations } from './observed.ts';

const OTHERS = 31;
const OWN_TEXTS = [8, 64, 512] as const;
const random = new SeededRandom(41);
const ROOM = new RoomAccess(
  { onionKey: random.bytes(32), roomSecret: random.bytes(32) },
  createGroupIdentity(random.bytes),
);
const NOTHING_OWN: GroupOpened = { kind: 'nothing', code: 'own', sealedBy: 'member' };

/** The state of a member in a room of 32, and what it was told; the relay and the keys are played. */
class HeardRoom {
  readonly operations: Operations = { count: 0 };
  readonly events: ClientEvent[] = [];
  readonly #observe = observerOf(this.operations);
  readonly #keys = Array.from({ length: OTHERS }, (_, index) => new Uint8Array(32).fill(index + 1));
  readonly #numbers = new Map<number, number>();
  #session: Session;
  #bodies = 0;

  constructor() {
    const session = createSession({ name: 'Anna' });
    const inbox = processRoster(rollBack(session.inbox, 1), this.#keys, 0).inbox;
    this.#session = { ...session, inbox, log: startEpoch(session.log, new Uint8Array(64), 1) };
    for (let index = 0; index < OTHERS; index += 1) this.hear(index);
  }

  /** The member says a text, and its echo comes. */
  say(): void {
    const draft: Draft = { type: 'text', ref: undefined, index: 0, count: 1, bytes: Uint8Array.of(1) };
    const body = this.#newBody();
    const outbox = dispatch(enqueue(this.#session.outbox, [draft]), draft);
    this.#session = { ...this.#session, outbox: seal(outbox, outbox.ticket, body, 'in-flight') };
    this.#open(body, NOTHING_OWN);
  }

  /** Another member says that it has seen everything. @returns how many operations that took */
  hear(index: number): number {
    const number = (this.#numbers.get(index) ?? 0) + 1;
    this.#numbers.set(index, number);
    const memberKey = this.#keys[index] ?? new Uint8Array(32);
    const { inbox, log } = this.#session;
    const header = {
      number,
      seen: inbox.seen,
      logHash: currentHash(log),
      before: new Uint8Array(EPOCHS_BEFORE * LOG_HASH_BYTES),
    };
    const content: Content =
      number === 1
        ? { ...header, type: 'presence', status: 'here', name: `member ${index}` }
        : { ...header, type: 'receipt' };
    this.#session = this.#observe(this.#session);
    this.operations.count = 0;
    this.#open(this.#newBody(), { kind: 'content', memberKey, content });
    return this.operations.count;
  }

  #open(body: Uint8Array, opened: GroupOpened): void {
    const sequence = this.#session.inbox.seen + 1;
    const entry = { sequence, body, envelope: body, place: undefined };
    const inputs = { room: ROOM, now: 0, chance: () => 0.5 };
    const { state, effects } = step(this.#session, { type: 'entry-opened', entry, opened, view: undefined }, inputs);
    this.#session = state;
    for (const effect of effects) if (effect.type === 'emit') this.events.push(effect.event);
  }

  #newBody(): Uint8Array {
    this.#bodies += 1;
    return new Uint8Array(new Uint32Array(124).fill(this.#bodies).buffer);
  }
}

/** A room in which this member has said so many texts, and each other has heard them. */
function roomAfter(texts: number): HeardRoom {
  const room = new HeardRoom();
  for (let said = 0; said < texts; said += 1) room.say();
  for (let index = 0; index < OTHERS; index += 1) room.hear(index);
  return room;
}

/** The operations of each of some contents: those that bring nothing new, and one that does. */
function costsAfter(texts: number): { readonly quiet: readonly number[]; readonly risen: number } {
  const room = roomAfter(texts);
  const quiet = [room.hear(0), room.hear(1), room.hear(OTHERS - 1)];
  room.say();
  return { quiet, risen: room.hear(7) };
}

/** As it was done before: every text is counted anew over all members, and all hashes are copied. */
function formerCost(texts: number): number {
  const operations: Operations = { count: 0 };
  const observe = observerOf(operations);
  const numbers = Array.from({ length: texts }, (_, index) => index + 2);
  const state = observe({
    tracked: numbers.map((sequence) => ({ id: `${sequence}`, sequence, by: OTHERS })),
    hashes: numbers.map((value) => ({ value })),
    members: new Map(Array.from({ length: OTHERS }, (_, index) => [index, { seen: texts + 2, since: 1 }])),
  });
  operations.count = 0;
  const others = [...state.members.values()];
  for (const text of state.tracked) {
    const by = others.filter(({ seen, since }) => seen >= text.sequence && since < text.sequence).length;
    if (by > text.by) throw new Error('a text that rises');
  }
  const hashes = [...state.hashes, { value: 0 }];
  return hashes.length > 0 ? operations.count : 0;
}

describe('a content of another member', () => {
  test('costs the same after 8, 64 and 512 own texts, with 31 other members', () => {
    const [few, more, many] = OWN_TEXTS.map(costsAfter);
    expect(Math.min(...(few?.quiet ?? []))).toBeGreaterThan(10);
    expect(more).toEqual(few);
    expect(many).toEqual(few);
  });

  test('costs the same if its sender saw another end of the epoch in which they were said', () => {
    const costs = OWN_TEXTS.map((texts) => {
      const operations: Operations = { count: 0 };
      const said = Array.from({ length: texts }, (_, index) => [index + 2, 1] as const);
      const outbox = observerOf(operations)(tracked(...said));
      operations.count = 0;
      expect(risenBy(outbox, memberOf(0, 1_000), () => false).risen).toEqual([]);
      return operations.count;
    });
    expect(costs[0]).toBeGreaterThan(0);
    expect(costs).toEqual([costs[0], costs[0], costs[0]]);
  });

  test('control: the former way costs more with each text, and the count shows it', () => {
    const [few = 0, more = 0, many = 0] = OWN_TEXTS.map(formerCost);
    expect(more).toBeGreaterThan(7 * few);
    expect(many).toBeGreaterThan(7 * more);
  });

  test('raises each text that is new to its sender by one, in the order in which they were said', () => {
    const room = roomAfter(0);
    for (let said = 0; said < 3; said += 1) room.say();
    const before = room.events.length;
    room.hear(4);
    room.hear(9);
    const told = room.events.slice(before);
    const ids = room.events.flatMap((event) => (event.type === 'sent' ? [event.id] : []));
    expect(told).toEqual([1, 2].flatMap((by) => ids.map((id) => ({ type: 'delivered', id, by }))));
    room.hear(4);
    expect(room.events).toHaveLength(before + 6);
  });
});

// The rules for own texts, one by one and in any order

function memberOf(index: number, seen: number, since = 0): Member {
  const memberKey = new Uint8Array(32).fill(index + 1);
  const silent = {
    name: 'm',
    status: 'here',
    heardAt: 0,
    number: 1,
    presence: 0,
    gapShown: false,
    partial: NO_PARTIAL_TEXTS,
  } as const;
  return { ...silent, memberKey, seen, since };
}

/** The texts that rise when the member has seen so much; all epochs count unless told otherwise. */
function risenBy(
  outbox: Outbox,
  member: Member,
  counts: (start: number) => boolean = () => true,
): { readonly outbox: Outbox; readonly risen: readonly string[] } {
  const counted = countDeliveries(outbox, member, counts);
  return { outbox: counted.outbox, risen: counted.risen.map(({ id, by }) => `${id}:${by}`) };
}

function tracked(...texts: readonly (readonly [sequence: number, start: number])[]): Outbox {
  return texts.reduce(
    (outbox, [sequence, start]) => trackText(outbox, { id: `t${sequence}`, sequence }, start),
    createOutbox([]),
  );
}

describe('an own text', () => {
  test('counts once from each member that has seen it, and from none that joined behind it', () => {
    const first = risenBy(tracked([5, 1], [7, 1], [9, 1]), memberOf(0, 7));
    expect(first.risen).toEqual(['t5:1', 't7:1']);
    const again = risenBy(first.outbox, memberOf(0, 7));
    expect(again.risen).toEqual([]);
    expect(again.outbox).toBe(first.outbox);
    const late = risenBy(again.outbox, memberOf(1, 9, 6));
    expect(late.risen).toEqual(['t7:2', 't9:1']);
    expect(risenBy(late.outbox, memberOf(0, 9)).risen).toEqual(['t9:2']);
  });

  test('counts in an epoch that is over once its end was compared, also behind texts of the next', () => {
    const outbox = tracked([5, 1], [15, 10]);
    const now = risenBy(outbox, memberOf(0, 20), (start) => start === 10);
    expect(now.risen).toEqual(['t15:1']);
    expect(risenBy(now.outbox, memberOf(0, 20)).risen).toEqual(['t5:1']);
  });

  test('counts no more when the log has lost it, and another under its number counts anew', () => {
    const { outbox } = risenBy(tracked([5, 1], [7, 1]), memberOf(0, 9));
    const back = trackText(rollBackTracked(outbox, 6), { id: 'again', sequence: 7 }, 1);
    expect(risenBy(back, memberOf(1, 6)).risen).toEqual(['t5:2']);
    expect(risenBy(back, memberOf(0, 7)).risen).toEqual(['again:1']);
  });

  test('counts from nobody below the start of its epoch, behind a log that went back', () => {
    const back = trackText(rollBackTracked(tracked([15, 10]), 4), { id: 'hidden', sequence: 5 }, 10);
    expect(risenBy(back, memberOf(0, 20)).risen).toEqual([]);
    // Control: the next one, above that start, counts.
    expect(risenBy(trackText(back, { id: 'shown', sequence: 11 }, 10), memberOf(0, 20)).risen).toEqual(['shown:1']);
  });

  test(`is forgotten behind ${TRACKED_TEXTS_MAX} others, and its epoch behind ${EPOCHS_BEFORE} others`, () => {
    let outbox = createOutbox([]);
    for (let sequence = 2; sequence < 5 * TRACKED_TEXTS_MAX; sequence += 1) {
      outbox = trackText(outbox, { id: `t${sequence}`, sequence }, sequence - (sequence % 300) - 1);
      expect(outbox.tracked.items.length).toBeLessThanOrEqual(2 * TRACKED_TEXTS_MAX);
    }
    expect(outbox.trackedEpochs).toHaveLength(EPOCHS_BEFORE + 1);
    const { risen } = risenBy(outbox, memberOf(0, 1_000_000));
    expect(risen).toHaveLength(TRACKED_TEXTS_MAX);
    expect(risen.at(-1)).toBe(`t${5 * TRACKED_TEXTS_MAX - 1}:1`);
  });
});

type Act =
  | { readonly type: 'say' | 'epoch' }
  | { readonly type: 'hear'; readonly member: number; readonly compares: boolean; readonly lag: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Act>({ type: 'say' }) },
  { weight: 1, arbitrary: fc.constant<Act>({ type: 'epoch' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('hear' as const),
      member: fc.nat(4),
      compares: fc.boolean(),
      lag: fc.nat(4),
    }),
  },
);

/** The rules as PROTOCOL.md §5.10 has them: all texts are looked at, each time. */
class SlowCount {
  readonly texts: { readonly id: string; readonly sequence: number; readonly by: Set<number> }[] = [];

  hear(
    member: number,
    { seen, since }: Member,
    counts: (start: number) => boolean,
    starts: readonly number[],
  ): string[] {
    const risen: string[] = [];
    for (const { id, sequence, by } of this.texts) {
      const start = starts.findLast((each) => each < sequence) ?? -1;
      if (seen < sequence || since >= sequence || !counts(start) || by.has(member)) continue;
      by.add(member);
      risen.push(`${id}:${by.size}`);
    }
    return risen;
  }
}

test('own texts are counted as by a count of all texts each time, whatever is said and heard', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
      const slow = new SlowCount();
      let outbox = createOutbox([]);
      let sequence = 1;
      const starts = [1];
      const compared = new Set<string>();
      const seenBy = new Map<number, number>();
      for (const one of acts) {
        sequence += 1;
        if (one.type === 'epoch') starts.push(sequence);
        if (one.type === 'say') {
          outbox = trackText(outbox, { id: `t${sequence}`, sequence }, starts.at(-1) ?? 0);
          slow.texts.push({ id: `t${sequence}`, sequence, by: new Set() });
        }
        if (one.type !== 'hear') continue;
        const known = starts.slice(-1 - EPOCHS_BEFORE);
        if (one.compares) for (const start of known.slice(0, -1)) compared.add(`${one.member} ${start}`);
        const seen = Math.max(seenBy.get(one.member) ?? 0, sequence - 1 - one.lag);
        seenBy.set(one.member, seen);
        const counts = (start: number): boolean =>
          start === known.at(-1) || (known.includes(start) && compared.has(`${one.member} ${start}`));
        // The fifth member has joined behind entry 20.
        const member = memberOf(one.member, seen, one.member === 4 ? 20 : 0);
        const counted = risenBy(outbox, member, counts);
        outbox = counted.outbox;
        expect(counted.risen).toEqual(slow.hear(one.member, member, counts, starts));
      }
    }),
    { numRuns: 300 },
  );
});
