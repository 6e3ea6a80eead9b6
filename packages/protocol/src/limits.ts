// Every size, count and lifetime of the wire in one place, so that a reviewer can list how much
// memory a stranger can make us hold. PROTOCOL.md §8.

/** The protocol's version, in the high half of each frame's first byte. PROTOCOL.md §3.1. */
export const PROTOCOL_VERSION = 1;

/**
 * The four lengths that a frame can have, in bytes; the index is the frame's size class.
 * PROTOCOL.md §3.1.
 */
export const FRAME_BYTES = [512, 1024, 2048, 4096] as const;
export const SMALLEST_FRAME_BYTES: number = FRAME_BYTES[0];
export const LARGEST_FRAME_BYTES: number = FRAME_BYTES[3];
export const HEADER_BYTES = 16;

export const CHALLENGE_BYTES = 32;
export const ROOM_ID_BYTES = 16;
export const ROOM_TAG_BYTES = 16;
export const CAPABILITY_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const MEMBER_ID_BYTES = 16;
export const ROOM_SECRET_BYTES = 32;
export const ONION_KEY_BYTES = 32;
/** The hash of the log as a sender has seen it in this epoch. PROTOCOL.md §5.10. */
export const LOG_HASH_BYTES = 16;
/**
 * For how many past epochs a member reports the last log hash, and the bytes of one report.
 * PROTOCOL.md §5.10.
 */
export const EPOCHS_BEFORE = 4;
export const BEFORE_BYTES: number = EPOCHS_BEFORE * LOG_HASH_BYTES;

/** XSalsa20-Poly1305: a random nonce before, a tag behind. PROTOCOL.md §5.1. */
export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;
export const ENVELOPE_OVERHEAD_BYTES: number = NONCE_BYTES + TAG_BYTES;

/**
 * Bytes that sealing for a group adds to a content: epoch 8, sender data 28, length 2, signature
 * 66, tag 16. PROTOCOL.md §5.4.
 */
export const MESSAGE_OVERHEAD_BYTES = 120;
/** type 1 + number 8 + seen 8 + log hash 16. PROTOCOL.md §5.3. */
export const CONTENT_HEADER_BYTES: number = 1 + 8 + 8 + LOG_HASH_BYTES;
/** index 2 + count 2. PROTOCOL.md §5.4. */
export const FRAGMENT_HEADER_BYTES = 4;

export const TEXT_BYTES_MAX = 65_536;
export const NAME_BYTES_MAX = 48;
/** onion key 32 + room secret 32 + cover 1 + signature 64. PROTOCOL.md §5.9. */
export const MOVE_BYTES: number = ONION_KEY_BYTES + ROOM_SECRET_BYTES + 1 + SIGNATURE_BYTES;

/** A room's opaque snapshot (group state sealed by its members). PROTOCOL.md §6.3. */
export const SNAPSHOT_BYTES_MAX = 524_288;
/** A GroupInfo without a tree. PROTOCOL.md §5.8. */
export const GROUP_INFO_BYTES_MAX = 2_048;
/** The bodies of the COMMITTED frames of one commit, together. PROTOCOL.md §6.3. */
export const COMMIT_BYTES_MAX = 65_536;
/** commit number 8 + index 2 + count 2: the beginning of a COMMITTED body. PROTOCOL.md §4.7. */
export const COMMIT_PLACE_BYTES = 12;
export const UPLOAD_ID_BYTES = 16;
/** SHA-256. */
export const DIGEST_BYTES = 32;
/** Data bytes of a STAGE frame: its body less upload id 16 and length 2. PROTOCOL.md §4.7. */
export const STAGE_DATA_BYTES = 4_062;
/**
 * Data bytes of a SNAPSHOT frame: its body less which 1, length 4, offset 4 and last 8. PROTOCOL.md
 * §4.8.
 */
