// What must hold of a conversation, however often its connections broke: the check behind the
// resume property test.

import { decodeFrame } from '@sotto/protocol';
import type { Arrival } from '@sotto/fixtures';
import { nonceOf } from '@sotto/fixtures';
import { told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

export interface Said {
  readonly by: RoomMember;
  readonly text: string;
  /** Everybody had joined when it was said, so everybody must see it. */
  readonly toAll: boolean;
}

/**
 * @returns what is wrong, in words; empty if every text was shown once, whole and in order, and
 * acknowledged once.
 */
export function auditConversation(seats: readonly RoomMember[], said: readonly Said[]): string[] {
  return [
    ...seats.flatMap((listener) => [...auditListener(listener, seats, said), ...auditOrder(listener, seats)]),
    ...seats.flatMap((speaker) => auditSpeaker(speaker, said)),
  ];
}

/**
 * A listener hears an unbroken end of what each other member said, and at least what was said to
 * all.
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

/** Any two listeners hear the texts of all others in one order. */
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

/** Each text is acknowledged once, in the order in which it was said. */
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
 * @returns how many of the arrived bodies are sealed anew where the identical bytes were due, and
 * how many are sent again.
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
