// The lines of the host's screen. Tor's messages come in as stages and codes, never as foreign
// text.

import { message } from '@sotto/messages';
import { coverCost, coverMembersMax, isStealth } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import type { NetworkKind } from '@sotto/tor';
import type { HostCode } from './errors.ts';
import { renderInvite } from './invite-card.ts';
import type { Notice } from './room-hosting-machine.ts';
import type { MoveNotice } from './room-move-machine.ts';

/** A stage of one of the two Tors, as both `tor` and the gate report it. */
export interface ShownStage {
  readonly state: string;
  readonly percent?: number;
  readonly summary?: string;
  readonly nextStep?: string;
  readonly cause?: string;
}

export function describeStage(tor: string, stage: ShownStage): string {
  const percent = stage.percent ?? 0;
  switch (stage.state) {
    case 'progressing':
      return message('host.stage-progressing', { tor, percent, summary: stage.summary ?? '' });
    case 'stalled': {
      const { cause = 'unknown', nextStep = '' } = stage;
      return message('host.stage-stalled', { tor, percent, cause, nextStep });
    }
    case 'done':
      return message('host.stage-done', { tor });
    default:
      return message('host.stage-starting', { tor });
  }
}

export function describeNotice(notice: Notice): string {
  switch (notice.notice) {
    case 'publishing':
      return message('host.onion-publishing');
    case 'proving':
      return message('host.onion-checking');
    case 'publish-failed':
      return message('host.onion-not-published', { cause: notice.cause });
    case 'not-reached':
      return message('host.onion-not-reached', { cause: notice.cause });
    case 'reachable-again':
      return message('host.room-reachable-again');
    case 'tor-lost':
      return message('host.tor-lost');
    case 'relay-lost':
      return message('host.relay-lost');
    case 'ending':
      return message('host.room-ending');
  }
}

const MOVE_MESSAGES = {
  'opening-other': 'host.other-room-opening',
  'other-not-opened': 'host.other-room-not-opened',
  'other-offered': 'host.other-room-offered',
  'not-moved': 'host.other-room-lapsed',
  undecided: 'host.room-move-undecided',
} as const;

export function describeMove(notice: MoveNotice): string {
  return message(MOVE_MESSAGES[notice]);
}

/** The last line: the host has ended, and the reason if it was not stopped. */
export function describeEnd(code: HostCode | undefined): string {
  if (code === undefined) return message('host.room-ended');
  return message('host.room-ended-because', { code, reason: message(`error.host.${code}`) });
}

export function describeOtherEnd(code: HostCode): string {
  return message('host.other-room-ended-because', { code, reason: message(`error.host.${code}`) });
}

export function describeNetwork(network: NetworkKind): string | undefined {
  return network === 'private-test' ? message('host.test-network') : undefined;
}

/** The line before members join: the connection string, and the startup time in its parts. */
export function renderOpening(
  invite: string,
  network: NetworkKind | undefined,
  time: { readonly totalMs: number; readonly torMs: number },
  cover: Cover,
): string {
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const own = seconds(time.totalMs - time.torMs);
  const spent = message('host.room-reachable', { total: seconds(time.totalMs), tor: seconds(time.torMs), own });
  return [spent, describeCover(cover), renderInvite(invite, remind(network))].join('\n');
}

/** Whether an observer of a member's connection sees its writing, and the traffic that hides it. */
export function describeCover(cover: Cover): string {
  if (cover === 'off') return message('host.cover-off');
  const { upBytesPerHour, downBytesPerHour, meanDelayMs } = coverCost(cover);
  const delay = (meanDelayMs / 1_000).toFixed(1);
  if (!isStealth(cover)) return message('host.cover-jitter', { delay });
  const up = megabytes(upBytesPerHour);
  const down = megabytes(downBytesPerHour);
  return message('host.cover-stealth', { mode: cover, members: coverMembersMax(cover), up, down, delay });
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** The new string after a move, and for whom it is enough. */
export function renderMoved(invite: string, network: NetworkKind | undefined, signpostMs: number): string {
  const minutes = Math.round(signpostMs / 60_000);
  const span = { hours: Math.floor(minutes / 60), minutes: minutes % 60 };
  const news = `${message('host.room-moved', span)}\n${message('host.room-moved-listed')}`;
  const reminder = network === 'private-test' ? 'host.test-network' : 'host.invite-listed';
  return `${news}\n${renderInvite(invite, message(reminder))}`;
}

/** The line above a connection string. */
export function remind(network: NetworkKind | undefined): string {
  return message(network === 'private-test' ? 'host.test-network' : 'host.invite-reminder');
}
