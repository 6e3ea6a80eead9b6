// One connection, as a pure machine: it is admitted, catches up, lives, falls behind, and is closed with a reason. No sockets, no store.

import {
  checkEmpty,
  decodeAttach,
  decodeCommit,
  decodeFetch,
  decodeStage,
  encodeAttached,
  encodeBeat,
  HANDSHAKE_DEADLINE_MS,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import type {
  Attached,
  AttachRequest,
  Chance,
  CommitRequest,
  Cover,
  Frame,
  RelayCode,
  StagedPiece,
} from '@sotto/protocol';
import type { Allowance, Budget } from './budget.ts';
import { fullBudget, spend, waitMs } from './budget.ts';
import { downlinkWait, isSlotted, OPEN_DOWNLINK, orderSlot, startDownlink, stepDownlink } from './downlink.ts';
import type { Downlink, PrivateFrame, SlotOrder } from './downlink.ts';
import { openTransfer, stepTransfer } from './head-transfer.ts';
import type { HeadEffect, HeadEvent, HeadTransfer } from './head-transfer.ts';
import {
  BACKLOG_SLOTS_MAX,
  CATCH_UP_LIMIT_MS,
  FETCH_BURST,
  FETCH_DEBT_MAX,
  FETCH_INTERVAL_MS,
  OUTBOUND_BYTES_MAX,
  PRIVATE_FRAMES_MAX,
} from './limits.ts';
import { charge, debtMs, fullQuota } from './quota.ts';
import type { Quota } from './quota.ts';

/**
 * Where a connection is. `cursor` is the sequence number that it will be sent next; while it catches up, it is fed from the log and live
 * entries pass it by, so that nothing is sent twice or left out.
 */
type Standing =
  | { readonly kind: 'awaiting-attach'; readonly since: number }
  | { readonly kind: 'attaching'; readonly since: number; readonly early: readonly Frame[] }
  | { readonly kind: 'catching-up'; readonly since: number; readonly cursor: number }
  | { readonly kind: 'live'; readonly cursor: number }
  | { readonly kind: 'closed' };

/** Why we do not read from a connection: each holds until its own cause is gone. Nothing that was read is dropped. */
type PauseReason = 'attaching' | 'turn' | 'quota' | 'fetch' | 'room' | 'unread' | 'stopping';

export interface Connection {
  readonly standing: Standing;
  readonly quota: Quota;
  /** How often it may still go back in the log. */
  readonly fetches: Budget;
  readonly heads: HeadTransfer;
  /** What decides when something is sent, from ATTACHED on. */
  readonly downlink: Downlink;
  /** The reasons that hold, and since when. */
  readonly pauses: ReadonlyMap<PauseReason, number>;
  /** When it was last heard, or was last allowed to speak. */
  readonly heardAt: number;
}

/** What is true outside at the moment of an event: the time, how many bytes wait in the socket, and how the dice fall. */
export interface Outside {
  readonly now: number;
  readonly unsent: number;
  readonly chance: Chance;
}

export type ConnectionEvent =
  | { readonly type: 'received'; readonly bytes: number; readonly frames: readonly Frame[] }
  | { readonly type: 'malformed' }
  | { readonly type: 'admitted'; readonly from: number; readonly attached: Attached; readonly cover: Cover }
  | { readonly type: 'entries'; readonly first: number; readonly next: number; readonly bytes: Uint8Array }
  | { readonly type: 'fed'; readonly next: number; readonly atEnd: boolean }
  | { readonly type: 'fallen-off' }
  | { readonly type: 'moved' }
  | { readonly type: 'located'; readonly cursor: number }
  | Exclude<HeadEvent, { readonly type: 'head-wanted' }>
  /** A frame for this member alone, behind the entries below `after`. */
  | { readonly type: 'private'; readonly bytes: Uint8Array; readonly after: number }
  | { readonly type: 'departure-due' }
  /** The slot is written; `backlogBytes` still wait behind it. */
  | {
      readonly type: 'slot-packed';
      readonly next: number;
      readonly privates: readonly PrivateFrame[];
      readonly bytes: number;
      readonly backlogBytes: number;
    }
  | { readonly type: 'drained' }
  | { readonly type: 'pause'; readonly reason: PauseReason }
  | { readonly type: 'unpause'; readonly reason: PauseReason }
  | { readonly type: 'sweep' }
  | { readonly type: 'end'; readonly code: RelayCode }
  | { readonly type: 'gone' };

export type ConnectionEffect =
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  | { readonly type: 'authorise'; readonly request: AttachRequest }
  /** Ask for a departure when so much time has passed; the answer is `departure-due`. */
  | { readonly type: 'wake-after'; readonly milliseconds: number }
  /** Write a whole slot; the answer is `slot-packed` or `fallen-off`. */
  | { readonly type: 'pack-slot'; readonly order: SlotOrder }
  /** Write bytes that say nothing. */
  | { readonly type: 'noise' }
  | { readonly type: 'publish'; readonly frames: readonly Frame[] }
  | { readonly type: 'stage'; readonly piece: StagedPiece }
  | { readonly type: 'commit'; readonly request: CommitRequest }
  /** Find where in the log this number is, or what comes closest; the answer is `located`. */
  | { readonly type: 'locate'; readonly from: number }
  | HeadEffect
  /** Write what the log has from here; the answer is `fed` or `fallen-off`. */
  | { readonly type: 'feed'; readonly cursor: number }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'unpause-after'; readonly reason: 'quota' | 'fetch'; readonly milliseconds: number }
  /** Say why, and end it. */
  | { readonly type: 'close'; readonly code: RelayCode };

