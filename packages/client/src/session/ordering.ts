// What the host's own client orders. In stealth nobody is to see that something was: an order is said, and the next commit carries it. PROTOCOL.md §5.9.

import { isStealth, stealthShape, STEALTH_TICK_MS } from '@sotto/protocol';
import type { StealthCover } from '@sotto/protocol';
import { hasErrand, runErrands, want } from './commits.ts';
import type { GroupView } from '../group/membership.ts';
import type { SignedAccess } from '../moderator.ts';
import { enqueueFirst, withoutOrders } from './outbox.ts';
import { turnLeftMs } from './key-rotation.ts';
import { leavingMs } from './cover.ts';
import type { Session, SessionEvent, Turn } from './state.ts';
import { pump } from './sending.ts';
import { refuse } from './notifications.ts';
import { emit } from './effects.ts';

export function takeOrder(session: Session, { order, move }: SessionEvent & { type: 'ordered' }, turn: Turn): Session {
  if (hasErrand(session, 'order')) {
    refuse(turn, 'moderator-busy');
    return session;
  }
  const { cover } = session.schedule;
  if (order.type === 'access' && isStealth(cover)) return sayOrder(session, order, cover, turn);
  return runErrands(want(session, { type: 'order', order, move }), turn);
}

/** The last one counts: of those before it that have not left nobody needs to hear. */
function sayOrder(session: Session, order: SignedAccess, cover: StealthCover, turn: Turn): Session {
  const outbox = enqueueFirst(withoutOrders(session.outbox), { type: 'order', order });
  emit(turn, {
    type: 'deferred',
    what: 'access',
    seconds: Math.ceil(untilCarriedMs(session, cover, turn.now) / 1_000),
  });
  return pump({ ...session, outbox, ordered: order.number }, turn);
}

/** The others have to hear it before the turn begins; else it waits for the turn behind. */
function untilCarriedMs({ schedule, rotation }: Session, cover: StealthCover, now: number): number {
  const heardMs = leavingMs(schedule, 1) + STEALTH_TICK_MS;
  const left = turnLeftMs(cover, rotation, now);
  return left >= heardMs ? left : Math.max(0, left) + stealthShape(cover).turnMs;
}

/** The order that was said holds, or a later one does. */
export function tellOrdered(session: Session, { order }: GroupView, turn: Turn): Session {
  if (session.ordered === undefined || order < session.ordered) return session;
  emit(turn, { type: 'moderated', what: 'access' });
  return { ...session, ordered: undefined };
}

/** This room is left for another, and what was ordered in it with it. */
export function dropOrdered(session: Session, turn: Turn): void {
  if (session.ordered !== undefined) refuse(turn, 'not-done');
}
