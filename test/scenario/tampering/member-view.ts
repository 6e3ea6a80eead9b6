// What a malicious relay lets one member see of the room, and what it lets the room see of that member. Honest until a test says otherwise.

import { randomBytes } from 'node:crypto';
import {
  bodyBytes,
  decodeCommitted,
  decodeSnapshot,
  encodeCommitted,
  encodeSnapshot,
  FRAME_BYTES,
  SNAPSHOT_DATA_BYTES,
  NONCE_BYTES,
  toHex,
} from '@sotto/protocol';
import type { Attached, CommitNotice, Frame, SnapshotName } from '@sotto/protocol';
import type { Branch } from './branch.ts';
import { ServedLog } from './served-log.ts';

/** Who has sent a body, and how: the relay sees connections, and frames that came in an upload. */
export interface Origin {
  readonly author: string;
  readonly kind: 'publish' | 'commit';
}

/** An entry on its way to a member. The relay knows whose connection it came from, and its length. */
export interface Passing {
  /** The relay's own number. */
  readonly number: number;
  readonly body: Uint8Array;
  readonly origin: Origin | undefined;
  readonly isOwn: boolean;
}

/** What the member gets in its place, in this order: bodies, or numbers without one. */
export type Shaped = Uint8Array | 'gap';
export type Shape = (entry: Passing) => readonly Shaped[];

export const HONEST: Shape = (entry) => [entry.body];

/** What the member's connection can do for its view. */
export interface ViewedConnection {
  /** To the member. */
  write(frame: Uint8Array): void;
  /** To the relay, what was held back. */
  publish(frame: Frame): void;
  /** The branch, or the place in it, is another. */
  reattach(): void;
  cut(): void;
}

export class MemberView {
  readonly name: string;
  /** Where the member dials. */
  readonly path: string;
  branch: Branch;
  served: ServedLog = new ServedLog();
  /** The last number of the branch's log that was dealt with; undefined before the first attach. */
  cursor: number | undefined;
  /** The branch's commit number, as far as it was heard of. */
  commitNumber = 0;

  shape: Shape = HONEST;
  notices: (notice: CommitNotice) => readonly CommitNotice[] = (notice) => [notice];
  snapshots: 'honest' | 'previous' | 'junk' = 'honest';
  commits: 'pass' | 'refuse' = 'pass';
  /** What becomes of the member's own frames. */
  publishing: 'pass' | 'hold' | 'swallow' = 'pass';
  /** Whether the room's frames reach it now. */
  delivery: 'now' | 'held' = 'now';
  /** Whether the member is let in when it dials. */
  dialing: 'open' | 'shut' = 'open';
  /** Added to the commit number in ATTACHED, and in no other frame. */
  attachedLie = 0;
  /** Added to the commit number wherever it is told, and taken off again where the member says it. */
  commitNumberOffset = 0;

  /** How many entries and commit numbers were not passed on as they are. */
  tampered = 0;
  /** How many connections, and frames, the member has made. */
  connections = 0;
  published = 0;
  #wire: ViewedConnection | undefined;
  #held: Frame[] = [];
  #undelivered: Uint8Array[] = [];
  #wake: (() => void)[] = [];

  constructor(name: string, path: string, branch: Branch) {
    this.name = name;
    this.path = path;
    this.branch = branch;
  }

  get isConnected(): boolean {
    return this.#wire !== undefined;
  }

  connect(wire: ViewedConnection): void {
    this.#wire = wire;
    this.connections += 1;
    this.#held = [];
    this.#undelivered = [];
  }

