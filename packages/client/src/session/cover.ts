// Fills the slots of a covered room: with a frame that was sealed before, or with filler bytes.
// PROTOCOL.md §12.3, §12.7.

import { COVER_FRAME_BYTES, encodeFiller, isStealth } from '@sotto/protocol';
import { WINDOW_FRAMES } from '../limits.ts';
import { publish, setSlotTimers, warn, write } from './effects.ts';
import type { StepContext } from './effects.ts';
import { dispatchDraft, dispatchNext, maySendPresence, maySend, sendReady, enqueueOnce } from './sending.ts';
import { checkReceived, onMetronomeDue, startSlots } from './slices/cover.ts';
import { isInOrder, release, resend } from './slices/outbox.ts';
import type { Draft } from './slices/outbox.ts';
import type { Session } from './state.ts';

const FILL: Uint8Array = encodeFiller('fill', COVER_FRAME_BYTES, (length) => new Uint8Array(length));

/** The connection was admitted: the metronome begins. */
export function startCover(session: Session, context: StepContext): Session {
  const cover = startSlots(session.cover, context.now, context.chance);
  setSlotTimers(context, cover);
  return { ...session, cover };
}

export function onSlot(session: Session, context: StepContext): Session {
  const { cover, dispatches } = onMetronomeDue(session.cover, context.now, context.chance);
  setSlotTimers(context, cover);
  let next: Session = { ...session, cover };
  for (const dispatch of dispatches) {
    if (dispatch === 'slot') next = fillSlot(next, context);
    if (dispatch === 'send') next = sendOne(next, context);
    if (dispatch === 'dummy' && maySend(next)) next = sendReady(enqueueOnce(next, { type: 'receipt' }), context);
  }
  return next;
}

/** One frame of one length leaves, whether or not a draft waits. */
function fillSlot(session: Session, context: StepContext): Session {
  const { outbox, body } = maySendPresence(session)
    ? release(session.outbox)
    : { outbox: session.outbox, body: undefined };
  if (body === undefined) write(context, FILL);
  else publish(context, session.commits.number.value, body);
  const checked = checkReceived(session.cover, context.now);
  if (checked?.isNews === true) warn(context, 'cover-thin', undefined);
  return { ...session, outbox, cover: checked?.cover ?? session.cover };
}

/** A little before a slot its draft is chosen and sealed; without any, a receipt is. */
export function prepareSlot(session: Session, context: StepContext): Session {
  if (!maySendPresence(session) || !isStealth(session.cover.mode)) return session;
  const { outbox } = resend(session.outbox, 'ready');
  const next: Session = { ...session, outbox };
  const isFull = outbox.dispatched.length >= WINDOW_FRAMES;
  if (isFull || !isInOrder(outbox) || outbox.dispatched.some(({ status }) => status === 'ready')) return next;
  const draft = chooseDraft(next);
  return draft === undefined ? next : dispatchDraft(next, draft, context);
}

function chooseDraft({ membership, outbox, cover }: Session): Draft | undefined {
  // An unconfirmed member sends its presence and nothing else.
  if (membership.phase !== 'inside') return outbox.waiting.find(({ type }) => type === 'presence');
  return outbox.waiting.find(({ type }) => type !== 'text' || cover.texts === 'free') ?? { type: 'receipt' };
}

function sendOne(session: Session, context: StepContext): Session {
  const leaves = maySendPresence(session) && isInOrder(session.outbox);
  return sendReady(leaves ? dispatchNext(session, context) : session, context);
}
