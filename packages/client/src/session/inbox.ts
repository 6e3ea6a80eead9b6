// What the others said, in the log's order and once: numbers, gaps, fragments, who is here. A pure state machine over the log.

import { joinFragment, NO_PARTIAL_TEXTS, toHex } from '@sotto/protocol';
import type { Content, PartialTexts } from '@sotto/protocol';
import { MEMBER_SILENT_MS } from '../limits.ts';

/** Somebody who is in the group: known by the key that signs, even before it has said a word. */
export interface Member {
  readonly memberKey: Uint8Array;
  /** Empty until it has said one. */
  readonly name: string;
  /** `unheard`: in the group, and has not said anything yet; `gone`: has said that it leaves, or was silent for too long. */
  readonly status: 'unheard' | 'here' | 'gone';
  /** When it was last heard, or when it was first seen in the group (ms). */
  readonly heardAt: number;
  /** The sequence number behind which it came into the group: what is older it cannot have read. */
  readonly since: number;
  readonly number: number;
  readonly seen: number;
  /** Its next jump in numbers is part of a gap that was already shown. */
  readonly gapShown: boolean;
  readonly partial: PartialTexts;
}

export interface Inbox {
  /** Keyed by the member key in hexadecimal. */
  readonly members: ReadonlyMap<string, Member>;
  /** The last sequence number that was taken from the log. */
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
  /** It asks who is here. */
  | { readonly type: 'asked'; readonly member: Member }
  | { readonly type: 'left'; readonly member: Member }
  | { readonly type: 'gap'; readonly count: number; readonly member?: Member }
  | { readonly type: 'seen'; readonly member: Member };

/**
 * Takes the log's next sequence number. What lies between is lost and shown; what is not above the last one is a replay.
 * @returns undefined for a replay.
 */
export function processSequence(inbox: Inbox, sequence: number): { inbox: Inbox; events: InboxEvent[] } | undefined {
  if (sequence <= inbox.seen) return undefined;
  const lost = sequence - inbox.seen - 1;
  if (lost === 0) return { inbox: { ...inbox, seen: sequence }, events: [] };
  const members = new Map([...inbox.members].map(([key, member]) => [key, { ...member, gapShown: true }]));
  return { inbox: { members, seen: sequence }, events: [{ type: 'gap', count: lost }] };
}

/** The log ends at `sequence` now. What members had seen beyond is void: other frames will take those numbers. */
export function rollBack(inbox: Inbox, sequence: number): Inbox {
  const members = [...inbox.members].map(([key, member]): [string, Member] => [
    key,
    { ...member, seen: Math.min(member.seen, sequence) },
  ]);
  return { members: new Map(members), seen: sequence };
}

/** The group's members are these now, oneself not among them: who is new is unheard, who is out is forgotten. */
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
    seen: 0,
    // Its frames before we came, or before it came, are not missing.
    gapShown: true,
    partial: NO_PARTIAL_TEXTS,
  };
}

/**
 * Takes another member's content at `now` (ms). A number that is not above the member's last is a replay or a re-send: nothing happens.
 * Whoever is not in the roster cannot have said it.
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
    // A name is bound to its key: the first one that a member says is the one it has.
    const name = known.name === '' ? content.name.normalize('NFC') : known.name;
    member = { ...member, name, status: content.status === 'leaving' ? 'gone' : 'here' };
  }
  if (member.status === 'gone') member = { ...member, partial: NO_PARTIAL_TEXTS };
  if (lost > 0) events.push({ type: 'gap', count: lost, member });
  // Whoever was given up for silent is back with whatever it says next.
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

/** Everybody gets a new term: nobody could be heard while we were cut off. */
export function forgiveSilence(inbox: Inbox, now: number): Inbox {
  const members = [...inbox.members].map(([key, member]): [string, Member] => [
    key,
    member.status === 'gone' ? member : { ...member, heardAt: now },
  ]);
  return { ...inbox, members: new Map(members) };
}

/** Members that were silent for too long are no longer here. */
export function dropSilent(inbox: Inbox, now: number): { inbox: Inbox; events: InboxEvent[] } {
  const events: InboxEvent[] = [];
  const members = new Map(inbox.members);
  for (const [key, member] of inbox.members) {
    if (member.status === 'gone' || now - member.heardAt < MEMBER_SILENT_MS) continue;
    const gone: Member = { ...member, status: 'gone', partial: NO_PARTIAL_TEXTS };
    members.set(key, gone);
    if (member.status === 'here') events.push({ type: 'left', member: gone });
  }
  return { inbox: { ...inbox, members }, events };
}

export function presentMembers(inbox: Inbox): Member[] {
  return [...inbox.members.values()].filter((member) => member.status === 'here');
}
