// The orders that the host's own client asks of the host. The key in the connection string signs
// them, and the room's members obey. PROTOCOL.md §5.9.

import type { Cover, Move, PlainAccess, PlainMode, SignedOrder } from '@sotto/protocol';

export type { AccessMode, Move, PlainAccess, PlainMode } from '@sotto/protocol';

/** Why the host gave no order. `code` is stable, the message is for people. */
export class ModeratorError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The host's offer: the way to another room, and the order of an eviction. */
export interface MoveOffer {
  /** Undefined if the room moves with all its members. */
  readonly order: SignedOrder | undefined;
  readonly move: Move;
}

/** The channel to the host. `setAccess`, `evict` and `move` reject with a ModeratorError. */
export interface Moderator {
  setAccess(mode: PlainMode): Promise<PlainAccess>;
  /**
   * Opens a new room first, so it takes as long as that. `listed`: the members, by their ids of 16
   * bytes, that the new room takes without being asked.
   */
  evict(memberId: Uint8Array, listed: readonly Uint8Array[]): Promise<MoveOffer>;
  /** The same, with no member evicted. `cover`: the mode of the new room. */
  move(listed: readonly Uint8Array[], cover: Cover): Promise<MoveOffer>;
  /** The commit with the offered move is in the log: its members go to the new room. */
  moved(): void;
  /** The offered move is in no log, and will not be: the new room may end. */
  notMoved(): void;
}
