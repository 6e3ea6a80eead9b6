// When frames leave, as a pure machine over a clock and random numbers: both ends of a connection
// have one. In stealth it never hears of content. PROTOCOL.md §12.

import { isStealth, stealthShape } from './cover.ts';
import type { Cover } from './cover.ts';
import {
  JITTER_DUMMY_LEAST_MS,
  JITTER_DUMMY_MOST_MS,
  JITTER_SEND_LEAST_MS,
  JITTER_SEND_MOST_MS,
  STEALTH_TICK_MS,
} from './limits.ts';

/** All times are milliseconds on the owner's clock. */
export type Metronome =
  | { readonly mode: 'off' }
  /** `send`: when waiting content leaves, if there is any; `dummy`: when the next dummy is due. */
  | { readonly mode: 'jitter'; readonly send: number | undefined; readonly dummy: number }
  /** `slot`: the next one; all of them are `periodMs` apart, from the first on. */
  | { readonly mode: 'stealth'; readonly periodMs: number; readonly slot: number };

/** `content`: something waits to leave. `due`: time has passed. */
export type MetronomeEvent = { readonly type: 'content' | 'due'; readonly now: number };

/**
 * `send`: waiting content leaves. `dummy`: a frame without content. `slot`: as many bytes as
 * always, with or without content.
 */
export type Dispatch = 'send' | 'dummy' | 'slot';

/** A random number in [0, 1). */
export type Chance = () => number;

/**
 * `up`: of a member to the relay; `down`: of the relay to one member. The phase is this
 * connection's own.
 */
export function startMetronome(cover: Cover, direction: 'up' | 'down', now: number, chance: Chance): Metronome {
  if (cover === 'off') return { mode: 'off' };
  if (!isStealth(cover)) return { mode: 'jitter', send: undefined, dummy: now + dummyWait(chance) };
  const periodMs = direction === 'up' ? stealthShape(cover).sendEveryMs : STEALTH_TICK_MS;
  return { mode: 'stealth', periodMs, slot: now + 1 + Math.floor(chance() * periodMs) };
}

/** @returns when the next `due` event is due; undefined if time alone brings nothing. */
export function wakeAt(metronome: Metronome): number | undefined {
  switch (metronome.mode) {
    case 'off':
      return undefined;
    case 'jitter':
      return Math.min(metronome.send ?? Number.POSITIVE_INFINITY, metronome.dummy);
    case 'stealth':
      return metronome.slot;
  }
}

export function stepMetronome(
  metronome: Metronome,
  { type, now }: MetronomeEvent,
  chance: Chance,
): { readonly state: Metronome; readonly effects: readonly Dispatch[] } {
  switch (metronome.mode) {
    case 'off':
      return { state: metronome, effects: type === 'content' ? ['send'] : [] };
    case 'jitter':
      return type === 'content' ? expect(metronome, now, chance) : jitter(metronome, now, chance);
    case 'stealth':
      return type === 'content' || now < metronome.slot ? { state: metronome, effects: [] } : slot(metronome, now);
  }
}

type Jitter = Extract<Metronome, { readonly mode: 'jitter' }>;
type Step = ReturnType<typeof stepMetronome>;

function expect(metronome: Jitter, now: number, chance: Chance): Step {
  if (metronome.send !== undefined) return { state: metronome, effects: [] };
  const wait = JITTER_SEND_LEAST_MS + chance() * (JITTER_SEND_MOST_MS - JITTER_SEND_LEAST_MS);
  return { state: { ...metronome, send: now + Math.round(wait) }, effects: [] };
}

function jitter(metronome: Jitter, now: number, chance: Chance): Step {
  const effects: Dispatch[] = [];
  let { send, dummy } = metronome;
  if (send !== undefined && send <= now) {
    effects.push('send');
    send = undefined;
  }
  if (dummy <= now) {
    effects.push('dummy');
    dummy = now + dummyWait(chance);
  }
  return { state: { mode: 'jitter', send, dummy }, effects };
}

function dummyWait(chance: Chance): number {
  return Math.round(JITTER_DUMMY_LEAST_MS + chance() * (JITTER_DUMMY_MOST_MS - JITTER_DUMMY_LEAST_MS));
}

/** One dispatch, however late: missed slots are skipped, and the grid stays where it was. */
function slot(metronome: Extract<Metronome, { readonly mode: 'stealth' }>, now: number): Step {
  const { periodMs } = metronome;
  const missed = Math.floor((now - metronome.slot) / periodMs);
  return { state: { ...metronome, slot: metronome.slot + (missed + 1) * periodMs }, effects: ['slot'] };
}
