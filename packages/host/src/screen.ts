// The host's words. What Tor says comes in as stages and codes, never as text of others.

import { coverCost, coverMembersMax, isStealth } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import type { NetworkKind } from '@sotto/tor';
import { renderInvite } from './invite-card.ts';
import type { Notice } from './room-hosting-machine.ts';
import type { MoveNotice } from './room-move-machine.ts';

/** A stage of one of the two Tors, as both `tor` and the gate tell it. */
export interface ShownStage {
  readonly state: string;
  readonly percent?: number;
  readonly summary?: string;
  readonly nextStep?: string;
  readonly cause?: string;
}

const TEST_NETWORK = 'PRIVATE TEST NETWORK: nothing here is anonymous, and nobody outside this machine can join.';

/** Said once, where it is so. */
export const UNLOCKED =
  'keys: this machine locks no memory for them: what is paged out gets to a disk (turn swap off; ./scripts/doctor tells)';

const REOPENED =
  'room: who has the new string comes in, as always after a move: order the access again if it is to be another one';

export function describeStage(whose: string, stage: ShownStage): string {
  switch (stage.state) {
    case 'progressing':
      return `${whose}: ${String(stage.percent ?? 0)} % ${stage.summary ?? ''}`;
    case 'stalled':
      return `${whose}: stuck at ${String(stage.percent ?? 0)} % (${stage.cause ?? 'unknown'}); ${stage.nextStep ?? ''}`;
    case 'done':
      return `${whose}: connected to the Tor network`;
    default:
      return `${whose}: starting`;
  }
}

export function describeNotice(notice: Notice): string {
  switch (notice.notice) {
    case 'publishing':
      return 'onion: publishing its descriptor';
    case 'proving':
      return 'onion: walking in through the second Tor, as a guest would';
    case 'publish-failed':
      return `onion: not published (${notice.cause}); trying again`;
    case 'not-reached':
      return `onion: not reached yet (${notice.cause}); trying again`;
    case 'reachable-again':
      return 'room: reachable again, the connection string is the same';
    case 'tor-lost':
      return 'tor: gone; the onion is added again when it is back';
    case 'relay-lost':
      return 'relay: gone; the room is taken up again when it is back';
    case 'ending':
      return 'room: ending';
  }
}

export function describeMove(notice: MoveNotice): string {
  switch (notice) {
    case 'opening-other':
      return 'room: somebody is to be removed; opening another room to move to';
    case 'other-not-opened':
      return 'room: the other room could not be opened; this one goes on';
    case 'other-offered':
      return 'room: the other room is open; the members are told where it is';
    case 'offer-lapsed':
      return 'room: nobody moved; the other room is closed, this one goes on';
    case 'moving':
      return 'room: moving; the connection string from before is good for some seconds only';
  }
}

export function describeNetwork(network: NetworkKind): string | undefined {
  return network === 'private-test' ? TEST_NETWORK : undefined;
}

/** The host's last word before people come: the string, and where the time went. */
export function renderOpening(
  invite: string,
  network: NetworkKind | undefined,
  time: { readonly totalMs: number; readonly torMs: number },
  cover: Cover,
): string {
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const own = seconds(time.totalMs - time.torMs);
  const spent = `room: reachable after ${seconds(time.totalMs)} s (Tor ${seconds(time.torMs)} s, Sotto ${own} s)`;
  return [spent, describeCover(cover), renderInvite(invite, remind(network))].join('\n');
}

/** What a watcher of a member's line can tell, and what hiding it costs each member. */
export function describeCover(cover: Cover): string {
  if (cover === 'off') {
    return 'cover: off; who watches a line sees when somebody writes. SOTTO_ROOM_COVER=stealth hides it, for 20 MB an hour';
  }
  const { upBytesPerHour, downBytesPerHour, meanDelayMs } = coverCost(cover);
  const wait = `a line waits ${(meanDelayMs / 1_000).toFixed(1)} s on average, and Tor's own time`;
  if (!isStealth(cover)) return `cover: jitter; it blurs when somebody writes, and does not hide it; ${wait}`;
  const [up, down] = [upBytesPerHour, downBytesPerHour].map((bytes) => (bytes / 1e6).toFixed(1));
  const cost = `each sends ${String(up)} MB an hour and receives ${String(down)}, whatever is said`;
  return `cover: ${cover}; at most ${String(coverMembersMax(cover))} members; ${cost}; ${wait}`;
}

/**
 * The new string after a move, and why there is one. `reopened`: the room before let nobody in by
 * himself, and this one does.
 */
export function renderMoved(
  invite: string,
  network: NetworkKind | undefined,
  { reopened }: { readonly reopened: boolean },
): string {
  const why = 'room: has moved, because somebody was removed: the connection string from before leads nowhere any more';
  const access = reopened ? `${why}\n${REOPENED}` : why;
  return `${access}\n${renderInvite(invite, remind(network))}`;
}

/** The line above a connection string. */
export function remind(network: NetworkKind | undefined): string {
  return network === 'private-test' ? TEST_NETWORK : 'Who has this string is in the room.';
}
