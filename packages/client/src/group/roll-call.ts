// Who has answered since the roll was called: read off the log of one epoch, so that whoever came when judges alike. PROTOCOL.md §5.9.

import { equalBytes, toHex } from '@sotto/protocol';

interface Member {
  readonly memberId: Uint8Array;
}

/** The ids, in hexadecimal, of those who were heard since the epoch's first roll call; undefined if there was none. */
export type RollCall = ReadonlySet<string> | undefined;

/** A member's message was opened. @returns the same as before if it changes nothing. `calls`: it is a roll call; the first one of the epoch is where counting begins. */
export function hear(rollCall: RollCall, memberId: Uint8Array, calls: boolean): RollCall {
  if (rollCall === undefined && !calls) return undefined;
  const id = toHex(memberId);
  return rollCall?.has(id) === true ? rollCall : new Set([...(rollCall ?? []), id]);
}

/** @returns those of `members` who have not answered; nobody as long as no roll was called. */
export function unheard<Some extends Member>(rollCall: RollCall, members: readonly Some[]): Some[] {
  return rollCall === undefined ? [] : members.filter(({ memberId }) => !rollCall.has(toHex(memberId)));
}

/**
 * Whether `committer` may remove `silent` so that `staying` are left: nobody who is to go has answered, and more than half of those who stay
 * have; whoever commits is there.
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
