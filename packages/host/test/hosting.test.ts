import { describe, expect, test } from 'vitest';
import { NEW_HOSTING, stepHosting } from '../src/hosting.ts';
import type { Hosting, HostingEffect, HostingEvent } from '../src/hosting.ts';

const LIMITS = { republishAfterMs: 90_000, patienceMs: 20_000 };
const OPENING: readonly HostingEvent[] = [
  { type: 'start' },
  { type: 'tor-connected' },
  { type: 'tor-bootstrapped' },
  { type: 'room-held' },
  { type: 'published' },
  { type: 'reached' },
];

function run(events: readonly HostingEvent[], from: Hosting = NEW_HOSTING): { hosting: Hosting; effects: string[] } {
  let hosting = from;
  const effects: string[] = [];
  for (const event of events) {
    const next = stepHosting(hosting, event, 'nowMs' in event ? event.nowMs : 1_000, LIMITS);
    hosting = next.hosting;
    effects.push(...next.effects.map(nameOf));
  }
  return { hosting, effects };
}

function nameOf(effect: HostingEffect): string {
  return effect.type === 'say' ? `say ${effect.what.notice}` : effect.type;
}

/** Every order in which the two sides of the opening can come. */
const ORDERS: readonly (readonly HostingEvent[])[] = [
  [{ type: 'tor-connected' }, { type: 'tor-bootstrapped' }, { type: 'room-held' }],
  [{ type: 'tor-connected' }, { type: 'room-held' }, { type: 'tor-bootstrapped' }],
  [{ type: 'room-held' }, { type: 'tor-connected' }, { type: 'tor-bootstrapped' }],
];

describe('a hosting', () => {
  test.each(ORDERS)('publishes once Tor and room are there, in whatever order they come', (...order) => {
    const { effects } = run([{ type: 'start' }, ...order]);
    expect(effects).toEqual(['connect-tor', 'create-room', 'say publishing', 'publish']);
  });

  test('shows the string only after the proof', () => {
    const before = run(OPENING.slice(0, -1));
    expect(before.effects).not.toContain('show-invite');
    expect(before.hosting.stage).toBe('opening');
    const after = run([{ type: 'reached' }], before.hosting);
    expect(after.effects).toEqual(['show-invite']);
    expect(after.hosting.stage).toBe('open');
  });

  test('proves again until it succeeds, and says why not only after a while', () => {
    const published = run(OPENING.slice(0, -1)).hosting;
    const early = run([{ type: 'not-reached', cause: 'no descriptor', nowMs: 5_000 }], published);
    expect(early.effects).toEqual(['prove']);
    const later = run([{ type: 'not-reached', cause: 'no descriptor', nowMs: 30_000 }], early.hosting);
    expect(later.effects).toEqual(['say not-reached', 'prove']);
  });

  test('adds the onion anew when it was not reached for long', () => {
    const published = run(OPENING.slice(0, -1)).hosting;
    const stale = run([{ type: 'not-reached', cause: 'no descriptor', nowMs: 91_001 }], published);
    expect(stale.effects).toEqual(['say not-reached', 'republish']);
    expect(run([{ type: 'published' }], stale.hosting).effects).toEqual(['say proving', 'prove']);
  });

  test('adds the onion again after Tor was lost, and proves the way again', () => {
    const open = run(OPENING).hosting;
    const lost = run([{ type: 'tor-lost' }], open);
    expect(lost.effects).toEqual(['say tor-lost', 'connect-tor']);
    const back = run(
      [{ type: 'tor-connected' }, { type: 'tor-bootstrapped' }, { type: 'published' }, { type: 'reached' }],
      lost.hosting,
    );
    expect(back.effects).toEqual(['say publishing', 'publish', 'say proving', 'prove', 'say reachable-again']);
  });

  test('does not believe a proof of an onion that was lost meanwhile', () => {
    const proving = run(OPENING.slice(0, -1)).hosting;
    const { hosting, effects } = run([{ type: 'tor-lost' }, { type: 'reached' }], proving);
    expect(effects).not.toContain('show-invite');
    expect(hosting.stage).toBe('opening');
  });

  test('resumes its room after the relay was lost, and never makes it anew', () => {
    const open = run(OPENING).hosting;
    expect(run([{ type: 'relay-lost' }], open).effects).toEqual(['say relay-lost', 'resume-room']);
  });

  test('makes the room when the relay was lost before there was one', () => {
    expect(run([{ type: 'start' }, { type: 'relay-lost' }]).effects.at(-1)).toBe('create-room');
  });

  test('ends visibly when relay and store were lost together', () => {
    const open = run(OPENING).hosting;
    const { hosting, effects } = run([{ type: 'relay-lost' }, { type: 'room-refused', code: 'room-lost' }], open);
    expect(effects.at(-1)).toBe('end');
    expect(hosting.stage).toBe('ended');
  });

  test('does nothing any more once it has ended', () => {
    const ended = run([{ type: 'stop' }], run(OPENING).hosting);
    expect(ended.effects).toEqual(['say ending', 'end']);
    expect(run(OPENING, ended.hosting).effects).toEqual([]);
  });
});