export interface ConnectionStep {
  readonly connection: Connection;
  readonly effects: readonly ConnectionEffect[];
}

const FETCHES: Allowance = { burst: FETCH_BURST, intervalMs: FETCH_INTERVAL_MS };

export function openConnection(now: number): Connection {
  return {
    standing: { kind: 'awaiting-attach', since: now },
    quota: fullQuota(now),
    fetches: fullBudget(FETCHES, now),
    heads: openTransfer(now),
    downlink: OPEN_DOWNLINK,
    pauses: new Map(),
    heardAt: now,
  };
}

export function stepConnection(connection: Connection, event: ConnectionEvent, outside: Outside): ConnectionStep {
  if (connection.standing.kind === 'closed') return stay(connection);
  switch (event.type) {
    case 'received':
      return received(connection, event.bytes, event.frames, outside);
    case 'malformed':
      return close(connection, 'frame-malformed');
    case 'admitted':
      return admitted(connection, event, outside);
    case 'entries':
      return entries(connection, event, outside);
    case 'fed':
      return fed(connection, event.next, event.atEnd, outside);
    case 'fallen-off':
      return close(connection, 'too-slow');
    case 'moved':
      return moved(connection, outside);
    case 'located':
      return located(connection, event.cursor, outside);
    case 'head-cut':
    case 'head-taken':
    case 'head-rested':
      return stepHeads(connection, event, outside.now);
    case 'private':
      return sendPrivate(connection, event);
    case 'departure-due':
      return depart(connection, outside);
    case 'slot-packed':
      return packed(connection, event, outside);
    case 'drained':
      return drained(connection, outside);
    case 'pause':
      return pause(connection, event.reason, outside.now);
    case 'unpause':
      return unpause(connection, event.reason, outside.now);
    case 'sweep':
      return sweep(connection, outside);
    case 'end':
      return close(connection, event.code);
    case 'gone':
      return stay({ ...connection, standing: { kind: 'closed' } });
  }
}

/** Pays for what was read first, because it was read whatever it says; then does what the frames ask. */
function received(connection: Connection, bytes: number, frames: readonly Frame[], outside: Outside): ConnectionStep {
  const quota = charge(connection.quota, bytes, frames.length, outside.now);
  const heard: Connection = { ...connection, quota, heardAt: outside.now };
  const wait = debtMs(quota);
  const paid = wait === 0 ? stay(heard) : pauseFor(heard, 'quota', wait, outside.now);
  // A peer that does not read our answers is not asked further questions: else they would pile up here.
  const unread = outside.unsent > OUTBOUND_BYTES_MAX;
  const read = unread ? chain(paid, (before) => pause(before, 'unread', outside.now)) : paid;
  return chain(read, (before) => obey(before, frames, outside));
}

