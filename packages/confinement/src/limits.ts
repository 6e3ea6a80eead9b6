// Bounds of the checks before a program starts.

/** A neighbour on a bridge of this machine answers within a millisecond. */
export const GATEWAY_ANSWER_MS = 250;
/**
 * A container is on a few networks; more gateways than these are not asked, and count as unseen.
 */
export const GATEWAYS_ASKED_MAX = 8;

/** A longer option is not repeated in its refusal. */
export const OPTION_CHARS_MAX = 30;
/** With more typing mistakes a word is another word. */
export const TYPING_MISTAKES_MAX = 2;
