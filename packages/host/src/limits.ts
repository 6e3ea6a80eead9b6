// The time limits of the host, and how often it tries again.

/**
 * Between two tries to reach Tor's control socket, the relay or the gate while their containers
 * start.
 */
export const RECONNECT_DELAY_MS = 500;
/** The screen reports a silent service only after so long. */
export const SILENT_AFTER_MS = 20_000;
/** Requests to the relay that wait for their answers: one for the room, and another at its end. */
export const ADMIN_WAITING_REQUESTS_MAX = 8;
/** Between two reachability checks. A fresh descriptor takes a moment to be found. */
export const CHECK_DELAY_MS = 1_000;
/**
 * How long the first checks may take to open a stream; later ones may take the dialler's own limit.
 * Tor can wait for ever for a rendezvous that does not happen.
 */
export const CHECK_DIAL_TIMEOUTS_MS: readonly number[] = [20_000, 40_000];
/** From the stream's opening to ATTACHED. */
export const ADMISSION_TIMEOUT_MS = 30_000;
/**
 * An onion that was not reached for so long is deleted and added again, because its descriptor may
 * be stale.
 */
export const REPUBLISH_AFTER_MS = 90_000;
/**
 * Limits the wait for Tor's answer to DEL_ONION and the relay's to `close`. The room has to be gone
 * within 5 s of a signal.
 */
export const END_TIMEOUT_MS = 3_000;
/** Streams that one rendezvous circuit may open; a member uses one, two while it moves. */
export const STREAMS_PER_CIRCUIT = 4;
/** Introductions a second that the onion's proof-of-work queue lets through, and at once. */
export const INTRODUCTIONS_PER_SECOND = 20;
export const INTRODUCTION_BURST = 100;
/** The invite's own socket answers so many connections at a time. */
export const INVITE_CONNECTIONS_MAX = 8;
/** Bytes of its answer: a connection string and the JSON around it. */
export const INVITE_ANSWER_BYTES_MAX = 4_096;

/** Lines on the moderator's socket, and how many may be connected to it: the host's own clients. */
export const MODERATOR_LINE_BYTES_MAX = 4_096;
export const MODERATOR_CONNECTIONS_MAX = 4;
/** Answers that a client may leave unread before its connection is destroyed. */
export const MODERATOR_UNREAD_BYTES_MAX = 65_536;
/**
 * The host gives up another room that cannot be joined after so long: a busy network has taken two
 * minutes for a descriptor alone. The moderator's client waits longer.
 */
export const MOVE_OPEN_LIMIT_MS = 210_000;
/** The moderator's client tells within this time whether the room moves; its own limit is lower. */
export const MOVE_OFFER_MS = 120_000;
/** If it does not tell, the host looks so often whether a member is in the other room. */
export const MOVE_CHECK_MS = 30_000;
/**
 * Rooms before that stay as signposts, each for its patience: members that were away find the move
 * in its log. The oldest is closed for another. With the present room and another one they
 * are as many rooms as a relay takes.
 */
export const SIGNPOSTS_MAX = 2;
