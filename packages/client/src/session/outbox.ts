// What this member has to say: drafts that wait for a departure, and frames that left and await their echo, in order.

import { equalBytes, NONCE_BYTES } from '@sotto/protocol';
import type { PresenceStatus } from '@sotto/protocol';
import { OUTBOX_TEXTS_MAX } from '../limits.ts';
import type { Move, SignedAccess } from '../moderator.ts';

/** A content that has no number yet: numbers are given at departure, so that they have no gap. */
export type Draft =
  | {
      readonly type: 'text';
      readonly ref: string | undefined;
      readonly index: number;
      readonly count: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: 'presence'; readonly status: PresenceStatus }
  | { readonly type: 'receipt' }
  | { readonly type: 'roll-call' }
  | { readonly type: 'move'; readonly move: Move }
  | { readonly type: 'order'; readonly order: SignedAccess };

/**
 * A frame that has its number. While it is being sealed it has no bytes; from then on they are kept: within an epoch a re-send is the identical
 * bytes. `ready` waits for its slot. `superseded` is in flight under a commit number that is over, and will be refused. `refused` and `unconfirmed` wait until
 * nothing is in flight.
 */
export type DispatchedFrame = Sealing | Sealed;

interface Sealing {
  readonly status: 'sealing';
  readonly draft: Draft;
  readonly number: number;
  /** Names this sealing: one that was asked for in an epoch which is over is not awaited any more. */
  readonly ticket: number;
}

interface Sealed {
  readonly status: 'ready' | 'in-flight' | 'superseded' | 'refused' | 'unconfirmed';
  readonly draft: Draft;
  readonly number: number;
  readonly body: Uint8Array;
}

export interface Outbox {
  readonly waiting: readonly Draft[];
  readonly dispatched: readonly DispatchedFrame[];
  /** The last ticket that was given. */
  readonly ticket: number;
}

export const EMPTY_OUTBOX: Outbox = { waiting: [], dispatched: [], ticket: 0 };

/** Adds the drafts of one text or one control content at the end. */
export function enqueue(outbox: Outbox, drafts: readonly Draft[]): Outbox {
  return { ...outbox, waiting: [...outbox.waiting, ...drafts] };
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

/** Moves a draft to the dispatched ones, under `number`, to be sealed under a new ticket. It need not have waited. */
export function dispatch(outbox: Outbox, draft: Draft, number: number): Outbox {
  const ticket = outbox.ticket + 1;
  const sealing: Sealing = { status: 'sealing', draft, number, ticket };
  return {
    waiting: outbox.waiting.filter((other) => other !== draft),
    dispatched: [...outbox.dispatched, sealing],
    ticket,
  };
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
 * A new epoch has begun: what dispatched and was not echoed before it is not in the log and never will be, for the relay takes nothing more
 * under the commit number that it went under. So it waits again, in its old order and before everything new, and gets its old numbers anew. Where
 * receipts fill slots, there will be others.
 */
export function requeue(outbox: Outbox, receipts: 'again' | 'dropped' = 'again'): { outbox: Outbox; requeued: number } {
  const drafts = outbox.dispatched.map(({ draft }) => draft);
  const again = drafts.filter(({ type }) => type !== 'receipt' || receipts === 'again');
  return { outbox: { ...outbox, waiting: [...again, ...outbox.waiting], dispatched: [] }, requeued: drafts.length };
}

/** The relay echoed this body. @returns the frame that it was, or undefined if it is none of ours that still waits. */
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

/** The relay refused the frame with this nonce: it is sent again, in its old place, when nothing is in flight any more. */
export function refuseFrame(outbox: Outbox, nonce: Uint8Array): Outbox {
  const dispatched = outbox.dispatched.map((frame) =>
    frame.status !== 'sealing' && equalBytes(frame.body.subarray(0, NONCE_BYTES), nonce)
      ? { ...frame, status: 'refused' as const }
      : frame,
  );
  return { ...outbox, dispatched };
}

/** The commit number has moved: what left under the one before and has no echo by now is not in the log. Nothing new may leave before it is answered. */
export function supersede(outbox: Outbox): Outbox {
  const dispatched = outbox.dispatched.map((frame): DispatchedFrame =>
    frame.status === 'in-flight' ? { ...frame, status: 'superseded' } : frame,
  );
  return { ...outbox, dispatched };
}

/** @returns whether frames have left that were not answered yet */
export function isAwaitingAnswers({ dispatched }: Outbox): boolean {
  return dispatched.some(({ status }) => status === 'in-flight' || status === 'superseded');
}

/** The connection is gone: nobody knows which frames in flight arrived. The log will tell after the next attach. */
export function markUnconfirmed(outbox: Outbox): Outbox {
  const dispatched = outbox.dispatched.map((frame) =>
    frame.status === 'sealing' ? frame : { ...frame, status: 'unconfirmed' as const },
  );
  return { ...outbox, dispatched };
}

/**
 * @returns the frames to send again now, oldest first: only when none is in flight, so that a member's frames keep their order. `ready` if they
 * are to wait for their slots.
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

/** Lets the first frame go that is ready. @returns its body; undefined if there is none, or older ones have to be sent again first. */
export function release(outbox: Outbox): { outbox: Outbox; body: Uint8Array | undefined } {
  const first = outbox.dispatched.find(({ status }) => status === 'ready');
  if (first?.status !== 'ready' || !isInOrder(outbox)) return { outbox, body: undefined };
  const dispatched = outbox.dispatched.map((frame) =>
    frame === first ? { ...first, status: 'in-flight' as const } : frame,
  );
  return { outbox: { ...outbox, dispatched }, body: first.body };
}

/** The texts that nobody has: what a member takes along when the room moves. */
export function unsentTexts(outbox: Outbox): Draft[] {
  return [...outbox.dispatched.map(({ draft }) => draft), ...outbox.waiting].filter((draft) => draft.type === 'text');
}
