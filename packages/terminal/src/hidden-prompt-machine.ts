// The states of the hidden prompt. It answers when the input is quiet, and drops the rest. Its only
// state are the keys that it holds.

import type { Step } from '@sotto/machine';
import { HiddenKeys } from './hidden-keys.ts';
import { OPEN_PASTE_QUIET_MS, PASTE_QUIET_MS, QUIET_STEP_MS } from './limits.ts';

/**
 * `reading`: keys are kept. `leaving`: no answer is wanted, and further input is dropped. `over`:
 * nothing is awaited.
 */
export interface HiddenPrompt {
  readonly phase: 'reading' | 'leaving' | 'over';
  /** Shared by all states of one prompt. */
  readonly keys: HiddenKeys;
  readonly quietMs: number;
}

export type HiddenPromptEvent =
  | { readonly type: 'keys'; readonly bytes: Uint8Array }
  /** The time of the last `wait` is over. */
  | { readonly type: 'waited' }
  /** Asked to leave. */
  | { readonly type: 'interrupted' }
  /** No more can come, or there is no time to wait for it. */
  | { readonly type: 'cut' };

export type HiddenPromptEffect =
  /** Replaces the wait before. */
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'answer'; readonly text: string }
  | { readonly type: 'cancel' };

export type HiddenPromptStep = Step<HiddenPrompt, HiddenPromptEffect>;

const WAIT: HiddenPromptEffect = { type: 'wait', ms: QUIET_STEP_MS };

export function newHiddenPrompt(): HiddenPrompt {
  return { phase: 'reading', keys: new HiddenKeys(), quietMs: 0 };
}

/**
 * `isWhole`: whether a text needs no Enter. The result does not depend on how the bytes are cut
 * into events.
 */
export function stepHiddenPrompt(
  state: HiddenPrompt,
  event: HiddenPromptEvent,
  isWhole: (text: string) => boolean,
): HiddenPromptStep {
  if (state.phase === 'over') return { state, effects: [] };
  switch (event.type) {
    case 'keys':
      return onKeys(state, event.bytes);
    case 'waited':
      return onQuiet({ ...state, quietMs: state.quietMs + QUIET_STEP_MS }, isWhole);
    case 'interrupted':
      return state.phase === 'leaving' ? { state, effects: [] } : leave(state);
    case 'cut':
      return end(state, { type: 'cancel' });
  }
}

function onKeys(state: HiddenPrompt, bytes: Uint8Array): HiddenPromptStep {
  for (const [index, key] of bytes.entries()) {
    if (state.phase === 'leaving') state.keys.drop(key);
    else if (state.keys.press(key)) return onKeys(leave(state).state, bytes.subarray(index + 1));
  }
  return { state: { ...state, quietMs: 0 }, effects: [WAIT] };
}

function onQuiet(state: HiddenPrompt, isWhole: (text: string) => boolean): HiddenPromptStep {
  const { keys, phase, quietMs } = state;
  const limitMs = keys.isPasting ? OPEN_PASTE_QUIET_MS : PASTE_QUIET_MS;
  if (quietMs < limitMs) return { state, effects: [WAIT] };
  if (phase === 'leaving') return end(state, { type: 'cancel' });
  keys.endPaste();
  const text = keys.text();
  return keys.hasEnter || isWhole(text) ? end(state, { type: 'answer', text }) : { state, effects: [] };
}

function leave(state: HiddenPrompt): HiddenPromptStep {
  state.keys.wipe();
  return { state: { ...state, phase: 'leaving', quietMs: 0 }, effects: [WAIT] };
}

function end(state: HiddenPrompt, last: HiddenPromptEffect): HiddenPromptStep {
  state.keys.wipe();
  return { state: { ...state, phase: 'over' }, effects: [last] };
}
