// The orders that the host's own client asks of the host. The key in the connection string signs
// them, and the room's members obey. PROTOCOL.md §5.9.

import type { AccessMode, Move, SignedOrder } from '@sotto/protocol';

export type { AccessMode, Move, SignedAccess, SignedOrder } from '@sotto/protocol';

/** Why the host gave no order. `code` is stable, the message is for people. */
export class ModeratorError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The channel to the host. `setAccess` and `evict` reject with a ModeratorError. */
export interface Moderator {
  setAccess(mode: AccessMode): Promise<SignedOrder>;
  /** Opens a new room first, so it takes as long as that. */
  evict(memberId: Uint8Array): Promise<{ readonly order: SignedOrder; readonly move: Move }>;
  /** All members that are to follow know the new room: the old one may end. */
  moved(): void;
}
