// Asks for a secret on a terminal without echo, and reads all of a paste, so that no other program
// does.

import type { Clock } from '@sotto/client';
import { newHiddenPrompt, stepHiddenPrompt } from './hidden-prompt-machine.ts';
import type { HiddenPromptEffect, HiddenPromptEvent } from './hidden-prompt-machine.ts';

const ANNOUNCE_PASTE = '\x1b[?2004h';
const ANNOUNCE_NO_PASTE = '\x1b[?2004l';

/** The parts of a terminal's input that are used. */
export interface HiddenInput {
  setRawMode(raw: boolean): unknown;
  on(event: 'data', take: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', take: () => void): unknown;
  off(event: 'data', take: (chunk: Uint8Array) => void): unknown;
  off(event: 'end' | 'close', take: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** All typed and pasted text, or no answer. */
export type Answer = { readonly type: 'answered'; readonly text: string } | { readonly type: 'cancelled' };

export interface HiddenPromptEdge {
  readonly input: HiddenInput;
  readonly show: (text: string) => void;
  /** The output is a terminal, which can announce where a paste begins and ends. */
  readonly showsOnTerminal: boolean;
  readonly clock: Pick<Clock, 'after'>;
  /** Asks to leave. The prompt still waits for the end of a paste, and drops it. */
  readonly signal: AbortSignal;
  /** Ends the prompt at once. */
  readonly atOnce: AbortSignal;
  /** Whether a text needs no Enter. */
  readonly isWhole: (text: string) => boolean;
}

/**
 * Writes `question` and reads without echo until the input is quiet after the answer. The rest of
 * the same paste is part of the text, and no other program reads it. Ctrl-C, Ctrl-D, the end of the
 * input and the signals cancel. The terminal stays raw and paused, for the next reader or
 * `setRawMode(false)`.
 */
export async function askHidden(question: string, edge: HiddenPromptEdge): Promise<Answer> {
  const { input, signal, atOnce } = edge;
  if (signal.aborted) return { type: 'cancelled' };
  const done = Promise.withResolvers<Answer>();
  let prompt = newHiddenPrompt();
  let cancelWait = (): void => undefined;
  const perform = (effect: HiddenPromptEffect): void => {
    cancelWait();
    if (effect.type === 'wait') cancelWait = edge.clock.after(effect.ms, () => step({ type: 'waited' }));
    else done.resolve(effect.type === 'answer' ? { type: 'answered', text: effect.text } : { type: 'cancelled' });
  };
  const step = (event: HiddenPromptEvent): void => {
    const { state, effects } = stepHiddenPrompt(prompt, event, edge.isWhole);
    prompt = state;
    effects.forEach(perform);
  };
  const take = (bytes: Uint8Array): void => {
    step({ type: 'keys', bytes });
    bytes.fill(0);
  };
  const interrupt = (): void => step({ type: 'interrupted' });
  const cut = (): void => step({ type: 'cut' });
  // Set before the question is shown: a fast answer must not be echoed.
  input.setRawMode(true);
  try {
    edge.show(edge.showsOnTerminal ? `${ANNOUNCE_PASTE}${question}` : question);
    signal.addEventListener('abort', interrupt);
    atOnce.addEventListener('abort', cut);
    input.on('data', take);
    input.on('end', cut);
    input.on('close', cut);
    input.resume();
    return await done.promise;
  } finally {
    signal.removeEventListener('abort', interrupt);
    atOnce.removeEventListener('abort', cut);
    input.pause();
    input.off('data', take);
    input.off('end', cut);
    input.off('close', cut);
    edge.show(edge.showsOnTerminal ? `${ANNOUNCE_NO_PASTE}\n` : '\n');
  }
}
