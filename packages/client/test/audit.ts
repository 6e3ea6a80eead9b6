// The conditions that every conversation must meet, however often its connections broke. The resume
// property test checks them.

import { decodeFrame } from '@sotto/protocol';
import type { Arrival } from '@sotto/fixtures';
import { nonceOf } from '@sotto/fixtures';
import { told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

export interface Said {
  readonly by: RoomMember;
  readonly text: string;
  /** All members had joined when this text was sent, so all of them must see it. */
  readonly toAll: boolean;
}

/**
 * @returns the faults in words; empty if every text was shown once, whole and in order, and
 * acknowledged once.
 */
export function auditConversation(seats: readonly RoomMember[], said: readonly Said[]): string[] {
  return [
    ...seats.flatMap((listener) => [...auditListener(listener, seats, said), ...auditOrder(listener, seats)]),
    ...seats.flatMap((speaker) => auditSpeaker(speaker, said)),
  ];
}

/**
 * A listener receives an unbroken end of each other member's texts, and at least the texts that
 * were sent to all.
 */
function auditListener(listener: RoomMember, seats: readonly RoomMember[], said: readonly Said[]): string[] {
  const faults: string[] = [];
  for (const speaker of seats) {
    if (speaker === listener) continue;
    const own = said.filter((one) => one.by === speaker);
    const heard = heardFrom(listener, speaker);
    const expected = own.slice(own.length - heard.length).map((one) => one.text);
    const due = own.filter((one) => one.toAll).length;
    if (heard.length < due) faults.push(`${listener.name} heard ${heard.length} of ${due} from ${speaker.name}`);
    if (heard.length > own.length || heard.some((text, index) => text !== expected[index])) {
      faults.push(`${listener.name} heard ${speaker.name} wrongly`);
    }
  }
  if (told(listener, 'gap').length > 0) faults.push(`${listener.name} was told of a gap`);
  return faults;
}

/** Any two listeners receive the texts of all others in one order. */
function auditOrder(listener: RoomMember, seats: readonly RoomMember[]): string[] {
  const heard = told(listener, 'message').map((message) => message.id);
  return seats.flatMap((other) => {
    const common = new Set(told(other, 'message').map((message) => message.id));
    const here = heard.filter((id) => common.has(id));
    const inCommon = new Set(here);
    const there = told(other, 'message').map((message) => message.id);
    const same = there.filter((id) => inCommon.has(id)).join() === here.join();
    return same ? [] : [`${listener.name} and ${other.name} heard two orders`];
  });
}

/** Each text is acknowledged once, in the order of sending. */
function auditSpeaker(speaker: RoomMember, said: readonly Said[]): string[] {
  const own = said.filter((one) => one.by === speaker).map((_, index) => `${index}`);
  const sent = told(speaker, 'sent').map((event) => event.ref);
  return sent.join() === own.join() ? [] : [`${speaker.name} was told of ${sent.length} sent of ${own.length}`];
}

function heardFrom(listener: RoomMember, speaker: RoomMember): string[] {
  const { fingerprint } = speaker.client;
  return told(listener, 'message').flatMap((message) =>
    message.from.fingerprint === fingerprint ? [message.text] : [],
  );
}

/**
 * @returns how many arrived bodies were sealed again where identical bytes were due, and how many
 * were sent again.
 */
export function auditResends(arrivals: readonly Arrival[]): { readonly again: number; readonly changed: number } {
  const bodies = new Map<string, string>();
  let again = 0;
  let changed = 0;
  for (const { body } of arrivals) {
    const bytes = Buffer.from(body).toString('base64');
    const before = bodies.get(nonceOf(body));
    if (before === bytes) again += 1;
    else if (before !== undefined) changed += 1;
    bodies.set(nonceOf(body), bytes);
  }
  return { again, changed };
}

/** @returns the operation of a frame's bytes. */
export function operationOf(bytes: Uint8Array): string {
  const frame = decodeFrame(bytes);
  return frame.ok ? frame.value.operation : frame.code;
}
