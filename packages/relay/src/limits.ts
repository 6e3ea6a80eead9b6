// Every size, count and time of the relay in one place, so that a reviewer can add up how much
// memory all connections together can take.

import {
  COMMIT_BYTES_MAX,
  COMMITS_WAITING_MAX,
  HEADER_BYTES,
  SNAPSHOT_BYTES_MAX,
  LARGEST_FRAME_BYTES,
  LOGS_BYTES_MAX,
  SMALLEST_FRAME_BYTES,
  UPLOADS_PER_ROOM_MAX,
} from '@sotto/protocol';

/** Connections that may exist at a time, and of those the ones that have not attached yet. */
export const CONNECTIONS_MAX = 192;
export const HALF_OPEN_MAX = 64;
export const ROOMS_MAX = 4;
export const ADMIN_CONNECTIONS_MAX = 8;
/** Answers that a host may leave unread before its admin connection is destroyed. */
export const ADMIN_UNREAD_BYTES_MAX = 65_536;

/**
 * Bytes that may wait in one member's socket. Above it the member is behind: it is sent the log
 * from its cursor once its socket has drained.
 */
export const OUTBOUND_BYTES_MAX = 131_072;
/** Bytes of the log in one write to a member that catches up: one such write is in its socket. */
export const CATCH_UP_CHUNK_BYTES = 65_536;
/**
 * Bytes that one room's members are sent in one iteration of the event loop because they catch up:
 * what is live waits behind as much of each room at most.
 */
export const CATCH_UP_ITERATION_BYTES: number = 2 * CATCH_UP_CHUNK_BYTES;
/**
 * A connection that has not taken a write whole for this long is closed: one that catches up and
 * takes less than 546 bytes a second. It may be behind for as long as it likes.
 */
export const PROGRESS_LIMIT_MS = 120_000;

/**
 * The inbound rate of one connection: a text of 64 KiB is 17 frames of 4096, so 15 such texts at
 * once and one every 270 ms.
 */
export const INBOUND_BURST_BYTES = 1_048_576;
export const INBOUND_BYTES_PER_SECOND = 262_144;
export const INBOUND_BURST_FRAMES = 1_024;
export const INBOUND_FRAMES_PER_SECOND = 256;

/**
 * What a room may say: less than a line of 150 KB/s carries, so that nobody falls behind. As much at
 * once as such a line carries in a fifth of a second.
 */
export const ROOM_BYTES_PER_SECOND = 98_304;
export const ROOM_BURST_BYTES: number = 8 * LARGEST_FRAME_BYTES;
/** The bytes that one waiting connection may send before the next one may. */
export const SHARE_QUANTUM_BYTES: number = LARGEST_FRAME_BYTES;
/**
 * In a covered room a connection may say what its slots bring: in stealth a quarter more, so that it
 * makes up for what a stalled circuit has kept back; and so many frames at once.
 */
export const STEALTH_SENDING_TIMES = 1.25;
export const CONNECTION_BURST_FRAMES = 8;

/**
 * The snapshots that one connection is sent: eight of the largest at once, and then one every 8 s.
 * One chunk is in its socket at a time.
 */
export const SNAPSHOT_BURST_BYTES = 4_194_304;
export const SNAPSHOT_BYTES_PER_SECOND = 65_536;
export const SNAPSHOT_CHUNK_BYTES: number = 8 * LARGEST_FRAME_BYTES;
/**
 * How often a connection may go back in the log: FETCH_BYTES of it count as once. It owes at most
 * FETCH_DEBT_MAX of them, so that it is read again before it takes the relay for dead.
 */
export const FETCH_BURST = 4;
export const FETCH_INTERVAL_MS = 10_000;
export const FETCH_DEBT_MAX = 4;
export const FETCH_BYTES = 4_194_304;

/**
 * How often one connection's presence is passed on: a member says it each four minutes, and begins
 * anew with each connection. More is dropped.
 */
export const PRESENCE_BURST = 2;
export const PRESENCE_INTERVAL_MS = 60_000;

/** One piece of memory of a log: the frames of some seconds or hours. */
export const LOG_BLOCK_BYTES = 131_072;
/** How exactly the age of entries is known: so much longer than its patience a room may keep one. */
export const LOG_AGE_STEP_MS = 60_000;

/**
 * In stealth: bytes of so many slots that may wait for a member before it is sent the log at once,
 * and private frames that may.
 */
export const BACKLOG_SLOTS_MAX = 4;
export const PRIVATE_FRAMES_MAX = 64;
/**
 * Bodies of one room that may wait for the store. Above it connections that publish are not read;
 * below half of it they are again.
 */
export const ROOM_PENDING_BYTES_MAX = 1_048_576;
/**
 * Bytes of one command to the store, with all of its words as they are on the wire. Longer ones go
 * in pieces.
 */
export const STORE_COMMAND_BYTES_MAX = 131_072;
/**
 * The part of it that is kept for everything but the longest words: keys, numbers, a capability.
 */
export const STORE_COMMAND_FRAME_BYTES = 1_024;
/**
 * Bodies that go to the store in one call, and to each member in one write: also the smallest fit
 * in one command, each as a word of its own.
 */
export const FLUSH_BYTES_MAX: number = 30 * LARGEST_FRAME_BYTES;
/**
 * Bytes of one room's connections that are heard in one iteration of the event loop, before the
 * others are: about 3 ms of work. One chunk may go over it.
 */
