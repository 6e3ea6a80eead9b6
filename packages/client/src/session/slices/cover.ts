// The cover slice: when frames leave. In `off` content leaves at once. In covered rooms a metronome
// decides, and content only fills its slots. PROTOCOL.md §12.

import {
  COVER_PLAINTEXT_BYTES,
  bodyBytes,
  isStealth,
  JITTER_SEND_LEAST_MS,
  JITTER_SEND_MOST_MS,
  LARGEST_FRAME_BYTES,
  SEAL_LEAD_MS,
  slotBytes,
  startMetronome,
  stealthShape,
  stepMetronome,
  STEALTH_TICK_MS,
} from '@sotto/protocol';
import type { Cover, Dispatch, Metronome } from '@sotto/protocol';
import { plaintextBytes } from '@sotto/crypto';
import {
  COVER_CHECK_MS,
  COVERED_FORKED_AFTER_MS,
  COVERED_MEMBER_SILENT_MS,
  COVERED_PRESENCE_INTERVAL_MS,
  FORKED_AFTER_MS,
  MEMBER_SILENT_MS,
  PRESENCE_INTERVAL_MS,
  WINDOW_FRAMES,
} from '../../limits.ts';

export interface CoverState {
  readonly mode: Cover;
  /** From ATTACHED until the connection ends. */
  readonly metronome: Metronome;
  /** In stealth own texts are held for a while after this member has joined. */
  readonly texts: 'held' | 'free';
  /** Bytes that came since when (ms), to see whether the relay keeps its slots. */
  readonly received: { readonly since: number; readonly bytes: number; readonly wasThin: boolean };
}

const NO_METRONOME: Metronome = { mode: 'off' };

/** Without cover members say their presence less often, so one is missed later. */
export function presenceIntervalMs({ mode }: Pick<CoverState, 'mode'>): number {
  return mode === 'off' ? PRESENCE_INTERVAL_MS : COVERED_PRESENCE_INTERVAL_MS;
}

/** Longer than a member that is present is ever silent. */
export function silentMs({ mode }: Pick<CoverState, 'mode'>): number {
  return mode === 'off' ? MEMBER_SILENT_MS : COVERED_MEMBER_SILENT_MS;
}

export function forkedAfterMs({ mode }: Pick<CoverState, 'mode'>): number {
  return mode === 'off' ? FORKED_AFTER_MS : COVERED_FORKED_AFTER_MS;
}

export function createCover(mode: Cover): CoverState {
  const texts = isStealth(mode) ? 'held' : 'free';
  return { mode, metronome: NO_METRONOME, texts, received: { since: 0, bytes: 0, wasThin: false } };
}

// The metronome

/** The connection was admitted: slots begin. `chance` gives random numbers in [0, 1). */
export function startSlots(cover: CoverState, now: number, chance: () => number): CoverState {
  const metronome = startMetronome(cover.mode, 'up', now, chance);
  return { ...cover, metronome, received: { since: now, bytes: 0, wasThin: cover.received.wasThin } };
}

export function stopSlots(cover: CoverState): CoverState {
  return { ...cover, metronome: NO_METRONOME };
}

/** A draft waits: in jitter this decides when the next frame leaves. */
export function onContentQueued(cover: CoverState, now: number, chance: () => number): CoverState {
  const { state: metronome } = stepMetronome(cover.metronome, { type: 'content', now }, chance);
  return { ...cover, metronome };
}

/** The metronome's time has come. @returns also the dispatches that are due. */
export function onMetronomeDue(
  cover: CoverState,
  now: number,
  chance: () => number,
): { readonly cover: CoverState; readonly dispatches: readonly Dispatch[] } {
  const step = stepMetronome(cover.metronome, { type: 'due', now }, chance);
  return { cover: { ...cover, metronome: step.state }, dispatches: step.effects };
}

/** The wait after the join is over. */
export function freeTexts(cover: CoverState): CoverState {
  return { ...cover, texts: 'free' };
}

// Sizes and delays

/** In `off`: how many of the waiting frames leave now. `inFlight`: frames without an echo yet. */
export function framesToDispatch(waiting: number, inFlight: number): number {
  return Math.max(0, Math.min(waiting, WINDOW_FRAMES - inFlight));
}

/** The plaintext size that texts are cut for. */
export function textPlaintextBytes({ mode }: Pick<CoverState, 'mode'>): number {
  return isStealth(mode) ? COVER_PLAINTEXT_BYTES : plaintextBytes(bodyBytes(LARGEST_FRAME_BYTES));
}

/** Where receipts fill slots, a receipt without an echo is not sent again. */
export function requeuedReceipts({ mode }: CoverState): 'again' | 'dropped' {
  return isStealth(mode) ? 'dropped' : 'again';
}

/** How much longer than in `off` another member's answer may take (ms). */
export function answerDelayMs({ mode }: CoverState): number {
  if (mode === 'off') return 0;
  return isStealth(mode) ? 2 * stealthShape(mode).sendEveryMs + 4 * STEALTH_TICK_MS : 4 * JITTER_SEND_MOST_MS;
}

/** How much longer than in `off` so many frames may take to leave (ms). */
export function sendingDelayMs({ mode }: CoverState, frames: number): number {
  if (mode === 'off') return 0;
  return (frames + 2) * (isStealth(mode) ? stealthShape(mode).sendEveryMs : JITTER_SEND_MOST_MS);
}

/** How long so many frames take to leave (ms), on average, if nothing is in their way. */
export function timeToSendMs({ mode }: CoverState, frames: number): number {
  if (mode === 'off' || frames === 0) return 0;
  if (isStealth(mode)) return (frames - 0.5) * stealthShape(mode).sendEveryMs + SEAL_LEAD_MS;
  return (frames * (JITTER_SEND_LEAST_MS + JITTER_SEND_MOST_MS)) / 2;
}

/** Counts the bytes that the relay sends. */
export function countReceived(cover: CoverState, bytes: number): CoverState {
  if (cover.metronome.mode !== 'stealth') return cover;
  const { received } = cover;
  return { ...cover, received: { ...received, bytes: received.bytes + bytes } };
}

/**
 * @returns whether too few bytes came in the last minute, and enough in the one before: then the
 * relay does not keep its slots. Undefined before the minute is over.
 */
export function checkReceived(
  cover: CoverState,
  now: number,
): { readonly cover: CoverState; readonly isNews: boolean } | undefined {
  const { mode, received } = cover;
  const passed = now - received.since;
  if (!isStealth(mode) || passed < COVER_CHECK_MS) return undefined;
  const due = (passed / STEALTH_TICK_MS) * slotBytes(mode);
  const isThin = received.bytes < due / 2;
  return {
    cover: { ...cover, received: { since: now, bytes: 0, wasThin: isThin } },
    isNews: isThin && !received.wasThin,
  };
}
