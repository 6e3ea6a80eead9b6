// Whether a terminal is still there: it is asked now and then, and its answers are taken out of
// what is typed. Pure: (watch, event) -> effects.

import type { Step as MachineStep } from '@sotto/machine';
import { NO_PASTE, stepPaste } from './announced-paste.ts';
import type { AnnouncedPaste } from './announced-paste.ts';
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

/**
 * Keys that would be signals if the terminal did not hand on every key: Ctrl-C, Ctrl-\ and Ctrl-Z.
 */
export type SignalKey = 'interrupt' | 'quit' | 'suspend';

export interface TerminalWatch {
  /**
   * `unproven`: it has not answered yet. `answered`: it has once, which a paste could forge.
   * `proven`: twice, to questions apart.
   * `mute`: it never answers, and is not asked any more. `gone`: it does not answer any more.
   */
  readonly phase: 'unproven' | 'answered' | 'proven' | 'mute' | 'gone' | 'closing' | 'closed';
  /** Questions since the terminal has last said anything; of an unproven one, all. */
  readonly unanswered: number;
  /** Questions whose answers may still come. */
  readonly outstanding: number;
  /** What may be the beginning of an answer. */
  readonly held: readonly number[];
  /** In a paste that the terminal has announced no byte is a signal. */
  readonly paste: AnnouncedPaste;
}

export type TimerName = 'ask' | 'part' | 'paste' | 'close' | 'close-limit';

export type WatchEvent =
  /** `ended`: there is no terminal any more, as its input has told. */
  | { readonly type: 'begin' | 'ended' | 'close' }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'timer'; readonly timer: TimerName };

export type WatchEffect =
  | { readonly type: 'ask' }
  /** What was typed. */
  | { readonly type: 'pass'; readonly bytes: Uint8Array }
  | { readonly type: 'key'; readonly key: SignalKey }
  /** Replaces a timer of the same name. */
  | { readonly type: 'set-timer'; readonly timer: TimerName; readonly afterMs: number }
  | { readonly type: 'gone' }
  /**
   * The terminal can be given back: no answer is on its way and nothing more of a paste comes, or
   * it was waited for long enough.
   */
  | { readonly type: 'closed' };

type Step = MachineStep<TerminalWatch, WatchEffect>;

export const NEW_WATCH: TerminalWatch = { phase: 'unproven', unanswered: 0, outstanding: 0, held: [], paste: NO_PASTE };

/**
 * Device status report (ECMA-48 DSR 5). Not the cursor's position: that answer has the form of a
 * key, Shift-F3.
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

/** The one way a watch changes. */
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
 * Questions are counted, not time: while the program itself stands still, the terminal is not to
 * blame.
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
 * What is typed while the terminal is given back is for nobody: the rest of a paste would be run by
 * the user's shell. So the input
 * has to be quiet first.
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
 * Takes answers out. `mayHold`: a beginning of one at the end is held back; else it is what was
 * typed.
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
 * In the order in which it was typed. A paste that never ends is over when nothing but single keys
 * comes for a while.
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
