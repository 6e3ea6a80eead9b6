// What this member says: from a text to frames that leave in their order. PROTOCOL.md §5.4, §5.7.

import { cutText, LOG_HASH_BYTES, SIGNATURE_BYTES, TEXT_BYTES_MAX } from '@sotto/protocol';
import type { Content, ContentHeader, Standing } from '@sotto/protocol';
import type { ClientCode } from './errors.ts';
import { close } from './ending.ts';
import { LEAVE_WAIT_MS } from './limits.ts';
import { LARGEST_PLAINTEXT_BYTES } from './membership.ts';
import { encodeText } from './text.ts';
import { depart, enqueue, has, isFull, isInOrder, seal, takeResends } from './outbox.ts';
import type { Draft } from './outbox.ts';
import { departures } from './schedule.ts';
import type { Session, Turn } from './session-state.ts';
import { refuse } from './telling.ts';
import { clearTimer, publish, setTimer } from './turn.ts';

export function say(session: Session, text: string, ref: string | undefined, turn: Turn): Session {
  const bytes = encodeText(text.toWellFormed());
  const code = refuseText(session, bytes);
  if (code !== undefined) {
    refuse(turn, code, ref);
    return session;
  }
  const drafts = cutText(bytes, LARGEST_PLAINTEXT_BYTES).map((fragment): Draft => ({ type: 'text', ref, ...fragment }));
  return pump({ ...session, outbox: enqueue(session.outbox, drafts) }, turn);
}

function refuseText(session: Session, bytes: Uint8Array): ClientCode | undefined {
  if (session.stay === 'leaving') return 'not-joined';
  if (bytes.length === 0) return 'text-empty';
  if (bytes.length > TEXT_BYTES_MAX) return 'text-too-long';
  return isFull(session.outbox) ? 'outbox-full' : undefined;
}

export function leave(session: Session, turn: Turn): Session {
  if (session.stay === 'leaving') return close(session, turn, undefined, undefined);
  if (session.link.phase !== 'live' || session.stay === 'new') return close(session, turn, undefined, undefined);
  setTimer(turn, 'leave', LEAVE_WAIT_MS);
  const leaving: Draft = { type: 'presence', standing: 'leaving' };
  return pump({ ...session, stay: 'leaving', outbox: enqueue(session.outbox, [leaving]) }, turn);
}

export function sendReceipt(session: Session, turn: Turn): Session {
  return session.stay === 'joined' ? pump(queueOnce(session, { type: 'receipt' }), turn) : session;
}

export function queueOnce(session: Session, draft: Draft): Session {
  return has(session.outbox, draft.type) ? session : { ...session, outbox: enqueue(session.outbox, [draft]) };
}

/** Lets leave what may leave now: first what has to be sent again, in its old order, then what waits. */
export function pump(session: Session, turn: Turn): Session {
  if (session.link.phase !== 'live') return session;
  const { outbox, resends } = takeResends(session.outbox);
  for (const body of resends) publish(turn, session.counter, body);
  let next: Session = { ...session, outbox };
  if (!isInOrder(next.outbox)) return next;
  let count = departures(next.schedule, next.outbox.waiting.length, next.outbox.departed.length);
  for (; count > 0; count -= 1) next = departNext(next, turn);
  return next;
}

/** Gives the first draft its number and asks for its sealing; it leaves when that is done. */
function departNext(session: Session, turn: Turn): Session {
  const draft = session.outbox.waiting[0];
  if (draft === undefined) return session;
  const number = session.number + 1;
  turn.effects.push({ type: 'seal', content: toContent(draft, number, session) });
  clearTimer(turn, 'receipt');
  return { ...session, number, receipt: 'none', outbox: depart(session.outbox, draft, number) };
}

/** A frame is sealed: it leaves at once, unless the connection was cut meanwhile or an earlier frame has to be sent again first. */
export function takeSealed(session: Session, number: number, body: Uint8Array, turn: Turn): Session {
  const leaves = session.link.phase === 'live' && isInOrder(session.outbox);
  if (leaves) publish(turn, session.counter, body);
  return pump({ ...session, outbox: seal(session.outbox, number, body, leaves ? 'in-flight' : 'cut-off') }, turn);
}

function toContent(draft: Draft, number: number, session: Session): Content {
  // Without group keys there is no epoch whose log could be hashed.
  const header = { number, seen: session.inbox.seen, logHash: new Uint8Array(LOG_HASH_BYTES) };
  switch (draft.type) {
    case 'text':
      return { ...header, type: 'text', index: draft.index, count: draft.count, bytes: draft.bytes };
    case 'presence':
      return toPresence(header, draft.standing, session.name);
    case 'receipt':
      return { ...header, type: 'receipt' };
  }
}

function toPresence(header: ContentHeader, standing: Standing, name: string): Content {
  if (standing !== 'leaving') return { ...header, type: 'presence', standing, name };
  // Without group keys there is no leaf that anybody could remove.
  return { ...header, type: 'presence', standing, name, signature: new Uint8Array(SIGNATURE_BYTES) };
}
