// Sends this member's contents: from a text to frames that leave in their order.
// PROTOCOL.md §5.4, §5.7.

import { cutText, isStealth, TEXT_BYTES_MAX, wakeAt } from '@sotto/protocol';
import type { Content } from '@sotto/protocol';
import type { ClientCode } from '../errors.ts';
import { PACE_NOTICE_SECONDS } from '../limits.ts';
import { encodeText } from '../utf8.ts';
import { clearTimer, emit, emitError, publish, setSlotTimers } from './effects.ts';
import type { StepContext } from './effects.ts';
import { holdsFrames } from './slices/connection.ts';
import { framesToDispatch, onContentQueued, textPlaintextBytes, timeToSendMs } from './slices/cover.ts';
import { epochEnds, currentHash } from './slices/log.ts';
import { hasKeys } from './slices/membership.ts';
import { clearReceipt, dispatch, enqueue, has, isFull, isInOrder, seal, resend } from './slices/outbox.ts';
import type { Draft } from './slices/outbox.ts';
import type { Session } from './state.ts';

export function sendText(session: Session, text: string, ref: string | undefined, context: StepContext): Session {
  const bytes = encodeText(text.toWellFormed());
  const code = refuseText(session, bytes);
  if (code !== undefined) {
    emitError(context, code, ref);
    return session;
  }
  const drafts = cutText(bytes, textPlaintextBytes(session.cover)).map((fragment): Draft => ({
    type: 'text',
    ref,
    ...fragment,
  }));
  const outbox = enqueue(session.outbox, drafts);
  const seconds = Math.ceil(timeToSendMs(session.cover, outbox.waiting.length) / 1_000);
  if (seconds >= PACE_NOTICE_SECONDS) emit(context, { type: 'pace', ref, seconds });
  return sendReady({ ...session, outbox }, context);
}

function refuseText(session: Session, bytes: Uint8Array): ClientCode | undefined {
  if (session.user.status === 'leaving') return 'not-joined';
  if (bytes.length === 0) return 'text-empty';
  if (bytes.length > TEXT_BYTES_MAX) return 'text-too-long';
  return isFull(session.outbox) ? 'outbox-full' : undefined;
}

export function onReceiptTimer(session: Session, context: StepContext): Session {
  const next: Session = { ...session, outbox: clearReceipt(session.outbox) };
  return next.user.status === 'joined' ? sendReady(enqueueOnce(next, { type: 'receipt' }), context) : next;
}

export function enqueueOnce(session: Session, draft: Draft): Session {
  return has(session.outbox, draft.type) ? session : { ...session, outbox: enqueue(session.outbox, [draft]) };
}

/**
 * Whether contents may leave: only in the group, and under a commit number that belongs to its
 * epoch. Otherwise the relay would keep a frame that no member can open.
 */
export function maySend(session: Session): boolean {
  return maySendPresence(session) && session.membership.phase === 'inside';
}

/** Whether a presence may leave: an unconfirmed member sends nothing else. */
export function maySendPresence({ connection, membership, commits }: Session): boolean {
  return (
    hasKeys(membership) &&
    connection.link.phase === 'live' &&
    commits.number.phase === 'known' &&
    !holdsFrames(connection)
  );
}

/**
 * Sends the frames that may leave now: first those to be sent again, in their old order, then those
 * that wait. In stealth none may; slots send them.
 */
export function sendReady(session: Session, context: StepContext): Session {
  const { mode } = session.cover;
  if (!maySendPresence(session) || isStealth(mode)) return session;
  const { outbox, resends } = resend(session.outbox);
  for (const body of resends) publish(context, session.commits.number.value, body);
  let next: Session = { ...session, outbox };
  if (!isInOrder(next.outbox)) return next;
  if (mode !== 'off') return next.outbox.waiting.length === 0 ? next : noteQueued(next, context);
  if (next.membership.phase === 'unconfirmed') return dispatchNext(next, context);
  let count = framesToDispatch(next.outbox.waiting.length, next.outbox.dispatched.length);
  for (; count > 0; count -= 1) next = dispatchNext(next, context);
  return next;
}

/** Tells the metronome that a draft waits. */
function noteQueued(session: Session, context: StepContext): Session {
  const cover = onContentQueued(session.cover, context.now, context.chance);
  if (wakeAt(cover.metronome) !== wakeAt(session.cover.metronome)) setSlotTimers(context, cover);
  return { ...session, cover };
}

/** Dispatches the first draft that waits; of an unconfirmed member only its presence. */
export function dispatchNext(session: Session, context: StepContext): Session {
  const draft = session.outbox.waiting[0];
  const isAllowed = session.membership.phase === 'inside' || draft?.type === 'presence';
  return draft === undefined || !isAllowed ? session : dispatchDraft(session, draft, context);
}

/** Gives a draft its number and has it sealed. It leaves when sealed, or in the next slot. */
export function dispatchDraft(session: Session, draft: Draft, context: StepContext): Session {
  const outbox = dispatch(session.outbox, draft);
  const content = toContent(draft, outbox.number, session, context);
  context.effects.push({ type: 'seal', ticket: outbox.ticket, content });
  if (outbox.receipt === 'none') clearTimer(context, 'receipt');
  return { ...session, outbox };
}

/**
 * A frame is sealed: it leaves at once, unless it has to wait for the connection, for the commit
 * number, or for an earlier frame that is sent again first.
 */
export function onSealed(session: Session, ticket: number, body: Uint8Array, context: StepContext): Session {
  if (isStealth(session.cover.mode)) return { ...session, outbox: seal(session.outbox, ticket, body, 'ready') };
  const leaves = maySendPresence(session) && isInOrder(session.outbox);
  if (leaves) publish(context, session.commits.number.value, body);
  return sendReady(
    { ...session, outbox: seal(session.outbox, ticket, body, leaves ? 'in-flight' : 'unconfirmed') },
    context,
  );
}

function toContent(draft: Draft, number: number, session: Session, { room }: StepContext): Content {
  const header = { number, seen: session.inbox.seen, logHash: currentHash(session.log) };
  const before = epochEnds(session.log);
  const { name } = session.user;
  switch (draft.type) {
    case 'text':
      return { ...header, type: 'text', index: draft.index, count: draft.count, bytes: draft.bytes };
    case 'presence':
      return draft.status === 'leaving'
        ? { ...header, type: 'presence', before, status: 'leaving', name, signature: room.leaveSignature }
        : { ...header, type: 'presence', before, status: draft.status, name };
    case 'receipt':
      return { ...header, type: 'receipt', before };
    case 'roll-call':
      return { ...header, type: 'roll-call' };
    case 'order':
      return { ...header, type: 'order', order: draft.order };
  }
}