function obey(connection: Connection, frames: readonly Frame[], outside: Outside): ConnectionStep {
  const { standing } = connection;
  const [first, ...others] = frames;
  if (first === undefined) return stay(connection);
  switch (standing.kind) {
    case 'awaiting-attach':
      return attach(connection, standing.since, first, others, outside.now);
    case 'attaching':
      return stay({ ...connection, standing: { ...standing, early: [...standing.early, ...frames] } });
    case 'catching-up':
    case 'live':
      return converse(connection, frames, outside.now);
    case 'closed':
      return stay(connection);
  }
}

function attach(
  connection: Connection,
  since: number,
  frame: Frame,
  early: readonly Frame[],
  now: number,
): ConnectionStep {
  if (frame.operation !== 'attach') return close(connection, 'operation-unexpected');
  const request = decodeAttach(frame);
  if (!request.ok) return close(connection, 'frame-malformed');
  const attaching: Connection = { ...connection, standing: { kind: 'attaching', since, early } };
  return join(pause(attaching, 'attaching', now), { type: 'authorise', request: request.value });
}

/** From 0 only what is to come; before the log's beginning from there, and the member sees by `oldest` what it has missed. PROTOCOL.md §4.3. */
function admitted(
  connection: Connection,
  { from, attached, cover }: Extract<ConnectionEvent, { type: 'admitted' }>,
  outside: Outside,
): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'attaching') return stay(connection);
  const { oldest, next } = attached;
  const cursor = from === 0 ? next : Math.min(Math.max(from, oldest), next);
  const greeted: ConnectionStep = {
    connection: {
      ...connection,
      standing: { kind: 'catching-up', since: outside.now, cursor },
      downlink: startDownlink(cover, outside.now, outside.chance),
    },
    effects: [
      { type: 'write', bytes: encodeAttached(attached) },
      { type: 'feed', cursor },
    ],
  };
  const covered = chain(greeted, (before) => wake(before, outside.now));
  const reading = chain(covered, (before) => unpause(before, 'attaching', outside.now));
  return chain(reading, (before) => converse(before, standing.early, outside.now));
}

/** What a member may say. Frames before the one that is wrong have been said and count. */
function converse(connection: Connection, frames: readonly Frame[], now: number): ConnectionStep {
  let said = stay(connection);
  let published: Frame[] = [];
  const publish = (): void => {
    if (published.length > 0) said = join(said, { type: 'publish', frames: published });
    published = [];
  };
  for (const frame of frames) {
    if (frame.operation === 'publish') {
      published.push(frame);
      continue;
    }
    // What was published before a commit is the room's before it.
    if (frame.operation === 'commit') publish();
    said = chain(said, (before) => obeyControl(before, frame, now));
    if (said.connection.standing.kind === 'closed') break;
  }
  if (said.connection.standing.kind !== 'closed') publish();
  else if (published.length > 0) said = beforeLast(said, { type: 'publish', frames: published });
  return said;
}

function obeyControl(connection: Connection, frame: Frame, now: number): ConnectionStep {
  switch (frame.operation) {
    case 'beat': {
      if (!checkEmpty(frame).ok) return close(connection, 'frame-malformed');
      return sendPrivate(connection, { bytes: encodeBeat('beaten', frame.number), after: 0 });
    }
    case 'fill':
      return isSlotted(connection.downlink) ? stay(connection) : close(connection, 'operation-unexpected');
    case 'stage': {
      const piece = decodeStage(frame);
      if (!piece.ok) return close(connection, 'frame-malformed');
      return join(stay(connection), { type: 'stage', piece: piece.value });
    }
    case 'commit': {
      const request = decodeCommit(frame);
      if (!request.ok) return close(connection, 'frame-malformed');
      return join(stay(connection), { type: 'commit', request: request.value });
    }
    case 'fetch': {
      const request = decodeFetch(frame);
      if (!request.ok) return close(connection, 'frame-malformed');
      if (request.value.what === 'log') return fetchLog(connection, request.value.from, now);
      return stepHeads(connection, { type: 'head-wanted', which: request.value.what }, now);
    }
    default:
      return close(connection, 'operation-unexpected');
  }
}

