// The life of one member in one room, as a pure state machine: (session, event) -> { session, effects }. PROTOCOL.md §4, §5.7.

import {
  checkEmpty,
  cutText,
  decodeAttached,
  decodeChallenge,
  decodeFrame,
  decodeRefused,
  encodeAttach,
  encodeBeat,
  encodeFrame,
  HEARTBEAT_INTERVAL_MS,
  NAME_BYTES_MAX,
  SILENCE_LIMIT_MS,
  TEXT_BYTES_MAX,
  equalBytes,
} from '@sotto/protocol';
import type { Content, Frame, RelayCode } from '@sotto/protocol';
import { fingerprint } from '@sotto/crypto';
import { CLIENT_CODES, RELAY_REASONS } from './errors.ts';
import type { ClientCode } from './errors.ts';
import type { ClientEvent, Speaker, StateEvent } from './events.ts';
import {
  dropSilent,
  EMPTY_INBOX,
  forgiveSilence,
  presentMembers,
  rollBack,
  takeContent,
  takeSequence,
} from './inbox.ts';
import type { Inbox, InboxEvent, Member } from './inbox.ts';
import {
  ATTACH_DEADLINE_MS,
  BACKOFF_FIRST_MS,
  BACKOFF_MAX_MS,
  JOIN_LIMIT_MS,
  LEAVE_WAIT_MS,
  PRESENCE_INTERVAL_MS,
  RECEIPT_DELAY_MS,
  TRACKED_TEXTS_MAX,
} from './limits.ts';
import { decodeText, encodeText, LARGEST_PLAINTEXT_BYTES } from './membership.ts';
import type { Membership } from './membership.ts';
import {
  acknowledge,
  cutOff,
  depart,
  EMPTY_OUTBOX,
  enqueue,
  has,
  isFull,
  isInOrder,
  refuseFrame,
  takeResends,
} from './outbox.ts';
import type { Departed, Draft, Outbox } from './outbox.ts';
import { departures, OFF_SCHEDULE } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/** Where the connection stands. `catching-up` ends when the log has been read up to `until`. */
type Link =
  | { readonly phase: 'idle' }
  | { readonly phase: 'dialling' }
  | { readonly phase: 'greeting' }
  | { readonly phase: 'attaching' }
  | { readonly phase: 'catching-up'; readonly until: number }
  | { readonly phase: 'live' }
  | { readonly phase: 'waiting' }
  | { readonly phase: 'closed' };

/** Where this member stands in the room: it has joined when the room's log holds its announcement. */
type Stay = 'new' | 'announced' | 'joined' | 'leaving';

/** An own text that the relay holds, and how many others have said that they saw it. */
interface TrackedText {
  readonly id: string;
  readonly sequence: number;
  readonly by: number;
}

export interface Session {
  readonly link: Link;
  readonly stay: Stay;
  readonly name: string;
  readonly attempt: number;
  readonly counter: number;
  /** The number of this member's last frame that left. */
  readonly number: number;
  readonly heardAt: number;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly schedule: Schedule;
  readonly tracked: readonly TrackedText[];
  /** `owed`: a text was shown since our last frame, and the receipt's timer runs. */
  readonly receipt: 'none' | 'owed';
}

export type TimerName =
  'retry' | 'attach-deadline' | 'beat' | 'silence' | 'join-limit' | 'receipt' | 'presence' | 'leave';

export type SessionEvent =
  | { readonly type: 'start' }
  | { readonly type: 'stage'; readonly stage: StateEvent }
  | { readonly type: 'opened' }
  | { readonly type: 'dial-failed'; readonly code: string; readonly message: string; readonly final: boolean }
  | { readonly type: 'frame'; readonly bytes: Uint8Array }
  | { readonly type: 'cut'; readonly code: ClientCode }
  | { readonly type: 'timer'; readonly name: TimerName }
  | { readonly type: 'say'; readonly text: string; readonly ref: string | undefined }
  | { readonly type: 'leave' };

export type Effect =
  | { readonly type: 'dial' }
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  | { readonly type: 'hang-up' }
  | { readonly type: 'set-timer'; readonly name: TimerName; readonly afterMs: number }
  | { readonly type: 'clear-timer'; readonly name: TimerName }
  | { readonly type: 'emit'; readonly event: ClientEvent }
  | { readonly type: 'end' };

