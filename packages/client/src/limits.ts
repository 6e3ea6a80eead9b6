// Every bound of the messenger itself: what it queues, how long it waits, whom it remembers.

/** Frames on the way that the relay has not echoed yet. More would only wait in Tor's buffers. */
export const WINDOW_FRAMES = 32;
/** A text that takes so long to leave is worth a word. */
export const PACE_NOTICE_SECONDS = 5;
/** In stealth: so long what the relay sends is counted before it is judged. */
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
/** A renewed circuit: for its dial and greeting; for the echoes on the old connection, well within what the relay waits for ATTACH. */
export const RENEW_DIAL_LIMIT_MS = 90_000;
export const ECHO_WAIT_MS = 15_000;
/** Own frames of a leaving member are awaited for so long, then it leaves without. */
export const LEAVE_WAIT_MS = 3_000;

/** A receipt waits so long for an own frame that can carry it. */
export const RECEIPT_DELAY_MS = 1_000;
/** Each member says that it is here at least so often, plus up to a quarter at random. */
export const PRESENCE_INTERVAL_MS = 60_000;
/** A member that was not heard for three intervals is no longer listed. */
export const MEMBER_SILENT_MS = 200_000;

/** Frames that wait to be opened or sealed. Above it the stream is not read until half of them are done; one chunk more may come. */
export const KEY_WORK_MAX = 256;

/** Frames of one commit: what 65,536 bytes of bodies hold, in powers of two. PROTOCOL.md §5.8. */
export const COMMIT_FRAMES_MAX = 16;
/** Leavers that one commit removes: each takes a frame beside the commit itself. The others go with the next. */
export const LEAVERS_PER_COMMIT_MAX = 4;
/** Leave proofs, and orders, of one commit that are looked at: as many as fit beside a piece. */
export const AUTHORIZATIONS_MAX = 14;
/** Own messages on their way that are still known when they come back. */
export const OWN_MESSAGES_MAX = 1_024;
/** Strangers that have knocked, with their key packages, and welcomes for oneself that wait for their snapshot; the oldest goes first. */
export const KNOCKING_JOINERS_MAX = 16;
export const WELCOMES_MAX = 4;

/** A text whose speaker has not said its name yet waits so long for it: every member answers a newcomer at once. */
export const NAME_WAIT_MS = 5_000;
/** Bytes of such texts that wait, together. What is over is shown without a name. */
export const UNNAMED_BYTES_MAX = 131_072;

/** Waiting for a member to say yes may take people's time. */
export const KNOCK_LIMIT_MS = 600_000;
/** Who asks to be let in and is remembered; the oldest is forgotten first. */
export const KNOCKS_MAX = 16;
/** A leaver that is alone puts its proof into the snapshot: an upload of a few frames over Tor. */
export const LEAVE_COMMIT_WAIT_MS = 8_000;

/** New keys for this member after so many own frames of text, or after a random time between the two; longer in rooms above so many members, in proportion. */
export const ROTATE_AFTER_FRAMES = 50;
export const ROTATE_LEAST_MS = 600_000;
export const ROTATE_MOST_MS = 1_200_000;
export const ROTATE_MEMBERS = 32;
/** A rotation that is due by its frames waits up to so long, so that members who talk do not commit together. */
export const ROTATE_SOON_MS = 5_000;

/** What all could do, the first in rank does after the first time, the next so much later, if it was not done. */
export const RANK_FIRST_MS = 1_000;
export const LEAVERS_RANK_MS = 5_000;
export const RESTORE_RANK_MS = 10_000;
/** After a roll call every member has so long to be heard. */
export const ROLL_CALL_WAIT_MS = 30_000;

/** Before a commit that was refused is made again: at least, and at random up to so much more, which doubles with each try. */
export const COMMIT_RETRY_LEAST_MS = 100;
export const COMMIT_RETRY_MS = 400;
export const COMMIT_RETRY_MAX_MS = 8_000;
/** Commits that wait to be made. */
export const COMMIT_REQUESTS_MAX = 16;
/** A room whose snapshots cannot be used is looked at again after so long, or with its next commit. */
export const FETCH_RETRY_MS = 5_000;

/** Hashes of the log that are kept to compare. Members compare what they saw moments ago. */
export const LOG_HASHES_MAX = 16_384;
/** So many frames that nothing opens, and no other member understood for so long (longer than any is silent): this member joins again. */
export const UNREADABLE_FRAMES_MAX = 8;
export const FORKED_AFTER_MS = 100_000;
/** Looks of names whose keys are remembered for the notice of a change; a name has two at most. */
export const NAMES_MAX = 512;
/** Keys whose names were warned of: once each, unless so many others came meanwhile. */
export const NAMES_WARNED_MAX = 256;
/** A name as it is shown; of one that is longer than any that the wire carries no more is read. */
export const SHOWN_NAME_CHARACTERS_MAX = 24;
export const SHOWN_NAME_UNITS_READ = 300;
/** Combining marks on one base character: enough for every living script, too few to reach other lines. */
export const MARKS_ON_BASE_MAX = 4;
/** One notice about junk in so much time. */
export const JUNK_NOTICE_INTERVAL_MS = 60_000;

/** A room that has moved is open for so long, then as it was before: its members need time to follow. */
export const ACCESS_AFTER_MOVE_MS = 90_000;

/** Who has joined is answered by everybody at once; over Tor and in a full room that takes seconds. After so many joins without an answer nobody is there. */
export const CONFIRM_WAIT_MS = 10_000;
export const UNANSWERED_MAX = 1;
/** Commits in a row that the relay refuses before it is said. */
export const COMMITS_REFUSED_NOTICE = 12;
/** After a gap a member has new keys within so long, unless somebody else begins an epoch before. */
export const LOG_GAP_ROTATION_MS = 8_000;
/** Who was not answered looks after so long whether frames come that it cannot read, and joins again if they do. */
export const CONFIRM_AGAIN_MS = 30_000;
/** So many frames that nothing opens while members are missed: there may be two groups. Acted upon once in so much time. */
export const FOREIGN_FRAMES_MAX = 3;
export const FORKED_AGAIN_MS = 1_200_000;
/** Who was removed as silent may be in the other one of two groups for so long: until this member may join again, and once more. */
export const SILENCED_MS = 2 * FORKED_AGAIN_MS;
/** After a move own words wait so long for those who are to follow. */
export const FOLLOW_WAIT_MS = 20_000;
