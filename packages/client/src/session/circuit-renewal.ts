// Another circuit without a break: a second line is opened beside the first, and the room is resumed on it when every echo of the first has come. PROTOCOL.md §4.9.

import { decodeAttached, decodeChallenge, decodeFrame, encodeAttach, encodeFetch } from '@sotto/protocol';
import { cut } from './ending.ts';
import { runErrands } from './commits.ts';
import { NO_SNAPSHOT_PARTS } from './snapshot-reader.ts';
import { ATTACH_DEADLINE_MS, ECHO_WAIT_MS, RENEW_DIAL_LIMIT_MS } from '../limits.ts';
import { cutOff, isAwaitingAnswers } from './outbox.ts';
import { beginReading } from './connection.ts';
import { scheduleRenewal } from './pace.ts';
import { NO_RENEWAL } from './renewal.ts';
import type { Asked, Renewal } from './renewal.ts';
import type { Session, Turn } from './state.ts';
import { stopSchedule } from './slot-timers.ts';
import { pump } from './sending.ts';
import { tellKept } from './notifications.ts';
import { clearTimer, setTimer, write } from './effects.ts';

/** Begins; a user who asks while it is under way is told how that one ends. */
export function renew(session: Session, asked: Asked, turn: Turn): Session {
  const { renewal } = session;
  if (renewal.phase !== 'none') return asked === 'by-user' ? { ...session, renewal: { ...renewal, asked } } : session;
  if (session.stay !== 'joined' || !isInPlace(session)) {
    tellKept({ phase: 'dialling', asked }, turn, 'circuit-not-now');
    if (asked === 'by-clock') scheduleRenewal(session, turn);
    return session;
  }
  clearTimer(turn, 'renew');
  setTimer(turn, 'crossing', RENEW_DIAL_LIMIT_MS);
  turn.effects.push({ type: 'dial-spare' });
  return { ...session, renewal: { phase: 'dialling', asked } };
}

function isInPlace({ link, belonging }: Session): boolean {
  return link.phase === 'live' && belonging.phase === 'inside';
}

export function takeSpareOpened(session: Session, line: number, turn: Turn): Session {
  const { renewal } = session;
  if (renewal.phase === 'dialling') return { ...session, renewal: { phase: 'greeting', asked: renewal.asked, line } };
  turn.effects.push({ type: 'drop-spare' });
  return session;
}

export function takeSpareCut(session: Session, line: number, turn: Turn): Session {
  return isOn(session.renewal, line) ? abandon(session, turn) : session;
}

/** What comes on the second line. From one that was given up it is void. */
export function takeSpareFrame(session: Session, line: number, bytes: Uint8Array, turn: Turn): Session {
  const { renewal } = session;
  if (!isOn(renewal, line)) return session;
  const frame = decodeFrame(bytes);
  if (!frame.ok) return abandon(session, turn);
  if (renewal.phase === 'greeting') {
    const challenge = decodeChallenge(frame.value);
    if (!challenge.ok) return abandon(session, turn);
    setTimer(turn, 'crossing', ECHO_WAIT_MS);
    return { ...session, renewal: { ...renewal, phase: 'parting', challenge: challenge.value.slice() } };
  }
  const log = renewal.phase === 'crossing' ? decodeAttached(frame.value) : undefined;
  if (log?.ok !== true) return abandon(session, turn);
  clearTimer(turn, 'crossing');
  turn.effects.push({ type: 'adopt-spare' });
  const arriving: Session = {
    ...session,
    connection: line,
    renewal: { phase: 'arriving', asked: renewal.asked },
    parts: NO_SNAPSHOT_PARTS,
    outbox: cutOff(session.outbox),
    schedule: stopSchedule(session.schedule, turn),
  };
  return beginReading(arriving, log.value, turn);
}

function isOn(renewal: Renewal, line: number): renewal is Extract<Renewal, { readonly line: number }> {
  return 'line' in renewal && renewal.line === line;
}

/** After every step: goes over as soon as everything that has left on the first line is answered. */
export function crossWhenQuiet(session: Session, turn: Turn): Session {
  const { renewal } = session;
  if (renewal.phase !== 'parting' || session.link.phase === 'closed') return session;
  if (!isInPlace(session)) return abandon(session, turn);
  if (!isQuiet(session)) return session;
  const from = (session.read ?? 0) + 1;
  const signature = turn.room.signAttach(renewal.challenge, from);
  const { asked, line } = renewal;
  turn.effects.push({ type: 'write-spare', bytes: encodeAttach({ roomId: turn.room.roomId, from, signature }) });
  setTimer(turn, 'crossing', ATTACH_DEADLINE_MS);
  return { ...session, renewal: { phase: 'crossing', asked, line } };
}

function isQuiet({ outbox, commit, commitNumber, feed }: Session): boolean {
  return !isAwaitingAnswers(outbox) && commit.phase === 'none' && commitNumber.phase === 'known' && feed === 'on';
}

/** The second line has failed, or takes too long: the first goes on, and what it has brought meanwhile unheard is asked for again. */
export function abandon(session: Session, turn: Turn): Session {
  const { renewal } = session;
  if (renewal.phase === 'none' || renewal.phase === 'arriving') return session;
  clearTimer(turn, 'crossing');
  turn.effects.push({ type: 'drop-spare' });
  if (renewal.phase === 'crossing' && !isInPlace(session)) return cut(session, turn, 'relay-unreachable');
  tellKept(renewal, turn);
  scheduleRenewal(session, turn);
  const kept: Session = { ...session, renewal: NO_RENEWAL };
  if (renewal.phase !== 'crossing') return runErrands(pump(kept, turn), turn);
  write(turn, encodeFetch({ what: 'log', from: (session.read ?? 0) + 1 }));
  return runErrands(pump({ ...kept, feed: 'again' }, turn), turn);
}
