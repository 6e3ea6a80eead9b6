// Every bound of the terminal client: what it reads, shows, queues and waits for.

import { TEXT_BYTES_MAX } from '@sotto/protocol';

/**
 * The client looks for the connection string in so much of a paste, a file, an argument or a line,
 * and no further.
 */
export const INVITE_BYTES_MAX = 65_536;
/**
 * What has no word as long as this is no connection string on a command line, nor a part of one.
 */
export const INVITE_PIECE_CHARS_LEAST = 16;
/** The path of a Unix socket. */
export const SOCKET_PATH_BYTES_MAX = 107;
/** How often the hidden prompt asks again after a bad connection string. */
export const PROMPT_TRIES_MAX = 3;
/**
 * A paste has ended when nothing came for this long: chunks on a slow link are some 50 ms apart.
 */
export const PASTE_QUIET_MS = 300;
/** The terminal announced a paste and not its end: a stalled link gets this long. */
export const OPEN_PASTE_QUIET_MS = 3_000;
/**
 * Quiet is counted in steps: a process that stood still for all of it sees what has come before the
 * next step is over.
 */
export const QUIET_STEP_MS = 100;
/**
 * A connection string on several lines of standard input: the next line of it comes within this.
 */
export const INVITE_LINE_LIMIT_MS = 1_000;
/** Lines that one connection string may be spread over there, with the empty ones before it. */
export const INVITE_LINES_MAX = 128;

/** A line of plain input is one text. */
export const PLAIN_LINE_BYTES_MAX: number = TEXT_BYTES_MAX;
/**
 * A JSON line: the longest text with each byte written as \u00XX, and room for the other fields.
 */
export const JSON_LINE_BYTES_MAX: number = 6 * TEXT_BYTES_MAX + 4_096;
/** A program's own reference to what it sends. */
export const REF_CHARS_MAX = 256;
/** A longer name of an unknown field is not repeated in the error. */
export const FIELD_CHARS_SHOWN_MAX = 32;

/**
 * Own texts that the relay has not acknowledged; at this many the input is no longer read, so that
 * nothing is refused.
 */
export const PENDING_TEXTS_MAX = 128;
/**
 * Lines typed or pasted on a terminal that may wait: it is never paused, so that Ctrl-C is always
 * heard.
 */
export const TYPED_LINES_MAX = 1_024;
/** Once the input has ended, what was queued is awaited for so long in a joined room. */
export const DRAIN_LIMIT_MS = 60_000;
/** Output that its reader does not take; above it the client ends instead of growing. */
export const OUTPUT_BYTES_MAX = 8_388_608;
/** At the end the last lines are awaited for so long. */
export const FLUSH_LIMIT_MS = 1_000;
/**
 * Tor that stays stuck this long fails the attempt, so that its reason is shown on a later
 * connection, too.
 */
export const TOR_STUCK_LIMIT_MS = 30_000;
/** How often the state of the onion's descriptor is looked at while Tor connects. */
export const DESCRIPTOR_POLL_MS = 500;
/** How long the gate's container may take to start, and how often its socket is tried meanwhile. */
export const GATE_START_LIMIT_MS = 20_000;
export const GATE_POLL_MS = 250;

/** Lines of one message on a screen; the rest is counted, not shown. `--json` gives all. */
export const SHOWN_LINES_MAX = 200;
export const SHOWN_CHARS_MAX: number = TEXT_BYTES_MAX;
/** A text from outside that belongs on one line: a reason, a stage, an error. */
export const SHOWN_LINE_CHARS_MAX = 300;
/**
 * Combining marks on one base character, as in names: enough for every living script, too few to
 * reach other lines.
 */
export const COMBINING_MARKS_MAX = 4;
export const TAB_COLUMNS = 4;
/**
 * Short fingerprints that are remembered, so that a second key with the same digits is told apart.
 */
export const KNOWN_LABELS_MAX = 1_024;
/** Digits of a fingerprint, and the fewest of them that mean somebody. */
export const FINGERPRINT_DIGITS = 16;
export const FINGERPRINT_DIGITS_LEAST = 4;
/**
 * Members of this stay whose names are remembered when they have gone; as many marks of
 * verification. The oldest goes first.
 */
export const KNOWN_MEMBERS_MAX = 1_024;
/** Who waits to be let in; the one who has waited longest gives way. */
export const WAITING_MAX = 64;
/** So many of them get a line of their own, then one line says that there are more. */
export const WAITING_SHOWN_MAX = 8;

/** A line of the host's moderator socket. */
export const MODERATOR_LINE_BYTES_MAX = 4_096;
/** What the host answers out of its memory. */
export const MODERATOR_ANSWER_MS = 10_000;
/**
 * Before the host answers it opens another room and proves that it is reached over Tor; it gives up
 * sooner than this.
 */
export const MODERATOR_EVICTION_MS = 240_000;
/** How often the host is told that the room has moved, until it has heard. */
export const MODERATOR_TRIES_MAX = 3;
export const MODERATOR_RETRY_MS = 1_000;
/** At the end the host's answer is awaited for so long. */
export const MODERATOR_FLUSH_MS = 3_000;
/** A host that is not there may just be starting. */
export const HOST_START_LIMIT_MS = 60_000;
/**
 * How often the host is asked whether its room is open, and how often it is said that it is not.
 */
export const HOST_POLL_MS = 1_000;
export const HOST_NOTICE_MS = 15_000;

/** How often a terminal is asked whether it is there. */
export const TERMINAL_ASK_EVERY_MS = 15_000;
/**
 * So many questions without a byte from the terminal, and it is gone: 105 to 120 s after its last
 * byte. After a minute of sleep a laptop's ssh connection
 * is heard again when TCP next repeats what was lost, up to 103 s after it was sent.
 */
export const TERMINAL_UNANSWERED_MAX = 7;
/**
 * After the first answer the terminal is asked again so soon: two answers prove that it answers.
 */
export const TERMINAL_PROOF_MS = 1_000;
/**
 * The rest of an answer that came in parts is awaited for so long; an Escape key that was pressed
 * meanwhile waits, too.
 */
export const TERMINAL_ANSWER_PART_MS = 1_000;
/**
 * At the end an answer that is on its way is awaited for so long, so that the user's shell does not
 * get it.
 */
export const TERMINAL_ANSWER_AWAIT_MS = 1_000;
/** At the end what comes without a pause, the rest of a paste, is awaited for so long at most. */
export const TERMINAL_CLOSE_LIMIT_MS = 10_000;
/** What is read within this time after the process was stopped and continued was typed before. */
export const RESUME_DROP_MS = 300;

/** What a terminal that does not know its size is taken for. */
export const COLUMNS_DEFAULT = 80;
export const ROWS_DEFAULT = 24;
/**
 * A text stands beside its label if it has so many columns there, and in rows of its own if not.
 */
export const TEXT_COLUMNS_MIN = 20;

/**
 * How long a dial may take that follows upon a stream which was lost; later ones may take what the
 * dialler allows. Tor can wait for ever for a
 * rendezvous with a Tor that is gone, while the next dial finds the new one within a second or two
 * (measured: 5 of 38 kills).
 */
export const REDIAL_TIMEOUTS_MS: readonly number[] = [20_000, 40_000];

/**
 * Another circuit about so often, where nothing else is asked for, and what may be. A circuit takes
 * some seconds to build.
 */
export const RENEW_EVERY_S = 300;
export const RENEW_LEAST_S = 30;
export const RENEW_MOST_S = 86_400;
