// How long those who take the places for uploads again and again can keep somebody else out,
// whatever they do and however many they are.

import { describe, expect, test } from 'vitest';
import {
  STAGE_DATA_BYTES,
  UPLOAD_GUARD_MS,
  UPLOAD_HOLD_MS,
  UPLOAD_WAIT_MS,
  UPLOADS_PER_ROOM_MAX,
} from '@sotto/protocol';
import { Uploads } from '../src/uploads.ts';

const STEP_MS = 200;
const NEWCOMER = 1_000;
/** A client asks again after 100 ms to 8.1 s, and has fetched the snapshot meanwhile. */
const PAUSE_LEAST_MS = 100;
const PAUSE_MOST_MS = 12_000;
/** Places change hands only when somebody asks. */
const TOLERANCE_MS = 1_000;
const PIECE = new Uint8Array(STAGE_DATA_BYTES);

/**
 * PROTOCOL.md §6.3, Uploads: against `others` that came before and ask without rest, and against
 * whatever they do.
 */
function restlessBoundMs(others: number): number {
  return (others / UPLOADS_PER_ROOM_MAX + 1) * UPLOAD_GUARD_MS + PAUSE_MOST_MS + TOLERANCE_MS;
}
function boundMs(others: number): number {
  const each = UPLOAD_GUARD_MS + UPLOAD_WAIT_MS;
  return UPLOAD_HOLD_MS + (others / UPLOADS_PER_ROOM_MAX) * each + PAUSE_MOST_MS + TOLERANCE_MS;
}

/** A random number from 0 to 1 that is the same in every run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

class Crowd {
  readonly uploads = new Uploads();
  now = 0;
  readonly random: () => number;
  readonly #ids = new Map<number, number>();
  readonly #pieces = new Map<number, number>();

  constructor(others: number, seed: number) {
    this.random = dice(seed);
    for (let connection = 0; connection < others; connection += 1) this.uploads.enter(connection);
  }

  /** @returns whether it has a place now. */
  begin(connection: number): boolean {
    const number = (this.#ids.get(connection) ?? 0) + 1;
    this.#ids.set(connection, number);
    this.#pieces.set(connection, 1);
    return this.#send(connection, 0);
  }

  /** One more piece, so that the lease goes on. @returns whether it still has its place. */
  trickle(connection: number): boolean {
    const index = this.#pieces.get(connection) ?? 0;
    this.#pieces.set(connection, index + 1);
    return this.#send(connection, index);
  }

  /** Gives the own place up by a piece out of order. */
  giveUp(connection: number): void {
    this.#send(connection, 9_999);
  }

  #send(connection: number, index: number): boolean {
    const uploadId = new Uint8Array(16);
    new DataView(uploadId.buffer).setUint32(0, this.#ids.get(connection) ?? 0);
    return this.uploads.stage(connection, { uploadId, index, data: PIECE }, this.now).kind === 'ignored';
  }
}

/** What those who want to keep others out do five times a second. */
type Tactics = (crowd: Crowd, others: number) => () => void;

/** Each begins an upload, and another one, again and again. */
const restless: Tactics = (crowd, others) => () => {
  for (let connection = 0; connection < others; connection += 1) crowd.begin(connection);
};

/**
 * Each gives its place up just before its guard ends, and the next takes it: no place ever becomes
 * due.
 */
const handingOn: Tactics = (crowd, others) => {
  const placedAt = new Map<number, number>();
  return () => {
    for (const [connection, since] of placedAt) {
      if (crowd.now - since < UPLOAD_GUARD_MS - STEP_MS) continue;
      crowd.giveUp(connection);
      placedAt.delete(connection);
    }
    for (let connection = 0; connection < others; connection += 1) {
      if (!placedAt.has(connection) && crowd.begin(connection)) placedAt.set(connection, crowd.now);
    }
  };
};

/**
 * Who has a place never begins anew, but keeps its lease; who has none asks for it without rest.
 */
const sitting: Tactics = (crowd, others) => {
  const placed = new Set<number>();
  return () => {
    for (let connection = 0; connection < others; connection += 1) {
      if (placed.has(connection)) {
        const isDue = (crowd.now / STEP_MS + connection) % 100 === 0;
        if (isDue && !crowd.trickle(connection)) placed.delete(connection);
      } else if (crowd.begin(connection)) placed.add(connection);
    }
  };
};

/**
 * Eight at a time sit; the others ask only to have places kept for them that they do not take, and
 * let others have theirs lapse first.
 */