/** What a step may use of the world: keys, the clock's reading, and a random number in [0, 1). */
export interface SessionContext {
  readonly membership: Membership;
  readonly now: number;
  readonly chance: () => number;
}

interface Turn extends SessionContext {
  readonly effects: Effect[];
}

export function createSession(name: string): Session {
  return {
    link: { phase: 'idle' },
    stay: 'new',
    name,
    attempt: 0,
    counter: 0,
    number: 0,
    heardAt: 0,
    outbox: EMPTY_OUTBOX,
    inbox: EMPTY_INBOX,
    schedule: OFF_SCHEDULE,
    tracked: [],
    receipt: 'none',
  };
}

/** The one way a session changes. After `closed` nothing happens any more. */
export function step(
  session: Session,
  event: SessionEvent,
  context: SessionContext,
): { session: Session; effects: readonly Effect[] } {
  const turn: Turn = { ...context, effects: [] };
  if (session.link.phase === 'closed') {
    if (event.type === 'say') refuse(turn, 'not-joined', event.ref);
    return { session, effects: turn.effects };
  }
  return { session: react(session, event, turn), effects: turn.effects };
}

/** Everybody who is here, oneself first. */
export function listMembers(session: Session, membership: Membership): (Speaker & { self: boolean })[] {
  const self = { name: session.name, fingerprint: membership.fingerprint, self: true };
  return [self, ...presentMembers(session.inbox).map((member) => ({ ...speaker(member), self: false }))];
}

function react(session: Session, event: SessionEvent, turn: Turn): Session {
  switch (event.type) {
    case 'start':
      if (!isName(session.name)) return closeWith(session, turn, 'name-invalid');
      setTimer(turn, 'join-limit', JOIN_LIMIT_MS);
      return dial(session, turn);
    case 'stage':
      if (session.stay === 'new') emit(turn, event.stage);
      return session;
    case 'opened':
      setTimer(turn, 'attach-deadline', ATTACH_DEADLINE_MS);
      if (session.stay === 'new') emit(turn, { type: 'state', state: 'joining' });
      return { ...session, link: { phase: 'greeting' } };
    case 'dial-failed':
      return event.final
        ? close(session, turn, event.code, event.message)
        : retry(session, turn, event.code, event.message);
    case 'frame':
      return takeFrame({ ...session, heardAt: turn.now }, event.bytes, turn);
    case 'cut':
      return cut(session, turn, event.code);
    case 'timer':
      return takeTimer(session, event.name, turn);
    case 'say':
      return say(session, event.text, event.ref, turn);
    case 'leave':
      return leave(session, turn);
  }
}

// Connecting

function dial(session: Session, turn: Turn): Session {
  turn.effects.push({ type: 'dial' });
  return { ...session, link: { phase: 'dialling' } };
}

/** Waits with full jitter, so that a room that was cut off together does not come back together. */
function retry(session: Session, turn: Turn, code: string, message: string): Session {
  if (session.stay === 'leaving') return close(session, turn, undefined, undefined);
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** session.attempt);
  setTimer(turn, 'retry', Math.round(ceiling * (0.5 + turn.chance() / 2)));
  emit(turn, { type: 'state', state: 'reconnecting', code, detail: message });
  return { ...session, link: { phase: 'waiting' }, attempt: session.attempt + 1 };
}

function cut(session: Session, turn: Turn, code: ClientCode): Session {
  if (session.link.phase === 'waiting' || session.link.phase === 'dialling') return session;
  // A stream that begins in another version will do so again; later on it is only broken.
  if (code === 'version-mismatch' && session.link.phase === 'greeting') return closeWith(session, turn, code);
  for (const name of ['attach-deadline', 'beat', 'silence'] as const) clearTimer(turn, name);
  turn.effects.push({ type: 'hang-up' });
  return retry({ ...session, outbox: cutOff(session.outbox) }, turn, code, CLIENT_CODES[code]);
}

function close(session: Session, turn: Turn, code: string | undefined, message: string | undefined): Session {
  turn.effects.push({ type: 'hang-up' });
  if (code !== undefined && message !== undefined) emit(turn, { type: 'error', code, message });
  emit(turn, { type: 'state', state: 'closed', ...(code === undefined ? {} : { code }) });
  turn.effects.push({ type: 'end' });
  return { ...session, link: { phase: 'closed' } };
}

function closeWith(session: Session, turn: Turn, code: ClientCode): Session {
  return close(session, turn, code, CLIENT_CODES[code]);
}

// Frames of the relay

