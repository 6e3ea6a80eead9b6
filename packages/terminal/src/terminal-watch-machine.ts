// Checks that a terminal is still there: asks it now and then, and removes its answers from typed
// input. Pure.

import type { Step as MachineStep } from '@sotto/machine';
import { NO_PASTE, stepPaste } from './bracketed-paste.ts';
import type { AnnouncedPaste } from './bracketed-paste.ts';
import {
  OPEN_PASTE_QUIET_MS,
  PASTE_QUIET_MS,
  TERMINAL_ANSWER_AWAIT_MS,
  TERMINAL_ANSWER_PART_MS,
  TERMINAL_ASK_EVERY_MS,
  TERMINAL_CLOSE_LIMIT_MS,
  TERMINAL_PROOF_MS,
  TERMINAL_UNANSWERED_MAX,
} from './limits.ts';

/** Ctrl-C, Ctrl-\ and Ctrl-Z: signals on a terminal that is not in raw mode. */
export type SignalKey = 'interrupt' | 'quit' | 'suspend';

export interface TerminalWatch {
  /**
   * `unproven`: no answer yet. `answered`: one answer, which a paste could forge. `proven`: two
   * answers, to two questions. `mute`: it never answers, and gets no more questions. `gone`: it has
   * stopped answering.
   */
  readonly phase: 'unproven' | 'answered' | 'proven' | 'mute' | 'gone' | 'closing' | 'closed';
  /** Questions since the last byte from the terminal; for an unproven one, all questions. */
  readonly unanswered: number;
  /** Questions whose answers may still come. */
  readonly outstanding: number;
  /** Bytes that may begin an answer. */
  readonly held: readonly number[];
  /** No byte of an announced paste is a signal. */
  readonly paste: AnnouncedPaste;
}

export type TimerName = 'ask' | 'part' | 'paste' | 'close' | 'close-limit';

export type WatchEvent =
  /** `ended`: the terminal's input has ended. */
  | { readonly type: 'begin' | 'ended' | 'close' }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'timer'; readonly timer: TimerName };

export type WatchEffect =
  | { readonly type: 'ask' }
  /** Typed bytes. */
  | { readonly type: 'pass'; readonly bytes: Uint8Array }
  | { readonly type: 'key'; readonly key: SignalKey }
  /** Replaces a timer of the same name. */
  | { readonly type: 'set-timer'; readonly timer: TimerName; readonly afterMs: number }
  | { readonly type: 'gone' }
  /**
   * The terminal can get its mode back: no answer and no paste is on its way, or the wait is over.
   */
  | { readonly type: 'closed' };

type Step = MachineStep<TerminalWatch, WatchEffect>;

export const NEW_WATCH: TerminalWatch = { phase: 'unproven', unanswered: 0, outstanding: 0, held: [], paste: NO_PASTE };

/**
 * Device status report (ECMA-48 DSR 5). An answer with the cursor's position would look like the
 * key Shift-F3.
 */
export const QUESTION = '\u001b[5n';
/** "Ready" and "malfunction". */
const ANSWERS: readonly (readonly number[])[] = ['\u001b[0n', '\u001b[3n'].map((answer) => [...Buffer.from(answer)]);
const ANSWER_BYTES = 4;
const SIGNAL_KEYS: ReadonlyMap<number, SignalKey> = new Map([
  [0x03, 'interrupt'],
  [0x1a, 'suspend'],
  [0x1c, 'quit'],
]);

/** The only function that changes a watch. */
export function stepWatch(watch: TerminalWatch, event: WatchEvent): Step {
  switch (event.type) {
    case 'begin':
      return ask(watch);
    case 'bytes':
      return onBytes(watch, event.bytes);
    case 'timer':
      return onTimer(watch, event.timer);
    case 'ended':
      return watch.phase === 'closing' ? onTimer(watch, 'close') : { state: { ...watch, phase: 'gone' }, effects: [] };
    case 'close':
      return onClose(watch);
  }
}

function ask(watch: TerminalWatch): Step {
  return {
    state: { ...watch, unanswered: watch.unanswered + 1, outstanding: watch.outstanding + 1 },
    effects: [{ type: 'ask' }, { type: 'set-timer', timer: 'ask', afterMs: TERMINAL_ASK_EVERY_MS }],
  };
}

function onTimer(watch: TerminalWatch, timer: TimerName): Step {
  switch (timer) {
    case 'ask':
      return askAgain(watch);
    case 'part':
      return watch.held.length === 0 ? { state: watch, effects: [] } : passTyped({ ...watch, held: [] }, watch.held);
    case 'paste':
      return { state: { ...watch, paste: NO_PASTE }, effects: [] };
    case 'close':
    case 'close-limit':
      return watch.phase === 'closing'
        ? { state: { ...watch, phase: 'closed' }, effects: [{ type: 'closed' }] }
        : { state: watch, effects: [] };
  }
}

/**
 * Counts questions and not time: while the program itself is suspended, the terminal cannot answer.
 */
