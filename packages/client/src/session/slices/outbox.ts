// The outbox slice: drafts that wait to be dispatched, frames that await their echo, and receipts.

import { concatBytes, cutText, EPOCHS_BEFORE, equalBytes, NONCE_BYTES, toHex } from '@sotto/protocol';
import type { PlainAccess, PresenceStatus } from '@sotto/protocol';
import { OUTBOX_TEXTS_MAX, TRACKED_TEXTS_MAX } from '../../limits.ts';
import { append, endBefore, itemAt, recentOf } from '../recent.ts';
import type { Recent } from '../recent.ts';
import type { Member } from './inbox.ts';

/** A fragment of a text. */
interface TextDraft {
  readonly type: 'text';
  readonly ref: string | undefined;
  readonly index: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** A content without a number: dispatch gives the numbers, so that they have no gap. */
export type Draft =
  | TextDraft
  | { readonly type: 'presence'; readonly status: PresenceStatus }
  | { readonly type: 'receipt' }
  | { readonly type: 'roll-call' }
  | { readonly type: 'order'; readonly order: PlainAccess };

/**
 * A frame with its number. While it is being sealed it has no bytes. They are kept from then on:
 * within an epoch a re-send is the identical bytes. `ready` waits for its slot. `superseded` is in
 * flight under a commit number that is over, and will be refused. `refused` and `unconfirmed` wait
 * until nothing is in flight.
 */
export type DispatchedFrame = Sealing | Sealed;

interface Sealing {
  readonly status: 'sealing';
  readonly draft: Draft;
  readonly number: number;
  /** Identifies this sealing: one of an epoch that is over is not awaited any more. */
  readonly ticket: number;
}

interface Sealed {
  readonly status: 'ready' | 'in-flight' | 'superseded' | 'refused' | 'unconfirmed';
  readonly draft: Draft;
  readonly number: number;
  readonly body: Uint8Array;
}

/** An own text that the relay holds. */
interface TrackedText {
  readonly id: string;
  readonly sequence: number;
}

/** An own text, and how many others have said that they saw it. */
interface DeliveredText {
  readonly id: string;
  readonly by: number;
}

/** The tracked texts of one epoch, and how far each other member has said that it saw them. */
interface TrackedEpoch {
  /** The epoch began behind this entry. */
  readonly start: number;
  /** The number of its first text in `tracked`. */
  readonly first: number;
  /** By member key in hexadecimal. */
  readonly seen: ReadonlyMap<string, SeenTexts>;
}

/** Numbers in `tracked`: a member has seen the texts from `from` on that come before `to`. */
interface SeenTexts {
  readonly from: number;
  readonly to: number;
}

export interface Outbox {
  readonly waiting: readonly Draft[];
  readonly dispatched: readonly DispatchedFrame[];
  /** The last ticket that was given. */
  readonly ticket: number;
  /** The number of the last frame that was dispatched. */
  readonly number: number;
  /** The number of the last presence that was sent outside of the log. */
  readonly presence: number;
  /** Own texts that the relay holds, the latest last. */
  readonly tracked: Recent<TrackedText>;
  /** The epochs in which they were said, the latest first. */
  readonly trackedEpochs: readonly TrackedEpoch[];
  /**
   * `owed`: a text was shown since the last own frame, and the receipt's timer runs. `due`: an
   * epoch with a text has ended, so that only a frame will do that reports the epochs before.
   */
  readonly receipt: 'none' | 'owed' | 'due';
}

/** `texts`: the texts that a member takes along from the room before. */
export function createOutbox(texts: readonly Draft[]): Outbox {
  return {
    waiting: texts,
    dispatched: [],
    ticket: 0,
    number: 0,
    presence: 0,
    tracked: recentOf(),
    trackedEpochs: [],
    receipt: 'none',
  };
}

/** Adds the drafts of one text or one control content at the end. */
export function enqueue(outbox: Outbox, drafts: readonly Draft[]): Outbox {
  return { ...outbox, waiting: [...outbox.waiting, ...drafts] };
}

export function countPresence(outbox: Outbox): Outbox {
  return { ...outbox, presence: outbox.presence + 1 };
}

/** Adds what cannot wait for the texts. */
export function enqueueFirst(outbox: Outbox, draft: Draft): Outbox {
  return { ...outbox, waiting: [draft, ...outbox.waiting] };
}

/** Orders that wait are void when there is another. */
export function withoutOrders(outbox: Outbox): Outbox {
  return { ...outbox, waiting: outbox.waiting.filter(({ type }) => type !== 'order') };
}

/** @returns whether another text has to be refused. Only last fragments count: one a text. */
export function isFull(outbox: Outbox): boolean {
  const texts = outbox.waiting.filter((draft) => draft.type === 'text' && draft.index === draft.count - 1);
  return texts.length >= OUTBOX_TEXTS_MAX;
}

export function has(outbox: Outbox, type: Draft['type']): boolean {
  return outbox.waiting.some((draft) => draft.type === type);
}

/**
 * Moves a draft to the dispatched ones under the next number, to be sealed under a new ticket. It
 * need not have waited.
 */
export function dispatch(outbox: Outbox, draft: Draft): Outbox {
  const ticket = outbox.ticket + 1;
  const number = outbox.number + 1;
  const sealing: Sealing = { status: 'sealing', draft, number, ticket };
  return {
    ...outbox,
    waiting: outbox.waiting.filter((other) => other !== draft),
    dispatched: [...outbox.dispatched, sealing],
    ticket,
    number,
    receipt: outbox.receipt === 'due' && !carriesEpochEnds(draft) ? 'due' : 'none',
  };
}

/** Whether the draft reports how this member saw the epochs before. PROTOCOL.md §5.10. */
function carriesEpochEnds({ type }: Draft): boolean {
  return type === 'presence' || type === 'receipt';
}

export function isAwaited(outbox: Outbox, ticket: number): boolean {
  return outbox.dispatched.some((frame) => frame.status === 'sealing' && frame.ticket === ticket);
}

/** The frame with this ticket has its bytes. */
export function seal(outbox: Outbox, ticket: number, body: Uint8Array, status: Sealed['status']): Outbox {
  const dispatched = outbox.dispatched.map((frame): DispatchedFrame =>
    frame.status === 'sealing' && frame.ticket === ticket
      ? { status, draft: frame.draft, number: frame.number, body }
      : frame,
  );
  return { ...outbox, dispatched };
}

/**
 * A new epoch has begun. Frames without an echo are not in the log and never will be: the relay
 * takes nothing more under their commit number. They wait again, in their old order and before new
 * drafts, and get their old numbers anew. `receipts`: those that fill slots are dropped.
 */
export function requeue(outbox: Outbox, receipts: 'again' | 'dropped' = 'again'): Outbox {
  const drafts = outbox.dispatched.map(({ draft }) => draft);
  const again = drafts.filter(({ type }) => type !== 'receipt' || receipts === 'again');
  return {
    ...outbox,
    waiting: [...again, ...outbox.waiting],
    dispatched: [],
    number: outbox.number - drafts.length,
  };
}

/**
 * The relay echoed this body.
 * @returns the frame that it was, or undefined if it is none of ours that still waits.
 */
export function acknowledge(
  outbox: Outbox,
  body: Uint8Array,
): { outbox: Outbox; dispatched: DispatchedFrame | undefined } {
  const dispatched = outbox.dispatched.find((frame) => isBody(frame, body));
  if (dispatched === undefined) return { outbox, dispatched };
  return { outbox: { ...outbox, dispatched: outbox.dispatched.filter((frame) => frame !== dispatched) }, dispatched };
}

function isBody(frame: DispatchedFrame, body: Uint8Array): boolean {
  return frame.status !== 'sealing' && equalBytes(frame.body, body);
}

/**
 * The relay refused the frame with this nonce. It is sent again in its old place, when nothing is
 * in flight any more.
 */
export function refuseFrame(outbox: Outbox, nonce: Uint8Array): Outbox {
  const dispatched = outbox.dispatched.map((frame) =>
    frame.status !== 'sealing' && equalBytes(frame.body.subarray(0, NONCE_BYTES), nonce)
      ? { ...frame, status: 'refused' as const }
      : frame,
  );
  return { ...outbox, dispatched };
}

/**
 * The commit number has changed: frames under the one before that have no echo are not in the log.
 * Nothing new may leave before they are answered.
 */
export function supersede(outbox: Outbox): Outbox {
  const dispatched = outbox.dispatched.map((frame): DispatchedFrame =>
    frame.status === 'in-flight' ? { ...frame, status: 'superseded' } : frame,
  );
  return { ...outbox, dispatched };
}

/** @returns whether frames have left that the relay has not answered */
export function isAwaitingAnswers({ dispatched }: Outbox): boolean {
  return dispatched.some(({ status }) => status === 'in-flight' || status === 'superseded');
}

/** The connection is gone: after the next ATTACHED the log shows which frames in flight arrived. */
export function markUnconfirmed(outbox: Outbox): Outbox {
  const dispatched = outbox.dispatched.map((frame) =>
    frame.status === 'sealing' ? frame : { ...frame, status: 'unconfirmed' as const },
  );
  return { ...outbox, dispatched };
}

/**
 * @returns the frames to send again now, oldest first. There are none while a frame is in flight,
 * so that a member's frames keep their order. `ready`: they wait for their slots.
 */
export function resend(
  outbox: Outbox,
  status: 'in-flight' | 'ready' = 'in-flight',
): { outbox: Outbox; resends: readonly Uint8Array[] } {
  if (isAwaitingAnswers(outbox)) return { outbox, resends: [] };
  const resends = outbox.dispatched.flatMap((frame) => (frame.status === 'sealing' ? [] : [frame.body]));
  const dispatched = outbox.dispatched.map((frame) => (frame.status === 'sealing' ? frame : { ...frame, status }));
  return { outbox: { ...outbox, dispatched }, resends };
}

const OUT_OF_ORDER: ReadonlySet<DispatchedFrame['status']> = new Set<DispatchedFrame['status']>([
  'superseded',
  'refused',
  'unconfirmed',
]);

/** @returns whether frames may leave: not while older ones wait to be sent again. */
export function isInOrder(outbox: Outbox): boolean {
  return outbox.dispatched.every(({ status }) => !OUT_OF_ORDER.has(status));
}

/**
 * Releases the first frame that is ready. @returns its body; undefined if there is none, or if
 * older frames have to be sent again first.
 */
export function release(outbox: Outbox): { outbox: Outbox; body: Uint8Array | undefined } {
  const first = outbox.dispatched.find(({ status }) => status === 'ready');
  if (first?.status !== 'ready' || !isInOrder(outbox)) return { outbox, body: undefined };
  const dispatched = outbox.dispatched.map((frame) =>
    frame === first ? { ...first, status: 'in-flight' as const } : frame,
  );
  return { outbox: { ...outbox, dispatched }, body: first.body };
}

/** The texts that no other member has: a member takes them along when the room moves. */
export function unsentTexts(outbox: Outbox): TextDraft[] {
  return [...outbox.dispatched.map(({ draft }) => draft), ...outbox.waiting].filter((draft) => draft.type === 'text');
}

/**
 * Cuts the texts anew, for a room whose frames have another size. Of a text of which a part has
 * left, the rest is a text.
 */
export function recutTexts(drafts: readonly TextDraft[], plaintextBytes: number): TextDraft[] {
  const ends = drafts.flatMap(({ index, count }, at) => (index === count - 1 ? [at + 1] : []));
  return ends.flatMap((end, which) => {
    const fragments = drafts.slice(ends[which - 1] ?? 0, end);
    const bytes = concatBytes(...fragments.map((fragment) => fragment.bytes));
    const ref = fragments[0]?.ref;
    return cutText(bytes, plaintextBytes).map((fragment): TextDraft => ({ type: 'text', ref, ...fragment }));
  });
}

// Receipts and deliveries

/** Another member awaits a receipt. A receipt that is due stays due. */
export function oweReceipt(outbox: Outbox, receipt: 'owed' | 'due'): Outbox {
  return { ...outbox, receipt: outbox.receipt === 'due' ? 'due' : receipt };
}

export function clearReceipt(outbox: Outbox): Outbox {
  return { ...outbox, receipt: 'none' };
}

/**
 * The relay holds an own text, said in the epoch that began behind entry `start`. The oldest text
 * is forgotten first; an epoch is forgotten when no member compares it any more.
 */
export function trackText(outbox: Outbox, text: TrackedText, start: number): Outbox {
  const { tracked, trackedEpochs } = outbox;
  const epoch: TrackedEpoch = { start, first: tracked.end, seen: new Map() };
  const isKnown = trackedEpochs[0]?.start === start;
  return {
    ...outbox,
    tracked: append(tracked, text, TRACKED_TEXTS_MAX),
    trackedEpochs: isKnown ? trackedEpochs : [epoch, ...trackedEpochs].slice(0, EPOCHS_BEFORE + 1),
  };
}

/**
 * Counts `member` for the own texts that it has seen, in the epochs that `counts` accepts. A text
 * is looked at once for each member, so a content costs no more after many texts than after few.
 *
 * @returns also the texts with more than before, the oldest first
 */
export function countDeliveries(
  outbox: Outbox,
  member: Member,
  counts: (start: number) => boolean,
): { readonly outbox: Outbox; readonly risen: readonly DeliveredText[] } {
  const { tracked, trackedEpochs } = outbox;
  const key = toHex(member.memberKey);
  const risen: DeliveredText[][] = [];
  const epochs = trackedEpochs.map((epoch, index) => {
    const known = epoch.seen.get(key);
    const from = Math.max(known?.to ?? epoch.first, tracked.first);
    const end = trackedEpochs[index - 1]?.first ?? tracked.end;
    // One text is looked at before it is known whether the epoch counts.
    if (endOfSeen(tracked, from, Math.min(end, from + 1), member.seen) === from || !counts(epoch.start)) return epoch;
    const to = endOfSeen(tracked, from, end, member.seen);
    // It joined behind `since`; what is not above `start` is of no epoch that it could compare.
    const since = Math.max(member.since, epoch.start);
    const first = known === undefined || known.from === known.to ? endOfSeen(tracked, from, to, since) : known.from;
    const next: TrackedEpoch = { ...epoch, seen: new Map(epoch.seen).set(key, { from: first, to }) };
    risen.unshift(deliveredTexts(tracked, next, Math.max(first, from), to));
    return next;
  });
  if (risen.length === 0) return { outbox, risen: [] };
  return { outbox: { ...outbox, trackedEpochs: epochs }, risen: risen.flat() };
}

/** @returns the number behind the last text, from `from` on and before `end`, up to `sequence` */
function endOfSeen(tracked: Recent<TrackedText>, from: number, end: number, sequence: number): number {
  let number = from;
  while (number < end && (itemAt(tracked, number)?.sequence ?? Infinity) <= sequence) number += 1;
  return number;
}

function deliveredTexts(
  tracked: Recent<TrackedText>,
  { seen }: TrackedEpoch,
  from: number,
  to: number,
): DeliveredText[] {
  const delivered: DeliveredText[] = [];
  for (let number = from; number < to; number += 1) {
    const text = itemAt(tracked, number);
    const by = [...seen.values()].filter((range) => range.from <= number && number < range.to).length;
    if (text !== undefined) delivered.push({ id: text.id, by });
  }
  return delivered;
}

/** The log ends at `sequence` now: later texts are not in it any more. */
export function rollBackTracked(outbox: Outbox, sequence: number): Outbox {
  const end = endOfSeen(outbox.tracked, outbox.tracked.first, outbox.tracked.end, sequence);
  const trackedEpochs = outbox.trackedEpochs.map((epoch): TrackedEpoch => ({
    ...epoch,
    first: Math.min(epoch.first, end),
    seen: clip(epoch.seen, end),
  }));
  return { ...outbox, tracked: endBefore(outbox.tracked, end), trackedEpochs };
}

function clip(seen: TrackedEpoch['seen'], end: number): TrackedEpoch['seen'] {
  return new Map([...seen].map(([key, { from, to }]) => [key, { from: Math.min(from, end), to: Math.min(to, end) }]));
}
