// What this member says: from a text to frames that leave in their order. PROTOCOL.md §5.4, §5.7.

import { cutText, isStealth, TEXT_BYTES_MAX } from '@sotto/protocol';
import type { Content } from '@sotto/protocol';
import type { ClientCode } from '../errors.ts';
import { PACE_NOTICE_SECONDS, ROTATE_AFTER_FRAMES, ROTATE_SOON_MS } from '../limits.ts';
import { encodeText } from '../utf8.ts';
import { dispatch, enqueue, has, isFull, isInOrder, seal, resend } from './outbox.ts';
import type { Draft } from './outbox.ts';
import { framesToDispatch, timeToSendMs, textPlaintextBytes } from './cover.ts';
import { onContentQueued } from './slot-timers.ts';
import { holdsFrames } from './renewal.ts';
import type { Session, StepContext } from './state.ts';
import { emitError } from './notifications.ts';
import { clearTimer, emit, publish, setTimer } from './effects.ts';
import { epochEnds, currentHash } from './log-consistency.ts';

export function sendText(session: Session, text: string, ref: string | undefined, context: StepContext): Session {
  const bytes = encodeText(text.toWellFormed());
  const code = refuseText(session, bytes);
  if (code !== undefined) {
    emitError(context, code, ref);
    return session;
  }
  const drafts = cutText(bytes, textPlaintextBytes(session.schedule)).map((fragment): Draft => ({
    type: 'text',
    ref,
    ...fragment,
  }));
  const outbox = enqueue(session.outbox, drafts);
  const seconds = Math.ceil(timeToSendMs(session.schedule, outbox.waiting.length) / 1_000);
  if (seconds >= PACE_NOTICE_SECONDS) emit(context, { type: 'pace', ref, seconds });
  return sendReady({ ...session, outbox }, context);
}

function refuseText(session: Session, bytes: Uint8Array): ClientCode | undefined {
  if (session.status === 'leaving') return 'not-joined';
  if (bytes.length === 0) return 'text-empty';
  if (bytes.length > TEXT_BYTES_MAX) return 'text-too-long';
  return isFull(session.outbox) ? 'outbox-full' : undefined;
}

export function sendReceipt(session: Session, context: StepContext): Session {
  return session.status === 'joined' ? sendReady(enqueueOnce(session, { type: 'receipt' }), context) : session;
}

export function enqueueOnce(session: Session, draft: Draft): Session {
  return has(session.outbox, draft.type) ? session : { ...session, outbox: enqueue(session.outbox, [draft]) };
}

/** Only in the group, under a commit number that belongs to its epoch: else the relay would keep what nobody can open. */
export function maySend(session: Session): boolean {
  return maySendPresence(session) && session.membership.phase === 'inside';
}

/** Who is arriving says that it is there, and nothing else before it has been answered. */
export function maySendPresence({ link, membership, commitNumber, renewal }: Session): boolean {
  const hasKeys = membership.phase === 'inside' || membership.phase === 'arriving';
  return hasKeys && link.phase === 'live' && commitNumber.phase === 'known' && !holdsFrames(renewal);
}

/** Lets leave what may leave now: first what has to be sent again, in its old order, then what waits. In stealth nothing ever may: slots come. */
export function sendReady(session: Session, context: StepContext): Session {
  const { cover } = session.schedule;
  if (!maySendPresence(session) || isStealth(cover)) return session;
  const { outbox, resends } = resend(session.outbox);
  for (const body of resends) publish(context, session.commitNumber.value, body);
  let next: Session = { ...session, outbox };
  if (!isInOrder(next.outbox)) return next;
  if (cover !== 'off')
    return next.outbox.waiting.length === 0 ? next : { ...next, schedule: onContentQueued(next.schedule, context) };
  if (next.membership.phase === 'arriving') return dispatchNext(next, context);
  let count = framesToDispatch(next.outbox.waiting.length, next.outbox.dispatched.length);
  for (; count > 0; count -= 1) next = dispatchNext(next, context);
  return next;
}

/** The first draft that waits departs; of who is arriving only its presence. */
export function dispatchNext(session: Session, context: StepContext): Session {
  const draft = session.outbox.waiting[0];
  const isAllowed = session.membership.phase === 'inside' || draft?.type === 'presence';
  return draft === undefined || !isAllowed ? session : dispatchDraft(session, draft, context);
}

/** Gives a draft its number and asks for its sealing; it leaves when that is done, or in the next slot. */
export function dispatchDraft(session: Session, draft: Draft, context: StepContext): Session {
  const number = session.number + 1;
  const outbox = dispatch(session.outbox, draft, number);
  context.effects.push({ type: 'seal', ticket: outbox.ticket, content: toContent(draft, number, session, context) });
  const receipt = session.receipt === 'due' && !carriesEpochEnds(draft) ? 'due' : 'none';
  if (receipt === 'none') clearTimer(context, 'receipt');
  const sinceRotation = session.sinceRotation + (draft.type === 'text' ? 1 : 0);
  // Where nobody is to see who talks, keys are made new by the clock alone.
  if (sinceRotation === ROTATE_AFTER_FRAMES && !isStealth(session.schedule.cover))
    setTimer(context, 'rotate', Math.round(context.chance() * ROTATE_SOON_MS));
  return { ...session, number, sinceRotation, receipt, outbox };
}

/** Whether it tells how this member saw the epoch before. PROTOCOL.md §5.10. */
function carriesEpochEnds({ type }: Draft): boolean {
  return type === 'presence' || type === 'receipt';
}

/** A frame is sealed: it leaves at once, unless it has to wait for the connection, the commit number or an earlier frame that goes again first. */
export function onSealed(session: Session, ticket: number, body: Uint8Array, context: StepContext): Session {
  if (isStealth(session.schedule.cover)) return { ...session, outbox: seal(session.outbox, ticket, body, 'ready') };
  const leaves = maySendPresence(session) && isInOrder(session.outbox);
  if (leaves) publish(context, session.commitNumber.value, body);
  return sendReady(
    { ...session, outbox: seal(session.outbox, ticket, body, leaves ? 'in-flight' : 'unconfirmed') },
    context,
  );
}

function toContent(draft: Draft, number: number, session: Session, { room }: StepContext): Content {
  const header = { number, seen: session.inbox.seen, logHash: currentHash(session.log) };
  const before = epochEnds(session.log);
  switch (draft.type) {
    case 'text':
      return { ...header, type: 'text', index: draft.index, count: draft.count, bytes: draft.bytes };
    case 'presence':
      return draft.status === 'leaving'
        ? {
            ...header,
            type: 'presence',
            before,
            status: 'leaving',
            name: session.name,
            signature: room.leaveSignature,
          }
        : { ...header, type: 'presence', before, status: draft.status, name: session.name };
    case 'receipt':
      return { ...header, type: 'receipt', before };
    case 'roll-call':
      return { ...header, type: 'roll-call' };
    case 'move':
      return { ...header, ...draft.move };
    case 'order':
      return { ...header, type: 'order', order: draft.order };
  }
}
