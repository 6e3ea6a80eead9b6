// Decides with the user who is admitted: knocks and this member's answers, and the host's orders.
// No member has to answer a knock, and nothing waits for it. PROTOCOL.md §5.9.

import { fingerprint } from '@sotto/crypto';
import { isStealth, stealthShape, STEALTH_TICK_MS } from '@sotto/protocol';
import type { StealthCover } from '@sotto/protocol';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import { MOVE_OFFER_MS } from '../limits.ts';
import type { PlainAccess } from '../moderator.ts';
import { requestCommit } from './commits.ts';
import { emit, emitError } from './effects.ts';
import type { StepContext } from './effects.ts';
import { warnOfKnock } from './notifications.ts';
import { sendReady } from './sending.ts';
import { hasRequest } from './slices/commits.ts';
import { timeToSendMs } from './slices/cover.ts';
import { rotationLeftMs } from './slices/key-rotation.ts';
import { enqueueFirst, withoutOrders } from './slices/outbox.ts';
import { addKnock, setOrdered } from './slices/user.ts';
import type { Session, SessionEvent } from './state.ts';

// Knocks

/** The user is told of one knock a key, so that a joiner that repeats it disturbs no member. */
export function onKnock(
  session: Session,
  knock: Extract<GroupOpened, { kind: 'knock' }>,
  context: StepContext,
): Session {
  const who = fingerprint(knock.memberKey);
  if (session.user.knocks.some((other) => other.fingerprint === who)) return session;
  const member = { name: knock.name.normalize('NFC'), fingerprint: who };
  emit(context, { type: 'knock', member });
  warnOfKnock(session, knock.memberKey, member, context);
  return { ...session, user: addKnock(session.user, { memberId: knock.memberId, fingerprint: who }) };
}

export function admit(session: Session, who: string, context: StepContext): Session {
  const knock = session.user.knocks.find((other) => other.fingerprint === who);
  if (knock === undefined) {
    emitError(context, 'member-unknown');
    return session;
  }
  return requestCommit(session, { type: 'admit', memberId: knock.memberId }, context);
}

// The host's orders

/** In stealth an access order is sent as a content, and the next commit carries it unseen. */
export function onOrder(
  session: Session,
  { order }: SessionEvent & { type: 'ordered' },
  context: StepContext,
): Session {
  if (isOrderPending(session)) {
    emitError(context, 'moderator-busy');
    return session;
  }
  const { mode } = session.cover;
  if (isStealth(mode)) return sendOrder(session, order, mode, context);
  return requestCommit(session, { type: 'order', order }, context);
}

/** One commit evicts the member and tells the others the way to the other room. */
export function onMoveOffered(
  session: Session,
  { offer }: SessionEvent & { type: 'move-offered' },
  context: StepContext,
): Session {
  if (isOrderPending(session) || session.user.status === 'leaving') {
    context.effects.push({ type: 'not-moved' });
    emitError(context, session.user.status === 'leaving' ? 'not-done' : 'moderator-busy');
    return session;
  }
  return requestCommit(session, { type: 'move', offer, until: context.now + MOVE_OFFER_MS }, context);
}

function isOrderPending({ commits }: Session): boolean {
  return hasRequest(commits, 'order') || hasRequest(commits, 'move');
}

/** The last order counts: earlier ones that have not left are dropped. */
function sendOrder(session: Session, order: PlainAccess, mode: StealthCover, context: StepContext): Session {
  const outbox = enqueueFirst(withoutOrders(session.outbox), { type: 'order', order });
  emit(context, {
    type: 'deferred',
    what: 'access',
    seconds: Math.ceil(untilCarriedMs(session, mode, context.now) / 1_000),
  });
  return sendReady({ ...session, outbox, user: setOrdered(session.user, order.number) }, context);
}

/**
 * The order has to be heard before the next rotation begins; otherwise the one after carries it.
 */
function untilCarriedMs({ cover, rotation }: Session, mode: StealthCover, now: number): number {
  const heardMs = timeToSendMs(cover, 1) + STEALTH_TICK_MS;
  const left = rotationLeftMs(mode, rotation, now);
  return left >= heardMs ? left : Math.max(0, left) + stealthShape(mode).keyRotationMs;
}

/** The order that the user waits for holds, or a later one does. */
export function notifyOrdered(session: Session, { order }: GroupView, context: StepContext): Session {
  const { ordered } = session.user;
  if (ordered === undefined || order < ordered) return session;
  emit(context, { type: 'moderated', what: 'access' });
  return { ...session, user: setOrdered(session.user, undefined) };
}

/** This member goes on in another room: an order that does not hold yet is lost. */
export function dropOrdered(session: Session, context: StepContext): void {
  if (session.user.ordered !== undefined) emitError(context, 'not-done');
}