function takeFrame(session: Session, bytes: Uint8Array, turn: Turn): Session {
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
  for (const event of taken.events) announceInbox(event, turn);
  return { ...session, inbox: { ...taken.inbox, seen: sequence } };
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

function takeEntry(session: Session, frame: Frame, turn: Turn): Session {
  const taken = takeSequence(session.inbox, frame.number);
  if (taken === undefined) return session;
  for (const event of taken.events) announceInbox(event, turn);
  let next: Session = { ...session, inbox: taken.inbox };
  const echo = acknowledge(next.outbox, frame.body);
  next =
    echo.departed === undefined
      ? takeOthersBody(next, frame.body, turn)
      : takeEcho({ ...next, outbox: echo.outbox }, echo.departed, frame.number, turn);
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
function takeOthersBody(session: Session, body: Uint8Array, turn: Turn): Session {
  const opened = turn.membership.open(body);
  if (!opened.ok || opened.value.kind === 'dummy') return session;
  const { memberKey, content } = opened.value;
  // Our own frame that is not awaited was shown before: the relay replays it.
  if (equalBytes(memberKey, turn.membership.memberKey)) return session;
  const taken = takeContent(session.inbox, memberKey, content, turn.now);
  let next: Session = { ...session, inbox: taken.inbox };
  for (const event of taken.events) {
    announceInbox(event, turn);
    next = answerInbox(next, event, turn);
  }
  return next;
}

function answerInbox(session: Session, event: InboxEvent, turn: Turn): Session {
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

// What this member says

function say(session: Session, text: string, ref: string | undefined, turn: Turn): Session {
  const bytes = encodeText(text.toWellFormed());
  const code = refuseText(session, bytes);
  if (code !== undefined) {
    refuse(turn, code, ref);
    return session;
  }
  const drafts = cutText(bytes, LARGEST_PLAINTEXT_BYTES).map((fragment): Draft => ({ type: 'text', ref, ...fragment }));
  return pump({ ...session, outbox: enqueue(session.outbox, drafts) }, turn);
}

function refuse(turn: Turn, code: ClientCode, ref: string | undefined): void {
  emit(turn, { type: 'error', code, message: CLIENT_CODES[code], ref });
}

function refuseText(session: Session, bytes: Uint8Array): ClientCode | undefined {
  if (session.stay === 'leaving') return 'not-joined';
  if (bytes.length === 0) return 'text-empty';
  if (bytes.length > TEXT_BYTES_MAX) return 'text-too-long';
  return isFull(session.outbox) ? 'outbox-full' : undefined;
}

function isName(name: string): boolean {
  const length = encodeText(name).length;
  return length > 0 && length <= NAME_BYTES_MAX;
}

function leave(session: Session, turn: Turn): Session {
  if (session.stay === 'leaving') return close(session, turn, undefined, undefined);
  if (session.link.phase !== 'live' || session.stay === 'new') return close(session, turn, undefined, undefined);
  setTimer(turn, 'leave', LEAVE_WAIT_MS);
  const leaving: Draft = { type: 'presence', standing: 'leaving' };
  return pump({ ...session, stay: 'leaving', outbox: enqueue(session.outbox, [leaving]) }, turn);
}

function queueOnce(session: Session, draft: Draft): Session {
  return has(session.outbox, draft.type) ? session : { ...session, outbox: enqueue(session.outbox, [draft]) };
}

/** Lets leave what may leave now: first what has to be sent again, in its old order, then what waits. */
function pump(session: Session, turn: Turn): Session {
  if (session.link.phase !== 'live') return session;
  const { outbox, resends } = takeResends(session.outbox);
  for (const frame of resends) publish(turn, session.counter, frame.body);
  let next: Session = { ...session, outbox };
  if (!isInOrder(next.outbox)) return next;
  let count = departures(next.schedule, next.outbox.waiting.length, next.outbox.departed.length);
  for (; count > 0; count -= 1) next = departNext(next, turn);
  return next;
}

function departNext(session: Session, turn: Turn): Session {
  const draft = session.outbox.waiting[0];
  if (draft === undefined) return session;
  const number = session.number + 1;
  const body = turn.membership.seal(toContent(draft, number, session));
  publish(turn, session.counter, body);
  clearTimer(turn, 'receipt');
  return { ...session, number, receipt: 'none', outbox: depart(session.outbox, draft, number, body) };
}

function toContent(draft: Draft, number: number, session: Session): Content {
  const header = { number, seen: session.inbox.seen };
  switch (draft.type) {
    case 'text':
      return { ...header, type: 'text', index: draft.index, count: draft.count, bytes: draft.bytes };
    case 'presence':
      return { ...header, type: 'presence', standing: draft.standing, name: session.name };
    case 'receipt':
      return { ...header, type: 'receipt' };
  }
}

// Time

function takeTimer(session: Session, name: TimerName, turn: Turn): Session {
  switch (name) {
    case 'retry':
      return session.link.phase === 'waiting' ? dial(session, turn) : session;
    case 'attach-deadline':
      return cut(session, turn, 'connection-silent');
    case 'beat':
      write(turn, encodeBeat('beat', 0));
      setTimer(turn, 'beat', beatDelay(turn));
      return session;
    case 'silence':
      return takeSilence(session, turn);
    case 'join-limit':
      return session.stay === 'joined' ? session : closeWith(session, turn, 'join-timeout');
    case 'receipt':
      return sendReceipt({ ...session, receipt: 'none' }, turn);
    case 'presence':
      return takePresence(session, turn);
    case 'leave':
      return close(session, turn, undefined, undefined);
  }
}

function sendReceipt(session: Session, turn: Turn): Session {
  return session.stay === 'joined' ? pump(queueOnce(session, { type: 'receipt' }), turn) : session;
}

function takeSilence(session: Session, turn: Turn): Session {
  const left = session.heardAt + SILENCE_LIMIT_MS - turn.now;
  if (left <= 0) return cut(session, turn, 'connection-silent');
  setTimer(turn, 'silence', left);
  return session;
}

function takePresence(session: Session, turn: Turn): Session {
  setTimer(turn, 'presence', presenceDelay(turn));
  // While we are cut off everybody is silent, and nobody has gone.
  if (session.link.phase !== 'live') return session;
  const dropped = dropSilent(session.inbox, turn.now);
  let next: Session = { ...session, inbox: dropped.inbox };
  for (const event of dropped.events) {
    announceInbox(event, turn);
    next = answerInbox(next, event, turn);
  }
  return next.stay === 'joined' ? pump(queueOnce(next, { type: 'presence', standing: 'here' }), turn) : next;
}

function beatDelay(turn: Turn): number {
  return Math.round(HEARTBEAT_INTERVAL_MS * (0.75 + turn.chance() / 4));
}

function presenceDelay(turn: Turn): number {
  return Math.round(PRESENCE_INTERVAL_MS * (1 + turn.chance() / 4));
}

// Telling

function announceInbox(event: InboxEvent, turn: Turn): void {
  switch (event.type) {
    case 'text': {
      const text = decodeText(event.bytes);
      if (text === undefined) return;
      const id = messageId(event.member.memberKey, event.first);
      emit(turn, { type: 'message', id, from: speaker(event.member), text });
      return;
    }
    case 'arrived':
    case 'left':
      emit(turn, { type: event.type, member: speaker(event.member) });
      return;
    case 'gap':
      gap(turn, event.count, event.member);
      return;
    case 'seen':
      return;
  }
}

function gap(turn: Turn, count: number, member: Member | undefined): void {
  emit(turn, { type: 'gap', count, ...(member === undefined ? {} : { from: speaker(member) }) });
}

function emitMembers(session: Session, turn: Turn): void {
  emit(turn, { type: 'members', members: listMembers(session, turn.membership) });
}

function speaker(member: Member): Speaker {
  return { name: member.name, fingerprint: fingerprint(member.memberKey) };
}

/** The member's fingerprint and the number of the text's first frame: the same for everybody. */
function messageId(memberKey: Uint8Array, first: number): string {
  return `${fingerprint(memberKey)}-${first}`;
}

function emit(turn: Turn, event: ClientEvent): void {
  turn.effects.push({ type: 'emit', event });
}

function write(turn: Turn, bytes: Uint8Array): void {
  turn.effects.push({ type: 'write', bytes });
}

function publish(turn: Turn, counter: number, body: Uint8Array): void {
  write(turn, encodeFrame({ operation: 'publish', number: counter, body }));
}

function setTimer(turn: Turn, name: TimerName, afterMs: number): void {
  turn.effects.push({ type: 'set-timer', name, afterMs });
}

function clearTimer(turn: Turn, name: TimerName): void {
  turn.effects.push({ type: 'clear-timer', name });
}
