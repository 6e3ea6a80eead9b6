// Emits a session's events for its front end, and lists members and status for its queries.

import { message } from '@sotto/messages';
import { fingerprint } from '@sotto/crypto';
import { coverCost, equalBytes, isStealth, stealthShape, toHex } from '@sotto/protocol';
import type { CircuitCode } from '../errors.ts';
import type { ClientStatus, ListedMember, Speaker } from '../events.ts';
import type { Room } from '../group/room-keys.ts';
import { NAME_WAIT_MS, UNNAMED_BYTES_MAX } from '../limits.ts';
import { nameLooks } from '../names/likeness.ts';
import { nameWarningFor } from '../names/warnings.ts';
import type { NameWarning } from '../names/warnings.ts';
import { decodeText } from '../utf8.ts';
import { emit, setTimer, warn } from './effects.ts';
import type { StepContext } from './effects.ts';
import { countsFor } from './log-consistency.ts';
import { isAwaitedByUser } from './slices/connection.ts';
import type { Renewal } from './slices/connection.ts';
import { timeToSendMs } from './slices/cover.ts';
import { presentMembers } from './slices/inbox.ts';
import type { InboxEvent, InboxText, Member } from './slices/inbox.ts';
import { rotationLeftMs } from './slices/key-rotation.ts';
import { countDeliveries } from './slices/outbox.ts';
import { bindName, holdText, keepTexts, noteNameWarning } from './slices/user.ts';
import type { Session } from './state.ts';

// Queries

/** All members that can read, this one first: those in the group without the leavers. */
export function listMembers({ membership: { view }, inbox, user }: Session, room: Room): ListedMember[] {
  const leavers = view?.leavers ?? [];
  const others = (view?.members ?? []).flatMap(({ memberId, memberKey, self }): ListedMember[] => {
    if (self || leavers.some((gone) => equalBytes(gone, memberId))) return [];
    const member = inbox.members.get(toHex(memberKey));
    const present = member?.status === 'here';
    return [{ name: member?.name ?? '', fingerprint: fingerprint(memberKey), self: false, present }];
  });
  return [{ name: user.name, fingerprint: room.fingerprint, self: true, present: true }, ...others];
}

type LinkPhase = Session['connection']['link']['phase'];
const CONNECTED: ReadonlySet<LinkPhase> = new Set<LinkPhase>(['attached', 'catching-up', 'live']);

export function statusOf({ cover, membership, outbox, rotation, connection }: Session, now: number): ClientStatus {
  const { mode } = cover;
  const { view, epochAt } = membership;
  return {
    mode,
    ...coverCost(mode, view?.members.length),
    slotMs: isStealth(mode) ? stealthShape(mode).sendEveryMs : undefined,
    epoch: view?.epoch,
    epochAgeSeconds: view === undefined ? undefined : Math.floor((now - epochAt) / 1_000),
    newKeysSeconds:
      isStealth(mode) && view !== undefined
        ? Math.ceil(Math.max(0, rotationLeftMs(mode, rotation, now)) / 1_000)
        : undefined,
    patienceSeconds: connection.patienceMs / 1_000,
    connectedSeconds: CONNECTED.has(connection.link.phase)
      ? Math.floor((now - connection.admittedAt) / 1_000)
      : undefined,
    waitingSeconds: Math.ceil(timeToSendMs(cover, outbox.waiting.length) / 1_000),
  };
}

// Contents of the log

/**
 * Emits what the log brought. A text whose sender has no name yet is held until the name comes, and
 * is emitted before it.
 */
export function announce(session: Session, event: InboxEvent, context: StepContext): Session {
  if (event.type === 'text' && event.member.name === '') return holdUnnamed(session, event, context);
  if (event.type === 'left') return announceNamed(session, event.member, context, () => emitInbox(event, context));
  emitInbox(event, context);
  if (event.type !== 'arrived') return session;
  return announceNamed(bindMemberName(session, event.member, context), event.member, context, () => undefined);
}

/** Emits the held texts without their senders' names. */
export function announceUnnamed(session: Session, context: StepContext): Session {
  for (const text of session.user.unnamed) emitInbox(text, context);
  return { ...session, user: keepTexts(session.user, () => false) };
}

function holdUnnamed(session: Session, text: InboxText, context: StepContext): Session {
  const { unnamed } = session.user;
  const held = unnamed.reduce((bytes, other) => bytes + other.bytes.length, text.bytes.length);
  if (held > UNNAMED_BYTES_MAX) {
    const announced = announceUnnamed(session, context);
    emitInbox(text, context);
    return announced;
  }
  if (unnamed.length === 0) setTimer(context, 'names', NAME_WAIT_MS);
  return { ...session, user: holdText(session.user, text) };
}

