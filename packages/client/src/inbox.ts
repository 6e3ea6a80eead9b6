// What the others said, in the log's order and once: numbers, gaps, fragments, who is here. A pure state machine over the log.

import { joinFragment, NO_PARTIAL_TEXTS, toHex } from '@sotto/protocol';
import type { Content, PartialTexts } from '@sotto/protocol';
import { KNOWN_MEMBERS_MAX, MEMBER_SILENT_MS } from './limits.ts';

/** What is remembered of a member: its key's last number for as long as we are in the room, even after it left. */
export interface Member {
  readonly memberKey: Uint8Array;
  readonly name: string;
  readonly present: boolean;
  readonly number: number;
  readonly seen: number;
  readonly heardAt: number;
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
  | { readonly type: 'arrived'; readonly member: Member; readonly asksWhoIsHere: boolean }
  | { readonly type: 'left'; readonly member: Member }
  | { readonly type: 'gap'; readonly count: number; readonly member?: Member }
  | { readonly type: 'seen'; readonly member: Member };

/**
 * Takes the log's next sequence number. What lies between is lost and shown; what is not above the last one is a replay.
 * @returns undefined for a replay.
 */
export function takeSequence(inbox: Inbox, sequence: number): { inbox: Inbox; events: InboxEvent[] } | undefined {
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

/** Takes another member's content at `now` (ms). A number that is not above the member's last is a replay or a re-send: nothing happens. */
export function takeContent(
  inbox: Inbox,
  memberKey: Uint8Array,
  content: Content,
  now: number,
): { inbox: Inbox; events: InboxEvent[] } {
  const key = toHex(memberKey);
  const known = inbox.members.get(key);
  const kept = known === undefined ? makeRoom(inbox.members) : inbox.members;
  if (kept === undefined) return { inbox, events: [] };
  if (known !== undefined && content.number <= known.number) return { inbox, events: [] };
  const events: InboxEvent[] = [];
  const lost = known === undefined || known.gapShown ? 0 : content.number - known.number - 1;
  const listed = known?.present === true && known.name !== '';
  let member: Member = {
    ...(known ?? { memberKey, name: '', partial: NO_PARTIAL_TEXTS }),
    present: true,
    number: content.number,
    seen: Math.max(known?.seen ?? 0, Math.min(content.seen, inbox.seen)),
    heardAt: now,
    gapShown: false,
  };
  if (content.type === 'presence') {
    member = { ...member, name: content.name, present: content.standing !== 'leaving' };
  }
  if (!member.present) member = { ...member, partial: NO_PARTIAL_TEXTS };
  if (lost > 0) events.push({ type: 'gap', count: lost, member });
  // Whoever was given up for silent is back with whatever it says next.
  const asksWhoIsHere = content.type === 'presence' && content.standing === 'arriving';
  if (member.present && member.name !== '' && (!listed || asksWhoIsHere)) {
    events.push({ type: 'arrived', member, asksWhoIsHere });
  }
  if (!member.present && known?.present === true) events.push({ type: 'left', member });
  if (content.type === 'text') {
    const joined = joinFragment(member.partial, content.number - content.index, content);
    member = { ...member, partial: joined.partial };
    if (joined.text !== undefined) {
      events.push({ type: 'text', member, first: content.number - content.index, bytes: joined.text });
    }
  }
  events.push({ type: 'seen', member });
  return { inbox: { ...inbox, members: new Map(kept).set(key, member) }, events };
}

/**
 * A place for one more key: where all are taken, that of the member that has been gone for longest is given away. Its number is forgotten, so
 * a relay in league with a string holder could replay it; a room that nobody new can be heard in would be worse.
 * @returns undefined while everybody is here.
 */
function makeRoom(members: ReadonlyMap<string, Member>): ReadonlyMap<string, Member> | undefined {
  if (members.size < KNOWN_MEMBERS_MAX) return members;
  const gone = [...members].filter(([, member]) => !member.present);
  const oldest = gone.sort(([, a], [, b]) => a.heardAt - b.heardAt)[0]?.[0];
  return oldest === undefined ? undefined : new Map([...members].filter(([key]) => key !== oldest));
}

/** Those who are here get a new term: nobody could be heard while we were cut off. */
export function forgiveSilence(inbox: Inbox, now: number): Inbox {
  const members = [...inbox.members].map(([key, member]): [string, Member] => [
    key,
    member.present ? { ...member, heardAt: now } : member,
  ]);
  return { ...inbox, members: new Map(members) };
}

/** Members that were silent for too long are no longer here. */
export function dropSilent(inbox: Inbox, now: number): { inbox: Inbox; events: InboxEvent[] } {
  const events: InboxEvent[] = [];
  const members = new Map(inbox.members);
  for (const [key, member] of inbox.members) {
    if (!member.present || now - member.heardAt < MEMBER_SILENT_MS) continue;
    const gone = { ...member, present: false, partial: NO_PARTIAL_TEXTS };
    members.set(key, gone);
    events.push({ type: 'left', member: gone });
  }
  return { inbox: { ...inbox, members }, events };
}

export function presentMembers(inbox: Inbox): Member[] {
  return [...inbox.members.values()].filter((member) => member.present);
}
