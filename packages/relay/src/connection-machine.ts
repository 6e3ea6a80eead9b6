// One connection, as a pure machine: it is admitted, catches up, lives, falls behind, and is closed with a reason. No sockets, no store.

import {
  checkEmpty,
  decodeAttach,
  decodeCommit,
  decodeFetch,
  decodeStage,
  encodeAttached,
  encodePing,
  HANDSHAKE_DEADLINE_MS,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import type { Frame } from '@sotto/protocol';
import type { Allowance } from '@sotto/machine';
import { fullBucket, spend, waitMs } from '@sotto/machine';
import { beforeLast, chain, close, join, stay } from './connection-state.ts';
import type { Connection, ConnectionEvent, ConnectionStep, Outside, PauseReason } from './connection-state.ts';
import { isSlotted, OPEN_DOWNLINK, startDownlink } from './downlink.ts';
import { depart, entries, fed, feed, located, moved, packed, sendPrivate, wake } from './delivery.ts';
import { openTransfer, stepTransfer } from './snapshot-transfer.ts';
import type { SnapshotEvent } from './snapshot-transfer.ts';
import { CATCH_UP_LIMIT_MS, FETCH_BURST, FETCH_DEBT_MAX, FETCH_INTERVAL_MS, OUTBOUND_BYTES_MAX } from './limits.ts';
import { charge, debtMs, fullQuota } from './quota.ts';

const FETCHES: Allowance = { burst: FETCH_BURST, intervalMs: FETCH_INTERVAL_MS };

export function openConnection(now: number): Connection {
  return {
    standing: { kind: 'awaiting-attach', since: now },
    quota: fullQuota(now),
    fetches: fullBucket(FETCHES, now),
    snapshots: openTransfer(now),
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
    case 'snapshot-cut':
    case 'snapshot-taken':
    case 'snapshot-rested':
      return stepSnapshots(connection, event, outside.now);
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
    case 'ping': {
      if (!checkEmpty(frame).ok) return close(connection, 'frame-malformed');
      return sendPrivate(connection, { bytes: encodePing('pong', frame.number), after: 0 });
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
      return stepSnapshots(connection, { type: 'snapshot-wanted', which: request.value.what }, now);
    }
    default:
      return close(connection, 'operation-unexpected');
  }
}

/** Going back is done at once; going back too often is paid for by not being read. */
function fetchLog(connection: Connection, from: number, now: number): ConnectionStep {
  const spent = spend(connection.fetches, FETCHES, 1, now);
  const fetches = { ...spent, tokens: Math.max(spent.tokens, -FETCH_DEBT_MAX) };
  const paid: Connection = { ...connection, fetches };
  const wait = waitMs(fetches, FETCHES, 0, now);
  return join(wait === 0 ? stay(paid) : pauseFor(paid, 'fetch', wait, now), { type: 'locate', from });
}

function stepSnapshots(connection: Connection, event: SnapshotEvent, now: number): ConnectionStep {
  const { transfer, effect } = stepTransfer(connection.snapshots, event, now);
  const next = stay({ ...connection, snapshots: transfer });
  return effect === undefined ? next : join(next, effect);
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
