// What the relay says, as it arrives: admission at once, everything of the log through the key work in its order. PROTOCOL.md §4, §5.7.

import {
  checkEmpty,
  decodeAttached,
  decodeChallenge,
  decodeCommitted,
  decodeFrame,
  decodeSnapshot,
  decodeRefused,
  encodeAttach,
  isStealth,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import type { Attached, Frame, RelayCode } from '@sotto/protocol';
import { endWithCode, disconnect } from './ending.ts';
import { RELAY_REASONS } from '../errors.ts';
import { processSnapshotPiece } from './snapshot-reader.ts';
import { pingDelay, scheduleRenewal } from './pace.ts';
import { startSlots } from './slots.ts';
import type { RelayNotice, Session, StepContext } from './state.ts';
import { clearTimer, setTimer, write } from './effects.ts';

export function onFrame(session: Session, bytes: Uint8Array, context: StepContext): Session {
  const frame = decodeFrame(bytes);
  if (!frame.ok) return disconnect(session, context, 'relay-misbehaved');
  if (frame.value.operation === 'closing') return onClosing(session, frame.value.code, context);
  switch (session.link.phase) {
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
  const from = session.read === undefined ? 0 : session.read + 1;
  const signature = context.room.signAttach(challenge.value, from);
  write(context, encodeAttach({ roomId: context.room.roomId, from, signature }));
  return { ...session, link: { phase: 'attaching' } };
}

function onAttachedFrame(session: Session, frame: Frame, context: StepContext): Session {
  const log = decodeAttached(frame);
  if (!log.ok) return disconnect(session, context, 'relay-misbehaved');
  clearTimer(context, 'attach-deadline');
  return startConnection(session, log.value, context);
}

/** Admitted: the log is read from behind what was read before, and slots begin. */
export function startConnection(session: Session, log: Attached, context: StepContext): Session {
  // Slots are life enough.
  if (!isStealth(session.schedule.cover)) setTimer(context, 'ping', pingDelay(context));
  setTimer(context, 'silence', SILENCE_LIMIT_MS);
  scheduleRenewal(session, context);
  const { oldest, next } = log;
  // What the relay has no more is not awaited, and what it has forgotten since will be said anew.
  const read = session.read === undefined ? next - 1 : Math.min(next - 1, Math.max(session.read, oldest - 1));
  queueNotice(context, { type: 'attached', connection: session.connection, log });
  return startSlots(
    { ...session, admittedAt: context.now, attempt: 0, read, feed: 'on', link: { phase: 'attached' } },
    context,
  );
}

function onLogFrame(session: Session, frame: Frame, context: StepContext): Session {
  const { connection } = session;
  switch (frame.operation) {
    case 'entry':
      return onEntry(session, frame, context);
    case 'committed': {
      const notice = decodeCommitted(frame);
      if (!notice.ok) return disconnect(session, context, 'relay-misbehaved');
      queueNotice(context, { type: 'committed', notice: notice.value });
      return session;
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
    case 'noise':
      return session;
    case 'pong':
      return checkEmpty(frame).ok ? session : disconnect(session, context, 'relay-misbehaved');
    default:
      return disconnect(session, context, 'relay-misbehaved');
  }
}

/** An entry goes to the keys once: what is not above the last one is a replay, and keys that were used for it are gone. */
function onEntry(session: Session, frame: Frame, context: StepContext): Session {
  const read = session.read ?? 0;
  if (frame.number <= read || (session.feed === 'again' && frame.number !== read + 1)) return session;
  context.effects.push({ type: 'open-entry', sequence: frame.number, body: frame.body.slice() });
  return { ...session, read: frame.number, feed: 'on' };
}

function onSnapshotFrame(session: Session, frame: Frame, context: StepContext): Session {
  const piece = decodeSnapshot(frame);
  if (!piece.ok) return disconnect(session, context, 'relay-misbehaved');
  const { parts, snapshot } = processSnapshotPiece(session.parts, { ...piece.value, data: piece.value.data.slice() });
  if (snapshot !== undefined) queueNotice(context, { type: 'snapshot', connection: session.connection, snapshot });
  return { ...session, parts };
}

function queueNotice(context: StepContext, notice: RelayNotice): void {
  context.effects.push({ type: 'queue-notice', notice });
}