  disconnect(wire: ViewedConnection): void {
    if (this.#wire === wire) this.#wire = undefined;
  }

  /** From now on the member is served by another branch. `goes-on`: what it has been told stays, and what the branch has behind `cursor` follows. */
  moveTo(
    branch: Branch,
    how: { readonly log: 'goes-on'; readonly cursor: number } | { readonly log: 'starts-over' },
  ): void {
    this.branch = branch;
    if (how.log === 'goes-on') {
      this.cursor = how.cursor;
    } else {
      this.cursor = undefined;
      this.served = new ServedLog();
    }
    this.#wire?.reattach();
  }

  /** Ends the member's connection; it will come again. */
  cut(): void {
    this.#wire?.cut();
  }

  /** @returns the frames that the member gets for the branch's next entry. */
  processEntry(number: number, body: Uint8Array, origin: Origin | undefined): Uint8Array[] {
    const entry = { number, body, origin, isOwn: origin?.author === this.name };
    const shaped = this.shape(entry);
    if (shaped.length !== 1 || shaped[0] !== body) this.tampered += 1;
    const frames: Uint8Array[] = [];
    for (const each of shaped) {
      if (each === 'gap') this.served.skip();
      else frames.push(this.served.append(each));
    }
    this.cursor = number;
    this.served.place(number);
    return frames;
  }

  /** A commit that the member is not told of makes its commit number an old one: from then on it is told, and understood, with an offset. */
  processCommitted(notice: CommitNotice): Uint8Array[] {
    this.commitNumber = Math.max(this.commitNumber, notice.commitNumber);
    const told = this.notices({ ...notice, commitNumber: this.shownCommitNumber(notice.commitNumber) });
    if (told.length !== 1) this.tampered += 1;
    if (told.length === 0) this.commitNumberOffset -= 1;
    return told.map((each) => this.served.note(each));
  }

  shownCommitNumber(commitNumber: number): number {
    return Math.max(0, commitNumber + this.commitNumberOffset);
  }

  /** @returns the true commit number of the one that the member names. */
  trueCommitNumber(commitNumber: number): number {
    return Math.max(0, commitNumber - this.commitNumberOffset);
  }

  attached(): Attached {
    const { oldest, next } = this.served;
    return { commitNumber: this.shownCommitNumber(this.commitNumber) + this.attachedLie, oldest, next };
  }

  /** @returns a SNAPSHOT frame as the member gets it, under the name that it asked for. */
  processSnapshot(frame: Frame, which: SnapshotName): Uint8Array {
    const piece = decodeSnapshot(frame);
    if (!piece.ok) throw new Error(piece.code);
    const { snapshotBytes, data } = piece.value;
    if (snapshotBytes === 0) return encodeSnapshot({ ...piece.value, which });
    const last = this.served.placeOf(piece.value.last);
    const honest = { ...piece.value, which, last, commitNumber: this.shownCommitNumber(frame.number) };
    switch (this.snapshots) {
      case 'honest':
        return encodeSnapshot(honest);
      case 'previous':
        // An old snapshot passes for the present one: with the present commit number, so that a commit on it is taken.
        return encodeSnapshot({ ...honest, commitNumber: this.shownCommitNumber(this.commitNumber) });
      case 'junk':
        return encodeSnapshot({
          ...honest,
          data: new Uint8Array(randomBytes(Math.min(SNAPSHOT_DATA_BYTES, data.length))),
        });
    }
  }

  /** To the member, unless it is not to hear anything now. */
  deliver(frames: readonly Uint8Array[]): void {
    if (this.delivery === 'held') this.#undelivered.push(...frames);
    else for (const frame of frames) this.#wire?.write(frame);
  }

  /** Lets the member hear again, first what was held. */
  releaseDelivery(): void {
    this.delivery = 'now';
    this.deliver(this.#undelivered.splice(0));
  }

  /** @returns whether the member's frame goes on to the relay now. */
  processPublish(frame: Frame): boolean {
    this.published += 1;
    if (this.publishing === 'hold') this.#held.push(frame);
    for (const wake of this.#wake.splice(0)) wake();
    return this.publishing === 'pass';
  }

  /** Lets the member be heard again, first what was held. @returns how many frames that was. */
  releasePublished(): number {
    this.publishing = 'pass';
    const held = this.#held.splice(0);
    for (const frame of held) this.#wire?.publish(frame);
    return held.length;
  }

  /** Waits for what the member's next frames bring about. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  get heldFrames(): number {
    return this.#held.length;
  }

  /** An entry that nobody has sent. */
  insert(body: Uint8Array): void {
    this.tampered += 1;
    this.deliver([this.served.append(body)]);
  }

  /** Random bytes, as long as a frame of this size class has. */
  insertNoise(size: 0 | 1 | 2 | 3 = 0): void {
    this.insert(noise(size));
  }

  /** What the member was told under this number, once more, under a new one. */
  replay(number: number): void {
    this.insert(this.served.bodyAt(number));
  }

  /** The last COMMITTED once more. */
  repeatCommitted(): void {
    const notice = this.served.lastNotice;
    if (notice === undefined) throw new Error('there was no commit');
    this.tampered += 1;
    this.deliver([encodeCommitted(notice)]);
  }

  /** A COMMITTED without a commit. */
  inventCommitted(ahead = 1): void {
    const last = Math.max(1, this.served.next - 1);
    this.tampered += 1;
    this.deliver([
      encodeCommitted({
        commitNumber: this.shownCommitNumber(this.commitNumber) + ahead,
        first: last,
        last,
        snapshotBytes: 1_024,
      }),
    ]);
  }
}

export function noise(size: 0 | 1 | 2 | 3): Uint8Array {
  return new Uint8Array(randomBytes(bodyBytes(FRAME_BYTES[size])));
}

/** The name of a body among those that passed. */
export function nameOf(body: Uint8Array): string {
  return toHex(body.subarray(0, NONCE_BYTES));
}

export function readCommitted(frame: Frame): CommitNotice {
  const notice = decodeCommitted(frame);
  if (!notice.ok) throw new Error(notice.code);
  return notice.value;
}
