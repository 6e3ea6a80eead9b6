// How a connection is given up, and how a session ends.

import { CLIENT_CODES } from '../errors.ts';
import type { ClientCode } from '../errors.ts';
import { NO_SNAPSHOT_PARTS } from './snapshot-reader.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from '../limits.ts';
import { cutOff } from './outbox.ts';
import { NO_RENEWAL } from './renewal.ts';
import { stopSchedule } from './slot-timers.ts';
import type { Session, Turn } from './state.ts';
import { announceUnnamed, tellKept } from './notifications.ts';
import { clearTimer, emit, setTimer } from './effects.ts';

export function cut(session: Session, turn: Turn, code: ClientCode): Session {
  if (session.link.phase === 'waiting' || session.link.phase === 'dialling') return session;
  // A stream that begins in another version will do so again; later on it is only broken.
  if (code === 'version-mismatch' && session.link.phase === 'greeting') return closeWith(session, turn, code);
  for (const name of ['attach-deadline', 'ping', 'silence', 'renew', 'crossing'] as const) clearTimer(turn, name);
  turn.effects.push({ type: 'hang-up' });
  const parts = NO_SNAPSHOT_PARTS;
  tellKept(session.renewal, turn);
  const stopped = { ...session, renewal: NO_RENEWAL, schedule: stopSchedule(session.schedule, turn) };
  return retry({ ...stopped, parts, outbox: cutOff(session.outbox) }, turn, code, CLIENT_CODES[code]);
}

/** Waits with full jitter, so that a room that was cut off together does not come back together. */
export function retry(session: Session, turn: Turn, code: string, message: string): Session {
  if (session.stay === 'leaving') return close(session, turn, undefined, undefined);
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** session.attempt);
  setTimer(turn, 'retry', Math.round(ceiling * (0.5 + turn.chance() / 2)));
  emit(turn, { type: 'state', state: 'reconnecting', code, detail: message });
  return { ...session, link: { phase: 'waiting' }, attempt: session.attempt + 1 };
}

export function close(session: Session, turn: Turn, code: string | undefined, message: string | undefined): Session {
  turn.effects.push({ type: 'hang-up' });
  const told = announceUnnamed(session, turn);
  if (code !== undefined && message !== undefined) emit(turn, { type: 'error', code, message });
  emit(turn, { type: 'state', state: 'closed', ...(code === undefined ? {} : { code }) });
  turn.effects.push({ type: 'end' });
  return { ...told, link: { phase: 'closed' } };
}

export function closeWith(session: Session, turn: Turn, code: ClientCode): Session {
  return close(session, turn, code, CLIENT_CODES[code]);
}
