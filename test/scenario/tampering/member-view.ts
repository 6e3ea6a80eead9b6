// One member's view of the room through a malicious relay, and the room's view of that member. Both
// are honest until a test changes them.

import { randomBytes } from 'node:crypto';
import {
  bodyBytes,
  decodeCommittedBody,
  decodeSnapshot,
  encodeCommittedBody,
  encodePresence,
  encodeSnapshot,
  FRAME_BYTES,
  SNAPSHOT_DATA_BYTES,
  NONCE_BYTES,
  toHex,
  uploadBodyBytes,
} from '@sotto/protocol';
import type { Attached, CommittedBody, CommitPlace, Frame, LogFrame, SnapshotName } from '@sotto/protocol';
import type { Branch } from './branch.ts';
import { ServedLog } from './served-log.ts';

/**
 * The author of a body, and how it was sent: the relay sees connections, and frames of an upload.
 */
export interface Origin {
  readonly author: string;
  readonly kind: 'publish' | 'commit';
}

/**
 * A frame of the log on its way to a member. The relay knows whose connection it came from, and its
 * length.
 */
export interface Passing {
  /** The relay's own number. */
  readonly number: number;
  readonly frame: LogFrame;
  /** Of a COMMITTED frame, under the commit number that the member is told. */
  readonly place: CommitPlace | undefined;
  readonly origin: Origin | undefined;
  readonly isOwn: boolean;
}

/** The member's replacement for an entry, in this order: frames, or numbers without one. */
export type Shaped = LogFrame | 'gap';
export type Shape = (entry: Passing) => readonly Shaped[];

export const HONEST: Shape = (entry) => [entry.frame];

/** The operations of the member's connection for its view. */
export interface ViewedConnection {
  /** To the member. */
  write(frame: Uint8Array): void;
  /** To the relay, what was held back. */
  publish(frame: Frame): void;
  /** The branch, or the place in it, is another. */
  reattach(): void;
  cut(): void;
}

interface ViewOptions {
  readonly name: string;
  readonly path: string;
  readonly branch: Branch;
  readonly patienceSeconds: number;
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
  snapshots: 'honest' | 'previous' | 'junk' = 'honest';
  commits: 'pass' | 'refuse' = 'pass';
  /** The fate of the member's own frames. */
  publishing: 'pass' | 'hold' | 'swallow' = 'pass';
  /** Whether the room's frames reach the member now. */
  delivery: 'now' | 'held' = 'now';
  /** Whether the member's dials are accepted. */
  dialing: 'open' | 'shut' = 'open';
  /** Added to the commit number in ATTACHED, and in no other frame. */
  attachedLie = 0;
  /**
   * Added to the commit number wherever it is told, and taken off again where the member says it.
   */
  commitNumberOffset = 0;
  /** What the member is told in ATTACHED. */
  readonly patienceSeconds: number;

  /** How many entries and commit numbers were not passed on as they are. */
  tampered = 0;
  /** How many connections, and frames, the member has made. */
  connections = 0;
  published = 0;
  #wire: ViewedConnection | undefined;
  #held: Frame[] = [];
  #undelivered: Uint8Array[] = [];
  #wake: (() => void)[] = [];

