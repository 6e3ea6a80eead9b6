// Counts the members that have answered a roll call. It is read off the log of one epoch, so that
// all members come to the same result. PROTOCOL.md §5.9.

import { equalBytes, toHex } from '@sotto/protocol';

interface Member {
  readonly memberId: Uint8Array;
}

/** Ids, in hexadecimal, of members heard since the epoch's first roll call; undefined: no call. */
export type RollCall = ReadonlySet<string> | undefined;

/**
 * A member's message was opened. `calls`: it is a roll call; the first one of the epoch starts the
 * count. @returns the same object if nothing changes
 */
export function hear(rollCall: RollCall, memberId: Uint8Array, calls: boolean): RollCall {
  if (rollCall === undefined && !calls) return undefined;
  const id = toHex(memberId);
  return rollCall?.has(id) === true ? rollCall : new Set([...(rollCall ?? []), id]);
}

/** @returns the `members` that have not answered; none without a roll call */
export function unheard<Some extends Member>(rollCall: RollCall, members: readonly Some[]): Some[] {
  return rollCall === undefined ? [] : members.filter(({ memberId }) => !rollCall.has(toHex(memberId)));
}

/**
 * Whether `committer` may remove `silent` so that `staying` are left. No silent member may have
 * answered, and more than half of the staying ones must have. The committer counts as heard.
 */
export function mayRemoveSilent(
  rollCall: RollCall,
  committer: Member,
  silent: readonly Member[],
  staying: readonly Member[],
): boolean {
  if (rollCall === undefined || unheard(rollCall, silent).length < silent.length) return false;
  const answered = staying.filter(
    ({ memberId }) => rollCall.has(toHex(memberId)) || equalBytes(memberId, committer.memberId),
  );
  return 2 * answered.length > staying.length;
}
