// The bounds of everything that this package reads, waits for or keeps, in one place, so that a
// reviewer sees the cost of a hostile peer.

/**
 * Longest line that Tor's control port may send, without its CRLF. `entry-guards` lines stay under
 * 100 bytes.
 */
export const MAX_CONTROL_LINE_BYTES = 16_384;
/** Largest control reply, all its lines and data together. */
export const MAX_CONTROL_REPLY_BYTES = 1_048_576;
/** Most lines (data lines included) in one control reply; each costs memory beyond its bytes. */
export const MAX_CONTROL_REPLY_LINES = 16_384;
/** Commands that may queue on one control connection. */
export const MAX_QUEUED_COMMANDS = 256;
/** Tor answers its control socket from one thread. A loaded machine needed seconds. */
export const CONTROL_COMMAND_TIMEOUT_MS = 20_000;
/** Connecting to the control socket and authenticating both sides. */
export const CONTROL_CONNECT_TIMEOUT_MS = 20_000;

/** SAFECOOKIE sizes, tor control-spec §3.24. */
export const CONTROL_COOKIE_BYTES = 32;
export const CONTROL_NONCE_BYTES = 32;

export const ED25519_KEY_BYTES = 32;
export const X25519_KEY_BYTES = 32;
/** A v3 address without `.onion`: 32 bytes of key, 2 of checksum and 1 of version in base32. */
export const ONION_ADDRESS_CHARS = 56;

/** `sun_path` of a Unix socket on Linux, without its final NUL. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** The one virtual port of a Sotto onion. */
export const ONION_VIRTUAL_PORT = 80;

/**
 * Bootstrap that shows no progress for this long is called stalled. A private network took 47 s for
 * all of it.
 */
export const BOOTSTRAP_STALL_MS = 60_000;

/**
 * A descriptor goes to this many directories (two replicas, four each: tor rend-spec-v3,
 * hsdir_spread_store).
 */
export const DESCRIPTOR_DIRECTORIES = 8;
/**
 * From ADD_ONION to the first stored descriptor. An idle network took half a minute, a busy one
 * two.
 */
export const ONION_UPLOAD_TIMEOUT_MS = 300_000;
/** Onions that one host may hold: the room's own, the next one while it moves, and some slack. */
export const MAX_OWN_ONIONS = 8;

/**
 * Longest line on the gate's socket, without its newline. The longest honest request has 150 bytes.
 */
export const MAX_GATE_LINE_BYTES = 512;
/** Longest line that a gate may send its client. */
export const MAX_GATE_REPLY_BYTES = 4_096;
export const MAX_GATE_CONNECTIONS = 64;
/** Requests of one gate connection that wait for their answer. */
export const MAX_GATE_PENDING_REQUESTS = 16;
/** A gate connection may ask this much at once, and this much a second after that. */
export const GATE_REQUEST_BURST = 64;
export const GATE_REQUESTS_PER_SECOND = 8;
/** Bytes that a gate connection may leave unread before it is closed. */
export const MAX_GATE_UNREAD_BYTES = 65_536;
export const GATE_RECONNECT_FIRST_MS = 250;
export const GATE_RECONNECT_LONGEST_MS = 5_000;
export const GATE_REQUEST_TIMEOUT_MS = 45_000;
/** The removal of the last keys at SIGTERM must not delay the container's end. */
export const GATE_CLOSE_TIMEOUT_MS = 2_000;

/**
 * A first dial fetches a descriptor, meets an introduction point and a rendezvous point, each on a
 * circuit of its own.
 */
export const DIAL_TIMEOUT_MS = 60_000;
/** Random bytes in each half of the SOCKS credentials; collisions would share a circuit. */
export const SOCKS_CREDENTIAL_BYTES = 16;
