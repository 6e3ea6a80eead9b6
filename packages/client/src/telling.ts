// What a session tells its front end.

import { fingerprint } from '@sotto/crypto';
import { CLIENT_CODES } from './errors.ts';
import type { ClientCode } from './errors.ts';
import type { Speaker } from './events.ts';
import { presentMembers } from './inbox.ts';
import type { InboxEvent, Member } from './inbox.ts';
import { decodeText } from './text.ts';
import type { Membership } from './membership.ts';
import type { Session, Turn } from './session-state.ts';
import { emit } from './turn.ts';

/** Everybody who is here, oneself first. */
export function listMembers(session: Session, membership: Membership): (Speaker & { self: boolean })[] {
  const self = { name: session.name, fingerprint: membership.fingerprint, self: true };
  return [self, ...presentMembers(session.inbox).map((member) => ({ ...speaker(member), self: false }))];
}

export function announceInbox(event: InboxEvent, turn: Turn): void {
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