export const ITERATION_BYTES_MAX: number = 32 * LARGEST_FRAME_BYTES;
/** Bytes that one call reads from the store when a room is loaded. */
export const LOAD_CHUNK_BYTES = 131_072;
/**
 * Of a room that is brought back one piece is on its way, whichever room's, and behind it the store
 * has time for everybody else: so many times as long as the piece took, but no longer than this,
 * because one that is slow to take it is not busy with it.
 */
export const STORE_PIECE_PAUSE_TIMES = 3;
export const STORE_PIECE_PAUSE_MS_MAX = 20;
/** How long the store keeps pieces of a restore or a commit that no caller finishes. */
export const STORE_STAGED_TTL_MS = 60_000;

/**
 * How long frames that were taken wait for a store that does not answer, before the members are
 * told and closed.
 */
export const STORE_OUTAGE_LIMIT_MS = 20_000;
export const STORE_RETRY_FIRST_MS = 50;
export const STORE_RETRY_MAX_MS = 1_000;
export const STORE_COMMAND_TIMEOUT_MS = 2_000;
export const STORE_CONNECT_TIMEOUT_MS = 2_000;
/**
 * How often the store is asked for each open room. This renews the room's lifetime, and finds a
 * store that came back empty.
 */
export const STORE_REFRESH_INTERVAL_MS = 15_000;

/**
 * Rooms that have ended while the store did not answer, and that it is still to forget. A room id
 * each.
 */
export const CLOSING_ROOMS_MAX = 64;

/** A room whose host is gone without a word is closed after this long. PROTOCOL.md §6.5. */
export const ADMIN_GRACE_MS = 60_000;

/** How often deadlines are looked at: they are late by at most this much. */
export const SWEEP_INTERVAL_MS = 1_000;
/** How long a connection may take to read its CLOSING before the socket is destroyed. */
export const LINGER_MS = 1_000;
/**
 * How long rooms may take to store and echo at shutdown. With LINGER_MS it stays below the promised
 * 5 s.
 */
export const DRAIN_LIMIT_MS = 2_000;

/** A Unix socket's path fits in 108 bytes with the zero at its end: unix(7). */
export const SOCKET_PATH_BYTES_MAX = 107;

/**
 * The logs of all rooms, as they are held: with a header of each frame, the end of each block that
 * no frame fits in, and the heap's numbers for each frame. In each room the oldest block may be
 * trimmed and the newest be empty; a store that is reseeded keeps another for a moment, and one
 * flush comes on top.
 */
const LOGS_HELD_BYTES_MAX: number = Math.ceil(
  LOGS_BYTES_MAX *
    (SMALLEST_FRAME_BYTES / (SMALLEST_FRAME_BYTES - HEADER_BYTES)) *
    (LOG_BLOCK_BYTES / (LOG_BLOCK_BYTES - LARGEST_FRAME_BYTES)) *
    (1 + 16 / SMALLEST_FRAME_BYTES) +
    ROOMS_MAX * (3 * LOG_BLOCK_BYTES + FLUSH_BYTES_MAX),
);

/** Bytes that Node reads from a socket at once. */
const READ_BYTES = 65_536;
/**
 * One connection's outbound bytes: in its socket, waiting for a slot, and on top of it, before it
 * is looked at again, entries, snapshot pieces, and answers to two reads.
 */
const CONNECTION_OUTBOUND_BYTES_MAX: number =
  OUTBOUND_BYTES_MAX +
  PRIVATE_FRAMES_MAX * SMALLEST_FRAME_BYTES +
  Math.max(FLUSH_BYTES_MAX, CATCH_UP_CHUNK_BYTES) +
  SNAPSHOT_CHUNK_BYTES +
  2 * READ_BYTES;
/**
 * One connection's inbound bytes: in its room's queue, waiting for a fair read or for its share, in
 * the socket's own buffer, and the beginning of a frame.
 */
const CONNECTION_INBOUND_BYTES_MAX: number = 3 * READ_BYTES + LARGEST_FRAME_BYTES;
/**
 * One room beside its log: one flush on its way out, two snapshots, bodies that wait for the store,
 * uploads (staged, waiting to commit, being stored), the COMMITTED bodies of the one that is being
 * stored, and one command as it is written.
 */
const ROOM_BYTES_MAX: number =
  FLUSH_BYTES_MAX +
  2 * SNAPSHOT_BYTES_MAX +
  ROOM_PENDING_BYTES_MAX +
  (UPLOADS_PER_ROOM_MAX + COMMITS_WAITING_MAX + 1) * (SNAPSHOT_BYTES_MAX + COMMIT_BYTES_MAX) +
  COMMIT_BYTES_MAX +
  STORE_COMMAND_BYTES_MAX;
/**
 * The memory that all connections together can take, by the sum of its limits: 239 MiB, of which
 * the logs are 72. With Node itself, some 64 MiB, it stays below the 320 of the container.
 * test/real/memory-under-attack.test.ts measures how much of it attacks reach.
 */
export const HELD_BYTES_MAX: number =
  CONNECTIONS_MAX * (CONNECTION_OUTBOUND_BYTES_MAX + CONNECTION_INBOUND_BYTES_MAX) +
  ROOMS_MAX * ROOM_BYTES_MAX +
  LOGS_HELD_BYTES_MAX;
