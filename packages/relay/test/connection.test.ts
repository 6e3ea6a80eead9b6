import { describe, expect, test } from 'vitest';
import { encodeAttach, decodeFrame, encodePing, HANDSHAKE_DEADLINE_MS, SILENCE_LIMIT_MS } from '@sotto/protocol';
import type { Frame } from '@sotto/protocol';
import { openConnection, stepConnection } from '../src/connection-machine.ts';
import type {
  ConnectionEffect,
  ConnectionState,
  ConnectionEvent,
  ConnectionContext,
  ConnectionStep,
} from '../src/connection-state.ts';
import {
  FETCH_BURST,
  FETCH_BYTES,
  INBOUND_BURST_BYTES,
  INBOUND_BURST_FRAMES,
  INBOUND_BYTES_PER_SECOND,
  OUTBOUND_BYTES_MAX,
  PROGRESS_LIMIT_MS,
} from '../src/limits.ts';
import { charge, debtMs, fullInboundRate } from '../src/inbound-rate.ts';
import { makeBody, publishFrame } from '@sotto/fixtures/relay-member';

const CALM: ConnectionContext = { now: 0, unsent: 0, taken: 0, chance: () => 0.5 };
const FULL: ConnectionContext = { now: 0, unsent: OUTBOUND_BYTES_MAX + 1, taken: 0, chance: () => 0.5 };

function decoded(bytes: Uint8Array): Frame {
  const frame = decodeFrame(bytes);
  if (!frame.ok) throw new Error(frame.code);
  return frame.value;
}

const ATTACH = decoded(encodeAttach({ roomId: new Uint8Array(16), from: 3, signature: new Uint8Array(64) }));

function play(
  state: ConnectionState,
  ...events: readonly (readonly [ConnectionEvent, ConnectionContext?])[]
): ConnectionStep {
  let step: ConnectionStep = { state, effects: [] };
  for (const [event, context] of events) step = stepConnection(step.state, event, context ?? CALM);
  return step;
}

function received(...frames: readonly Frame[]): readonly [ConnectionEvent] {
  return [{ type: 'received', bytes: 512 * frames.length, frames }];
}

/** A member that has seen everything up to 9. */
function live(): ConnectionState {
  const attached = { commitNumber: 0, oldest: 1, next: 10, patienceSeconds: 86_400 };
  return play(
    openConnection(0),
    received(ATTACH),
    [{ type: 'admitted', from: 3, attached, cover: 'off', uplink: undefined }],
    [{ type: 'log-delivered', next: 10, atEnd: true }],
  ).state;
}

function types(effects: readonly ConnectionEffect[]): string[] {
  return effects.map(({ type }) => type);
}