function askAgain(watch: TerminalWatch): Step {
  switch (watch.phase) {
    case 'unproven':
      return watch.unanswered >= TERMINAL_UNANSWERED_MAX
        ? { state: { ...watch, phase: 'mute' }, effects: [] }
        : ask(watch);
    case 'answered':
    case 'proven':
      if (watch.unanswered < TERMINAL_UNANSWERED_MAX) return ask(watch);
      return { state: { ...watch, phase: 'gone' }, effects: [{ type: 'gone' }] };
    case 'mute':
    case 'gone':
    case 'closing':
    case 'closed':
      return { state: watch, effects: [] };
  }
}

function onBytes(watch: TerminalWatch, bytes: Uint8Array): Step {
  const { rest, held, answers } = sift([...watch.held, ...bytes], watch.outstanding > 0);
  const isAnswer = answers > 0 && watch.outstanding > 0;
  const outstanding = Math.max(0, watch.outstanding - answers);
  const { state: next, effects: keys } = passTyped({ ...watch, outstanding, held }, rest);
  const effects: WatchEffect[] = [...keys];
  if (held.length > 0) effects.push({ type: 'set-timer', timer: 'part', afterMs: TERMINAL_ANSWER_PART_MS });
  switch (watch.phase) {
    case 'unproven':
      if (!isAnswer) return { state: next, effects: effects };
      effects.push({ type: 'set-timer', timer: 'ask', afterMs: TERMINAL_PROOF_MS });
      return { state: { ...next, phase: 'answered', unanswered: 0 }, effects: effects };
    case 'answered':
    case 'proven':
      return { state: { ...next, phase: isAnswer ? 'proven' : watch.phase, unanswered: 0 }, effects: effects };
    case 'closing':
      return { state: next, effects: [awaitQuiet(next)] };
    case 'mute':
    case 'gone':
    case 'closed':
      return { state: next, effects: effects };
  }
}

/**
 * Input is dropped while the terminal gets its mode back. The user's shell would run the rest of a
 * paste, so the input has to be quiet first.
 */
function onClose(watch: TerminalWatch): Step {
  if (watch.phase === 'gone') return { state: { ...watch, phase: 'closed', held: [] }, effects: [{ type: 'closed' }] };
  const closing: TerminalWatch = {
    ...watch,
    phase: 'closing',
    outstanding: watch.phase === 'mute' ? 0 : watch.outstanding,
    held: [],
  };
  const limit: WatchEffect = { type: 'set-timer', timer: 'close-limit', afterMs: TERMINAL_CLOSE_LIMIT_MS };
  return { state: closing, effects: [awaitQuiet(closing), limit] };
}

function awaitQuiet({ outstanding, paste }: TerminalWatch): WatchEffect {
  const quietMs = paste.phase === 'open' ? OPEN_PASTE_QUIET_MS : PASTE_QUIET_MS;
  return {
    type: 'set-timer',
    timer: 'close',
    afterMs: outstanding > 0 ? Math.max(quietMs, TERMINAL_ANSWER_AWAIT_MS) : quietMs,
  };
}

/**
 * Removes answers. `mayHold`: the start of an answer at the end is held back; otherwise it counts
 * as typed.
 */
function sift(bytes: readonly number[], mayHold: boolean): { rest: number[]; held: number[]; answers: number } {
  const rest: number[] = [];
  let answers = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const here = bytes.slice(index, index + ANSWER_BYTES);
    if (!ANSWERS.some((answer) => here.every((byte, at) => byte === answer[at]))) rest.push(...here.slice(0, 1));
    else if (here.length < ANSWER_BYTES) {
      if (mayHold) return { rest, held: here, answers };
      rest.push(...here.slice(0, 1));
    } else {
      answers += 1;
      index += ANSWER_BYTES - 1;
    }
  }
  return { rest, held: [], answers };
}

/**
 * Passes bytes on in their order. A paste without an end is over when only single keys come for a
 * while.
 */
function passTyped(watch: TerminalWatch, bytes: readonly number[]): Step {
  let { paste } = watch;
  if (watch.phase === 'closing' || watch.phase === 'closed') {
    for (const byte of bytes) paste = stepPaste(paste, byte);
    return { state: { ...watch, paste }, effects: [] };
  }
  const effects: WatchEffect[] = [];
  let from = 0;
  const passTo = (end: number): void => {
    if (end > from) effects.push({ type: 'pass', bytes: Uint8Array.from(bytes.slice(from, end)) });
    from = end + 1;
  };
  bytes.forEach((byte, index) => {
    paste = stepPaste(paste, byte);
    const key = paste.phase === 'open' ? undefined : SIGNAL_KEYS.get(byte);
    if (key === undefined) return;
    passTo(index);
    effects.push({ type: 'key', key });
  });
  passTo(bytes.length);
  if (paste.phase === 'open' && bytes.length > 1) {
    effects.push({ type: 'set-timer', timer: 'paste', afterMs: OPEN_PASTE_QUIET_MS });
  }
  return { state: { ...watch, paste }, effects: effects };
}
