// Processes the relay's frames as they arrive: the handshake at once, the log through the key work.
// PROTOCOL.md §4, §5.7.

import {
  bodyBytes,
  checkEmpty,
  decodeAttached,
  decodeChallenge,
  decodeCommittedBody,
  decodeFrame,
  decodeSnapshot,
  decodeRefused,
  encodeAttach,
  encodePing,
  isStealth,
  PING_INTERVAL_MS,
  SILENCE_LIMIT_MS,
  SMALLEST_FRAME_BYTES,
} from '@sotto/protocol';
import type { Attached, Frame, RelayCode } from '@sotto/protocol';
import { RELAY_REASONS } from '../errors.ts';
import type { LogEntry } from '../group/opened-entry.ts';
import { startCover } from './cover.ts';
import { clearTimer, queueNotice, setTimer, write } from './effects.ts';
import type { StepContext } from './effects.ts';
import { endWithCode, disconnect } from './ending.ts';
import { onAdmitted, onAttachSent, onEntry, onSnapshotPiece } from './slices/connection.ts';
import type { Session } from './state.ts';

const PRESENCE_BODY_BYTES: number = bodyBytes(SMALLEST_FRAME_BYTES);

export function onFrame(session: Session, bytes: Uint8Array, context: StepContext): Session {
  const frame = decodeFrame(bytes);
  if (!frame.ok) return disconnect(session, context, 'relay-misbehaved');
  if (frame.value.operation === 'closing') return onClosing(session, frame.value.code, context);
  switch (session.connection.link.phase) {
    case 'greeting':
      return frame.value.operation === 'challenge'
        ? onChallenge(session, frame.value, context)
        : disconnect(session, context, 'relay-misbehaved');
    case 'attaching':
      return frame.value.operation === 'attached'
        ? onAttachedFrame(session, frame.value, context)
        : disconnect(session, context, 'relay-misbehaved');
    case 'attached':
    case 'catching-up':
    case 'live':
      return onLogFrame(session, frame.value, context);
    case 'idle':
    case 'dialling':
    case 'waiting':
    case 'closed':
      return session;
  }
}

function onClosing(session: Session, code: RelayCode | undefined, context: StepContext): Session {
  if (code === undefined) return disconnect(session, context, 'relay-misbehaved');
  const reason = RELAY_REASONS[code];
  return reason.final ? endWithCode(session, context, reason.code) : disconnect(session, context, reason.code);
}

function onChallenge(session: Session, frame: Frame, context: StepContext): Session {
  const challenge = decodeChallenge(frame);
  if (!challenge.ok) return disconnect(session, context, 'relay-misbehaved');
  const { read } = session.connection;
  const from = read === undefined ? 0 : read + 1;
  const signature = context.room.signAttach(challenge.value, from);
  write(context, encodeAttach({ roomId: context.room.roomId, from, signature }));
  return { ...session, connection: onAttachSent(session.connection) };
}

function onAttachedFrame(session: Session, frame: Frame, context: StepContext): Session {
  const log = decodeAttached(frame);
  if (!log.ok) return disconnect(session, context, 'relay-misbehaved');
  clearTimer(context, 'attach-deadline');
  return startConnection(session, log.value, context);
}

/** The relay has admitted the connection in use: its timers and slots begin. */
export function startConnection(session: Session, log: Attached, context: StepContext): Session {
  // In stealth, slots show that the connection is alive.
  if (!isStealth(session.cover.mode)) setPingTimer(context);
  setTimer(context, 'silence', SILENCE_LIMIT_MS);
  setRenewalTimer(session, context);
  queueNotice(context, { type: 'attached', connection: session.connection.number, log });
  return startCover({ ...session, connection: onAdmitted(session.connection, log, context.now) }, context);
}

/** A renewal comes at a random time, from three to five quarters of the interval after ATTACHED. */
export function setRenewalTimer({ connection: { renewEveryMs } }: Session, context: StepContext): void {
  if (renewEveryMs !== undefined) setTimer(context, 'renew', Math.round(renewEveryMs * (0.75 + context.chance() / 2)));
}

export function onPingTimer(session: Session, context: StepContext): Session {
  write(context, encodePing('ping', 0));
  setPingTimer(context);
  return session;
}

function setPingTimer(context: StepContext): void {
  setTimer(context, 'ping', Math.round(PING_INTERVAL_MS * (0.75 + context.chance() / 4)));
}

export function onSilenceTimer(session: Session, context: StepContext): Session {
  const left = session.connection.heardAt + SILENCE_LIMIT_MS - context.now;
  if (left <= 0) return disconnect(session, context, 'connection-silent');
  setTimer(context, 'silence', left);
  return session;
}

function onLogFrame(session: Session, frame: Frame, context: StepContext): Session {
  const { number: connection } = session.connection;
  switch (frame.operation) {
    case 'entry':
      return onEntryFrame(session, frame, { envelope: frame.body, place: undefined }, context);
    case 'committed': {
      const committed = decodeCommittedBody(frame.body);
      if (!committed.ok) return disconnect(session, context, 'relay-misbehaved');
      const { envelope, ...place } = committed.value;
      return onEntryFrame(session, frame, { envelope, place }, context);
    }
    case 'snapshot':
      return onSnapshotFrame(session, frame, context);
    case 'refused': {
      const what = decodeRefused(frame);
      if (!what.ok) return disconnect(session, context, 'relay-misbehaved');
      queueNotice(context, {
        type: 'refused',
        connection,
        code: frame.code,
        commitNumber: frame.number,
        what: what.value.slice(),
      });
      return session;
    }
    case 'present':
      if (session.cover.mode !== 'off' || frame.body.length !== PRESENCE_BODY_BYTES)
        return disconnect(session, context, 'relay-misbehaved');
      context.effects.push({ type: 'open-presence', body: frame.body.slice() });
      return session;
    case 'noise':
      return session;
    case 'pong':
      return checkEmpty(frame).ok ? session : disconnect(session, context, 'relay-misbehaved');
    default:
      return disconnect(session, context, 'relay-misbehaved');
  }
}

function onEntryFrame(
  session: Session,
  { number: sequence, body }: Frame,
  { envelope, place }: Pick<LogEntry, 'envelope' | 'place'>,
  context: StepContext,
): Session {
  const { outcome, connection } = onEntry(session.connection, sequence, place);
  const next: Session = { ...session, connection };
  if (outcome === 'misplaced') return disconnect(next, context, 'relay-misbehaved');
  if (outcome === 'replayed') return next;
  const entry = { sequence, body: body.slice(), envelope: envelope.slice(), place };
  context.effects.push({ type: 'open-entry', entry });
  return next;
}

function onSnapshotFrame(session: Session, frame: Frame, context: StepContext): Session {
  const piece = decodeSnapshot(frame);
  if (!piece.ok) return disconnect(session, context, 'relay-misbehaved');
  const { connection, snapshot } = onSnapshotPiece(session.connection, {
    ...piece.value,
    data: piece.value.data.slice(),
  });
  if (snapshot !== undefined) queueNotice(context, { type: 'snapshot', connection: connection.number, snapshot });
  return { ...session, connection };
}
