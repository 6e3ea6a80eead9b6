// What a session tells its front end.

import { message } from '@sotto/messages';
import { fingerprint } from '@sotto/crypto';
import { coverCost, equalBytes, isStealth, stealthShape, toHex } from '@sotto/protocol';
import type { CircuitCode, ClientCode } from '../errors.ts';
import type { ClientStatus, ListedMember, Speaker } from '../events.ts';
import { presentMembers } from './inbox.ts';
import type { InboxEvent, InboxText, Member } from './inbox.ts';
import { NAME_WAIT_MS, UNNAMED_BYTES_MAX } from '../limits.ts';
import { bindName } from '../names/warnings.ts';
import { decodeText } from '../utf8.ts';
import { timeToSendMs } from './cover.ts';
import { isAwaited } from './renewal.ts';
import type { Renewal } from './renewal.ts';
import type { Room } from '../group/room-keys.ts';
import { rotationLeftMs } from './key-rotation.ts';
import type { Session, StepContext } from './state.ts';
import { emit, setTimer } from './effects.ts';
import { hasSeen } from './log-consistency.ts';

/** Everybody who can read, oneself first: whoever is in the group and has not asked to be removed. */
export function listMembers(session: Session, room: Room): ListedMember[] {
  const departing = session.view?.leavers ?? [];
  const others = (session.view?.members ?? []).flatMap(({ memberId, memberKey, self }): ListedMember[] => {
    if (self || departing.some((gone) => equalBytes(gone, memberId))) return [];
    const member = session.inbox.members.get(toHex(memberKey));
    const present = member?.status === 'here';
    return [{ name: member?.name ?? '', fingerprint: fingerprint(memberKey), self: false, present }];
  });
  return [{ name: session.name, fingerprint: room.fingerprint, self: true, present: true }, ...others];
}

const CONNECTED: ReadonlySet<Session['link']['phase']> = new Set<Session['link']['phase']>([
  'attached',
  'catching-up',
  'live',
]);

export function statusOf(
  { schedule, view, epochAt, outbox, rotation, link, admittedAt }: Session,
  now: number,
): ClientStatus {
  const { cover } = schedule;
  const hasTurns = isStealth(cover) && view !== undefined;
  return {
    mode: cover,
    ...coverCost(cover, view?.members.length),
    slotMs: isStealth(cover) ? stealthShape(cover).sendEveryMs : undefined,
    epoch: view?.epoch,
    epochAgeSeconds: view === undefined ? undefined : Math.floor((now - epochAt) / 1_000),
    newKeysSeconds: hasTurns ? Math.ceil(Math.max(0, rotationLeftMs(cover, rotation, now)) / 1_000) : undefined,
    connectedSeconds: CONNECTED.has(link.phase) ? Math.floor((now - admittedAt) / 1_000) : undefined,
    waitingSeconds: Math.ceil(timeToSendMs(schedule, outbox.waiting.length) / 1_000),
  };
}

/** Tells what the log brought; a text whose speaker has no name yet waits for it, and comes in its place when the name does. */
export function announce(session: Session, event: InboxEvent, context: StepContext): Session {
  if (event.type === 'text' && event.member.name === '') return holdUnnamed(session, event, context);
  if (event.type === 'left') return announceNamed(session, event.member, context, () => announceInbox(event, context));
  announceInbox(event, context);
  if (event.type !== 'arrived') return session;
  return announceNamed(
    bindName(session, event.member.memberKey, event.member.name, context),
    event.member,
    context,
    () => undefined,
  );
}

/** Shows what waits for a name, as it is. */
export function announceUnnamed(session: Session, context: StepContext): Session {
  for (const text of session.unnamed) announceInbox(text, context);
  return { ...session, unnamed: [] };
}

function holdUnnamed(session: Session, text: InboxText, context: StepContext): Session {
  const held = session.unnamed.reduce((bytes, other) => bytes + other.bytes.length, text.bytes.length);
  if (held > UNNAMED_BYTES_MAX) {
    const told = announceUnnamed(session, context);
    announceInbox(text, context);
    return told;
  }
  if (session.unnamed.length === 0) setTimer(context, 'names', NAME_WAIT_MS);
  return { ...session, unnamed: [...session.unnamed, text] };
}

/** The member's held texts come first, under the name that it has now. */
function announceNamed(session: Session, member: Member, context: StepContext, tell: () => void): Session {
  const isTheirs = (text: InboxText): boolean => equalBytes(text.member.memberKey, member.memberKey);
  for (const text of session.unnamed.filter(isTheirs)) announceInbox({ ...text, member }, context);
  tell();
  return { ...session, unnamed: session.unnamed.filter((text) => !isTheirs(text)) };
}

function announceInbox(event: InboxEvent, context: StepContext): void {
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

/** How many others have said that they saw own texts. */
export function notifyDelivered(session: Session, context: StepContext): Session {
  const others = presentMembers(session.inbox);
  const tracked = session.tracked.map((text) => {
    const by = others.filter((member) => hasSeen(session.log, member, text.sequence)).length;
    if (by <= text.by) return text;
    emit(context, { type: 'delivered', id: text.id, by });
    return { ...text, by };
  });
  return { ...session, tracked };
}

export function emitMembers(session: Session, context: StepContext): void {
  emit(context, { type: 'members', members: listMembers(session, context.room) });
}

export function emitError(context: StepContext, code: ClientCode, ref?: string): void {
  emit(context, { type: 'error', code, message: message(`error.client.${code}`), ref });
}

function speaker(member: Member): Speaker {
  return { name: member.name, fingerprint: fingerprint(member.memberKey) };
}

/** The member's fingerprint and the number of the text's first frame: the same for everybody. */
export function messageId(memberKey: Uint8Array, first: number): string {
  return `${fingerprint(memberKey)}-${first}`;
}

/** To whoever asked for it. */
export function notifyRenewed(renewal: Renewal, context: StepContext): void {
  if (isAwaited(renewal)) emit(context, { type: 'circuit', state: 'renewed' });
}

/** Everything goes on over the circuit that there is. */
export function notifyCircuitKept(renewal: Renewal, context: StepContext, code: CircuitCode = 'circuit-kept'): void {
  if (isAwaited(renewal))
    emit(context, { type: 'circuit', state: 'kept', code, message: message(`error.client.${code}`) });
}
