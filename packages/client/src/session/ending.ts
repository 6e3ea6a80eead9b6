// How a connection is given up, and how a session ends.

import { message } from '@sotto/messages';
import type { ClientCode } from '../errors.ts';
import { NO_SNAPSHOT_PARTS } from './snapshot-reader.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from '../limits.ts';
import { markUnconfirmed } from './outbox.ts';
import { NO_RENEWAL } from './renewal.ts';
import { stopSchedule } from './slot-timers.ts';
import type { Session, StepContext } from './state.ts';
import { announceUnnamed, notifyCircuitKept } from './notifications.ts';
import { clearTimer, emit, setTimer } from './effects.ts';

export function disconnect(session: Session, context: StepContext, code: ClientCode): Session {
  if (session.link.phase === 'waiting' || session.link.phase === 'dialling') return session;
  // A stream that begins in another version will do so again; later on it is only broken.
  if (code === 'version-mismatch' && session.link.phase === 'greeting') return endWithCode(session, context, code);
  for (const name of ['attach-deadline', 'ping', 'silence', 'renew', 'handover'] as const) clearTimer(context, name);
  context.effects.push({ type: 'disconnect' });
  const parts = NO_SNAPSHOT_PARTS;
  notifyCircuitKept(session.renewal, context);
  const stopped = { ...session, renewal: NO_RENEWAL, schedule: stopSchedule(session.schedule, context) };
  return scheduleReconnect(
    { ...stopped, parts, outbox: markUnconfirmed(session.outbox) },
    context,
    code,
    message(`error.client.${code}`),
  );
}

/** Waits with full jitter, so that a room that was cut off together does not come back together. */
export function scheduleReconnect(session: Session, context: StepContext, code: string, message: string): Session {
  if (session.status === 'leaving') return endSession(session, context, undefined, undefined);
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** session.attempt);
  setTimer(context, 'retry', Math.round(ceiling * (0.5 + context.chance() / 2)));
  emit(context, { type: 'state', state: 'reconnecting', code, detail: message });
  return { ...session, link: { phase: 'waiting' }, attempt: session.attempt + 1 };
}

export function endSession(
  session: Session,
  context: StepContext,
  code: string | undefined,
  message: string | undefined,
): Session {
  context.effects.push({ type: 'disconnect' });
  const told = announceUnnamed(session, context);
  if (code !== undefined && message !== undefined) emit(context, { type: 'error', code, message });
  emit(context, { type: 'state', state: 'closed', ...(code === undefined ? {} : { code }) });
  context.effects.push({ type: 'end' });
  return { ...told, link: { phase: 'closed' } };
}

export function endWithCode(session: Session, context: StepContext, code: ClientCode): Session {
  return endSession(session, context, code, message(`error.client.${code}`));
}
