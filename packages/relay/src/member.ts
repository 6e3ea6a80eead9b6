// A member as its room sees it: whatever is attached to the room and hears of it.

import type { RelayCode } from '@sotto/protocol';
import type { Run } from './log-tail.ts';

/** The calls of a room to an attached connection. */
export interface Member {
  /** Entries that the store has accepted: the same buffer for every member. */
  entries(run: Run): void;
  /** The log was loaded anew: begin again from the cursor. */
  logReloaded(): void;
  /** A presence of some member, as a whole frame. One that is behind does without. */
  present(frame: Uint8Array): void;
  refused(frame: Uint8Array): void;
  hold(): void;
  release(): void;
  end(code: RelayCode): void;
}
