// Another circuit without a break: a standby connection is opened beside the first, and the room is resumed on it when every echo of the first has come. PROTOCOL.md §4.9.

import { decodeAttached, decodeChallenge, decodeFrame, encodeAttach, encodeFetch } from '@sotto/protocol';
import { disconnect } from './ending.ts';
import { runCommitRequests } from './commits.ts';
import { NO_SNAPSHOT_PARTS } from './snapshot-reader.ts';
import { ATTACH_DEADLINE_MS, ECHO_WAIT_MS, RENEW_DIAL_LIMIT_MS } from '../limits.ts';
import { markUnconfirmed, isAwaitingAnswers } from './outbox.ts';
import { startConnection } from './connection.ts';
import { scheduleRenewal } from './pace.ts';
import { NO_RENEWAL } from './renewal.ts';
import type { Asked, Renewal } from './renewal.ts';
import type { Session, StepContext } from './state.ts';
import { stopSchedule } from './slot-timers.ts';
import { sendReady } from './sending.ts';
import { notifyCircuitKept } from './notifications.ts';
import { clearTimer, setTimer, write } from './effects.ts';

/** Begins; a user who asks while it is under way is told how that one ends. */
export function renew(session: Session, asked: Asked, context: StepContext): Session {
  const { renewal } = session;
  if (renewal.phase !== 'none') return asked === 'by-user' ? { ...session, renewal: { ...renewal, asked } } : session;
  if (session.status !== 'joined' || !isInPlace(session)) {
    notifyCircuitKept({ phase: 'dialling', asked }, context, 'circuit-not-now');
    if (asked === 'by-clock') scheduleRenewal(session, context);
    return session;
  }
  clearTimer(context, 'renew');
  setTimer(context, 'handover', RENEW_DIAL_LIMIT_MS);
  context.effects.push({ type: 'dial-standby' });
  return { ...session, renewal: { phase: 'dialling', asked } };
}

function isInPlace({ link, membership }: Session): boolean {
  return link.phase === 'live' && membership.phase === 'inside';
}

export function onStandbyOpened(session: Session, connection: number, context: StepContext): Session {
  const { renewal } = session;
  if (renewal.phase === 'dialling')
    return { ...session, renewal: { phase: 'greeting', asked: renewal.asked, connection } };
  context.effects.push({ type: 'close-standby' });
  return session;
}

export function onStandbyLost(session: Session, connection: number, context: StepContext): Session {
  return isOn(session.renewal, connection) ? abandonRenewal(session, context) : session;
}

/** What comes on the standby connection. From one that was given up it is void. */
export function onStandbyFrame(session: Session, connection: number, bytes: Uint8Array, context: StepContext): Session {
  const { renewal } = session;
  if (!isOn(renewal, connection)) return session;
  const frame = decodeFrame(bytes);
  if (!frame.ok) return abandonRenewal(session, context);
  if (renewal.phase === 'greeting') {
    const challenge = decodeChallenge(frame.value);
    if (!challenge.ok) return abandonRenewal(session, context);
    setTimer(context, 'handover', ECHO_WAIT_MS);
    return { ...session, renewal: { ...renewal, phase: 'draining', challenge: challenge.value.slice() } };
  }
  const log = renewal.phase === 'handover' ? decodeAttached(frame.value) : undefined;
  if (log?.ok !== true) return abandonRenewal(session, context);
  clearTimer(context, 'handover');
  context.effects.push({ type: 'promote-standby' });
  const arriving: Session = {
    ...session,
    connection: connection,
    renewal: { phase: 'arriving', asked: renewal.asked },
    parts: NO_SNAPSHOT_PARTS,
    outbox: markUnconfirmed(session.outbox),
    schedule: stopSchedule(session.schedule, context),
  };
  return startConnection(arriving, log.value, context);
}

function isOn(renewal: Renewal, connection: number): renewal is Extract<Renewal, { readonly connection: number }> {
  return 'connection' in renewal && renewal.connection === connection;
}

/** After every step: goes over as soon as everything that has left on the first connection is answered. */
export function handOverWhenIdle(session: Session, context: StepContext): Session {
  const { renewal } = session;
  if (renewal.phase !== 'draining' || session.link.phase === 'closed') return session;
  if (!isInPlace(session)) return abandonRenewal(session, context);
  if (!isIdle(session)) return session;
  const from = (session.read ?? 0) + 1;
  const signature = context.room.signAttach(renewal.challenge, from);
  const { asked, connection } = renewal;
  context.effects.push({
    type: 'write-standby',
    bytes: encodeAttach({ roomId: context.room.roomId, from, signature }),
  });
  setTimer(context, 'handover', ATTACH_DEADLINE_MS);
  return { ...session, renewal: { phase: 'handover', asked, connection } };
}

function isIdle({ outbox, commit, commitNumber, feed }: Session): boolean {
  return !isAwaitingAnswers(outbox) && commit.phase === 'none' && commitNumber.phase === 'known' && feed === 'on';
}

/** The standby connection has failed, or takes too long: the first goes on, and what it has brought meanwhile unheard is asked for again. */
export function abandonRenewal(session: Session, context: StepContext): Session {
  const { renewal } = session;
  if (renewal.phase === 'none' || renewal.phase === 'arriving') return session;
  clearTimer(context, 'handover');
  context.effects.push({ type: 'close-standby' });
  if (renewal.phase === 'handover' && !isInPlace(session)) return disconnect(session, context, 'relay-unreachable');
  notifyCircuitKept(renewal, context);
  scheduleRenewal(session, context);
  const kept: Session = { ...session, renewal: NO_RENEWAL };
  if (renewal.phase !== 'handover') return runCommitRequests(sendReady(kept, context), context);
  write(context, encodeFetch({ what: 'log', from: (session.read ?? 0) + 1 }));
  return runCommitRequests(sendReady({ ...kept, feed: 'again' }, context), context);
}
