// What a step asks of the world, a word each.

import { encodeFetch, encodeFrame } from '@sotto/protocol';
import type { SnapshotName } from '@sotto/protocol';
import type { ClientEvent } from '../events.ts';
import type { TimerName, Turn } from './state.ts';

export function emit(turn: Turn, event: ClientEvent): void {
  turn.effects.push({ type: 'emit', event });
}

export function write(turn: Turn, bytes: Uint8Array): void {
  turn.effects.push({ type: 'write', bytes });
}

export function publish(turn: Turn, commitNumber: number, body: Uint8Array): void {
  write(turn, encodeFrame({ operation: 'publish', number: commitNumber, body }));
}

export function fetchFrame(what: SnapshotName): Uint8Array {
  return encodeFetch({ what });
}

export function setTimer(turn: Turn, name: TimerName, afterMs: number): void {
  turn.effects.push({ type: 'set-timer', name, afterMs });
}

export function clearTimer(turn: Turn, name: TimerName): void {
  turn.effects.push({ type: 'clear-timer', name });
}
