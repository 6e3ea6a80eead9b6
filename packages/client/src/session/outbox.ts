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
 * bytes. `ready` waits for its slot. `overtaken` is in flight under a commit number that is over, and will be refused. `refused` and `cut-off` wait until
 * nothing is in flight.
 */
export type Departed = Sealing | Sealed;

interface Sealing {
  readonly standing: 'sealing';
  readonly draft: Draft;
  readonly number: number;
  /** Names this sealing: one that was asked for in an epoch which is over is not awaited any more. */
  readonly ticket: number;
}

interface Sealed {
  readonly standing: 'ready' | 'in-flight' | 'overtaken' | 'refused' | 'cut-off';
  readonly draft: Draft;
  readonly number: number;
  readonly body: Uint8Array;
}

export interface Outbox {
  readonly waiting: readonly Draft[];
  readonly departed: readonly Departed[];
  /** The last ticket that was given. */
  readonly ticket: number;
}

export const EMPTY_OUTBOX: Outbox = { waiting: [], departed: [], ticket: 0 };

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

/** Moves a draft to the departed ones, under `number`, to be sealed under a new ticket. It need not have waited. */
export function depart(outbox: Outbox, draft: Draft, number: number): Outbox {
  const ticket = outbox.ticket + 1;
  const sealing: Sealing = { standing: 'sealing', draft, number, ticket };
  return {
    waiting: outbox.waiting.filter((other) => other !== draft),
    departed: [...outbox.departed, sealing],
    ticket,
  };
}

export function isAwaited(outbox: Outbox, ticket: number): boolean {
  return outbox.departed.some((frame) => frame.standing === 'sealing' && frame.ticket === ticket);
}

/** The frame with this ticket has its bytes. */
export function seal(outbox: Outbox, ticket: number, body: Uint8Array, standing: Sealed['standing']): Outbox {
  const departed = outbox.departed.map((frame): Departed =>
    frame.standing === 'sealing' && frame.ticket === ticket
      ? { standing, draft: frame.draft, number: frame.number, body }
      : frame,
  );
  return { ...outbox, departed };
}

/**
 * A new epoch has begun: what departed and was not echoed before it is not in the log and never will be, for the relay takes nothing more
 * under the commit number that it went under. So it waits again, in its old order and before everything new, and gets its old numbers anew. Where
 * receipts fill slots, there will be others.
 */
export function recall(outbox: Outbox, receipts: 'again' | 'dropped' = 'again'): { outbox: Outbox; recalled: number } {
  const drafts = outbox.departed.map(({ draft }) => draft);
  const again = drafts.filter(({ type }) => type !== 'receipt' || receipts === 'again');
  return { outbox: { ...outbox, waiting: [...again, ...outbox.waiting], departed: [] }, recalled: drafts.length };
}

/** The relay echoed this body. @returns the frame that it was, or undefined if it is none of ours that still waits. */
export function acknowledge(outbox: Outbox, body: Uint8Array): { outbox: Outbox; departed: Departed | undefined } {
  const departed = outbox.departed.find((frame) => isBody(frame, body));
  if (departed === undefined) return { outbox, departed };
  return { outbox: { ...outbox, departed: outbox.departed.filter((frame) => frame !== departed) }, departed };
}

function isBody(frame: Departed, body: Uint8Array): boolean {
  return frame.standing !== 'sealing' && equalBytes(frame.body, body);
}

/** The relay refused the frame with this nonce: it is sent again, in its old place, when nothing is in flight any more. */
export function refuseFrame(outbox: Outbox, nonce: Uint8Array): Outbox {
  const departed = outbox.departed.map((frame) =>
    frame.standing !== 'sealing' && equalBytes(frame.body.subarray(0, NONCE_BYTES), nonce)
      ? { ...frame, standing: 'refused' as const }
      : frame,
  );
  return { ...outbox, departed };
}

/** The commit number has moved: what left under the one before and has no echo by now is not in the log. Nothing new may leave before it is answered. */
export function overtake(outbox: Outbox): Outbox {
  const departed = outbox.departed.map((frame): Departed =>
    frame.standing === 'in-flight' ? { ...frame, standing: 'overtaken' } : frame,
  );
  return { ...outbox, departed };
}

/** @returns whether frames have left that were not answered yet */
export function isAwaitingAnswers({ departed }: Outbox): boolean {
  return departed.some(({ standing }) => standing === 'in-flight' || standing === 'overtaken');
}

/** The connection is gone: nobody knows which frames in flight arrived. The log will tell after the next attach. */
export function cutOff(outbox: Outbox): Outbox {
  const departed = outbox.departed.map((frame) =>
    frame.standing === 'sealing' ? frame : { ...frame, standing: 'cut-off' as const },
  );
  return { ...outbox, departed };
}

/**
 * @returns the frames to send again now, oldest first: only when none is in flight, so that a member's frames keep their order. `ready` if they
 * are to wait for their slots.
 */
export function takeResends(
  outbox: Outbox,
  standing: 'in-flight' | 'ready' = 'in-flight',
): { outbox: Outbox; resends: readonly Uint8Array[] } {
  if (isAwaitingAnswers(outbox)) return { outbox, resends: [] };
  const resends = outbox.departed.flatMap((frame) => (frame.standing === 'sealing' ? [] : [frame.body]));
  const departed = outbox.departed.map((frame) => (frame.standing === 'sealing' ? frame : { ...frame, standing }));
  return { outbox: { ...outbox, departed }, resends };
}

const OUT_OF_ORDER: ReadonlySet<Departed['standing']> = new Set<Departed['standing']>([
  'overtaken',
  'refused',
  'cut-off',
]);

/** @returns whether frames may leave: not while older ones wait to be sent again. */
export function isInOrder(outbox: Outbox): boolean {
  return outbox.departed.every(({ standing }) => !OUT_OF_ORDER.has(standing));
}

/** Lets the first frame go that is ready. @returns its body; undefined if there is none, or older ones have to be sent again first. */
export function launch(outbox: Outbox): { outbox: Outbox; body: Uint8Array | undefined } {
  const first = outbox.departed.find(({ standing }) => standing === 'ready');
  if (first?.standing !== 'ready' || !isInOrder(outbox)) return { outbox, body: undefined };
  const departed = outbox.departed.map((frame) =>
    frame === first ? { ...first, standing: 'in-flight' as const } : frame,
  );
  return { outbox: { ...outbox, departed }, body: first.body };
}

/** The texts that nobody has: what a member takes along when the room moves. */
export function unsentTexts(outbox: Outbox): Draft[] {
  return [...outbox.departed.map(({ draft }) => draft), ...outbox.waiting].filter((draft) => draft.type === 'text');
}
