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
import { closeWith, cut } from './ending.ts';
import { RELAY_REASONS } from '../errors.ts';
import { takeSnapshotPiece } from './snapshot-reader.ts';
import { pingDelay, scheduleRenewal } from './pace.ts';
import { startSlots } from './slots.ts';
import type { Passed, Session, Turn } from './state.ts';
import { clearTimer, setTimer, write } from './effects.ts';

export function takeFrame(session: Session, bytes: Uint8Array, turn: Turn): Session {
  const frame = decodeFrame(bytes);
  if (!frame.ok) return cut(session, turn, 'relay-misbehaved');
  if (frame.value.operation === 'closing') return takeClosing(session, frame.value.code, turn);
  switch (session.link.phase) {
    case 'greeting':
      return frame.value.operation === 'challenge'
        ? attach(session, frame.value, turn)
        : cut(session, turn, 'relay-misbehaved');
    case 'attaching':
      return frame.value.operation === 'attached'
        ? attached(session, frame.value, turn)
        : cut(session, turn, 'relay-misbehaved');
    case 'attached':
    case 'catching-up':
    case 'live':
      return takeLogFrame(session, frame.value, turn);
    case 'idle':
    case 'dialling':
    case 'waiting':
    case 'closed':
      return session;
  }
}

function takeClosing(session: Session, code: RelayCode | undefined, turn: Turn): Session {
  if (code === undefined) return cut(session, turn, 'relay-misbehaved');
  const reason = RELAY_REASONS[code];
  return reason.final ? closeWith(session, turn, reason.code) : cut(session, turn, reason.code);
}

function attach(session: Session, frame: Frame, turn: Turn): Session {
  const challenge = decodeChallenge(frame);
  if (!challenge.ok) return cut(session, turn, 'relay-misbehaved');
  const from = session.read === undefined ? 0 : session.read + 1;
  const signature = turn.room.signAttach(challenge.value, from);
  write(turn, encodeAttach({ roomId: turn.room.roomId, from, signature }));
  return { ...session, link: { phase: 'attaching' } };
}

function attached(session: Session, frame: Frame, turn: Turn): Session {
  const log = decodeAttached(frame);
  if (!log.ok) return cut(session, turn, 'relay-misbehaved');
  clearTimer(turn, 'attach-deadline');
  return beginReading(session, log.value, turn);
}

/** Admitted: the log is read from behind what was read before, and slots begin. */
export function beginReading(session: Session, log: Attached, turn: Turn): Session {
  // Slots are life enough.
  if (!isStealth(session.schedule.cover)) setTimer(turn, 'ping', pingDelay(turn));
  setTimer(turn, 'silence', SILENCE_LIMIT_MS);
  scheduleRenewal(session, turn);
  const { oldest, next } = log;
  // What the relay has no more is not awaited, and what it has forgotten since will be said anew.
  const read = session.read === undefined ? next - 1 : Math.min(next - 1, Math.max(session.read, oldest - 1));
  pass(turn, { type: 'attached', connection: session.connection, log });
  return startSlots(
    { ...session, admittedAt: turn.now, attempt: 0, read, feed: 'on', link: { phase: 'attached' } },
    turn,
  );
}

function takeLogFrame(session: Session, frame: Frame, turn: Turn): Session {
  const { connection } = session;
  switch (frame.operation) {
    case 'entry':
      return takeEntry(session, frame, turn);
    case 'committed': {
      const notice = decodeCommitted(frame);
      if (!notice.ok) return cut(session, turn, 'relay-misbehaved');
      pass(turn, { type: 'committed', notice: notice.value });
      return session;
    }
    case 'snapshot':
      return takeSnapshotFrame(session, frame, turn);
    case 'refused': {
      const what = decodeRefused(frame);
      if (!what.ok) return cut(session, turn, 'relay-misbehaved');
      pass(turn, {
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
      return checkEmpty(frame).ok ? session : cut(session, turn, 'relay-misbehaved');
    default:
      return cut(session, turn, 'relay-misbehaved');
  }
}

/** An entry goes to the keys once: what is not above the last one is a replay, and keys that were used for it are gone. */
function takeEntry(session: Session, frame: Frame, turn: Turn): Session {
  const read = session.read ?? 0;
  if (frame.number <= read || (session.feed === 'again' && frame.number !== read + 1)) return session;
  turn.effects.push({ type: 'open', sequence: frame.number, body: frame.body.slice() });
  return { ...session, read: frame.number, feed: 'on' };
}

function takeSnapshotFrame(session: Session, frame: Frame, turn: Turn): Session {
  const piece = decodeSnapshot(frame);
  if (!piece.ok) return cut(session, turn, 'relay-misbehaved');
  const { parts, snapshot } = takeSnapshotPiece(session.parts, { ...piece.value, data: piece.value.data.slice() });
  if (snapshot !== undefined) pass(turn, { type: 'snapshot', connection: session.connection, snapshot });
  return { ...session, parts };
}

function pass(turn: Turn, passed: Passed): void {
  turn.effects.push({ type: 'pass', passed });
}