const blocking: Tactics = (crowd, others) => {
  const askedAt = new Map<number, number>();
  const placed = new Set<number>();
  return () => {
    let recent = 0;
    for (let connection = 0; connection < others; connection += 1) {
      const since = crowd.now - (askedAt.get(connection) ?? Number.NEGATIVE_INFINITY);
      const isSitting = placed.has(connection);
      if (isSitting) {
        if ((crowd.now / STEP_MS + connection) % 100 === 0 && !crowd.trickle(connection)) placed.delete(connection);
      } else if (since < UPLOAD_WAIT_MS - STEP_MS) recent += 1;
      else if (recent < UPLOADS_PER_ROOM_MAX + 1) {
        askedAt.set(connection, crowd.now);
        recent += 1;
        if (crowd.begin(connection)) placed.add(connection);
      }
    }
  };
};

/** Anything at any time. */
const erratic: Tactics = (crowd, others) => () => {
  for (let connection = 0; connection < others; connection += 1) {
    const chance = crowd.random();
    if (chance < 0.02) crowd.begin(connection);
    else if (chance < 0.03) crowd.trickle(connection);
    else if (chance < 0.032) crowd.giveUp(connection);
  }
};

const TACTICS = { restless, 'handing on': handingOn, sitting, blocking, erratic };

/**
 * @returns how long (ms) somebody who comes later and asks now and then is kept out; infinite if
 *   longer than `patience`.
 */
function keptOut(
  others: number,
  tactics: Tactics,
  options: { readonly seed: number; readonly patience: number; readonly comesAnew?: boolean },
): number {
  const crowd = new Crowd(others, options.seed);
  const act = tactics(crowd, others);
  const pause = (): number => PAUSE_LEAST_MS + crowd.random() * (PAUSE_MOST_MS - PAUSE_LEAST_MS);
  const comesAt = Math.floor(crowd.random() * 60_000);
  let asksAt = comesAt;
  for (; crowd.now < comesAt + options.patience; crowd.now += STEP_MS) {
    act();
    if (crowd.now < asksAt) continue;
    if (asksAt === comesAt || options.comesAnew === true) {
      crowd.uploads.drop(NEWCOMER);
      crowd.uploads.enter(NEWCOMER);
    }
    if (crowd.begin(NEWCOMER)) return crowd.now - comesAt;
    asksAt = crowd.now + pause();
  }
  return Number.POSITIVE_INFINITY;
}

const SEEDS = [1, 2, 3];

describe('a connection that asks for a place for an upload', () => {
  test.each(Object.entries(TACTICS))('gets one in a bounded time while others are %s', (name, tactics) => {
    const shown: string[] = [];
    for (const others of [8, 16, 64]) {
      const bound = tactics === restless ? restlessBoundMs(others) : boundMs(others);
      const times = SEEDS.map((seed) => keptOut(others, tactics, { seed, patience: 2 * bound }));
      shown.push(`${others}: ${(Math.max(...times) / 1000).toFixed(1)} s (bound ${(bound / 1000).toFixed(0)} s)`);
      expect(Math.max(...times)).toBeLessThanOrEqual(bound);
    }
    process.stdout.write(`   kept out by connections that are ${name}: ${shown.join(', ')}\n`);
  });

  test('is kept out for longer if its request is not remembered (the control)', () => {
    const bound = restlessBoundMs(16);
    const times = SEEDS.map((seed) => keptOut(16, restless, { seed, patience: 10 * bound, comesAnew: true }));
    expect(Math.max(...times)).toBeGreaterThan(bound);
  });

  test('is remembered once, for a while, and only while it is connected', () => {
    const crowd = new Crowd(20, 1);
    for (let round = 0; round < 3; round += 1) for (let other = 0; other < 20; other += 1) crowd.begin(other);
    expect(crowd.uploads.waiting).toBe(20 - UPLOADS_PER_ROOM_MAX);
    crowd.uploads.drop(19);
    expect(crowd.uploads.waiting).toBe(19 - UPLOADS_PER_ROOM_MAX);
    crowd.now += UPLOAD_WAIT_MS;
    crowd.uploads.sweep(crowd.now);
    expect(crowd.uploads.waiting).toBe(19 - UPLOADS_PER_ROOM_MAX);
    crowd.uploads.sweep(crowd.now + 1);
    expect(crowd.uploads.waiting).toBe(0);
  });
});