/** Going back is done at once; going back too often is paid for by not being read. */
function fetchLog(connection: Connection, from: number, now: number): ConnectionStep {
  const spent = spend(connection.fetches, FETCHES, 1, now);
  const fetches = { ...spent, left: Math.max(spent.left, -FETCH_DEBT_MAX) };
  const paid: Connection = { ...connection, fetches };
  const wait = waitMs(fetches, FETCHES, 0, now);
  return join(wait === 0 ? stay(paid) : pauseFor(paid, 'fetch', wait, now), { type: 'locate', from });
}

/** Who is behind already stays so since then: asking again and again is no way of never catching up. */
function located(connection: Connection, cursor: number, outside: Outside): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'live' && standing.kind !== 'catching-up') return stay(connection);
  const since = standing.kind === 'live' ? outside.now : standing.since;
  return feed({ ...connection, standing: { kind: 'catching-up', since, cursor } }, outside);
}

function stepHeads(connection: Connection, event: HeadEvent, now: number): ConnectionStep {
  const { transfer, effect } = stepTransfer(connection.heads, event, now);
  const next = stay({ ...connection, heads: transfer });
  return effect === undefined ? next : join(next, effect);
}

function entries(
  connection: Connection,
  run: { readonly first: number; readonly next: number; readonly bytes: Uint8Array },
  outside: Outside,
): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'live') return stay(connection);
  if (connection.downlink.cover !== 'off') return noteContent(connection, outside);
  if (standing.cursor !== run.first || outside.unsent > OUTBOUND_BYTES_MAX) return fallBehind(connection, outside);
  return {
    connection: { ...connection, standing: { kind: 'live', cursor: run.next } },
    effects: [{ type: 'write', bytes: run.bytes }],
  };
}

// Covered rooms: what there is to send waits until something leaves anyway

function wake(connection: Connection, now: number): ConnectionStep {
  const milliseconds = downlinkWait(connection.downlink, now);
  return milliseconds === undefined ? stay(connection) : join(stay(connection), { type: 'wake-after', milliseconds });
}

function noteContent(connection: Connection, { now, chance }: Outside): ConnectionStep {
  const { downlink } = stepDownlink(connection.downlink, 'content', now, chance);
  const isSooner = downlinkWait(downlink, now) !== downlinkWait(connection.downlink, now);
  const noted: Connection = { ...connection, downlink };
  return isSooner ? wake(noted, now) : stay(noted);
}

function depart(connection: Connection, outside: Outside): ConnectionStep {
  const { downlink, departures } = stepDownlink(connection.downlink, 'due', outside.now, outside.chance);
  let step = wake({ ...connection, downlink }, outside.now);
  for (const departure of departures) {
    if (departure === 'send') step = chain(step, (before) => fallBehind(before, outside));
    if (departure === 'dummy') step = join(step, { type: 'noise' });
    if (departure === 'slot') step = chain(step, (before) => useSlot(before, outside));
  }
  return step;
}

/** What does not take its slots misses them; it is the log that waits for it, nobody else. */
function useSlot(connection: Connection, outside: Outside): ConnectionStep {
  const { standing, downlink } = connection;
  if (standing.kind !== 'live' || outside.unsent > OUTBOUND_BYTES_MAX) return stay(connection);
  return join(stay(connection), { type: 'pack-slot', order: orderSlot(downlink, standing.cursor) });
}

/** Whoever has come too far behind the log to come up with it in its slots is sent it at once. */
function packed(
  connection: Connection,
  slot: Extract<ConnectionEvent, { type: 'slot-packed' }>,
  outside: Outside,
): ConnectionStep {
  if (connection.standing.kind !== 'live') return stay(connection);
  const next: Connection = {
    ...connection,
    standing: { kind: 'live', cursor: slot.next },
    downlink: { ...connection.downlink, privates: slot.privates },
  };
  return slot.backlogBytes > BACKLOG_SLOTS_MAX * slot.bytes ? fallBehind(next, outside) : stay(next);
}

