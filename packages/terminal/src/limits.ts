// Every bound of the terminal client: for input, output, queues and waits.

import { TEXT_BYTES_MAX } from '@sotto/protocol';

/**
 * The client looks for the connection string in so many first bytes of a paste, a file, an argument
 * or a line.
 */
export const INVITE_BYTES_MAX = 65_536;
/** An argument without a word of this length is neither a connection string nor a part of one. */
export const INVITE_PIECE_CHARS_LEAST = 16;
/** The path of a Unix socket. */
export const SOCKET_PATH_BYTES_MAX = 107;
/** How often the hidden prompt asks again after a bad connection string. */
export const PROMPT_TRIES_MAX = 3;
/**
 * A paste has ended when nothing came for this long. Chunks on a slow link are some 50 ms apart.
 */
export const PASTE_QUIET_MS = 300;
/** The terminal announced a paste and not its end: a stalled link gets this long. */
export const OPEN_PASTE_QUIET_MS = 3_000;
/**
 * Quiet is counted in steps. A process that was suspended reads the waiting input before the next
 * step is over.
 */
export const QUIET_STEP_MS = 100;
/** A connection string on several lines of standard input: its next line comes within this time. */
export const INVITE_LINE_LIMIT_MS = 1_000;
/** Lines that one connection string may be spread over there, with the empty ones before it. */
export const INVITE_LINES_MAX = 128;

/** A line of plain input is one text. */
export const PLAIN_LINE_BYTES_MAX: number = TEXT_BYTES_MAX;
/**
 * A JSON line: the longest text with each byte written as \u00XX, and room for the other fields.
 */
export const JSON_LINE_BYTES_MAX: number = 6 * TEXT_BYTES_MAX + 4_096;
/** A program's own reference to its text. */
export const REF_CHARS_MAX = 256;
/** A longer name of an unknown field is not repeated in the error. */
export const FIELD_CHARS_SHOWN_MAX = 32;

/**
 * Own texts that the relay has not acknowledged. At this many the client stops reading its input,
 * so that no line is refused.
 */
export const PENDING_TEXTS_MAX = 128;
/**
 * Typed or pasted lines that may wait. The terminal is never paused, so that Ctrl-C is always
 * heard.
 */
export const TYPED_LINES_MAX = 1_024;
/** After the end of the input, queued texts are awaited for so long in a joined room. */
export const DRAIN_LIMIT_MS = 60_000;
/** Bytes that wait for the reader of the output. Above it the client ends instead of growing. */
export const OUTPUT_BYTES_MAX = 8_388_608;
/** At the end the last lines are awaited for so long. */
export const FLUSH_LIMIT_MS = 1_000;
/**
 * A Tor that stays stuck this long fails the attempt, so that a later connection shows its reason,
 * too.
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
 * Combining marks on one base character, as in names. Every living script needs fewer; so few do
 * not reach other lines.
 */
export const COMBINING_MARKS_MAX = 4;
export const TAB_COLUMNS = 4;
/**
 * Short fingerprints that are remembered, so that a second key with the same digits gets a longer
 * label.
 */
export const KNOWN_LABELS_MAX = 1_024;
/** Digits of a fingerprint, and the fewest of them that name a member. */
export const FINGERPRINT_DIGITS = 16;
export const FINGERPRINT_DIGITS_LEAST = 4;
/**
 * Members of this session whose names are remembered after they left, and marks of verification.
 * The oldest goes first.
 */
export const KNOWN_MEMBERS_MAX = 1_024;
/** Strangers that knock; the longest waiting one gives way. */
export const WAITING_MAX = 64;
/** So many of them get a line each; one line says that there are more. */
export const WAITING_SHOWN_MAX = 8;

/** A line of the host's moderator socket. */
export const MODERATOR_LINE_BYTES_MAX = 4_096;
/** Time for an answer that the host has in memory. */
export const MODERATOR_ANSWER_MS = 10_000;
/**
 * Before the host answers, it opens another room and reaches it over Tor. The host gives up sooner
 * than this.
 */
export const MODERATOR_EVICTION_MS = 240_000;
/** How often the host is told of a room move, until it answers. */
export const MODERATOR_TRIES_MAX = 3;
export const MODERATOR_RETRY_MS = 1_000;
/** At the end, an answer of the host is awaited for so long. */
export const MODERATOR_FLUSH_MS = 3_000;
/** An unreachable host may just be starting. */
export const HOST_START_LIMIT_MS = 60_000;
/** How often the client asks whether the host's room is open, and how often it reports the wait. */
export const HOST_POLL_MS = 1_000;
export const HOST_NOTICE_MS = 15_000;

/** How often the client asks the terminal for an answer. */
export const TERMINAL_ASK_EVERY_MS = 15_000;
/**
 * After so many questions without a byte the terminal counts as gone: 105 to 120 s after its last
 * byte. After a minute of sleep, a laptop's ssh connection works again at TCP's next
 * retransmission, up to 103 s later.
 */
export const TERMINAL_UNANSWERED_MAX = 7;
/**
 * The second question follows the first answer so soon. Two answers prove that the terminal
 * answers.
 */
export const TERMINAL_PROOF_MS = 1_000;
/**
 * The rest of an answer that came in parts is awaited for so long. An Escape key that was pressed
 * meanwhile waits, too.
 */
export const TERMINAL_ANSWER_PART_MS = 1_000;
/**
 * At the end, an answer on its way is awaited for so long, so that the user's shell does not get
 * it.
 */
export const TERMINAL_ANSWER_AWAIT_MS = 1_000;
/** At the end, the rest of a paste is awaited for so long at most. */
export const TERMINAL_CLOSE_LIMIT_MS = 10_000;
/** Input that is read this soon after SIGCONT was typed while the process was stopped. */
export const RESUME_DROP_MS = 300;
/** Keys wait so long at most for a thread that may hold a signal, and ask so often whether it runs. */
export const SIGNAL_AWAIT_MS = 2_000;
export const SIGNAL_POLL_MS = 1;

/** The width of a terminal that reports none. */
export const COLUMNS_DEFAULT = 80;
export const ROWS_DEFAULT = 24;
/** A text stands beside its label if it has so many columns there, and below it otherwise. */
export const TEXT_COLUMNS_MIN = 20;

/**
 * How long the first dials after a lost stream may take; later ones may take the dialler's own
 * limit. Tor can wait for ever for a rendezvous with a Tor that is gone. The next dial finds the
 * new one within a second or two (measured: 5 of 38 kills).
 */
export const REDIAL_TIMEOUTS_MS: readonly number[] = [20_000, 40_000];

/**
 * The default time between two circuit renewals, and its bounds. A circuit takes some seconds to
 * build.
 */
export const RENEW_EVERY_S = 300;
export const RENEW_LEAST_S = 30;
export const RENEW_MOST_S = 86_400;
