// A member on a real connection to a real relay, with group keys: what the client will do, driven
// by hand.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { deriveRoomKeys, signCapability } from '@sotto/crypto';
import type { RoomKeys } from '@sotto/crypto';
import { proveLeave } from '@sotto/crypto/mls';
import type { GroupIdentity, GroupSuite } from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import {
  decodeAttached,
  decodeChallenge,
  decodeCommittedBody,
  decodeFrame,
  decodeSnapshot,
  decodeRefused,
  encodeAttach,
  encodeFetch,
  encodeFrame,
  equalBytes,
  FrameSplitter,
  toHex,
} from '@sotto/protocol';
import type { CommitPlace, ContentHeader, Frame, Invite } from '@sotto/protocol';
import { GroupMembership } from '../../packages/client/src/group/membership.ts';
import type { GroupView } from '../../packages/client/src/group/membership.ts';
import { NO_SNAPSHOT_PARTS, processSnapshotPiece } from '../../packages/client/src/session/slices/connection.ts';
import type { Snapshot, SnapshotParts } from '../../packages/client/src/session/slices/connection.ts';
import { encodeUpload } from '../../packages/client/src/session/upload-frames.ts';
import type { Upload } from '../../packages/client/src/group/worker-tasks.ts';

type News =
  | { readonly type: 'attached' }
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'epoch'; readonly by: 'own' | 'other' }
  | { readonly type: 'echo'; readonly body: string }
  | { readonly type: 'refused'; readonly what: string; readonly code: string | undefined }
  | { readonly type: 'committed' }
  | { readonly type: 'removed' }
  | { readonly type: 'closed' };

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export class GroupMember {
  readonly name: string;
  readonly heard: string[] = [];
  readonly refusals: string[] = [];
  readonly membership: GroupMembership;
  commitNumber = 0;
  #socket: Socket | undefined;
  #parts: SnapshotParts = NO_SNAPSHOT_PARTS;
  #work: Promise<void> = Promise.resolve();
  #number = 0;
  #news: News[] = [];
  #wake: () => void = () => undefined;
  readonly #keys: RoomKeys;
  readonly #sent = new Set<string>();

  private constructor(name: string, keys: RoomKeys, membership: GroupMembership) {
    this.name = name;
    this.#keys = keys;
    this.membership = membership;
  }

  static async open(
    name: string,
    path: string,
    room: Invite,
    suite: GroupSuite = 'x25519',
    identity?: GroupIdentity,
  ): Promise<GroupMember> {
    const keys = deriveRoomKeys({ roomSecret: room.roomSecret, onionKey: room.onionKey });
    const surroundings = { crypto: nativeCrypto, suite, random, moderatorKey: room.onionKey };
    const membership = await GroupMembership.open({
      roomSecret: room.roomSecret,
      roomId: keys.roomId,
      identity,
      ...surroundings,
    });
    const member = new GroupMember(name, keys, membership);
    await member.attach(path);
    return member;
  }

  async attach(path: string): Promise<void> {
    const socket = connect(path);
    this.#socket = socket;
    const splitter = new FrameSplitter();
    socket.on('data', (chunk) => {
      const frames = splitter.push(chunk);
      if (!frames.ok) throw new Error(frames.code);
      // One after another: keys go on from entry to entry, and the commit number keeps its place
      // among them.
      for (const bytes of frames.value) this.#work = this.#work.then(() => this.#processFrame(bytes));
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#emit({ type: 'closed' }));
    await this.#awaitNews((news) => news.type === 'attached');
  }

  async found(): Promise<void> {
    await this.#commitBlindly(await this.membership.found());
    this.disconnect();
  }

  /** Fetches the snapshot and joins, again and again until the relay takes it. */
  async join(): Promise<void> {
    for (;;) {
      this.write([encodeFetch({ what: 'snapshot' })]);
      const news = await this.#awaitNews((each) => each.type === 'snapshot');
      if (news.type !== 'snapshot') throw new Error('no snapshot');
      const upload = await this.membership.join(news.snapshot.bytes, false);
      if (!upload.ok) throw new Error(upload.code);
      if (await this.#commit(upload.value, news.snapshot.commitNumber)) return;
    }
  }

  /** @returns whether the relay took it. */
  async rotate(): Promise<boolean> {
    const commitNumber = this.commitNumber;
    const upload = await this.membership.rotate();
    if (!upload.ok) throw new Error(upload.code);
    return this.#commit(upload.value, commitNumber);
  }

  async republish(): Promise<void> {
    await this.#commitBlindly(await this.membership.republishSnapshot());
  }

  /** Says it, sealing anew whenever the epoch has changed meanwhile. */
  async send(text: string): Promise<void> {
    this.#number += 1;
    for (;;) {
      const bytes = Buffer.from(text);
      const content = { ...this.#header(), type: 'text', index: 0, count: 1, bytes } as const;
      if (await this.#publish(await this.membership.seal(content))) return;
    }
  }

  async sendLeave(): Promise<void> {
    this.#number += 1;
    const { signature } = proveLeave(this.membership.identity, this.#keys.roomId);
    const before = new Uint8Array(64);
    const content = { type: 'presence', before, status: 'leaving', name: this.name, signature } as const;
    while (!(await this.#publish(await this.membership.seal({ ...this.#header(), ...content })))) continue;
  }

  /** Waits until everything that has come is read. */
  async settle(): Promise<void> {
    await this.#work;
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#next();
  }

  write(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#socket?.write(frame);
  }

  disconnect(): void {
    this.#socket?.destroy();
  }

  get view(): GroupView {
    const view = this.membership.view;
    if (view === undefined) throw new Error(`${this.name} is not in the group`);
    return view;
  }

  #header(): ContentHeader {
    return { number: this.#number, seen: 0, logHash: new Uint8Array(16) };
  }

  async #publish(body: Uint8Array): Promise<boolean> {
    const mark = toHex(body.subarray(0, 24));
    this.#sent.add(mark);
    this.write([encodeFrame({ operation: 'publish', number: this.commitNumber, body })]);
    const answer = await this.#awaitNews(
      (news) => (news.type === 'echo' && news.body === mark) || (news.type === 'refused' && news.what === mark),
    );
    this.#sent.delete(mark);
    return answer.type === 'echo';
  }

  /** A commit that begins no epoch: the commit number alone tells that it was taken. */
  async #commitBlindly(upload: Upload): Promise<void> {
    const before = this.commitNumber;
    this.write(encodeUpload(upload, before));
    await this.until(() => this.commitNumber > before);
  }

  async #commit(upload: Upload, commitNumber: number): Promise<boolean> {
    this.write(encodeUpload(upload, commitNumber));
    const id = toHex(upload.id);
    const answer = await this.#awaitNews(
      (news) => (news.type === 'epoch' && news.by === 'own') || (news.type === 'refused' && news.what.startsWith(id)),
    );
    if (answer.type === 'epoch') return true;
    this.membership.clear();
    return false;
  }

  async #processFrame(bytes: Uint8Array): Promise<void> {
    const decoded = decodeFrame(bytes);
    if (!decoded.ok) throw new Error(decoded.code);
    const frame = decoded.value;
    if (frame.operation === 'entry') {
      await this.#processEntry(frame.body, undefined);
      return;
    }
    if (frame.operation === 'committed') {
      const committed = decodeCommittedBody(frame.body);
      if (!committed.ok) throw new Error(committed.code);
      const { envelope, ...place } = committed.value;
      await this.#processEntry(envelope, place);
      return;
    }
    this.#processControl(frame);
  }

  async #processEntry(envelope: Uint8Array, place: CommitPlace | undefined): Promise<void> {
    const mark = toHex(envelope.subarray(0, 24));
    const opened = await this.membership.open(envelope, place);
    const { commitNumber = 0, index, count = 0 } = place ?? {};
    if (index === count - 1) {
      this.commitNumber = Math.max(this.commitNumber, commitNumber);
      this.#emit({ type: 'committed' });
    }
    if (this.#sent.has(mark)) {
      this.#emit({ type: 'echo', body: mark });
      return;
    }
    if (opened.kind === 'content' && opened.content.type === 'text') {
      this.heard.push(Buffer.from(opened.content.bytes).toString());
      this.#emit({ type: 'committed' });
    }
    if (opened.kind === 'epoch') this.#emit({ type: 'epoch', by: opened.by });
    if (opened.kind === 'refused') this.refusals.push(opened.code);
    if (opened.kind === 'removed') this.#emit({ type: 'removed' });
  }

  #processControl(frame: Frame): void {
    switch (frame.operation) {
      case 'challenge': {
        const challenge = decodeChallenge(frame);
        if (!challenge.ok) throw new Error(challenge.code);
        const signature = signCapability(this.#keys, { challenge: challenge.value, from: 0 });
        this.write([encodeAttach({ roomId: this.#keys.roomId, from: 0, signature })]);
        return;
      }
      case 'attached': {
        const attached = decodeAttached(frame);
        if (!attached.ok) throw new Error(attached.code);
        this.commitNumber = attached.value.commitNumber;
        this.#emit({ type: 'attached' });
        return;
      }
      case 'snapshot': {
        const piece = decodeSnapshot(frame);
        if (!piece.ok) throw new Error(piece.code);
        const taken = processSnapshotPiece(this.#parts, { ...piece.value, data: piece.value.data.slice() });
        this.#parts = taken.parts;
        if (taken.snapshot !== undefined) this.#emit({ type: 'snapshot', snapshot: taken.snapshot });
        return;
      }
      case 'refused': {
        const what = decodeRefused(frame);
        if (!what.ok) throw new Error(what.code);
        if (frame.code === 'stale') this.commitNumber = Math.max(this.commitNumber, frame.number);
        this.#emit({ type: 'refused', what: toHex(what.value), code: frame.code });
        return;
      }
      default:
    }
  }

  #emit(news: News): void {
    this.#news.push(news);
    this.#wake();
  }

  /** The next piece of news that matches; what came before it is forgotten. */
  async #awaitNews(matches: (news: News) => boolean): Promise<News> {
    for (;;) {
      for (let news = this.#news.shift(); news !== undefined; news = this.#news.shift()) if (matches(news)) return news;
      await this.#next();
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Both have the same members, by their keys. */
export function sameRoster(one: GroupMember, other: GroupMember): boolean {
  const keys = (member: GroupMember): Uint8Array[] => member.view.members.map(({ memberKey }) => memberKey);
  const theirs = keys(other);
  return (
    keys(one).every((key, index) => equalBytes(key, theirs[index] ?? new Uint8Array(0))) &&
    keys(one).length === theirs.length
  );
}