function sendPrivate(connection: Connection, frame: PrivateFrame): ConnectionStep {
  const { downlink } = connection;
  if (!isSlotted(downlink)) return join(stay(connection), { type: 'write', bytes: frame.bytes });
  if (downlink.privates.length >= PRIVATE_FRAMES_MAX) return close(connection, 'too-slow');
  return stay({ ...connection, downlink: { ...downlink, privates: [...downlink.privates, frame] } });
}

/** Nobody waits for a slow member: it goes back to its cursor and is fed from the log as its socket drains. */
function fallBehind(connection: Connection, outside: Outside): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'live') return stay(connection);
  const { cursor } = standing;
  return feed({ ...connection, standing: { kind: 'catching-up', since: outside.now, cursor } }, outside);
}

function feed(connection: Connection, outside: Outside): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'catching-up' || outside.unsent > OUTBOUND_BYTES_MAX) return stay(connection);
  return { connection, effects: [{ type: 'feed', cursor: standing.cursor }] };
}

function fed(connection: Connection, next: number, atEnd: boolean, outside: Outside): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'catching-up') return stay(connection);
  if (atEnd) return stay({ ...connection, standing: { kind: 'live', cursor: next } });
  return feed({ ...connection, standing: { ...standing, cursor: next } }, outside);
}

function moved(connection: Connection, outside: Outside): ConnectionStep {
  return connection.standing.kind === 'live' ? fallBehind(connection, outside) : stay(connection);
}

function drained(connection: Connection, outside: Outside): ConnectionStep {
  return chain(unpause(connection, 'unread', outside.now), (before) => feed(before, outside));
}

function pause(connection: Connection, reason: PauseReason, now: number): ConnectionStep {
  if (connection.pauses.has(reason)) return stay(connection);
  const pauses = new Map(connection.pauses).set(reason, now);
  return { connection: { ...connection, pauses }, effects: connection.pauses.size === 0 ? [{ type: 'pause' }] : [] };
}

function pauseFor(
  connection: Connection,
  reason: 'quota' | 'fetch',
  milliseconds: number,
  now: number,
): ConnectionStep {
  return join(pause(connection, reason, now), { type: 'unpause-after', reason, milliseconds });
}

function unpause(connection: Connection, reason: PauseReason, now: number): ConnectionStep {
  if (!connection.pauses.has(reason)) return stay(connection);
  const pauses = new Map(connection.pauses);
  pauses.delete(reason);
  if (pauses.size > 0) return stay({ ...connection, pauses });
  // Whom we did not read from was not silent: the time counts from now.
  return { connection: { ...connection, pauses, heardAt: now }, effects: [{ type: 'resume' }] };
}

function sweep(connection: Connection, { now }: Outside): ConnectionStep {
  const { standing, pauses, heardAt } = connection;
  switch (standing.kind) {
    case 'awaiting-attach':
    case 'attaching':
      return now - standing.since > HANDSHAKE_DEADLINE_MS ? close(connection, 'handshake-late') : stay(connection);
    case 'catching-up':
      if (now - standing.since > CATCH_UP_LIMIT_MS) return close(connection, 'too-slow');
      break;
    case 'live':
    case 'closed':
      break;
  }
  if (now - (pauses.get('unread') ?? now) > CATCH_UP_LIMIT_MS) return close(connection, 'too-slow');
  if (pauses.size === 0 && now - heardAt > SILENCE_LIMIT_MS) return close(connection, 'silent');
  return stay(connection);
}

function close(connection: Connection, code: RelayCode): ConnectionStep {
  return { connection: { ...connection, standing: { kind: 'closed' } }, effects: [{ type: 'close', code }] };
}

function stay(connection: Connection): ConnectionStep {
  return { connection, effects: [] };
}

function join(step: ConnectionStep, effect: ConnectionEffect): ConnectionStep {
  return { connection: step.connection, effects: [...step.effects, effect] };
}

/** `close` is what comes last. */
function beforeLast(step: ConnectionStep, effect: ConnectionEffect): ConnectionStep {
  return { connection: step.connection, effects: [...step.effects.slice(0, -1), effect, ...step.effects.slice(-1)] };
}

function chain(step: ConnectionStep, then: (connection: Connection) => ConnectionStep): ConnectionStep {
  const next = then(step.connection);
  return { connection: next.connection, effects: [...step.effects, ...next.effects] };
}