/** The member's held texts come first, under the name that it has now. */
function announceNamed(session: Session, member: Member, context: StepContext, emitEvent: () => void): Session {
  const isTheirs = (text: InboxText): boolean => equalBytes(text.member.memberKey, member.memberKey);
  for (const text of session.user.unnamed.filter(isTheirs)) emitInbox({ ...text, member }, context);
  emitEvent();
  return { ...session, user: keepTexts(session.user, (text) => !isTheirs(text)) };
}

function emitInbox(event: InboxEvent, context: StepContext): void {
  switch (event.type) {
    case 'text': {
      const text = decodeText(event.bytes);
      if (text === undefined) return;
      const id = messageId(event.member.memberKey, event.first);
      emit(context, { type: 'message', id, from: speaker(event.member), text });
      return;
    }
    case 'arrived':
    case 'left':
      emit(context, { type: event.type, member: speaker(event.member) });
      return;
    case 'gap':
      emitGap(context, event.count, event.member);
      return;
    case 'asked':
    case 'seen':
      return;
  }
}

export function emitGap(context: StepContext, count: number, member: Member | undefined): void {
  emit(context, { type: 'gap', count, ...(member === undefined ? {} : { from: speaker(member) }) });
}

/**
 * A member has said what it saw: emits how many others have said that they saw an own text, for
 * each text that is new to this member. A member that has left is not asked.
 */
export function notifyDelivered(session: Session, member: Member, context: StepContext): Session {
  if (member.status !== 'here') return session;
  const { outbox, risen } = countDeliveries(session.outbox, member, (start) => countsFor(session.log, member, start));
  for (const { id, by } of risen) emit(context, { type: 'delivered', id, by });
  return outbox === session.outbox ? session : { ...session, outbox };
}

export function emitMembers(session: Session, context: StepContext): void {
  emit(context, { type: 'members', members: listMembers(session, context.room) });
}

function speaker(member: Member): Speaker {
  return { name: member.name, fingerprint: fingerprint(member.memberKey) };
}

/** The member's fingerprint and the number of the text's first frame: equal for all members. */
export function messageId(memberKey: Uint8Array, first: number): string {
  return `${fingerprint(memberKey)}-${first}`;
}

// Names

/** A member has sent its name: a name that no other member has belongs to its key from now on. */
function bindMemberName(session: Session, member: Member, context: StepContext): Session {
  const who = speaker(member);
  const code = nameWarning(session, member.memberKey, who);
  const warned = code === undefined ? session : warnOnce(session, who, code, context);
  if (code === 'name-taken' || code === 'name-reserved') return warned;
  return { ...warned, user: bindName(warned.user, nameLooks(who.name), who.fingerprint) };
}

/** A joiner's name is compared and bound to no key. Once it is a member it is compared again. */
export function warnOfKnock(session: Session, memberKey: Uint8Array, joiner: Speaker, context: StepContext): void {
  const code = nameWarning(session, memberKey, joiner);
  if (code !== undefined) warn(context, code, joiner);
}

function nameWarning({ inbox, user }: Session, memberKey: Uint8Array, who: Speaker): NameWarning | undefined {
  const others = presentMembers(inbox).filter((other) => !equalBytes(other.memberKey, memberKey) && other.name !== '');
  return nameWarningFor(who, [user.name, ...others.map(({ name }) => name)], user.names);
}

/** Each key is warned of once: a repeated warning could be used to hide others. */
function warnOnce(session: Session, who: Speaker, code: NameWarning, context: StepContext): Session {
  if (session.user.namesWarned.includes(who.fingerprint)) return session;
  warn(context, code, who);
  return { ...session, user: noteNameWarning(session.user, who.fingerprint) };
}

// Renewals

/** Emitted if a user has asked for the renewal. */
export function notifyRenewed(renewal: Renewal, context: StepContext): void {
  if (isAwaitedByUser(renewal)) emit(context, { type: 'circuit', state: 'renewed' });
}

/** Emitted if a user has asked for the renewal: the old circuit stays in use. */
export function notifyCircuitKept(renewal: Renewal, context: StepContext, code: CircuitCode = 'circuit-kept'): void {
  if (isAwaitedByUser(renewal))
    emit(context, { type: 'circuit', state: 'kept', code, message: message(`error.client.${code}`) });
}
