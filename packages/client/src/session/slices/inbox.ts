// The inbox slice: the other members and their contents, in the log's order and once.

import { joinFragment, NO_PARTIAL_TEXTS, toHex } from '@sotto/protocol';
import type { Content, PartialTexts, PresenceContent } from '@sotto/protocol';

/** Another member of the group, known by the key that signs. */
export interface Member {
  readonly memberKey: Uint8Array;
  /** Empty until the member has sent one. */
  readonly name: string;
  /** `unheard`: it has sent nothing yet. `gone`: it has left, or was silent for too long. */
  readonly status: 'unheard' | 'here' | 'gone';
  /** When it was last heard, or first seen in the group (ms). */
  readonly heardAt: number;
  /** It joined the group behind this sequence number, and cannot have read older entries. */
  readonly since: number;
  readonly number: number;
  /** The number of its last presence outside of the log. */
  readonly presence: number;
  readonly seen: number;
  /** Its next jump in numbers is part of a gap that was shown already. */
  readonly gapShown: boolean;
  readonly partial: PartialTexts;
}

export interface Inbox {
  /** Keyed by the member key in hexadecimal. */
  readonly members: ReadonlyMap<string, Member>;
  /** The last sequence number that was processed. */
  readonly seen: number;
}

export const EMPTY_INBOX: Inbox = { members: new Map(), seen: 0 };

/** A whole text; `first` is the number of its first frame. */
export interface InboxText {
  readonly type: 'text';
  readonly member: Member;
  readonly first: number;
  readonly bytes: Uint8Array;
}

export type InboxEvent =
  | InboxText
  | { readonly type: 'arrived'; readonly member: Member }
  /** It asks which members are here. */
  | { readonly type: 'asked'; readonly member: Member }
  | { readonly type: 'left'; readonly member: Member }
  | { readonly type: 'gap'; readonly count: number; readonly member?: Member }
  | { readonly type: 'seen'; readonly member: Member };

/**
 * Processes the log's next sequence number. Entries between are lost, and shown as a gap.
 * @returns undefined for a replay: a number that is not above the last one.
 */
export function processSequence(inbox: Inbox, sequence: number): { inbox: Inbox; events: InboxEvent[] } | undefined {
  if (sequence <= inbox.seen) return undefined;
  const lost = sequence - inbox.seen - 1;
  if (lost === 0) return { inbox: { ...inbox, seen: sequence }, events: [] };
  const members = new Map([...inbox.members].map(([key, member]) => [key, { ...member, gapShown: true }]));
  return { inbox: { members, seen: sequence }, events: [{ type: 'gap', count: lost }] };
}

/** Entries up to `sequence` were read, or are passed over. */
export function skipTo(inbox: Inbox, sequence: number): Inbox {
  return { ...inbox, seen: sequence };
}

/**
 * The log ends at `sequence` now. Receipts beyond it are void: other frames will have those
 * numbers.
 */
export function rollBack(inbox: Inbox, sequence: number): Inbox {
  const members = [...inbox.members].map(([key, member]): [string, Member] => [
    key,
    { ...member, seen: Math.min(member.seen, sequence) },
  ]);
  return { members: new Map(members), seen: sequence };
}

/** The group's other members are these now: new ones are unheard, removed ones are forgotten. */
export function processRoster(
  inbox: Inbox,
  memberKeys: readonly Uint8Array[],
  now: number,
): { inbox: Inbox; removed: readonly Member[] } {
  const members = new Map<string, Member>();
  for (const memberKey of memberKeys) {
    const key = toHex(memberKey);
    members.set(key, inbox.members.get(key) ?? newMember(memberKey, inbox.seen, now));
  }
  const removed = [...inbox.members].flatMap(([key, member]) => (members.has(key) ? [] : [member]));
  return { inbox: { ...inbox, members }, removed };
}

function newMember(memberKey: Uint8Array, since: number, now: number): Member {
  return {
    memberKey,
    name: '',
    status: 'unheard',
    heardAt: now,
    since,
    number: 0,
    presence: 0,
    seen: 0,
    // Frames from before this member or that one joined are not missing.
    gapShown: true,
    partial: NO_PARTIAL_TEXTS,
  };
}

/**
 * Processes another member's content at `now` (ms). A number that is not above the member's last is
 * a replay or a re-send, and is ignored; so is a sender that is not in the roster.
 */
