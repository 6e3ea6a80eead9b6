// When frames leave: every send passes here. `off` lets content leave at once; in covered rooms a metronome decides, and content only fills. PROTOCOL.md §12.

import {
  COVER_PLAINTEXT_BYTES,
  bodyBytes,
  isStealth,
  JITTER_SEND_LEAST_MS,
  JITTER_SEND_MOST_MS,
  LARGEST_FRAME_BYTES,
  SEAL_LEAD_MS,
  slotBytes,
  stealthShape,
  STEALTH_TICK_MS,
} from '@sotto/protocol';
import type { Cover, Metronome } from '@sotto/protocol';
import { plaintextBytes } from '@sotto/crypto';
import { COVER_CHECK_MS, WINDOW_FRAMES } from '../limits.ts';

export interface Schedule {
  readonly cover: Cover;
  /** From ATTACHED until the connection ends. */
  readonly metronome: Metronome;
  /** In stealth own texts are held for a while after this member has joined. */
  readonly words: 'held' | 'free';
  /** What came since when, to see whether the relay keeps its slots. */
  readonly received: { readonly since: number; readonly bytes: number; readonly wasThin: boolean };
}

export const NO_METRONOME: Metronome = { mode: 'off' };

export function createSchedule(cover: Cover): Schedule {
  const words = isStealth(cover) ? 'held' : 'free';
  return { cover, metronome: NO_METRONOME, words, received: { since: 0, bytes: 0, wasThin: false } };
}

/** In `off`: how many of the waiting frames leave now. `inFlight` frames have left and were not echoed yet. */
export function framesToDispatch(waiting: number, inFlight: number): number {
  return Math.max(0, Math.min(waiting, WINDOW_FRAMES - inFlight));
}

/** What texts are cut for. */
export function textPlaintextBytes({ cover }: Schedule): number {
  return isStealth(cover) ? COVER_PLAINTEXT_BYTES : plaintextBytes(bodyBytes(LARGEST_FRAME_BYTES));
}

/** Where receipts fill slots, one that was not heard is not said again. */
export function requeuedReceipts({ cover }: Schedule): 'again' | 'dropped' {
  return isStealth(cover) ? 'dropped' : 'again';
}

/** How much longer than in `off` an answer of the others may take. */
export function answerDelayMs({ cover }: Schedule): number {
  if (cover === 'off') return 0;
  return isStealth(cover) ? 2 * stealthShape(cover).sendEveryMs + 4 * STEALTH_TICK_MS : 4 * JITTER_SEND_MOST_MS;
}

/** How much longer than in `off` so many frames may take to leave. */
export function sendingDelayMs({ cover }: Schedule, frames: number): number {
  if (cover === 'off') return 0;
  return (frames + 2) * (isStealth(cover) ? stealthShape(cover).sendEveryMs : JITTER_SEND_MOST_MS);
}

/** How long so many frames take to leave, on average, if nothing is in their way. */
export function timeToSendMs({ cover }: Schedule, frames: number): number {
  if (cover === 'off' || frames === 0) return 0;
  if (isStealth(cover)) return (frames - 0.5) * stealthShape(cover).sendEveryMs + SEAL_LEAD_MS;
  return (frames * (JITTER_SEND_LEAST_MS + JITTER_SEND_MOST_MS)) / 2;
}

/** Counts what the relay sends. */
export function countReceived(schedule: Schedule, bytes: number): Schedule {
  if (schedule.metronome.mode !== 'stealth') return schedule;
  const { received } = schedule;
  return { ...schedule, received: { ...received, bytes: received.bytes + bytes } };
}

/** @returns whether so little came in the last minute, and not in the one before, that somebody does not keep the slots; undefined before it is over. */
export function checkReceived(
  schedule: Schedule,
  now: number,
): { readonly schedule: Schedule; readonly isNews: boolean } | undefined {
  const { cover, received } = schedule;
  const passed = now - received.since;
  if (!isStealth(cover) || passed < COVER_CHECK_MS) return undefined;
  const due = (passed / STEALTH_TICK_MS) * slotBytes(cover);
  const isThin = received.bytes < due / 2;
  return {
    schedule: { ...schedule, received: { since: now, bytes: 0, wasThin: isThin } },
    isNews: isThin && !received.wasThin,
  };
}
