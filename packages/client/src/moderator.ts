// What the host's own client asks of the host: orders that the room's members obey, signed by the key in the connection string. PROTOCOL.md §5.9.

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

/** The way to the host. Both questions reject with a ModeratorError. */
export interface Moderator {
  setAccess(mode: AccessMode): Promise<SignedOrder>;
  /** Opens a new room first, so it takes as long as that. */
  evict(memberId: Uint8Array): Promise<{ readonly order: SignedOrder; readonly move: Move }>;
  /** All that are to follow have been told: the old room may end. */
  moved(): void;
}
