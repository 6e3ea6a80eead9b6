// Every bound of the client: what it queues, how long it waits, what it remembers.

/** Frames in flight without an echo. More would only wait in Tor's buffers. */
export const WINDOW_FRAMES = 32;
/** The user is told of a text that takes so long to leave. */
export const PACE_NOTICE_SECONDS = 5;
/** In stealth: the relay's bytes are counted for so long before they are compared. */
export const COVER_CHECK_MS = 60_000;
/** Texts that wait to be sent; one more is refused with `outbox-full`. */
export const OUTBOX_TEXTS_MAX = 256;
/** Own texts whose delivery is still counted; the oldest is forgotten first. */
export const TRACKED_TEXTS_MAX = 512;

export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MAX_MS = 20_000;
/** A first join that takes longer than this has failed: the cause is shown and the client ends. */
export const JOIN_LIMIT_MS = 240_000;
/** From the stream's opening to ATTACHED: two Tor round trips and a slow machine. */
export const ATTACH_DEADLINE_MS = 30_000;
/**
 * A circuit renewal: for its dial and CHALLENGE; for the echoes on the old connection, well within
 * the relay's wait for ATTACH.
 */
export const RENEW_DIAL_LIMIT_MS = 90_000;
export const ECHO_WAIT_MS = 15_000;
/** A leaving member awaits the echoes of its frames for so long. */
export const LEAVE_WAIT_MS = 3_000;

/** A receipt waits so long for an own frame that can carry it. */
export const RECEIPT_DELAY_MS = 1_000;
/**
 * Each member sends its presence at least so often, plus up to a quarter at random. Without cover
 * it is outside of the log.
 */
export const PRESENCE_INTERVAL_MS = 240_000;
export const COVERED_PRESENCE_INTERVAL_MS = 60_000;
/**
 * A member that was not heard for so long is no longer listed as present: without cover for two
 * intervals, of which one presence may be lost; else for three.
 */
export const MEMBER_SILENT_MS = 640_000;
export const COVERED_MEMBER_SILENT_MS = 200_000;
/** Members that are not heard any more are looked for so often, plus up to a quarter at random. */
export const MEMBERS_CHECK_MS = 60_000;

/**
 * Pieces of key work that wait. Above it the stream is not read until half of them are done; one
 * chunk more may come.
 */
export const KEY_WORK_MAX = 256;

/** Frames of one commit: what 65,536 bytes of bodies hold, in powers of two. PROTOCOL.md §5.8. */
export const COMMIT_FRAMES_MAX = 16;
/** Leavers that one commit removes: each takes one frame. The next commit removes the others. */
export const LEAVERS_PER_COMMIT_MAX = 4;
/**
 * Leave proofs, and orders, of one commit that are processed: as many as fit beside a dummy, a
 * GroupInfo and a piece.
 */
export const AUTHORIZATIONS_MAX = 13;
/** Own messages on their way that are still known when they come back. */
export const OWN_MESSAGES_MAX = 1_024;
/**
 * Knocking joiners with their key packages, and welcomes without their snapshot. The oldest goes.
 */
export const KNOCKING_JOINERS_MAX = 16;
export const WELCOMES_MAX = 4;

/** A text waits so long for its sender's name: every member answers a joiner at once. */
export const NAME_WAIT_MS = 5_000;
/** Bytes of such texts in all. Above it they are shown without a name. */
export const UNNAMED_BYTES_MAX = 131_072;

/** A knocking joiner waits so long for a user to admit it. */
export const KNOCK_LIMIT_MS = 600_000;
/** Knocks that a member remembers; the oldest is forgotten first. */
export const KNOCKS_MAX = 16;
/** A lone leaver puts its proof into the snapshot: an upload of a few frames over Tor. */
export const LEAVE_COMMIT_WAIT_MS = 8_000;

/**
 * Outside of stealth: so long after the first text of an epoch the next member in turn rotates.
 * Where nobody says anything, nobody rotates: so a log of a day holds.
 */
export const ROTATE_AFTER_TEXT_MS = 1_800_000;
/** A member that was admitted by a welcome rotates within so long. */
export const ROTATE_SOON_MS = 5_000;

/**
 * Of the members that could all act, the first in rank acts after the first time. The next one acts
 * so much later, if no member has acted.
 */
export const RANK_FIRST_MS = 1_000;
export const LEAVERS_RANK_MS = 5_000;
export const RESTORE_RANK_MS = 10_000;
/** After a roll call every member has so long to answer. */
export const ROLL_CALL_WAIT_MS = 30_000;

/**
 * A refused commit is made again after the least wait, and at random up to so much more. This
 * doubles with each try, up to the most.
 */
export const COMMIT_RETRY_LEAST_MS = 100;
export const COMMIT_RETRY_MS = 400;
export const COMMIT_RETRY_MAX_MS = 8_000;
/** Commit requests that wait. */
export const COMMIT_REQUESTS_MAX = 16;
/** Unusable snapshots are fetched again after so long, or with the room's next commit. */
export const FETCH_RETRY_MS = 5_000;

/** Hashes of the log that are kept to compare with those of other members. */
export const LOG_HASHES_MAX = 16_384;
/**
 * A member resyncs after so many frames that no key opens, if no other member was understood for so
 * long: longer than any member is silent.
 */
export const UNREADABLE_FRAMES_MAX = 8;
export const FORKED_AFTER_MS = 320_000;
export const COVERED_FORKED_AFTER_MS = 100_000;
/** Looks of names whose keys are remembered; a name has two looks at most. */
export const NAMES_MAX = 512;
/** Keys whose names were warned of: once each, unless so many others came meanwhile. */
export const NAMES_WARNED_MAX = 256;
/** A name as it is shown. Of a longer name than the wire carries no more units are read. */
export const SHOWN_NAME_CHARACTERS_MAX = 24;
export const SHOWN_NAME_UNITS_READ = 300;
/** Combining marks on one character: enough for living scripts, too few to reach other lines. */
export const MARKS_ON_BASE_MAX = 4;
/** The user is warned of junk at most once in so much time. */
export const JUNK_NOTICE_INTERVAL_MS = 60_000;

/** The host's offer of another room holds for so long. The host waits longer. */
export const MOVE_OFFER_MS = 100_000;

/**
 * All members answer a joiner at once; over Tor and in a full room that takes seconds. After so
 * many joins without an answer the user is warned.
 */
export const CONFIRM_WAIT_MS = 10_000;
export const UNANSWERED_MAX = 1;
/** The user is warned after so many refused commits in a row. */
export const COMMITS_REFUSED_NOTICE = 12;
/** After a gap a member rotates within so long, unless another begins an epoch before. */
export const LOG_GAP_ROTATION_MS = 8_000;
/**
 * A joiner without an answer checks after so long for unreadable frames, and resyncs if any came.
 */
export const CONFIRM_AGAIN_MS = 30_000;
/**
 * So many frames that no key opens, while members are missed: there may be two groups. A member
 * acts on it once in so much time.
 */
export const FOREIGN_FRAMES_MAX = 3;
export const FORKED_AGAIN_MS = 1_200_000;
/**
 * A member removed as silent may be in the other of two groups for so long: until this member may
 * resync, and once more.
 */
export const SILENCED_MS = 2 * FORKED_AGAIN_MS;
/** After a move own texts wait so long for the members that are to follow. */
export const FOLLOW_WAIT_MS = 20_000;
