// One member's connection through the malicious relay: two sockets, and frames that pass from one
// to the other as the view has it.

import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  decodeAttached,
  decodeChallenge,
  decodeCommit,
  decodeFetch,
  decodeFrame,
  decodeRefused,
  decodeStage,
  encodeAttach,
  encodeAttached,
  encodePing,
  encodeChallenge,
  encodeFetch,
  encodeFrame,
  encodeRefused,
  FRAME_BYTES,
  FrameSplitter,
  concatBytes,
  NONCE_BYTES,
  toHex,
  UPLOAD_ID_BYTES,
  uploadBodyBytes,
} from '@sotto/protocol';
import type { Decoded, Frame, LogFrame, SnapshotName } from '@sotto/protocol';
import { signAttach } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import type { Branch } from './branch.ts';
import { envelopeOf, nameOf } from './member-view.ts';
import type { Origin, MemberView, ViewedConnection } from './member-view.ts';

/** State shared by the connections of one malicious relay. */
export interface RelayState {
  readonly room: TestRoom;
  readonly origins: Map<string, Origin>;
  /** While this is true, frames of members wait. */
  readonly isFrozen: () => boolean;
  /** Gives a presence to all members of a branch. */
  readonly passOn: (branch: Branch, body: Uint8Array) => void;
  /** Called when a frame came or was answered. */
  readonly moved: () => void;
}

/**
 * `greeting`: the member has not attached. `catching-up`: the branch's log is read up to `until`.
 * `from` is where the attaching member wants to begin; undefined for a member that is attached
 * already.
 * `settling`: a PING is on its way, and nothing old comes after its PONG.
 */
type Phase =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'dialling'; readonly from: number | undefined; readonly quiet: boolean }
  | { readonly kind: 'catching-up'; readonly from: number | undefined; readonly quiet: boolean; readonly until: number }
  | { readonly kind: 'settling'; readonly from: number | undefined; readonly quiet: boolean }
  | { readonly kind: 'live' }
  | { readonly kind: 'closed' };

/** The PING of the proxy's own; members count theirs from 0. */
const OWN_PING = 2 ** 50;

export class MemberConnection implements ViewedConnection {
  readonly #view: MemberView;
  readonly #state: RelayState;
  readonly #member: Socket;
  #relay: Socket | undefined;
  #phase: Phase = { kind: 'greeting' };
  /** The member's frames that wait while nothing may pass. */
  #waiting: Frame[] = [];
  readonly #unanswered = new Set<string>();
  /** The commit that was asked for: its upload and its commit number. */
  #asked: { readonly upload: string; readonly commitNumber: number } | undefined;
  #staged: { readonly upload: string; readonly pieces: Uint8Array[] } | undefined;
  /** Under which name the member wants the snapshot that it gets. */
  #snapshotName: SnapshotName = 'snapshot';

