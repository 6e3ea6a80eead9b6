// What the log has goes to a member: at once, in its slots, or from where it stopped taking it. PROTOCOL.md §4.3, §6.4, §12.4.

import { chain, close, join, stay } from './connection-state.ts';
import type { Connection, ConnectionEvent, ConnectionStep, Outside } from './connection-state.ts';
import { downlinkWait, isSlotted, orderSlot, stepDownlink } from './downlink.ts';
import type { PrivateFrame } from './downlink.ts';
import { BACKLOG_SLOTS_MAX, OUTBOUND_BYTES_MAX, PRIVATE_FRAMES_MAX } from './limits.ts';

export function entries(
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

export function wake(connection: Connection, now: number): ConnectionStep {
  const milliseconds = downlinkWait(connection.downlink, now);
  return milliseconds === undefined ? stay(connection) : join(stay(connection), { type: 'wake-after', milliseconds });
}

function noteContent(connection: Connection, { now, chance }: Outside): ConnectionStep {
  const { downlink } = stepDownlink(connection.downlink, 'content', now, chance);
  const isSooner = downlinkWait(downlink, now) !== downlinkWait(connection.downlink, now);
  const noted: Connection = { ...connection, downlink };
  return isSooner ? wake(noted, now) : stay(noted);
}

export function depart(connection: Connection, outside: Outside): ConnectionStep {
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
export function packed(
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

export function sendPrivate(connection: Connection, frame: PrivateFrame): ConnectionStep {
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

export function feed(connection: Connection, outside: Outside): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'catching-up' || outside.unsent > OUTBOUND_BYTES_MAX) return stay(connection);
  return { connection, effects: [{ type: 'feed', cursor: standing.cursor }] };
}

export function fed(connection: Connection, next: number, atEnd: boolean, outside: Outside): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'catching-up') return stay(connection);
  if (atEnd) return stay({ ...connection, standing: { kind: 'live', cursor: next } });
  return feed({ ...connection, standing: { ...standing, cursor: next } }, outside);
}

export function moved(connection: Connection, outside: Outside): ConnectionStep {
  return connection.standing.kind === 'live' ? fallBehind(connection, outside) : stay(connection);
}

/** Who is behind already stays so since then: asking again and again is no way of never catching up. */
export function located(connection: Connection, cursor: number, outside: Outside): ConnectionStep {
  const { standing } = connection;
  if (standing.kind !== 'live' && standing.kind !== 'catching-up') return stay(connection);
  const since = standing.kind === 'live' ? outside.now : standing.since;
  return feed({ ...connection, standing: { kind: 'catching-up', since, cursor } }, outside);
}