  constructor({ name, path, branch, patienceSeconds }: ViewOptions) {
    this.name = name;
    this.path = path;
    this.branch = branch;
    this.patienceSeconds = patienceSeconds;
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

  /**
   * From now on the member is served by another branch. `goes-on`: what it has been told stays, and
   * what the branch has behind `cursor` follows.
   */
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

  /**
   * A commit that the member is not shown makes its commit number an old one, and an invented one a
   * later one: from then on the number is shown, and understood, with an offset.
   * @returns the frames that the member gets for the branch's next entry.
   */
  processEntry(number: number, received: LogFrame, origin: Origin | undefined): Uint8Array[] {
    const committed = received.operation === 'committed' ? readCommitted(received.body) : undefined;
    const place = committed && { ...placeOf(committed), commitNumber: this.shownCommitNumber(committed.commitNumber) };
    const frame = committed && place ? committedFrame(place, committed.envelope) : received;
    const entry = { number, frame, place, origin, isOwn: origin?.author === this.name };
    const shaped = this.shape(entry);
    if (shaped.length !== 1 || shaped[0] !== frame) this.tampered += 1;
    if (committed !== undefined && endsCommit(committed)) {
      this.commitNumber = Math.max(this.commitNumber, committed.commitNumber);
      if (!shaped.some(isCommitted)) this.commitNumberOffset -= 1;
    } else if (committed === undefined && shaped.some(isCommitted)) {
      this.commitNumberOffset += 1;
    }
    const frames: Uint8Array[] = [];
    for (const each of shaped) {
      if (each === 'gap') this.served.skip();
      else frames.push(this.served.append(each));
    }
    this.cursor = number;
    this.served.place(number);
    return frames;
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
    const commitNumber = this.shownCommitNumber(this.commitNumber) + this.attachedLie;
    return { commitNumber, oldest, next, patienceSeconds: this.patienceSeconds };
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
        // An old snapshot passes for the present one: with the present commit number, so that a
        // commit on it is taken.
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

  /** @returns whether the member's presence goes on to the others. One that does not is lost. */
  processPresence(): boolean {
    return this.publishing === 'pass';
  }

  /** A presence of a member of this branch. */
  present(body: Uint8Array): void {
    this.deliver([encodePresence('present', this.shownCommitNumber(this.commitNumber), body)]);
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

  /** A frame that nobody has sent. */
  insert(frame: LogFrame): void {
    this.tampered += 1;
    this.deliver([this.served.append(frame)]);
  }

  /** Random bytes, as long as a frame of this size class has. */
  insertNoise(size: 0 | 1 | 2 | 3 = 0): void {
    this.insert(entryOf(noise(size)));
  }

  /** Replays the body that the member got under this number, under a new number. */
  replay(number: number): void {
    this.insert(this.served.frameAt(number));
  }

  /** The last COMMITTED once more, under the number that it had. */
  repeatCommitted(): void {
    const committed = this.served.lastCommitted;
    if (committed === undefined) throw new Error('there was no commit');
    this.tampered += 1;
    this.deliver([committed]);
  }

  /** A commit of one frame that nobody has made. */
  inventCommitted(ahead = 1): void {
    const commitNumber = this.shownCommitNumber(this.commitNumber) + ahead;
    this.commitNumberOffset += 1;
    this.insert(committedFrame({ commitNumber, index: 0, count: 1 }, commitNoise()));
  }
}

export function entryOf(body: Uint8Array): LogFrame {
  return { operation: 'entry', body };
}

function committedFrame(place: CommitPlace, envelope: Uint8Array): LogFrame {
  return { operation: 'committed', body: encodeCommittedBody({ ...place, envelope }) };
}

/** Random bytes, as long as what a frame of a commit seals. */
function commitNoise(): Uint8Array {
  return new Uint8Array(randomBytes(uploadBodyBytes(FRAME_BYTES[3])));
}

function placeOf({ commitNumber, index, count }: CommitPlace): CommitPlace {
  return { commitNumber, index, count };
}

function endsCommit({ index, count }: CommitPlace): boolean {
  return index === count - 1;
}

function isCommitted(shaped: Shaped): boolean {
  return shaped !== 'gap' && shaped.operation === 'committed';
}

export function noise(size: 0 | 1 | 2 | 3): Uint8Array {
  return new Uint8Array(randomBytes(bodyBytes(FRAME_BYTES[size])));
}

/** The name of an envelope among those that passed. */
export function nameOf(envelope: Uint8Array): string {
  return toHex(envelope.subarray(0, NONCE_BYTES));
}

/** What a frame of the log seals. */
export function envelopeOf({ operation, body }: LogFrame): Uint8Array {
  return operation === 'committed' ? readCommitted(body).envelope : body;
}

function readCommitted(body: Uint8Array): CommittedBody {
  const committed = decodeCommittedBody(body);
  if (!committed.ok) throw new Error(committed.code);
  return committed.value;
}
