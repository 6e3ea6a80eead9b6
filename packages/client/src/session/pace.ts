// How long the regular things wait, with some chance in it.

import { PING_INTERVAL_MS } from '@sotto/protocol';
import { PRESENCE_INTERVAL_MS } from '../limits.ts';
import type { Session, Turn } from './state.ts';
import { setTimer } from './effects.ts';

export function pingDelay(turn: Turn): number {
  return Math.round(PING_INTERVAL_MS * (0.75 + turn.chance() / 4));
}

export function presenceDelay(turn: Turn): number {
  return Math.round(PRESENCE_INTERVAL_MS * (1 + turn.chance() / 4));
}

/** From each ATTACHED on, at a random time around what was asked for, from three quarters to five quarters of it: nothing that is said has a part in it. */
export function scheduleRenewal({ renewEveryMs }: Session, turn: Turn): void {
  if (renewEveryMs !== undefined) setTimer(turn, 'renew', Math.round(renewEveryMs * (0.75 + turn.chance() / 2)));
}
