// Renews the circuit without a break: a standby connection opens beside the one in use, and takes
// over when every echo of the first has come. PROTOCOL.md §4.9.

import { decodeAttached, decodeChallenge, decodeFrame, encodeAttach, encodeFetch } from '@sotto/protocol';
import { ATTACH_DEADLINE_MS, ECHO_WAIT_MS, RENEW_DIAL_LIMIT_MS } from '../limits.ts';
import { runCommitRequests } from './commits.ts';
import { startConnection, setRenewalTimer } from './connection.ts';
import { clearSlotTimers, clearTimer, setTimer, write } from './effects.ts';
import type { StepContext } from './effects.ts';
import { disconnect } from './ending.ts';
import { notifyCircuitKept } from './notifications.ts';
import { sendReady } from './sending.ts';
import {
  awaitStandbyChallenge,
  drain,
  endRenewal,
  joinRenewal,
  promoteStandby,
  refetchLog,
  startHandover,
  startRenewal,
} from './slices/connection.ts';
import type { Renewal, RenewalCause } from './slices/connection.ts';
import { stopSlots } from './slices/cover.ts';
import { markUnconfirmed, isAwaitingAnswers } from './slices/outbox.ts';
import type { Session } from './state.ts';

/** Starts a renewal. A user that asks while one is under way is told its result. */
export function renew(session: Session, cause: RenewalCause, context: StepContext): Session {
  const { connection } = session;
  if (connection.renewal.phase !== 'none')
    return cause === 'by-user' ? { ...session, connection: joinRenewal(connection) } : session;
  if (session.user.status !== 'joined' || !isInPlace(session)) {
    notifyCircuitKept({ phase: 'dialling', cause }, context, 'circuit-not-now');
    if (cause === 'by-clock') setRenewalTimer(session, context);
    return session;
  }
  clearTimer(context, 'renew');
  setTimer(context, 'handover', RENEW_DIAL_LIMIT_MS);
  context.effects.push({ type: 'dial-standby' });
  return { ...session, connection: startRenewal(connection, cause) };
}

function isInPlace({ connection, membership }: Session): boolean {
  return connection.link.phase === 'live' && membership.phase === 'inside';
}

export function onStandbyOpened(session: Session, standby: number, context: StepContext): Session {
  const { renewal } = session.connection;
  if (renewal.phase === 'dialling')
    return { ...session, connection: awaitStandbyChallenge(session.connection, renewal.cause, standby) };
  context.effects.push({ type: 'close-standby' });
  return session;
}

export function onStandbyLost(session: Session, standby: number, context: StepContext): Session {
  return isOn(session.connection.renewal, standby) ? abandonRenewal(session, context) : session;
}

/** Processes a frame of the standby connection. Frames of one that was given up are void. */
export function onStandbyFrame(session: Session, standby: number, bytes: Uint8Array, context: StepContext): Session {
  const { connection } = session;
  const { renewal } = connection;
  if (!isOn(renewal, standby)) return session;
  const frame = decodeFrame(bytes);
  if (!frame.ok) return abandonRenewal(session, context);
  if (renewal.phase === 'greeting') {
    const challenge = decodeChallenge(frame.value);
    if (!challenge.ok) return abandonRenewal(session, context);
    setTimer(context, 'handover', ECHO_WAIT_MS);
    return { ...session, connection: drain(connection, renewal, challenge.value.slice()) };
  }
  if (renewal.phase !== 'handover') return abandonRenewal(session, context);
  const log = decodeAttached(frame.value);
  if (!log.ok) return abandonRenewal(session, context);
  clearTimer(context, 'handover');
  context.effects.push({ type: 'promote-standby' });
  clearSlotTimers(context);
  const promoted: Session = {
    ...session,
    connection: promoteStandby(connection, renewal),
    outbox: markUnconfirmed(session.outbox),
    cover: stopSlots(session.cover),
  };
  return startConnection(promoted, log.value, context);
}

function isOn(renewal: Renewal, standby: number): renewal is Extract<Renewal, { readonly connection: number }> {
  return 'connection' in renewal && renewal.connection === standby;
}

/** After every step: hands over as soon as everything on the first connection is answered. */
export function handOverWhenIdle(session: Session, context: StepContext): Session {
  const { connection } = session;
  const { renewal } = connection;
  if (renewal.phase !== 'draining' || connection.link.phase === 'closed') return session;
  if (!isInPlace(session)) return abandonRenewal(session, context);
  if (!isIdle(session)) return session;
  const from = (connection.read ?? 0) + 1;
  const signature = context.room.signAttach(renewal.challenge, from);
  context.effects.push({
    type: 'write-standby',
    bytes: encodeAttach({ roomId: context.room.roomId, from, signature }),
  });
  setTimer(context, 'handover', ATTACH_DEADLINE_MS);
  return { ...session, connection: startHandover(connection, renewal) };
}

function isIdle({ outbox, commits, connection }: Session): boolean {
  return (
    !isAwaitingAnswers(outbox) &&
    commits.own.phase === 'none' &&
    commits.number.phase === 'known' &&
    connection.refetch === 'none'
  );
}

/**
 * The standby connection has failed, or takes too long. The first one goes on, and its entries that
 * were ignored meanwhile are fetched again.
 */
export function abandonRenewal(session: Session, context: StepContext): Session {
  const { renewal, read } = session.connection;
  if (renewal.phase === 'none' || renewal.phase === 'catching-up') return session;
  clearTimer(context, 'handover');
  context.effects.push({ type: 'close-standby' });
  if (renewal.phase === 'handover' && !isInPlace(session)) return disconnect(session, context, 'relay-unreachable');
  notifyCircuitKept(renewal, context);
  setRenewalTimer(session, context);
  const connection = endRenewal(session.connection);
  if (renewal.phase !== 'handover') return runCommitRequests(sendReady({ ...session, connection }, context), context);
  write(context, encodeFetch({ what: 'log', from: (read ?? 0) + 1 }));
  return runCommitRequests(sendReady({ ...session, connection: refetchLog(connection) }, context), context);
}
