// What leaves when it is time to, in a covered room: a frame that was sealed before, or bytes that say nothing. PROTOCOL.md §12.3, §12.7.

import { COVER_FRAME_BYTES, encodeFiller, isStealth } from '@sotto/protocol';
import { WINDOW_FRAMES } from '../limits.ts';
import { isInOrder, launch, takeResends } from './outbox.ts';
import type { Draft } from './outbox.ts';
import { checkHeard } from './cover.ts';
import { startSchedule, takeDue } from './slot-timers.ts';
import type { Session, Turn } from './state.ts';
import { departDraft, departNext, mayAnnounce, maySpeak, pump, queueOnce } from './sending.ts';
import { publish, write } from './effects.ts';
import { warn } from './log-consistency.ts';

const FILL: Uint8Array = encodeFiller('fill', COVER_FRAME_BYTES, (length) => new Uint8Array(length));

export function startSlots(session: Session, turn: Turn): Session {
  return { ...session, schedule: startSchedule(session.schedule, turn) };
}

/** Time to leave. */
export function takeSlot(session: Session, turn: Turn): Session {
  const { schedule, departures } = takeDue(session.schedule, turn);
  let next: Session = { ...session, schedule };
  for (const departure of departures) {
    if (departure === 'slot') next = fillSlot(next, turn);
    if (departure === 'send') next = sendOne(next, turn);
    if (departure === 'dummy' && maySpeak(next)) next = pump(queueOnce(next, { type: 'receipt' }), turn);
  }
  return next;
}

/** One frame of one length, whatever there is to say. */
function fillSlot(session: Session, turn: Turn): Session {
  const { outbox, body } = mayAnnounce(session) ? launch(session.outbox) : { outbox: session.outbox, body: undefined };
  if (body === undefined) write(turn, FILL);
  else publish(turn, session.commitNumber.value, body);
  const checked = checkHeard(session.schedule, turn.now);
  if (checked?.isNews === true) warn(turn, 'cover-thin', undefined);
  return { ...session, outbox, schedule: checked?.schedule ?? session.schedule };
}

/** A little before the slot: what is said in it is chosen and sealed; if nobody wants to say anything, a receipt is. */
export function prepareSlot(session: Session, turn: Turn): Session {
  if (!mayAnnounce(session) || !isStealth(session.schedule.cover)) return session;
  const { outbox } = takeResends(session.outbox, 'ready');
  const next: Session = { ...session, outbox };
  const isFull = outbox.departed.length >= WINDOW_FRAMES;
  if (isFull || !isInOrder(outbox) || outbox.departed.some(({ standing }) => standing === 'ready')) return next;
  const draft = chooseDraft(next);
  return draft === undefined ? next : departDraft(next, draft, turn);
}

function chooseDraft({ belonging, outbox, schedule }: Session): Draft | undefined {
  // Who is arriving says that it is there, and nothing else.
  if (belonging.phase !== 'inside') return outbox.waiting.find(({ type }) => type === 'presence');
  return outbox.waiting.find(({ type }) => type !== 'text' || schedule.words === 'free') ?? { type: 'receipt' };
}

function sendOne(session: Session, turn: Turn): Session {
  const leaves = mayAnnounce(session) && isInOrder(session.outbox);
  return pump(leaves ? departNext(session, turn) : session, turn);
}
