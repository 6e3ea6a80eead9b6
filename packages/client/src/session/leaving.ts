// Leaves the room: with a goodbye that carries the proof by which others remove this member. A lone
// member puts the proof into the snapshot. PROTOCOL.md §5.8.

import { message } from '@sotto/messages';
import { DWELL_MOST_MS, isStealth } from '@sotto/protocol';
import { LEAVE_COMMIT_WAIT_MS, LEAVE_WAIT_MS } from '../limits.ts';
import { abandonRenewal } from './circuit-renewal.ts';
import { runCommitRequests } from './commits.ts';
import { emit, setTimer } from './effects.ts';
import type { StepContext } from './effects.ts';
import { endSession } from './ending.ts';
import { abandonMove } from './room-move.ts';
import { maySend, sendReady } from './sending.ts';
import { enqueueRequest, keepRequests } from './slices/commits.ts';
import { sendingDelayMs } from './slices/cover.ts';
import { presentMembers } from './slices/inbox.ts';
import { hasKeys } from './slices/membership.ts';
import { enqueue } from './slices/outbox.ts';
import { setStatus } from './slices/user.ts';
import type { Session } from './state.ts';

export function leave(present: Session, context: StepContext): Session {
  const session = isPastHandover(present) ? present : abandonRenewal(present, context);
  if (session.user.status === 'leaving' || !isConnected(session) || !hasKeys(session.membership)) {
    return endSession(session, context, undefined, undefined);
  }
  const leaving: Session = { ...abandonMove(session, context), user: setStatus(session.user, 'leaving') };
  if (!isStealth(session.cover.mode)) return sendGoodbye(leaving, context);
  // In stealth a random wait keeps the goodbye from showing when this member sent its last text.
  const dwellMs = Math.round(context.chance() * DWELL_MOST_MS);
  emit(context, {
    type: 'state',
    state: 'leaving',
    detail: message('client.goodbye', { seconds: Math.ceil(dwellMs / 1_000) }),
  });
  setTimer(context, 'goodbye', dwellMs);
  return leaving;
}

/** A member in a handover says goodbye on the new circuit. Before that it stays on the old one. */
function isPastHandover({ connection: { renewal } }: Session): boolean {
  return renewal.phase === 'handover' || renewal.phase === 'catching-up';
}

function isConnected({ connection: { link, renewal } }: Session): boolean {
  return link.phase === 'live' || renewal.phase === 'catching-up';
}

export function sendGoodbye(leaving: Session, context: StepContext): Session {
  if (!isConnected(leaving)) return endSession(leaving, context, undefined, undefined);
  if (presentMembers(leaving.inbox).length === 0 && maySend(leaving) && !isAwaitingEcho(leaving)) {
    setTimer(context, 'leave', LEAVE_COMMIT_WAIT_MS);
    const cleared = keepRequests(leaving.commits, () => false);
    return runCommitRequests({ ...leaving, commits: enqueueRequest(cleared, { type: 'leave-commit' }) }, context);
  }
  setTimer(context, 'leave', LEAVE_WAIT_MS + sendingDelayMs(leaving.cover, leaving.outbox.waiting.length));
  const goodbye = enqueue(leaving.outbox, [{ type: 'presence', status: 'leaving' }]);
  return sendReady({ ...leaving, outbox: goodbye }, context);
}

/** Receipts that fill slots are never all echoed, and need not be. */
function isAwaitingEcho({ outbox }: Session): boolean {
  return outbox.dispatched.some(({ draft }) => draft.type !== 'receipt');
}
