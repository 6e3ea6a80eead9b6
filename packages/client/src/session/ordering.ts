// What the host's own client orders. In stealth nobody is to see that something was: an order is said, and the next commit carries it. PROTOCOL.md §5.9.

import { isStealth, stealthShape, STEALTH_TICK_MS } from '@sotto/protocol';
import type { StealthCover } from '@sotto/protocol';
import { hasCommitRequest, runCommitRequests, enqueueRequest } from './commits.ts';
import type { GroupView } from '../group/membership.ts';
import type { SignedAccess } from '../moderator.ts';
import { enqueueFirst, withoutOrders } from './outbox.ts';
import { rotationLeftMs } from './key-rotation.ts';
import { timeToSendMs } from './cover.ts';
import type { Session, SessionEvent, StepContext } from './state.ts';
import { sendReady } from './sending.ts';
import { emitError } from './notifications.ts';
import { emit } from './effects.ts';

export function onOrder(
  session: Session,
  { order, move }: SessionEvent & { type: 'ordered' },
  context: StepContext,
): Session {
  if (hasCommitRequest(session, 'order')) {
    emitError(context, 'moderator-busy');
    return session;
  }
  const { cover } = session.schedule;
  if (order.type === 'access' && isStealth(cover)) return sendOrder(session, order, cover, context);
  return runCommitRequests(enqueueRequest(session, { type: 'order', order, move }), context);
}

/** The last one counts: of those before it that have not left nobody needs to hear. */
function sendOrder(session: Session, order: SignedAccess, cover: StealthCover, context: StepContext): Session {
  const outbox = enqueueFirst(withoutOrders(session.outbox), { type: 'order', order });
  emit(context, {
    type: 'deferred',
    what: 'access',
    seconds: Math.ceil(untilCarriedMs(session, cover, context.now) / 1_000),
  });
  return sendReady({ ...session, outbox, ordered: order.number }, context);
}

/** The others have to hear it before the turn begins; else it waits for the turn behind. */
function untilCarriedMs({ schedule, rotation }: Session, cover: StealthCover, now: number): number {
  const heardMs = timeToSendMs(schedule, 1) + STEALTH_TICK_MS;
  const left = rotationLeftMs(cover, rotation, now);
  return left >= heardMs ? left : Math.max(0, left) + stealthShape(cover).keyRotationMs;
}

/** The order that was said holds, or a later one does. */
export function notifyOrdered(session: Session, { order }: GroupView, context: StepContext): Session {
  if (session.ordered === undefined || order < session.ordered) return session;
  emit(context, { type: 'moderated', what: 'access' });
  return { ...session, ordered: undefined };
}

/** This room is left for another, and what was ordered in it with it. */
export function dropOrdered(session: Session, context: StepContext): void {
  if (session.ordered !== undefined) emitError(context, 'not-done');
}