describe('a connection', () => {
  test('is not read while it attaches; then it gets ATTACHED and the log, and its early frames are processed', () => {
    const attaching = play(openConnection(0), received(ATTACH, decoded(publishFrame(makeBody()))));
    expect(types(attaching.effects)).toEqual(['pause', 'authorise']);
    const attached = { commitNumber: 4, oldest: 2, next: 9, patienceSeconds: 86_400 };
    const admitted = play(attaching.state, [{ type: 'admitted', from: 3, attached, cover: 'off', uplink: undefined }]);
    expect(types(admitted.effects)).toEqual(['write', 'schedule-delivery', 'resume', 'request-share']);
    expect(admitted.state.phase).toEqual({ kind: 'catching-up', cursor: 3, isWriting: true });
  });

  test.each([
    [0, 9],
    [1, 2],
    [2, 2],
    [8, 8],
    [9, 9],
    [10, 9],
  ])('from %i begins at %i in a log from 2 to 8', (from, cursor) => {
    const attached = { commitNumber: 0, oldest: 2, next: 9, patienceSeconds: 86_400 };
    const { state } = play(openConnection(0), received(ATTACH), [
      { type: 'admitted', from, attached, cover: 'off', uplink: undefined },
    ]);
    expect(state.phase).toMatchObject({ cursor });
  });

  test('is written live entries only from its own position; others pass it by while it catches up', () => {
    const bytes = makeBody();
    const next = play(live(), [{ type: 'entries', first: 10, next: 12, bytes }]);
    expect(next.effects).toEqual([{ type: 'write', bytes }]);
    expect(next.state.phase).toEqual({ kind: 'live', cursor: 12 });
    const behind = play(live(), [{ type: 'entries', first: 10, next: 12, bytes }, FULL]);
    expect(behind.effects).toEqual([]);
    expect(behind.state.phase).toEqual({ kind: 'catching-up', cursor: 10, isWriting: false });
    expect(play(behind.state, [{ type: 'entries', first: 12, next: 13, bytes }]).effects).toEqual([]);
    const drained = play(behind.state, [{ type: 'drained' }]);
    expect(drained.effects).toEqual([{ type: 'schedule-delivery', cursor: 10 }]);
    const due = play(drained.state, [{ type: 'delivery-due' }]);
    expect(due.effects).toEqual([{ type: 'deliver-log', cursor: 10 }]);
    // One write at a time, however often the socket drains: the next follows when this was taken.
    const fed = play(due.state, [{ type: 'log-delivered', next: 12, atEnd: false }], [{ type: 'drained' }]);
    expect(fed.effects).toEqual([]);
    expect(play(fed.state, [{ type: 'log-written' }, FULL]).effects).toEqual([]);
    const again = play(fed.state, [{ type: 'log-written' }]);
    expect(again.effects).toEqual([{ type: 'schedule-delivery', cursor: 12 }]);
    expect(play(again.state, [{ type: 'log-delivered', next: 13, atEnd: true }]).state.phase).toEqual({
      kind: 'live',
      cursor: 13,
    });
  });

  test('is sent the log from where it goes back to, also while a write is on its way', () => {
    const writing = play(live(), [{ type: 'located', cursor: 4, bytes: 512 }]);
    expect(writing.effects).toEqual([{ type: 'schedule-delivery', cursor: 4 }]);
    const moved = play(writing.state, [{ type: 'located', cursor: 2, bytes: 512 }]);
    expect(moved.effects).toEqual([]);
    expect(play(moved.state, [{ type: 'delivery-due' }]).effects).toEqual([{ type: 'deliver-log', cursor: 2 }]);
  });

  test('pays for a long way back as for several short ones, and is read again within 40 s', () => {
    const back = (bytes: number): readonly [ConnectionEvent] => [{ type: 'located', cursor: 1, bytes }];
    expect(types(play(live(), back(FETCH_BURST * FETCH_BYTES)).effects)).toEqual(['schedule-delivery']);
    const long = play(live(), back(2 * FETCH_BURST * FETCH_BYTES), back(512));
    expect(long.effects).toContainEqual({ type: 'unpause-after', reason: 'fetch', milliseconds: 40_000 });
    // Control: as many short ones are free.
    const short = play(live(), ...Array.from({ length: FETCH_BURST }, () => back(512)));
    expect(types(short.effects)).not.toContain('unpause-after');
  });

  test('is closed as too slow if the log has lost its cursor', () => {
    const behind = play(live(), [{ type: 'entries', first: 10, next: 11, bytes: makeBody() }, FULL]).state;
    expect(play(behind, [{ type: 'log-trimmed' }]).effects).toEqual([{ type: 'close', code: 'too-slow' }]);
  });

  test('may be behind for hours while it takes something in time, and is closed once it does not', () => {
    const sweepAt = (now: number, unsent: number, taken: number): readonly [ConnectionEvent, ConnectionContext] => [
      { type: 'sweep' },
      { now, unsent, taken, chance: () => 0.5 },
    ];
    const ping = decoded(encodePing('ping', 1));
    let { state } = play(live(), [{ type: 'entries', first: 10, next: 11, bytes: makeBody() }, FULL]);
    for (let step = 1; step <= 200; step += 1) {
      const now = step * PROGRESS_LIMIT_MS;
      const heard = [
        { type: 'received', bytes: 512, frames: [ping] },
        { ...FULL, now },
      ] as const;
      const swept = play(state, heard, sweepAt(now, OUTBOUND_BYTES_MAX, step));
      expect(types(swept.effects)).not.toContain('close');
      state = swept.state;
    }
    const at = 200 * PROGRESS_LIMIT_MS;
    expect(play(state, sweepAt(at + PROGRESS_LIMIT_MS, 1, 200)).effects).toEqual([]);
    const tooSlow = [{ type: 'close', code: 'too-slow' }];
    expect(play(state, sweepAt(at + PROGRESS_LIMIT_MS + 1, 1, 200)).effects).toEqual(tooSlow);
    // Control: one that has taken all is not slow, however long ago that was.
    expect(play(state, sweepAt(at + PROGRESS_LIMIT_MS + 1, 0, 200)).effects).toEqual([]);
  });

  test('is closed as too slow if it does not take a snapshot either, however live it is', () => {
    const wanted = play(live(), [{ type: 'snapshot-cut', bytes: 32_768, next: undefined }]).state;
    const late = { now: PROGRESS_LIMIT_MS + 1, unsent: 1, taken: 0, chance: () => 0.5 };
    expect(play(wanted, [{ type: 'sweep' }, late]).effects).toEqual([{ type: 'close', code: 'too-slow' }]);
  });

  test('is read again only after every reason against it has gone, and does not count as silent meanwhile', () => {
    const paused = play(live(), [{ type: 'pause', reason: 'room' }], [{ type: 'pause', reason: 'rate' }]);
    expect(paused.effects).toEqual([]);
    const late = { now: 2 * SILENCE_LIMIT_MS, unsent: 0, taken: 0, chance: () => 0.5 };
    expect(play(paused.state, [{ type: 'sweep' }, late]).effects).toEqual([]);
    const half = play(paused.state, [{ type: 'unpause', reason: 'rate' }, late]);
    expect(half.effects).toEqual([]);
    const whole = play(half.state, [{ type: 'unpause', reason: 'room' }, late]);
    expect(whole.effects).toEqual([{ type: 'resume' }]);
    expect(play(whole.state, [{ type: 'sweep' }, late]).effects).toEqual([]);
    // Control: one that might have spoken is silent.
    expect(play(live(), [{ type: 'sweep' }, late]).effects).toEqual([{ type: 'close', code: 'silent' }]);
  });

  test('publishes the frames that came before the frame that ends it', () => {
    const good = decoded(publishFrame(makeBody()));
    const { effects } = play(live(), received(good, ATTACH, good), [{ type: 'share-granted' }]);
    expect(effects).toEqual([
      { type: 'publish', frames: [good] },
      { type: 'close', code: 'operation-unexpected' },
    ]);
  });

  test('does nothing more after it is closed, whatever still arrives', () => {
    const closed = play(live(), [{ type: 'end', code: 'room-closed' }]);
    expect(closed.effects).toEqual([{ type: 'close', code: 'room-closed' }]);
    const events: ConnectionEvent[] = [
      ...received(ATTACH),
      { type: 'malformed' },
      { type: 'entries', first: 10, next: 11, bytes: makeBody() },
      { type: 'drained' },
      { type: 'unpause', reason: 'room' },
      { type: 'sweep' },
      { type: 'end', code: 'silent' },
    ];
    for (const event of events) expect(play(closed.state, [event]).effects).toEqual([]);
  });

  test('has the same deadline while it attaches as one that sends nothing', () => {
    const attaching = play(openConnection(0), received(ATTACH)).state;
    for (const connection of [openConnection(0), attaching]) {
      expect(
        play(connection, [{ type: 'sweep' }, { now: HANDSHAKE_DEADLINE_MS, unsent: 0, taken: 0, chance: () => 0.5 }])
          .effects,
      ).toEqual([]);
      expect(
        play(connection, [
          { type: 'sweep' },
          { now: HANDSHAKE_DEADLINE_MS + 1, unsent: 0, taken: 0, chance: () => 0.5 },
        ]).effects,
      ).toEqual([{ type: 'close', code: 'handshake-late' }]);
    }
  });
});

describe('the inbound rate of a connection', () => {
  test('lets the burst through at once, and then as much as its rate allows', () => {
    const spent = charge(fullInboundRate(0), INBOUND_BURST_BYTES, 256, 0);
    expect(debtMs(spent)).toBe(0);
    const owing = charge(spent, INBOUND_BYTES_PER_SECOND, 64, 0);
    expect(debtMs(owing)).toBe(1_000);
    expect(debtMs(charge(owing, 0, 0, 1_000))).toBe(0);
    expect(debtMs(charge(owing, 0, 0, 500))).toBe(500);
  });

  test('counts frames too, and never saves up more than the burst', () => {
    expect(debtMs(charge(fullInboundRate(0), 512, INBOUND_BURST_FRAMES, 0))).toBe(0);
    expect(debtMs(charge(fullInboundRate(0), 512, INBOUND_BURST_FRAMES + 1, 0))).toBeGreaterThan(0);
    expect(debtMs(charge(fullInboundRate(0), INBOUND_BURST_BYTES + 1, 1, 1_000_000))).toBeGreaterThan(0);
  });
});
