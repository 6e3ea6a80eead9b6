// Every bound of the messenger itself: what it queues, how long it waits, whom it remembers.

/** Frames on the way that the relay has not echoed yet. More would only wait in Tor's buffers. */
export const WINDOW_FRAMES = 32;
/** Texts that wait to be sent; one more is refused with `outbox-full`. */
export const OUTBOX_TEXTS_MAX = 256;
/** Own texts whose delivery is still counted; the oldest is forgotten first. */
export const TRACKED_TEXTS_MAX = 512;
/** Member keys that are remembered for their numbers (replay): four rooms full. Then the longest gone makes room; if nobody has gone, frames of further keys are dropped. */
export const KNOWN_MEMBERS_MAX = 256;

export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MAX_MS = 20_000;
/** A first join that takes longer than this has failed: the cause is shown and the client ends. */
export const JOIN_LIMIT_MS = 240_000;
/** From the stream's opening to ATTACHED: two Tor round trips and a slow machine. */
export const ATTACH_DEADLINE_MS = 30_000;
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
export const WARRANTS_MAX = 14;
/** Own messages on their way that are still known when they come back. */
export const OWN_MESSAGES_MAX = 1_024;
/** Strangers that have knocked, with their key packages, and welcomes for oneself that wait for their head; the oldest goes first. */
export const STRANGERS_MAX = 16;
export const WELCOMES_MAX = 4;

/** A text whose speaker has not said its name yet waits so long for it: every member answers a newcomer at once. */
export const NAME_WAIT_MS = 5_000;
/** Bytes of such texts that wait, together. What is over is shown without a name. */
export const UNNAMED_BYTES_MAX = 131_072;
