// Dials, gives up a connection and dials again, and ends a session.

import { message } from '@sotto/messages';
import type { ClientCode } from '../errors.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from '../limits.ts';
import { clearSlotTimers, clearTimer, emit, setTimer } from './effects.ts';
import type { StepContext } from './effects.ts';
import { announceUnnamed, notifyCircuitKept } from './notifications.ts';
import { abandonMove } from './room-move.ts';
import { awaitRetry, close, dropConnection, startDial } from './slices/connection.ts';
import { stopSlots } from './slices/cover.ts';
import { markUnconfirmed } from './slices/outbox.ts';
import type { Session } from './state.ts';

export function dial(session: Session, context: StepContext): Session {
  context.effects.push({ type: 'dial' });
  return { ...session, connection: startDial(session.connection) };
}

export function disconnect(session: Session, context: StepContext, code: ClientCode): Session {
  const { link, renewal } = session.connection;
  if (link.phase === 'waiting' || link.phase === 'dialling') return session;
  // A stream that begins in another version will do so again. Later on it is only broken.
  if (code === 'version-mismatch' && link.phase === 'greeting') return endWithCode(session, context, code);
  for (const name of ['attach-deadline', 'ping', 'silence', 'renew', 'handover'] as const) clearTimer(context, name);
  context.effects.push({ type: 'disconnect' });
  notifyCircuitKept(renewal, context);
  clearSlotTimers(context);
  const stopped: Session = {
    ...session,
    connection: dropConnection(session.connection),
    cover: stopSlots(session.cover),
    outbox: markUnconfirmed(session.outbox),
  };
  return scheduleReconnect(stopped, context, code, message(`error.client.${code}`));
}

/** Waits with full jitter, so that members that were cut off together do not reconnect together. */
export function scheduleReconnect(session: Session, context: StepContext, code: string, message: string): Session {
  if (session.user.status === 'leaving') return endSession(session, context, undefined, undefined);
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** session.connection.attempt);
  setTimer(context, 'retry', Math.round(ceiling * (0.5 + context.chance() / 2)));
  emit(context, { type: 'state', state: 'reconnecting', code, detail: message });
  return { ...session, connection: awaitRetry(session.connection) };
}

export function endSession(
  session: Session,
  context: StepContext,
  code: string | undefined,
  message: string | undefined,
): Session {
  context.effects.push({ type: 'disconnect' });
  const announced = announceUnnamed(abandonMove(session, context), context);
  if (code !== undefined && message !== undefined) emit(context, { type: 'error', code, message });
  emit(context, { type: 'state', state: 'closed', ...(code === undefined ? {} : { code }) });
  context.effects.push({ type: 'end' });
  return closeSession(announced);
}

export function endWithCode(session: Session, context: StepContext, code: ClientCode): Session {
  return endSession(session, context, code, message(`error.client.${code}`));
}

/** After this no event changes the session. */
export function closeSession(session: Session): Session {
  return { ...session, connection: close(session.connection) };
}
