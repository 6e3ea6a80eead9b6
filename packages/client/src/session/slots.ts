// What leaves when it is time to, in a covered room: a frame that was sealed before, or bytes that say nothing. PROTOCOL.md §12.3, §12.7.

import { COVER_FRAME_BYTES, encodeFiller, isStealth } from '@sotto/protocol';
import { WINDOW_FRAMES } from '../limits.ts';
import { isInOrder, release, resend } from './outbox.ts';
import type { Draft } from './outbox.ts';
import { checkReceived } from './cover.ts';
import { startSchedule, processDue } from './slot-timers.ts';
import type { Session, StepContext } from './state.ts';
import { dispatchDraft, dispatchNext, maySendPresence, maySend, sendReady, enqueueOnce } from './sending.ts';
import { publish, write } from './effects.ts';
import { warn } from './log-consistency.ts';

const FILL: Uint8Array = encodeFiller('fill', COVER_FRAME_BYTES, (length) => new Uint8Array(length));

export function startSlots(session: Session, context: StepContext): Session {
  return { ...session, schedule: startSchedule(session.schedule, context) };
}

/** Time to leave. */
export function onSlot(session: Session, context: StepContext): Session {
  const { schedule, dispatches: departures } = processDue(session.schedule, context);
  let next: Session = { ...session, schedule };
  for (const departure of departures) {
    if (departure === 'slot') next = fillSlot(next, context);
    if (departure === 'send') next = sendOne(next, context);
    if (departure === 'dummy' && maySend(next)) next = sendReady(enqueueOnce(next, { type: 'receipt' }), context);
  }
  return next;
}

/** One frame of one length, whatever there is to say. */
function fillSlot(session: Session, context: StepContext): Session {
  const { outbox, body } = maySendPresence(session)
    ? release(session.outbox)
    : { outbox: session.outbox, body: undefined };
  if (body === undefined) write(context, FILL);
  else publish(context, session.commitNumber.value, body);
  const checked = checkReceived(session.schedule, context.now);
  if (checked?.isNews === true) warn(context, 'cover-thin', undefined);
  return { ...session, outbox, schedule: checked?.schedule ?? session.schedule };
}

/** A little before the slot: what is said in it is chosen and sealed; if nobody wants to say anything, a receipt is. */
export function prepareSlot(session: Session, context: StepContext): Session {
  if (!maySendPresence(session) || !isStealth(session.schedule.cover)) return session;
  const { outbox } = resend(session.outbox, 'ready');
  const next: Session = { ...session, outbox };
  const isFull = outbox.dispatched.length >= WINDOW_FRAMES;
  if (isFull || !isInOrder(outbox) || outbox.dispatched.some(({ status }) => status === 'ready')) return next;
  const draft = chooseDraft(next);
  return draft === undefined ? next : dispatchDraft(next, draft, context);
}

function chooseDraft({ membership, outbox, schedule }: Session): Draft | undefined {
  // Who is arriving says that it is there, and nothing else.
  if (membership.phase !== 'inside') return outbox.waiting.find(({ type }) => type === 'presence');
  return outbox.waiting.find(({ type }) => type !== 'text' || schedule.words === 'free') ?? { type: 'receipt' };
}

function sendOne(session: Session, context: StepContext): Session {
  const leaves = maySendPresence(session) && isInOrder(session.outbox);
  return sendReady(leaves ? dispatchNext(session, context) : session, context);
}