export function processContent(
  inbox: Inbox,
  memberKey: Uint8Array,
  content: Content,
  now: number,
): { inbox: Inbox; events: InboxEvent[] } {
  const key = toHex(memberKey);
  const known = inbox.members.get(key);
  if (known === undefined || content.number <= known.number) return { inbox, events: [] };
  const events: InboxEvent[] = [];
  const lost = known.gapShown ? 0 : content.number - known.number - 1;
  const listed = known.status === 'here' && known.name !== '';
  let member: Member = {
    ...known,
    status: 'here',
    number: content.number,
    seen: Math.max(known.seen, Math.min(content.seen, inbox.seen)),
    heardAt: now,
    gapShown: false,
  };
  if (content.type === 'presence') {
    // A name is bound to its key: the first name that a member sends is the one it has.
    const name = known.name === '' ? content.name.normalize('NFC') : known.name;
    member = { ...member, name, status: content.status === 'leaving' ? 'gone' : 'here' };
  }
  if (member.status === 'gone') member = { ...member, partial: NO_PARTIAL_TEXTS };
  if (lost > 0) events.push({ type: 'gap', count: lost, member });
  // A member that was silent for too long is back with its next content.
  if (member.status === 'here' && member.name !== '' && !listed) events.push({ type: 'arrived', member });
  if (content.type === 'presence' && content.status === 'arriving') events.push({ type: 'asked', member });
  if (member.status === 'gone' && known.status === 'here') events.push({ type: 'left', member });
  if (content.type === 'text') {
    const joined = joinFragment(member.partial, content.number - content.index, content);
    member = { ...member, partial: joined.partial };
    if (joined.text !== undefined) {
      events.push({ type: 'text', member, first: content.number - content.index, bytes: joined.text });
    }
  }
  events.push({ type: 'seen', member });
  return { inbox: { ...inbox, members: new Map(inbox.members).set(key, member) }, events };
}

/**
 * Processes another member's presence outside of the log at `now` (ms). One that is not above its
 * last is a replay. It has no part in the numbers of its frames, so that a member that misses some
 * misses nothing.
 */
export function processPresence(
  inbox: Inbox,
  memberKey: Uint8Array,
  content: PresenceContent,
  now: number,
): { inbox: Inbox; events: InboxEvent[] } {
  const key = toHex(memberKey);
  const known = inbox.members.get(key);
  if (known === undefined || content.number <= known.presence) return { inbox, events: [] };
  const name = known.name === '' ? content.name.normalize('NFC') : known.name;
  const seen = Math.max(known.seen, Math.min(content.seen, inbox.seen));
  const member: Member = { ...known, name, status: 'here', presence: content.number, seen, heardAt: now };
  const isListed = known.status === 'here' && known.name !== '';
  const events: InboxEvent[] = isListed || name === '' ? [] : [{ type: 'arrived', member }];
  return {
    inbox: { ...inbox, members: new Map(inbox.members).set(key, member) },
    events: [...events, { type: 'seen', member }],
  };
}

/**
 * This member was away for `awayMs`, and could hear nobody: members that were here get a new term,
 * and to others the time does not count.
 */
export function forgiveSilence(inbox: Inbox, awayMs: number, now: number): Inbox {
  const members = [...inbox.members].map(([key, member]): [string, Member] => [
    key,
    { ...member, heardAt: member.status === 'gone' ? Math.min(now, member.heardAt + awayMs) : now },
  ]);
  return { ...inbox, members: new Map(members) };
}

/** Members that were silent for too long are no longer here. */
export function dropSilent(inbox: Inbox, silentMs: number, now: number): { inbox: Inbox; events: InboxEvent[] } {
  const events: InboxEvent[] = [];
  const members = new Map(inbox.members);
  for (const [key, member] of inbox.members) {
    if (member.status === 'gone' || now - member.heardAt < silentMs) continue;
    const gone: Member = { ...member, status: 'gone', partial: NO_PARTIAL_TEXTS };
    members.set(key, gone);
    if (member.status === 'here') events.push({ type: 'left', member: gone });
  }
  return { inbox: { ...inbox, members }, events };
}

export function presentMembers(inbox: Inbox): Member[] {
  return [...inbox.members.values()].filter((member) => member.status === 'here');
}
