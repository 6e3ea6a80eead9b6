// What a step asks of the world, a word each.

import { encodeFetch, encodeFrame } from '@sotto/protocol';
import type { SnapshotName } from '@sotto/protocol';
import type { ClientEvent } from '../events.ts';
import type { TimerName, StepContext } from './state.ts';

export function emit(context: StepContext, event: ClientEvent): void {
  context.effects.push({ type: 'emit', event });
}

export function write(context: StepContext, bytes: Uint8Array): void {
  context.effects.push({ type: 'write', bytes });
}

export function publish(context: StepContext, commitNumber: number, body: Uint8Array): void {
  write(context, encodeFrame({ operation: 'publish', number: commitNumber, body }));
}

export function fetchFrame(what: SnapshotName): Uint8Array {
  return encodeFetch({ what });
}

export function setTimer(context: StepContext, name: TimerName, afterMs: number): void {
  context.effects.push({ type: 'set-timer', name, afterMs });
}

export function clearTimer(context: StepContext, name: TimerName): void {
  context.effects.push({ type: 'clear-timer', name });
}
