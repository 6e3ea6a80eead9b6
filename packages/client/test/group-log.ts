// A room's log, counter and heads as an honest relay keeps them, and members that read it: group keys without a network.

import { deriveRoomKeys } from '@sotto/crypto';
import { proveLeave } from '@sotto/crypto/group';
import type { GroupSuite } from '@sotto/crypto/group';
import { nativeCrypto } from '@sotto/crypto/native';
import { bodyBytes, FRAME_BYTES } from '@sotto/protocol';
import type { Content, ContentHeader, SignedAccess } from '@sotto/protocol';
import { SeededRandom } from '@sotto/test-kit';
import { GroupMembership } from '../src/group-membership.ts';
import { Moderator } from './moderator.ts';
import type { GroupOpened, GroupView } from '../src/group-membership.ts';
import type { Upload } from '../src/upload.ts';

export class GroupLog {
  readonly random: SeededRandom;
  readonly roomSecret: Uint8Array;
  readonly roomId: Uint8Array;
  readonly entries: Uint8Array[] = [];
  readonly suite: GroupSuite;
  readonly moderator: Moderator;
  counter = 0;
  head: { readonly bytes: Uint8Array; readonly counter: number } | undefined;
  previousHead: Uint8Array | undefined;

  constructor(seed: number, suite: GroupSuite = 'x25519') {
    this.random = new SeededRandom(seed);
    this.suite = suite;
    this.roomSecret = this.random.bytes(32);
    const moderatorSeed = this.random.bytes(32);
    this.roomId = deriveRoomKeys(this.roomSecret, this.random.bytes(32)).roomId;
    this.moderator = new Moderator(moderatorSeed, this.roomId);
  }

  member(name: string, roomSecret = this.roomSecret): Promise<GroupReader> {
    return GroupReader.open(this, name, roomSecret);
  }

  async founded(access?: SignedAccess): Promise<this> {
    const founder = await this.member('founder');
    this.commit(await founder.membership.found(access), 0);
    founder.membership.destroy();
    return this;
  }

  publish(body: Uint8Array, counter: number): 'accepted' | 'stale' {
    if (counter !== this.counter) return 'stale';
    this.entries.push(body);
    return 'accepted';
  }

  commit(upload: Upload, counter: number): 'accepted' | 'conflict' {
    if (counter !== this.counter) return 'conflict';
    const size = bodyBytes(FRAME_BYTES[upload.frameSize] ?? 0);
    if (upload.bodies.some((body) => body.length !== size))
      throw new Error('a frame of another size than its upload says');
    this.entries.push(...upload.bodies);
    this.counter += 1;
    this.previousHead = this.head?.bytes;
    this.head = { bytes: upload.head, counter: this.counter };
    return 'accepted';
  }
}

type Said = Content extends infer Each ? (Each extends Content ? Omit<Each, keyof ContentHeader> : never) : never;

/** A member and how far it has read. */
export class GroupReader {
  readonly name: string;
  readonly membership: GroupMembership;
  readonly heard: string[] = [];
  readonly opened: GroupOpened[] = [];
  readonly #log: GroupLog;
  #read: number;
  #number = 0;
  #counter: number;

  private constructor(log: GroupLog, name: string, membership: GroupMembership) {
    this.#log = log;
    this.name = name;
    this.membership = membership;
    this.#read = log.entries.length;
    this.#counter = log.counter;
  }

  static async open(log: GroupLog, name: string, roomSecret: Uint8Array): Promise<GroupReader> {
    const surroundings = {
      crypto: nativeCrypto,
      suite: log.suite,
      random: log.random.bytes,
      moderatorKey: log.moderator.publicKey,
    };
    return new GroupReader(log, name, await GroupMembership.open(roomSecret, log.roomId, surroundings));
  }

  get counter(): number {
    return this.#counter;
  }

  /** Takes the log to its end, as the relay would send it: the counter comes with the last frame of its commit. */
  async read(): Promise<void> {
    for (; this.#read < this.#log.entries.length; this.#read += 1) {
      const opened = await this.membership.open(this.#log.entries[this.#read] ?? new Uint8Array(0));
      this.opened.push(opened);
      if (opened.kind === 'content' && opened.content.type === 'text') {
        this.heard.push(Buffer.from(opened.content.bytes).toString());
      }
    }
    this.#counter = this.#log.counter;
  }

  /** Joins from the current head, whatever comes in between. */
  async join(again = false): Promise<void> {
    for (;;) {
      const head = this.#log.head;
      if (head === undefined) throw new Error('a room without a head');
      this.#read = this.#log.entries.length;
      const upload = await this.membership.join(head.bytes, again);
      if (!upload.ok) throw new Error(upload.code);
      if (this.#log.commit(upload.value, head.counter) === 'accepted') break;
      this.membership.discard();
    }
    await this.read();
  }

  async say(text: string): Promise<void> {
    await this.publish(() => ({ type: 'text', index: 0, count: 1, bytes: Buffer.from(text) }));
  }

  callRoll(): Promise<void> {
    return this.publish(() => ({ type: 'roll-call' }));
  }

  async publish(say: () => Said): Promise<void> {
    this.#number += 1;
    const content = { number: this.#number, seen: 0, logHash: new Uint8Array(16), ...say() } as Content;
    // A refused frame is sealed again under the epoch that has begun meanwhile.
    while (this.#log.publish(await this.membership.seal(content), this.#counter) === 'stale') await this.read();
  }

  /** Rotates, and removes who wants to go. @returns whether this member's commit was the one that was taken. */
  async rotate(): Promise<boolean> {
    const upload = await this.membership.rotate();
    if (!upload.ok) throw new Error(upload.code);
    const taken = this.#log.commit(upload.value, this.#counter) === 'accepted';
    if (!taken) this.membership.discard();
    await this.read();
    return taken;
  }

  /** Says goodbye, and sees its own words before it is gone. */
  async leave(): Promise<void> {
    await this.publish(() => {
      const { signature } = proveLeave(this.membership.identity, this.#log.roomId);
      return { type: 'presence', standing: 'leaving', name: this.name, signature };
    });
  }

  get view(): GroupView {
    const view = this.membership.view;
    if (view === undefined) throw new Error(`${this.name} is not in the group`);
    return view;
  }

  get names(): number {
    return this.view.members.length;
  }
}