export const SNAPSHOT_DATA_BYTES = 4_063;
/** How long a staged upload is kept after its last piece, and after its first. PROTOCOL.md §6.3. */
export const UPLOAD_LEASE_MS = 30_000;
export const UPLOAD_LIMIT_MS = 120_000;
/**
 * How long an upload's place cannot be preempted, and how long only a connection that has begun
 * none for longer can preempt it. PROTOCOL.md §6.3.
 */
export const UPLOAD_GUARD_MS = 10_000;
export const UPLOAD_HOLD_MS = 30_000;
/**
 * How long a place is kept for a connection that found none: a client asks again within 8.1 s and
 * the time of a snapshot's fetch.
 */
export const UPLOAD_WAIT_MS = 20_000;
export const UPLOADS_PER_ROOM_MAX = 8;
/** Commits of a room that may wait for their turn, beside those places. */
export const COMMITS_WAITING_MAX = 8;
/**
 * Commits that a connection, and a room, may make at once, and then one each so many milliseconds.
 * PROTOCOL.md §6.3.
 */
export const COMMIT_BURST = 8;
export const COMMIT_INTERVAL_MS = 10_000;
export const ROOM_COMMIT_BURST = 32;
export const ROOM_COMMIT_INTERVAL_MS = 5_000;
/**
 * The most that the relay keeps of a room's log, and of all rooms' logs together, in bytes of
 * bodies. PROTOCOL.md §6.2.
 */
export const LOG_BYTES_MAX = 33_554_432;
export const LOGS_BYTES_MAX = 67_108_864;
/**
 * A room's patience: how long its log keeps what members who are away have missed. The host chooses
 * it between these bounds. Below the least, a member that changes networks would lose entries.
 */
export const PATIENCE_SECONDS_LEAST = 600;
export const PATIENCE_SECONDS_MOST = 86_400;
/**
 * How long the store keeps a room that no relay asks about any more; less where its patience is
 * less.
 */
export const ROOM_TTL_SECONDS = 3_600;

export const MEMBERS_DEFAULT = 32;
export const MEMBERS_MAX = 64;
/** A member may hold two connections for the moment in which it moves to a fresh circuit. */
export const CONNECTIONS_PER_ROOM_MAX: number = 2 * MEMBERS_MAX;

/**
 * A Tor round trip may take seconds: the deadline is about strangers that hold a place without
 * speaking.
 */
export const HANDSHAKE_DEADLINE_MS = 30_000;
export const PING_INTERVAL_MS = 15_000;
/** Three pings. A connection that is silent for longer is closed. PROTOCOL.md §4.4. */
export const SILENCE_LIMIT_MS = 45_000;

export const ADMIN_LINE_BYTES_MAX = 4_096;

/** The frame of one slot of a member in stealth. PROTOCOL.md §12.3. */
export const COVER_FRAME_BYTES = 1_024;
/** How often the relay writes to each member in stealth. PROTOCOL.md §12.4. */
export const STEALTH_TICK_MS = 1_000;
/**
 * How long before its slot a frame is sealed: a text that is sent later gets the next slot.
 * PROTOCOL.md §12.3.
 */
export const SEAL_LEAD_MS = 100;
/**
 * How long, at most, own texts wait after joining, and a goodbye after the wish to go. PROTOCOL.md
 * §12.3.
 */
export const DWELL_MOST_MS = 20_000;
/**
 * In stealth the members of a full room have new keys in turns, all of them in so long. PROTOCOL.md
 * §12.5.
 */
export const KEY_CYCLE_MS = 960_000;
/**
 * A member that does not rotate its keys in time is passed over after so long. PROTOCOL.md §12.5.
 */
export const KEY_GRACE_MS = 15_000;
/** No member's keys get older, whatever prevented their rotation. PROTOCOL.md §12.5. */
export const KEYS_OLDEST_MS = 1_800_000;
/** The seed's scheme: between two sends, and between two dummies. PROTOCOL.md §12.7. */
export const JITTER_SEND_LEAST_MS = 500;
export const JITTER_SEND_MOST_MS = 3_000;
export const JITTER_DUMMY_LEAST_MS = 30_000;
export const JITTER_DUMMY_MOST_MS = 60_000;
