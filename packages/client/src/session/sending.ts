// What this member says: from a text to frames that leave in their order. PROTOCOL.md §5.4, §5.7.

import { cutText, isStealth, TEXT_BYTES_MAX } from '@sotto/protocol';
import type { Content } from '@sotto/protocol';
import type { ClientCode } from '../errors.ts';
import { PACE_TOLD_SECONDS, ROTATE_AFTER_FRAMES, ROTATE_SOON_MS } from '../limits.ts';
import { encodeText } from '../utf8.ts';
import { depart, enqueue, has, isFull, isInOrder, seal, takeResends } from './outbox.ts';
import type { Draft } from './outbox.ts';
import { departures, leavingMs, textPlaintextBytes } from './cover.ts';
import { noteContent } from './slot-timers.ts';
import { holdsBack } from './renewal.ts';
import type { Session, Turn } from './state.ts';
import { refuse } from './notifications.ts';
import { clearTimer, emit, publish, setTimer } from './effects.ts';
import { seenBefore, seenHash } from './log-consistency.ts';

export function say(session: Session, text: string, ref: string | undefined, turn: Turn): Session {
  const bytes = encodeText(text.toWellFormed());
  const code = refuseText(session, bytes);
  if (code !== undefined) {
    refuse(turn, code, ref);
    return session;
  }
  const drafts = cutText(bytes, textPlaintextBytes(session.schedule)).map((fragment): Draft => ({
    type: 'text',
    ref,
    ...fragment,
  }));
  const outbox = enqueue(session.outbox, drafts);
  const seconds = Math.ceil(leavingMs(session.schedule, outbox.waiting.length) / 1_000);
  if (seconds >= PACE_TOLD_SECONDS) emit(turn, { type: 'pace', ref, seconds });
  return pump({ ...session, outbox }, turn);
}

function refuseText(session: Session, bytes: Uint8Array): ClientCode | undefined {
  if (session.stay === 'leaving') return 'not-joined';
  if (bytes.length === 0) return 'text-empty';
  if (bytes.length > TEXT_BYTES_MAX) return 'text-too-long';
  return isFull(session.outbox) ? 'outbox-full' : undefined;
}

export function sendReceipt(session: Session, turn: Turn): Session {
  return session.stay === 'joined' ? pump(queueOnce(session, { type: 'receipt' }), turn) : session;
}

export function queueOnce(session: Session, draft: Draft): Session {
  return has(session.outbox, draft.type) ? session : { ...session, outbox: enqueue(session.outbox, [draft]) };
}

/** Only in the group, under a commit number that belongs to its epoch: else the relay would keep what nobody can open. */
export function maySpeak(session: Session): boolean {
  return mayAnnounce(session) && session.belonging.phase === 'inside';
}

/** Who is arriving says that it is there, and nothing else before it has been answered. */
export function mayAnnounce({ link, belonging, commitNumber, renewal }: Session): boolean {
  const hasKeys = belonging.phase === 'inside' || belonging.phase === 'arriving';
  return hasKeys && link.phase === 'live' && commitNumber.phase === 'known' && !holdsBack(renewal);
}

/** Lets leave what may leave now: first what has to be sent again, in its old order, then what waits. In stealth nothing ever may: slots come. */
export function pump(session: Session, turn: Turn): Session {
  const { cover } = session.schedule;
  if (!mayAnnounce(session) || isStealth(cover)) return session;
  const { outbox, resends } = takeResends(session.outbox);
  for (const body of resends) publish(turn, session.commitNumber.value, body);
  let next: Session = { ...session, outbox };
  if (!isInOrder(next.outbox)) return next;
  if (cover !== 'off')
    return next.outbox.waiting.length === 0 ? next : { ...next, schedule: noteContent(next.schedule, turn) };
  if (next.belonging.phase === 'arriving') return departNext(next, turn);
  let count = departures(next.outbox.waiting.length, next.outbox.departed.length);
  for (; count > 0; count -= 1) next = departNext(next, turn);
  return next;
}

/** The first draft that waits departs; of who is arriving only its presence. */
export function departNext(session: Session, turn: Turn): Session {
  const draft = session.outbox.waiting[0];
  const isAllowed = session.belonging.phase === 'inside' || draft?.type === 'presence';
  return draft === undefined || !isAllowed ? session : departDraft(session, draft, turn);
}

/** Gives a draft its number and asks for its sealing; it leaves when that is done, or in the next slot. */
export function departDraft(session: Session, draft: Draft, turn: Turn): Session {
  const number = session.number + 1;
  const outbox = depart(session.outbox, draft, number);
  turn.effects.push({ type: 'seal', ticket: outbox.ticket, content: toContent(draft, number, session, turn) });
  const receipt = session.receipt === 'due' && !saysBefore(draft) ? 'due' : 'none';
  if (receipt === 'none') clearTimer(turn, 'receipt');
  const sinceRotation = session.sinceRotation + (draft.type === 'text' ? 1 : 0);
  // Where nobody is to see who talks, keys are made new by the clock alone.
  if (sinceRotation === ROTATE_AFTER_FRAMES && !isStealth(session.schedule.cover))
    setTimer(turn, 'rotate', Math.round(turn.chance() * ROTATE_SOON_MS));
  return { ...session, number, sinceRotation, receipt, outbox };
}

/** Whether it tells how this member saw the epoch before. PROTOCOL.md §5.10. */
function saysBefore({ type }: Draft): boolean {
  return type === 'presence' || type === 'receipt';
}

/** A frame is sealed: it leaves at once, unless it has to wait for the connection, the commit number or an earlier frame that goes again first. */
export function takeSealed(session: Session, ticket: number, body: Uint8Array, turn: Turn): Session {
  if (isStealth(session.schedule.cover)) return { ...session, outbox: seal(session.outbox, ticket, body, 'ready') };
  const leaves = mayAnnounce(session) && isInOrder(session.outbox);
  if (leaves) publish(turn, session.commitNumber.value, body);
  return pump({ ...session, outbox: seal(session.outbox, ticket, body, leaves ? 'in-flight' : 'cut-off') }, turn);
}

function toContent(draft: Draft, number: number, session: Session, { room }: Turn): Content {
  const header = { number, seen: session.inbox.seen, logHash: seenHash(session.log) };
  const before = seenBefore(session.log);
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
