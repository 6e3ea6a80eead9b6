// The membership slice: this member's phase in the group, and the group as its keys show it.

import type { SnapshotName } from '@sotto/protocol';
import type { GroupView } from '../../group/membership.ts';

interface GroupShown {
  /** Undefined outside the group. */
  readonly view: GroupView | undefined;
  /** When the present epoch began here (ms). */
  readonly epochAt: number;
  /** After a move: the keys of the members that are to follow. Own texts wait for them. */
  readonly awaited: readonly Uint8Array[];
  /** Joins in a row that no member has answered. */
  readonly unanswered: number;
}

/**
 * `outside` waits for a snapshot worth fetching. `joining` has made, or is making, the commit that
 * adds this member. `knocking` has asked to be admitted. `welcomed` fetches the snapshot of its
 * welcome. `unconfirmed` has keys, and waits to hear that others have the same: a relay can serve
 * an outdated snapshot, and then no member could read this one's texts.
 */
type Phase =
  | { readonly phase: 'outside' }
  | { readonly phase: 'fetching'; readonly which: SnapshotName; readonly commitNumber: number }
  | { readonly phase: 'joining' }
  | { readonly phase: 'knocking'; readonly body: Uint8Array; readonly status: 'refused' | 'posted' }
  | { readonly phase: 'welcomed'; readonly which: SnapshotName; readonly body: Uint8Array }
  | { readonly phase: 'unconfirmed' }
  | { readonly phase: 'inside' };

export type MembershipState = GroupShown & Phase;

export function createMembership(awaited: readonly Uint8Array[]): MembershipState {
  return { phase: 'outside', view: undefined, epochAt: 0, awaited, unanswered: 0 };
}

/** @returns whether this member has keys of the present epoch */
export function hasKeys({ phase }: MembershipState): boolean {
  return phase === 'inside' || phase === 'unconfirmed';
}

function shown({ view, epochAt, awaited, unanswered }: MembershipState): GroupShown {
  return { view, epochAt, awaited, unanswered };
}

// Phases

export function goOutside(membership: MembershipState): MembershipState {
  return { ...shown(membership), phase: 'outside' };
}

export function startFetch(membership: MembershipState, which: SnapshotName, commitNumber: number): MembershipState {
  return { ...shown(membership), phase: 'fetching', which, commitNumber };
}

export function startJoin(membership: MembershipState): MembershipState {
  return { ...shown(membership), phase: 'joining' };
}

/** `refused`: the knock has still to be posted, or to be posted again. */
export function knock(membership: MembershipState, body: Uint8Array, status: 'refused' | 'posted'): MembershipState {
  return { ...shown(membership), phase: 'knocking', body, status };
}

/** A welcome is whole. `body`: that of the knock. */
export function fetchWelcome(membership: MembershipState, which: SnapshotName, body: Uint8Array): MembershipState {
  return { ...shown(membership), phase: 'welcomed', which, body };
}

export function awaitConfirmation(membership: MembershipState): MembershipState {
  return { ...shown(membership), phase: 'unconfirmed' };
}

/** Another member was understood under the present keys. */
export function confirm(membership: MembershipState): MembershipState {
  return { ...shown(membership), phase: 'inside', unanswered: 0 };
}

// The group

export function setView(membership: MembershipState, view: GroupView | undefined, now: number): MembershipState {
  const { view: before, epochAt } = membership;
  return { ...membership, view, epochAt: view?.epoch === before?.epoch ? epochAt : now };
}

/** The members that were to follow have had their time. */
export function stopAwaiting(membership: MembershipState): MembershipState {
  return { ...membership, awaited: [] };
}

export function countUnanswered(membership: MembershipState): MembershipState {
  return { ...membership, unanswered: membership.unanswered + 1 };
}
