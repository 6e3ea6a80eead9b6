// How long the regular things wait, with some chance in it.

import { HEARTBEAT_INTERVAL_MS } from '@sotto/protocol';
import { PRESENCE_INTERVAL_MS } from './limits.ts';
import type { Turn } from './session-state.ts';

export function beatDelay(turn: Turn): number {
  return Math.round(HEARTBEAT_INTERVAL_MS * (0.75 + turn.chance() / 4));
}

export function presenceDelay(turn: Turn): number {
  return Math.round(PRESENCE_INTERVAL_MS * (1 + turn.chance() / 4));
}
