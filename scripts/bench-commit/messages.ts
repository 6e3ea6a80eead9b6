// The messages that the process of a tree sends to `npm run bench -- commit`: both trees have this
// file.

/** Microseconds of CPU of one round, for one size of room. */
export interface Cpu {
  /** Makes a rotation, cuts it into frames, and merges it when it comes back. */
  readonly make: number;
  /** Opens the envelopes of another member's rotation, and enters its epoch. */
  readonly process: number;
  /** Opens a snapshot, makes a join, cuts it into frames, and enters the group when it comes back. */
  readonly join: number;
  /** The relay's process, for one upload. */
  readonly relay: number;
  /** The host follows a commit. */
  readonly follow: number;
  /** The host exports and seals the snapshot of the epoch. */
  readonly seal: number;
}

export interface Bytes {
  /** The frames that a member writes for one rotation. */
  readonly upstream: number;
  /** The bodies that the relay adds to the log. */
  readonly log: number;
  /** The snapshot that the relay stores in place of the one before. */
  readonly snapshot: number;
  /** The frames that each connection gets. */
  readonly downstream: number;
}

export interface Round {
  readonly cpu: Cpu;
  readonly bytes: Bytes;
}

/** The order to measure one round in the room of this size. */
export interface RoundOrder {
  readonly members: number;
}
