// What the relay says: admission, the log's entries in their order, echoes, refusals. PROTOCOL.md §4, §5.7.

import {
  checkEmpty,
  decodeAttached,
  decodeChallenge,
  decodeCounter,
  decodeFrame,
  decodeRefused,
  encodeAttach,
  equalBytes,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import type { Frame, RelayCode } from '@sotto/protocol';
import { close, closeWith, cut } from './ending.ts';
import { RELAY_REASONS } from './errors.ts';
import { forgiveSilence, presentMembers, rollBack, takeContent, takeSequence } from './inbox.ts';
import type { InboxEvent } from './inbox.ts';
import { RECEIPT_DELAY_MS, TRACKED_TEXTS_MAX } from './limits.ts';
import type { Opened } from './membership.ts';
import { acknowledge, isOwn, refuseFrame } from './outbox.ts';
import type { Departed, Draft } from './outbox.ts';
import { beatDelay, presenceDelay } from './pace.ts';
import type { Session, Turn } from './session-state.ts';
import { pump, queueOnce } from './speaking.ts';
import { announce, emitMembers, gap, messageId } from './telling.ts';
import { clearTimer, emit, setTimer, write } from './turn.ts';

export function takeFrame(session: Session, bytes: Uint8Array, turn: Turn): Session {
  const frame = decodeFrame(bytes);
  if (!frame.ok) return cut(session, turn, 'relay-misbehaved');
  if (frame.value.operation === 'closing') return takeClosing(session, frame.value.code, turn);
  switch (session.link.phase) {
    case 'greeting':
      return frame.value.operation === 'challenge'
        ? attach(session, frame.value, turn)
        : cut(session, turn, 'relay-misbehaved');
    case 'attaching':
      return frame.value.operation === 'attached'
        ? attached(session, frame.value, turn)
        : cut(session, turn, 'relay-misbehaved');
    case 'catching-up':
    case 'live':
      return takeLogFrame(session, frame.value, turn);
    case 'idle':
    case 'dialling':
    case 'waiting':
    case 'closed':
      return session;
  }
}

function takeClosing(session: Session, code: RelayCode | undefined, turn: Turn): Session {
  if (code === undefined) return cut(session, turn, 'relay-misbehaved');
  const reason = RELAY_REASONS[code];
  return reason.final ? closeWith(session, turn, reason.code) : cut(session, turn, reason.code);
}

function attach(session: Session, frame: Frame, turn: Turn): Session {
  const challenge = decodeChallenge(frame);
  if (!challenge.ok) return cut(session, turn, 'relay-misbehaved');
  const from = session.stay === 'new' ? 0 : session.inbox.seen + 1;
  const signature = turn.membership.signAttach(challenge.value, from);
  write(turn, encodeAttach({ roomId: turn.membership.roomId, from, signature }));
  return { ...session, link: { phase: 'attaching' } };
}

function attached(session: Session, frame: Frame, turn: Turn): Session {
  const log = decodeAttached(frame);
  if (!log.ok) return cut(session, turn, 'relay-misbehaved');
  clearTimer(turn, 'attach-deadline');
  setTimer(turn, 'beat', beatDelay(turn));
  setTimer(turn, 'silence', SILENCE_LIMIT_MS);
  const last = log.value.next - 1;
  let next: Session = { ...session, attempt: 0, counter: log.value.counter };
  if (session.stay === 'new' || session.inbox.seen > last) {
    // A log that is shorter than what we have seen was rolled back; its lost end cannot be counted, but it is said.
    if (session.stay !== 'new') gap(turn, session.inbox.seen - last, undefined);
    next = {
      ...next,
      inbox: rollBack(next.inbox, last),
      tracked: next.tracked.filter((text) => text.sequence <= last),
    };
  } else if (log.value.oldest > session.inbox.seen + 1) {
    next = passSequence(next, log.value.oldest - 1, turn);
  }
  return next.inbox.seen >= last ? goLive(next, turn) : { ...next, link: { phase: 'catching-up', until: last } };
}

/** Frames before this one are lost: the gap is shown, and reading goes on behind it. */
function passSequence(session: Session, sequence: number, turn: Turn): Session {
  const taken = takeSequence(session.inbox, sequence + 1);
  if (taken === undefined) return session;
  const next: Session = { ...session, inbox: { ...taken.inbox, seen: sequence } };
  return taken.events.reduce((told, event) => announce(told, event, turn), next);
}

/** The log has been read to where it stood: what was cut off and did not arrive is sent again, then what waits. */
function goLive(session: Session, turn: Turn): Session {
  let next: Session = { ...session, link: { phase: 'live' }, inbox: forgiveSilence(session.inbox, turn.now) };
  if (next.stay === 'joined') emit(turn, { type: 'state', state: 'joined' });
  if (next.stay === 'new') {
    const arriving: Draft = { type: 'presence', standing: 'arriving' };
    next = { ...next, stay: 'announced', outbox: { ...next.outbox, waiting: [arriving, ...next.outbox.waiting] } };
  }
  return pump(next, turn);
}

function takeLogFrame(session: Session, frame: Frame, turn: Turn): Session {
  switch (frame.operation) {
    case 'entry':
      return takeEntry(session, frame, turn);
    case 'counter': {
      const notice = decodeCounter(frame);
      if (!notice.ok) return cut(session, turn, 'relay-misbehaved');
      // Whoever has the connection string can commit; until group keys are spoken here, that changes the counter and nothing else.
      return { ...session, counter: Math.max(session.counter, notice.value.counter) };
    }
    case 'beaten':
      return checkEmpty(frame).ok ? session : cut(session, turn, 'relay-misbehaved');
    case 'refused': {
      const nonce = decodeRefused(frame);
      if (!nonce.ok) return cut(session, turn, 'relay-misbehaved');
      return pump({ ...session, counter: frame.number, outbox: refuseFrame(session.outbox, nonce.value) }, turn);
    }
    default:
      return cut(session, turn, 'relay-misbehaved');
  }
}

/** An entry is opened before it is read: the answers come back in the log's order. */
function takeEntry(session: Session, frame: Frame, turn: Turn): Session {
  const own = isOwn(session.outbox, frame.body);
  turn.effects.push({ type: 'open', sequence: frame.number, body: frame.body, own });
  return session;
}

/** The log's next entry, opened: an echo, another member's content, a dummy, or nothing for us. */
export function takeOpened(session: Session, sequence: number, body: Uint8Array, opened: Opened, turn: Turn): Session {
  const taken = takeSequence(session.inbox, sequence);
  if (taken === undefined) return session;
  let next: Session = { ...session, inbox: taken.inbox };
  for (const event of taken.events) next = announce(next, event, turn);
  const echo = acknowledge(next.outbox, body);
  next =
    echo.departed === undefined
      ? takeOthers(next, opened, turn)
      : takeEcho({ ...next, outbox: echo.outbox }, echo.departed, sequence, turn);
  if (next.link.phase === 'catching-up' && next.inbox.seen >= next.link.until) return goLive(next, turn);
  return pump(next, turn);
}

/** The echo is the acknowledgement: the relay holds the frame. */
function takeEcho(session: Session, departed: Departed, sequence: number, turn: Turn): Session {
  const { draft, number } = departed;
  if (draft.type === 'presence' && draft.standing === 'leaving') return close(session, turn, undefined, undefined);
  if (draft.type === 'presence' && session.stay === 'announced') return becomeJoined(session, turn);
  if (draft.type !== 'text' || draft.index !== draft.count - 1) return session;
  const id = messageId(turn.membership.memberKey, number - draft.index);
  emit(turn, { type: 'sent', ref: draft.ref, id });
  const tracked = [...session.tracked, { id, sequence, by: 0 }].slice(-TRACKED_TEXTS_MAX);
  return { ...session, tracked };
}

function becomeJoined(session: Session, turn: Turn): Session {
  clearTimer(turn, 'join-limit');
  setTimer(turn, 'presence', presenceDelay(turn));
  const joined: Session = { ...session, stay: 'joined' };
  emit(turn, { type: 'state', state: 'joined' });
  emitMembers(joined, turn);
  return joined;
}

/** A body that is not an echo of ours: another member's, a dummy, or noise of the relay. Only the first changes anything. */
function takeOthers(session: Session, opened: Opened, turn: Turn): Session {
  if (opened.kind !== 'content') return session;
  const { memberKey, content } = opened;
  // Our own frame that is not awaited was shown before: the relay replays it.
  if (equalBytes(memberKey, turn.membership.memberKey)) return session;
  const taken = takeContent(session.inbox, memberKey, content, turn.now);
  let next: Session = { ...session, inbox: taken.inbox };
  for (const event of taken.events) {
    next = answerInbox(announce(next, event, turn), event, turn);
  }
  return next;
}

export function answerInbox(session: Session, event: InboxEvent, turn: Turn): Session {
  switch (event.type) {
    case 'text':
      // The first text starts the wait: were it each, a lively room would never be answered.
      if (session.receipt === 'none') setTimer(turn, 'receipt', RECEIPT_DELAY_MS);
      return { ...session, receipt: 'owed' };
    case 'arrived':
      emitMembers(session, turn);
      return event.asksWhoIsHere ? queueOnce(session, { type: 'presence', standing: 'here' }) : session;
    case 'left':
      emitMembers(session, turn);
      return session;
    case 'seen':
      return countDelivered(session, turn);
    case 'gap':
      return session;
  }
}

function countDelivered(session: Session, turn: Turn): Session {
  const others = presentMembers(session.inbox);
  const tracked = session.tracked.map((text) => {
    const by = others.filter((member) => member.seen >= text.sequence).length;
    if (by <= text.by) return text;
    emit(turn, { type: 'delivered', id: text.id, by });
    return { ...text, by };
  });
  return { ...session, tracked };
}