  constructor(view: MemberView, board: RelayState, member: Socket) {
    this.#view = view;
    this.#state = board;
    this.#member = member;
    listen(member, (frame) => this.#fromMember(frame), this.cut.bind(this));
    view.connect(this);
    this.write(encodeChallenge(new Uint8Array(randomBytes(32))));
  }

  /** Nothing that the member has sent waits for an answer, and the relay is there to answer. */
  get isSettled(): boolean {
    const { kind } = this.#phase;
    if (kind === 'closed') return true;
    return (kind === 'greeting' || kind === 'live') && this.#unanswered.size === 0 && this.#asked === undefined;
  }

  write(frame: Uint8Array): void {
    this.#member.write(frame);
  }

  publish(frame: Frame): void {
    const name = nameOf(frame.body);
    this.#state.origins.set(name, { author: this.#view.name, kind: 'publish' });
    this.#unanswered.add(name);
    this.#relay?.write(encodeFrame({ ...frame, number: this.#view.trueCommitNumber(frame.number) }));
  }

  /** A member that is not live does without. */
  present(branch: Branch, body: Uint8Array): void {
    if (this.#phase.kind === 'live' && this.#view.branch === branch) this.#view.present(body);
  }

  reattach(): void {
    if (this.#phase.kind === 'greeting' || this.#phase.kind === 'closed') return;
    const from = 'from' in this.#phase ? this.#phase.from : undefined;
    this.#unanswered.clear();
    this.#asked = undefined;
    // A log that is begun anew is not told to a member that is there: it was told another.
    this.#dial(from, from !== undefined || this.#view.cursor === undefined);
  }

  cut(): void {
    if (this.#phase.kind === 'closed') return;
    this.#phase = { kind: 'closed' };
    this.#view.disconnect(this);
    this.#member.destroy();
    this.#relay?.destroy();
    this.#state.moved();
  }

  /** Lets pass what waited. */
  thaw(): void {
    if (this.#phase.kind !== 'live' || this.#state.isFrozen()) return;
    for (const frame of this.#waiting.splice(0)) this.#pass(frame);
  }

  #dial(from: number | undefined, quiet: boolean): void {
    this.#relay?.removeAllListeners('close').removeAllListeners('data').destroy();
    const socket = connect(this.#view.branch.path);
    this.#relay = socket;
    this.#phase = { kind: 'dialling', from, quiet };
    listen(socket, (frame) => this.#fromRelay(frame), this.#hangUp.bind(this));
  }

  /** The relay has ended it: what it said last is still to reach the member. */
  #hangUp(): void {
    this.#member.end(() => this.cut());
  }

  #fromMember(frame: Frame): void {
    if (this.#phase.kind === 'greeting') {
      if (frame.operation !== 'attach') throw new Error(`the member said ${frame.operation} first`);
      this.#dial(frame.number, true);
      return;
    }
    this.#waiting.push(frame);
    this.thaw();
  }

  #pass(frame: Frame): void {
    switch (frame.operation) {
      case 'publish':
        if (this.#view.processPublish(frame)) this.publish(frame);
        return;
      case 'presence':
        // Not by the relay inside: its clock is the wall's, and it would take most for one too many.
        if (this.#view.processPresence()) this.#state.passOn(this.#view.branch, frame.body);
        return;
      case 'stage':
        this.#stage(frame);
        return;
      case 'commit':
        this.#commit(frame);
        return;
      case 'fetch':
        this.#fetch(frame);
        return;
      default:
        this.#forward(frame);
    }
  }

  #stage(frame: Frame): void {
    const piece = value(decodeStage(frame));
    const upload = toHex(piece.uploadId);
    if (this.#staged?.upload !== upload) this.#staged = { upload, pieces: [] };
    this.#staged.pieces.push(piece.data);
    this.#forward(frame);
  }

  #commit(frame: Frame): void {
    const request = value(decodeCommit(frame));
    const upload = toHex(request.uploadId);
    if (this.#view.commits === 'refuse') {
      const what = concatBytes(request.uploadId, new Uint8Array(NONCE_BYTES - UPLOAD_ID_BYTES));
      this.write(encodeRefused('conflict', this.#view.shownCommitNumber(this.#view.commitNumber), what));
      return;
    }
    const bytes = concatBytes(...(this.#staged?.pieces ?? []));
    const size = uploadBodyBytes(FRAME_BYTES[request.frameSize] ?? 0);
    for (let index = 0; index < request.frameCount; index += 1) {
      const body = bytes.subarray(index * size, (index + 1) * size);
      this.#state.origins.set(nameOf(body), { author: this.#view.name, kind: 'commit' });
    }
    const commitNumber = this.#view.trueCommitNumber(frame.number);
    this.#asked = { upload, commitNumber };
    this.#forward({ ...frame, number: commitNumber });
  }

  /** The log comes from what this member was told, a snapshot from the relay. */
  #fetch(frame: Frame): void {
    const request = value(decodeFetch(frame));
    if (request.what === 'log') {
      this.#view.deliver(this.#view.served.from(request.from));
      return;
    }
    this.#snapshotName = request.what;
    const what = this.#view.snapshots === 'previous' ? 'previous-snapshot' : request.what;
    this.#relay?.write(encodeFetch({ what }));
  }

  #forward(frame: Frame): void {
    this.#relay?.write(encodeFrame(frame));
  }

  #fromRelay(frame: Frame): void {
    switch (frame.operation) {
      case 'challenge': {
        const from = (this.#view.cursor ?? 0) + 1;
        const { room } = this.#state;
        const signature = signAttach(room, value(decodeChallenge(frame)), from);
        this.#relay?.write(encodeAttach({ roomId: room.roomId, from, signature }));
        return;
      }
      case 'attached':
        this.#attached(frame);
        return;
      case 'entry':
      case 'committed':
        this.#entry(frame.number, { operation: frame.operation, body: frame.body.slice() });
        return;
      case 'pong':
        if (frame.number === OWN_PING) this.#goLive();
        else this.write(encodeFrame(frame));
        return;
      case 'refused':
        this.#refused(frame);
        return;
      case 'snapshot':
        this.write(this.#view.processSnapshot(frame, this.#snapshotName));
        return;
      default:
        this.write(encodeFrame(frame));
    }
  }

  #attached(frame: Frame): void {
    if (this.#phase.kind !== 'dialling') throw new Error('the relay attached out of turn');
    const { commitNumber, oldest, next } = value(decodeAttached(frame));
    const view = this.#view;
    view.commitNumber = commitNumber;
    if (view.cursor === undefined) {
      view.served.begin(oldest);
      view.cursor = oldest - 1;
    }
    this.#phase = { ...this.#phase, kind: 'catching-up', until: next - 1 };
    this.#checkCaughtUp();
  }

  #entry(number: number, frame: LogFrame): void {
    const name = nameOf(envelopeOf(frame));
    const frames = this.#view.processEntry(number, frame, this.#state.origins.get(name));
    this.#unanswered.delete(name);
    if (this.#asked !== undefined && this.#view.commitNumber > this.#asked.commitNumber) this.#asked = undefined;
    if (!this.#isQuiet()) this.#view.deliver(frames);
    this.#checkCaughtUp();
    this.#state.moved();
  }

  #refused(frame: Frame): void {
    const what = toHex(value(decodeRefused(frame)));
    this.#unanswered.delete(what);
    if (this.#asked !== undefined && what.startsWith(this.#asked.upload)) this.#asked = undefined;
    this.#view.commitNumber = Math.max(this.#view.commitNumber, frame.number);
    this.write(encodeFrame({ ...frame, number: this.#view.shownCommitNumber(frame.number) }));
    this.#state.moved();
  }

  #isQuiet(): boolean {
    return 'quiet' in this.#phase && this.#phase.quiet;
  }

  #checkCaughtUp(): void {
    if (this.#phase.kind !== 'catching-up' || (this.#view.cursor ?? 0) < this.#phase.until) return;
    const { from, quiet } = this.#phase;
    this.#phase = { kind: 'settling', from, quiet };
    this.#relay?.write(encodePing('ping', OWN_PING));
  }

  #goLive(): void {
    if (this.#phase.kind !== 'settling') return;
    const { from } = this.#phase;
    this.#phase = { kind: 'live' };
    if (from !== undefined) {
      this.write(encodeAttached(this.#view.attached()));
      if (from > 0) this.#view.deliver(this.#view.served.from(from));
    }
    this.thaw();
    this.#state.moved();
  }
}

/** Cuts what comes into frames. What is no frame is a bug of one of ours. */
function listen(socket: Socket, take: (frame: Frame) => void, end: () => void): void {
  const splitter = new FrameSplitter();
  socket.on('data', (chunk) => {
    for (const bytes of value(splitter.push(chunk))) take(value(decodeFrame(bytes)));
  });
  // 'close' follows.
  socket.on('error', () => undefined);
  socket.on('close', end);
}

function value<Value>(decoded: Decoded<Value, string>): Value {
  if (!decoded.ok) throw new Error(decoded.code);
  return decoded.value;
}
