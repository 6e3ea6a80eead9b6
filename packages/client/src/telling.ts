// What a session tells its front end.

import { fingerprint } from '@sotto/crypto';
import { equalBytes } from '@sotto/protocol';
import { CLIENT_CODES } from './errors.ts';
import type { ClientCode } from './errors.ts';
import type { Speaker } from './events.ts';
import { presentMembers } from './inbox.ts';
import type { InboxEvent, InboxText, Member } from './inbox.ts';
import { NAME_WAIT_MS, UNNAMED_BYTES_MAX } from './limits.ts';
import { decodeText } from './text.ts';
import type { Membership } from './membership.ts';
import type { Session, Turn } from './session-state.ts';
import { emit, setTimer } from './turn.ts';

/** Everybody who is here, oneself first. */
export function listMembers(session: Session, membership: Membership): (Speaker & { self: boolean })[] {
  const self = { name: session.name, fingerprint: membership.fingerprint, self: true };
  return [self, ...presentMembers(session.inbox).map((member) => ({ ...speaker(member), self: false }))];
}

/** Tells what the log brought; a text whose speaker has no name yet waits for it, and comes in its place when the name does. */
export function announce(session: Session, event: InboxEvent, turn: Turn): Session {
  if (event.type === 'text' && event.member.name === '') return holdUnnamed(session, event, turn);
  if (event.type === 'left') return tellAndName(session, event.member, turn, () => announceInbox(event, turn));
  announceInbox(event, turn);
  return event.type === 'arrived' ? tellAndName(session, event.member, turn, () => undefined) : session;
}

/** Shows what waits for a name, as it is. */
export function announceUnnamed(session: Session, turn: Turn): Session {
  for (const text of session.unnamed) announceInbox(text, turn);
  return { ...session, unnamed: [] };
}

function holdUnnamed(session: Session, text: InboxText, turn: Turn): Session {
  const held = session.unnamed.reduce((bytes, other) => bytes + other.bytes.length, text.bytes.length);
  if (held > UNNAMED_BYTES_MAX) {
    const told = announceUnnamed(session, turn);
    announceInbox(text, turn);
    return told;
  }
  if (session.unnamed.length === 0) setTimer(turn, 'names', NAME_WAIT_MS);
  return { ...session, unnamed: [...session.unnamed, text] };
}

/** The member's held texts come first, under the name that it has now. */
function tellAndName(session: Session, member: Member, turn: Turn, tell: () => void): Session {
  const isTheirs = (text: InboxText): boolean => equalBytes(text.member.memberKey, member.memberKey);
  for (const text of session.unnamed.filter(isTheirs)) announceInbox({ ...text, member }, turn);
  tell();
  return { ...session, unnamed: session.unnamed.filter((text) => !isTheirs(text)) };
}

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

export function gap(turn: Turn, count: number, member: Member | undefined): void {
  emit(turn, { type: 'gap', count, ...(member === undefined ? {} : { from: speaker(member) }) });
}

export function emitMembers(session: Session, turn: Turn): void {
  emit(turn, { type: 'members', members: listMembers(session, turn.membership) });
}

export function refuse(turn: Turn, code: ClientCode, ref: string | undefined): void {
  emit(turn, { type: 'error', code, message: CLIENT_CODES[code], ref });
}

function speaker(member: Member): Speaker {
  return { name: member.name, fingerprint: fingerprint(member.memberKey) };
}

/** The member's fingerprint and the number of the text's first frame: the same for everybody. */
export function messageId(memberKey: Uint8Array, first: number): string {
  return `${fingerprint(memberKey)}-${first}`;
}
