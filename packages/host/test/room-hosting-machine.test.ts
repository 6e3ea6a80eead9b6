import { describe, expect, test } from 'vitest';
import { NEW_ROOM_HOSTING, stepRoomHosting } from '../src/room-hosting-machine.ts';
import type { RoomHostingState, RoomHostingEffect, RoomHostingEvent } from '../src/room-hosting-machine.ts';

const LIMITS = { republishAfterMs: 90_000, silentAfterMs: 20_000 };
const OPENING: readonly RoomHostingEvent[] = [
  { type: 'start' },
  { type: 'tor-connected' },
  { type: 'tor-bootstrapped' },
  { type: 'room-held' },
  { type: 'published' },
  { type: 'reached' },
];

function run(
  events: readonly RoomHostingEvent[],
  from: RoomHostingState = NEW_ROOM_HOSTING,
): { state: RoomHostingState; effects: string[] } {
  let state = from;
  const effects: string[] = [];
  for (const event of events) {
    const next = stepRoomHosting(state, event, 'nowMs' in event ? event.nowMs : 1_000, LIMITS);
    state = next.state;
    effects.push(...next.effects.map(nameOf));
  }
  return { state, effects };
}

function nameOf(effect: RoomHostingEffect): string {
  return effect.type === 'notify' ? `notify ${effect.what.notice}` : effect.type;
}

/** Every order in which the two sides of the opening can come. */
const ORDERS: readonly (readonly RoomHostingEvent[])[] = [
  [{ type: 'tor-connected' }, { type: 'tor-bootstrapped' }, { type: 'room-held' }],
  [{ type: 'tor-connected' }, { type: 'room-held' }, { type: 'tor-bootstrapped' }],
  [{ type: 'room-held' }, { type: 'tor-connected' }, { type: 'tor-bootstrapped' }],
];

describe('a hosting', () => {
  test.each(ORDERS)('publishes once Tor and the room are ready, in any order', (...order) => {
    const { effects } = run([{ type: 'start' }, ...order]);
    expect(effects).toEqual(['connect-tor', 'create-room', 'notify publishing', 'publish']);
  });

  test('shows the connection string only after the reachability check', () => {
    const before = run(OPENING.slice(0, -1));
    expect(before.effects).not.toContain('show-invite');
    expect(before.state.stage).toBe('opening');
    const after = run([{ type: 'reached' }], before.state);
    expect(after.effects).toEqual(['show-invite']);
    expect(after.state.stage).toBe('open');
  });

  test('repeats the reachability check until it succeeds, and reports the cause only after a while', () => {
    const published = run(OPENING.slice(0, -1)).state;
    const early = run([{ type: 'not-reached', cause: 'no descriptor', nowMs: 5_000 }], published);
    expect(early.effects).toEqual(['check-reachability']);
    const later = run([{ type: 'not-reached', cause: 'no descriptor', nowMs: 30_000 }], early.state);
    expect(later.effects).toEqual(['notify not-reached', 'check-reachability']);
  });

  test('publishes the onion again if it was unreachable for long', () => {
    const published = run(OPENING.slice(0, -1)).state;
    const stale = run([{ type: 'not-reached', cause: 'no descriptor', nowMs: 91_001 }], published);
    expect(stale.effects).toEqual(['notify not-reached', 'republish']);
    expect(run([{ type: 'published' }], stale.state).effects).toEqual(['notify proving', 'check-reachability']);
  });

  test('publishes the onion again after Tor was lost, and checks its reachability again', () => {
    const open = run(OPENING).state;
    const lost = run([{ type: 'tor-lost' }], open);
    expect(lost.effects).toEqual(['notify tor-lost', 'connect-tor']);
    const back = run(
      [{ type: 'tor-connected' }, { type: 'tor-bootstrapped' }, { type: 'published' }, { type: 'reached' }],
      lost.state,
    );
    expect(back.effects).toEqual([
      'notify publishing',
      'publish',
      'notify proving',
      'check-reachability',
      'notify reachable-again',
    ]);
  });

  test('ignores the check of an onion that was lost meanwhile', () => {
    const proving = run(OPENING.slice(0, -1)).state;
    const { state, effects } = run([{ type: 'tor-lost' }, { type: 'reached' }], proving);
    expect(effects).not.toContain('show-invite');
    expect(state.stage).toBe('opening');
  });

  test('resumes its room after the relay was lost, and never creates it again', () => {
    const open = run(OPENING).state;
    expect(run([{ type: 'relay-lost' }], open).effects).toEqual(['notify relay-lost', 'resume-room']);
  });

  test('creates the room if the relay was lost before there was one', () => {
    expect(run([{ type: 'start' }, { type: 'relay-lost' }]).effects.at(-1)).toBe('create-room');
  });

  test('ends with a code if relay and store were lost together', () => {
    const open = run(OPENING).state;
    const { state, effects } = run([{ type: 'relay-lost' }, { type: 'room-refused', code: 'room-lost' }], open);
    expect(effects.at(-1)).toBe('end');
    expect(state.stage).toBe('ended');
  });

  test('does nothing after its end', () => {
    const ended = run([{ type: 'stop' }], run(OPENING).state);
    expect(ended.effects).toEqual(['notify ending', 'end']);
    expect(run(OPENING, ended.state).effects).toEqual([]);
  });
});
