// How a member goes: it says so, with its word that it may be removed; if nobody is there to remove it, the word waits in the snapshot. PROTOCOL.md §5.8.

import { message } from '@sotto/messages';
import { DWELL_MOST_MS, isStealth } from '@sotto/protocol';
import { endSession } from './ending.ts';
import { runCommitRequests, enqueueRequest } from './commits.ts';
import { presentMembers } from './inbox.ts';
import { abandonRenewal } from './circuit-renewal.ts';
import { LEAVE_COMMIT_WAIT_MS, LEAVE_WAIT_MS } from '../limits.ts';
import { enqueue } from './outbox.ts';
import { sendingDelayMs } from './cover.ts';
import type { Session, StepContext } from './state.ts';
import { maySend, sendReady } from './sending.ts';
import { emit, setTimer } from './effects.ts';

export function leave(here: Session, context: StepContext): Session {
  const session = isPastHandover(here) ? here : abandonRenewal(here, context);
  const { phase } = session.membership;
  const hasKeys = phase === 'inside' || phase === 'arriving';
  if (session.status === 'leaving' || !isConnected(session) || !hasKeys) {
    return endSession(session, context, undefined, undefined);
  }
  const leaving: Session = { ...session, status: 'leaving' };
  if (!isStealth(session.schedule.cover)) return sendGoodbye(leaving, context);
  // When somebody goes must not tell when it spoke last.
  const dwellMs = Math.round(context.chance() * DWELL_MOST_MS);
  emit(context, {
    type: 'state',
    state: 'leaving',
    detail: message('client.goodbye', { seconds: Math.ceil(dwellMs / 1_000) }),
  });
  setTimer(context, 'goodbye', dwellMs);
  return leaving;
}

/** Who is going over to another circuit says goodbye on the other side; who has not begun to stays. */
function isPastHandover({ renewal }: Session): boolean {
  return renewal.phase === 'handover' || renewal.phase === 'arriving';
}

function isConnected({ link, renewal }: Session): boolean {
  return link.phase === 'live' || renewal.phase === 'arriving';
}

export function sendGoodbye(leaving: Session, context: StepContext): Session {
  if (!isConnected(leaving)) return endSession(leaving, context, undefined, undefined);
  if (presentMembers(leaving.inbox).length === 0 && maySend(leaving) && !isAwaitingEcho(leaving)) {
    setTimer(context, 'leave', LEAVE_COMMIT_WAIT_MS);
    return runCommitRequests(enqueueRequest({ ...leaving, commitRequests: [] }, { type: 'leave-commit' }), context);
  }
  setTimer(context, 'leave', LEAVE_WAIT_MS + sendingDelayMs(leaving.schedule, leaving.outbox.waiting.length));
  const goodbye = enqueue(leaving.outbox, [{ type: 'presence', status: 'leaving' }]);
  return sendReady({ ...leaving, outbox: goodbye }, context);
}

/** What fills slots is never all echoed, and need not be. */
function isAwaitingEcho({ outbox }: Session): boolean {
  return outbox.dispatched.some(({ draft }) => draft.type !== 'receipt');
}
