// How long the regular things wait, with some chance in it.

import { PING_INTERVAL_MS } from '@sotto/protocol';
import { PRESENCE_INTERVAL_MS } from '../limits.ts';
import type { Session, StepContext } from './state.ts';
import { setTimer } from './effects.ts';

export function pingDelay(context: StepContext): number {
  return Math.round(PING_INTERVAL_MS * (0.75 + context.chance() / 4));
}

export function presenceDelay(context: StepContext): number {
  return Math.round(PRESENCE_INTERVAL_MS * (1 + context.chance() / 4));
}

/** From each ATTACHED on, at a random time around what was asked for, from three quarters to five quarters of it: nothing that is said has a part in it. */
export function scheduleRenewal({ renewEveryMs }: Session, context: StepContext): void {
  if (renewEveryMs !== undefined) setTimer(context, 'renew', Math.round(renewEveryMs * (0.75 + context.chance() / 2)));
}
