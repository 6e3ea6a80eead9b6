// Chooses the texts about the path through Tor: its circuit, its guard, and a renewal's outcome.

import type { ShownEvent } from './front-end.ts';
import { safeLine, safeMessage } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

export function describePath(status: Extract<ShownEvent, { type: 'status' }>): SafeText {
  const { circuitAgeSeconds, guardSameSeconds, vanguards } = status;
  return safeMessage('status.path', {
    circuit:
      circuitAgeSeconds === null
        ? safeMessage('status.circuit-none')
        : safeMessage('status.circuit-in-use', { seconds: circuitAgeSeconds }),
    guard:
      guardSameSeconds === null
        ? safeMessage('status.guard-unknown')
        : safeMessage('status.guard-same', { span: describeSpan(guardSameSeconds) }),
    vanguards: safeMessage(`status.vanguards-${vanguards ?? 'unknown'}`),
  });
}

export function describeCircuit(event: Extract<ShownEvent, { type: 'circuit' }>): SafeText {
  if (event.state === 'kept') return safeMessage('status.circuit-kept', { reason: safeLine(event.message) });
  return safeMessage('status.circuit-renewed');
}

/** The span in its largest whole unit. */
function describeSpan(seconds: number): SafeText {
  if (seconds < MINUTE_S) return safeMessage('status.span-seconds', { count: seconds });
  if (seconds < HOUR_S) return safeMessage('status.span-minutes', { count: Math.floor(seconds / MINUTE_S) });
  if (seconds < DAY_S) return safeMessage('status.span-hours', { count: Math.floor(seconds / HOUR_S) });
  const count = Math.floor(seconds / DAY_S);
  return count === 1 ? safeMessage('status.span-day') : safeMessage('status.span-days', { count });
}
