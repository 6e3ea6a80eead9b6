// How long and how often the programs ask before they begin.

/** A neighbour on a bridge of this machine answers within a millisecond. */
export const GATEWAY_ANSWER_MS = 250;
/** A container is on a few networks; what more gateways there are is not asked, and so not seen. */
export const GATEWAYS_ASKED_MAX = 8;

/** A longer option is not repeated in the line that refuses it. */
export const OPTION_CHARS_MAX = 30;
/** More slips of the keyboard than these make another word. */
export const TYPING_MISTAKES_MAX = 2;
