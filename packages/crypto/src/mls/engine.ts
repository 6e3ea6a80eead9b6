// The group of one room, as its holder calls it. Calls run one after the other, a commit takes
// effect once the relay has accepted it, and used secrets are zeroed.

import { accept, equalBytes, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { ClientState, Proposal } from 'ts-mls';
import { encodeMlsMessage } from 'ts-mls/message.js';
import type { BundleFrames } from '../bundle-hash.ts';
import { GroupEndedError } from '../errors.ts';
import type { GroupCode } from '../errors.ts';
import type { GroupSnapshot } from './bytes.ts';
import type { CommitAndBundle, CommitFacts, CommitPolicy } from './commit-rules.ts';
import { openContext } from './context.ts';
import type { GroupContext } from './context.ts';
import type { GroupCrypto, GroupSuite } from '../provider/group-crypto.ts';
import type { GroupIdentity } from './identity.ts';
import { isWelcomeFor, readKeyPackage } from './key-package.ts';
import { deriveEpochFrameKey } from './keys.ts';
import type { GroupKeys } from './keys.ts';
import { zeroSecrets, withLatestPastEpoch, withoutPastEpochs, zeroConsumed } from './secrets.ts';
import {
  addProposal,
  createState,
  exportEnvelopeSecret,
  exportSnapshot,
  joinByWelcome,
  joinByExternalCommit,
  makeKeyPackage,
  openMessage,
  processCommit,
  proposeCommit,
  sealMessage,
} from './transitions.ts';
import type { KeyPackagePair, OpenedMessage, Proposed, WelcomeAndSnapshot } from './transitions.ts';
import { rosterOf } from './tree.ts';
import type { GroupMember } from './tree.ts';
import { GROUP_MEMBERS_MAX, GROUP_MESSAGE_BYTES_MAX, GROUP_MESSAGE_OVERHEAD_BYTES } from '../limits.ts';
import type { Secret } from '../secret.ts';

/** The settings of one engine. */
export interface GroupOptions {
  /** `nativeCrypto` or `pureCrypto`. Members of one group may use different ones. */
  readonly crypto: GroupCrypto;
  /** The same for all members: a snapshot of another suite is refused. */
  readonly suite: GroupSuite;
  /** Lent by the caller: they must live as long as the group. */
  readonly keys: GroupKeys;
  /** Asked for every commit, own ones included. */
  readonly policy: CommitPolicy;
  /** Members of the group at most; 64 by default. Only measurements set more. */
  readonly membersMax?: number;
}

/**
 * A commit that was made and not yet accepted by the relay. The group stays as it was until
 * `merge`.
 * The caller calls either `merge` or `clear`, once.
 */
export interface PendingCommit {
  /** The commit, for the log: up to `GROUP_COMMIT_BYTES_MAX` bytes. */
  readonly commit: Uint8Array;
  /**
   * The snapshot of the epoch that the commit begins, not sealed. Its GroupInfo travels beside the
   * commit: the others refuse one without the other.
   */
  readonly snapshot: GroupSnapshot;
  /** The welcome for the added members; undefined if the commit adds none. */
  readonly welcome: Uint8Array | undefined;
  /** The effect of the commit, as all other members will see it. */
  readonly facts: CommitFacts;
  /** The leave and order frames to which the commit is bound: it goes with these, and no others. */
  readonly frames: BundleFrames;
  /** The epoch that the commit begins. */
  readonly epoch: bigint;
  /**
   * @returns the epoch frame key of the epoch that the commit begins, which the caller destroys.
   * @throws Error if the commit was merged or cleared before.
   */
  readonly deriveEnvelopeKey: () => Promise<Secret>;
  /**
   * Enters the new epoch, once the relay has accepted the commit.
   *
   * @throws Error if the commit was merged or cleared before, or the group is in another epoch by
   * now.
   */
  readonly merge: () => Promise<Group>;
  /**
   * Zeroes the new epoch, once the relay has accepted another commit. A second call does nothing.
   */
  readonly clear: () => void;
}

/** The result of another member's commit. */
export interface CommitOutcome {
  /** The effect of the commit. */
  readonly facts: CommitFacts;
  /** The commit removed this member: the group has ended for it. */
  readonly removed: boolean;
}

/** A key package that was published. Its secrets wait here for the welcome. */
export interface KeyPackageOffer {
  /** The key package as an MLSMessage: up to `GROUP_KEY_PACKAGE_BYTES_MAX` bytes. */
  readonly bytes: Uint8Array;
  /** @returns whether these bytes are a welcome that names this key package. */
  readonly isNamedIn: (welcome: Uint8Array) => Promise<boolean>;
  /**
   * Joins the group. A refusal leaves the offer usable.
   *
   * @returns the group, or the code that refuses the welcome or the snapshot.
   */
  readonly joinByWelcome: (entry: WelcomeAndSnapshot) => Promise<Decoded<Group, GroupCode>>;
  /** Zeroes the secrets of the key package. */
  readonly destroy: () => void;
}

/**
 * Makes and joins the group of one room (PROTOCOL.md §5.8).
 * Calls with foreign bytes return a refusal with a code of `GROUP_CODES`; a bug of ours throws.
 */
export class GroupEngine {
  readonly #context: GroupContext;
  readonly #policy: CommitPolicy;

  private constructor(context: GroupContext, policy: CommitPolicy) {
    this.#context = context;
    this.#policy = policy;
  }

  /** @throws TypeError if no entry of this package has made `options.crypto`. */
  static async open(options: GroupOptions): Promise<GroupEngine> {
    const { crypto, suite, keys, policy, membersMax = GROUP_MEMBERS_MAX } = options;
    return new GroupEngine(await openContext(crypto, suite, keys, membersMax), policy);
  }

  /** @returns a new group in epoch 0, with this identity as its only member. */
  async createGroup(identity: GroupIdentity): Promise<Group> {
    return Group.open(this.#context, this.#policy, await createState(this.#context, identity));
  }

  /**
   * Joins from the room's snapshot by external commit (RFC 9420 §12.4.3.2). No other member has to
   * be online.
   *
   * @returns the commit to upload, or the code that refuses the snapshot or the join.
   */
  joinGroup(snapshot: GroupSnapshot, identity: GroupIdentity): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#join(snapshot, identity, false);
  }

  /**
   * Joins again after missing commits for good. The same commit removes the identity's own old
   * leaf.
   *
   * @returns the commit to upload, or a code: `member-unknown` without an old leaf, `member-alone`
   * if it is the only one.
   */
  resync(snapshot: GroupSnapshot, identity: GroupIdentity): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#join(snapshot, identity, true);
  }

  /**
   * Makes the key package that a joiner publishes in a room that admits by knocking (PROTOCOL.md
   * §5.9).
   */
  async createKeyPackage(identity: GroupIdentity): Promise<KeyPackageOffer> {
    const pair = await makeKeyPackage(this.#context, identity);
    const keyPackage = pair.publicPackage;
    return {
      bytes: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage }),
      isNamedIn: (welcome) => isWelcomeFor(this.#context, keyPackage, welcome),
      joinByWelcome: (entry) => this.#joinByWelcome(pair, entry),
      destroy: () => {
        for (const secret of Object.values(pair.privatePackage) as Uint8Array[]) secret.fill(0);
      },
    };
  }

  /**
   * @returns the member that made a key package, with the leaf index -1, or the code that refuses
   * it.
   */
  readKeyPackage(bytes: Uint8Array): Promise<Decoded<GroupMember, GroupCode>> {
    return readKeyPackage(this.#context, bytes);
  }

  async #joinByWelcome(pair: KeyPackagePair, entry: WelcomeAndSnapshot): Promise<Decoded<Group, GroupCode>> {
    const joined = await joinByWelcome(this.#context, pair, entry);
    if (!joined.ok) return joined;
    pair.privatePackage.initPrivateKey.fill(0);
    return accept(await Group.open(this.#context, this.#policy, joined.value));
  }

  async #join(
    snapshot: GroupSnapshot,
    identity: GroupIdentity,
    resync: boolean,
  ): Promise<Decoded<PendingCommit, GroupCode>> {
    const joined = await joinByExternalCommit(this.#context, this.#policy, snapshot, identity, resync);
    if (!joined.ok) return joined;
    const { next } = joined.value;
    return accept(
      makePending(this.#context, joined.value, {
        merge: () => Group.open(this.#context, this.#policy, next),
        clear: () => {
          zeroSecrets(next, undefined);
        },
      }),
    );
  }
}

function makePending(
  context: GroupContext,
  { next, commit, welcome, facts, frames, snapshot }: Proposed,
  { merge, clear }: Pick<PendingCommit, 'merge' | 'clear'>,
): PendingCommit {
  let settled = false;
  return {
    commit,
    welcome,
    facts,
    frames,
    snapshot,
    epoch: next.groupContext.epoch,
    deriveEnvelopeKey: async () => {
      if (settled) throw new Error('a commit was merged or cleared before');
      return deriveEpochFrameKey(context.keys, await exportEnvelopeSecret(context, next));
    },
    merge: async () => {
      if (settled) throw new Error('a commit was merged or cleared before');
      const group = await merge();
      settled = true;
      return group;
    },
    clear: () => {
      if (!settled) clear();
      settled = true;
    },
  };
}

interface EpochKeys {
  readonly epoch: bigint;
  readonly envelopeKey: Secret;
  /** 32 or 64 bytes by suite, the same for all members of the epoch (RFC 9420 §8.7). */
  readonly authenticator: Uint8Array;
}

/**
 * A member's view of its room's group. All calls are queued, and each sees the state that the one
 * before it left.
 * After its end every queued or later call rejects with `GroupEndedError`.
 */
export class Group {
  readonly #context: GroupContext;
  readonly #policy: CommitPolicy;
  #state: ClientState;
  #current: EpochKeys;
  #previous: EpochKeys | undefined;
  #status: 'active' | 'removed' | 'ended' = 'active';
  #last: Promise<unknown> = Promise.resolve();

  private constructor(context: GroupContext, policy: CommitPolicy, state: ClientState, keys: EpochKeys) {
    this.#context = context;
    this.#policy = policy;
    this.#state = state;
    this.#current = keys;
  }

  /** For the engine: a group around a state that no other object holds. */
  static async open(context: GroupContext, policy: CommitPolicy, state: ClientState): Promise<Group> {
    return new Group(context, policy, state, await epochKeys(context, state));
  }

  /** `removed`: another member's commit removed this member. `ended`: `destroy` was called. */
  get status(): 'active' | 'removed' | 'ended' {
    return this.#status;
  }

  /** The current epoch, from 0. */
  get epoch(): bigint {
    return this.#state.groupContext.epoch;
  }

  /** The members, this one included, in the order of the tree. */
  get roster(): readonly GroupMember[] {
    return rosterOf(this.#state.ratchetTree);
  }

  /** This member's place in the tree, from 0. */
  get leafIndex(): number {
    return this.#state.privatePath.leafIndex;
  }

  /**
   * @returns the 32-byte key of the outer envelope in `epoch`. Undefined unless it is the current
   * epoch, or the previous one before `purgePrevious`.
   */
  envelopeKey(epoch: bigint): Secret | undefined {
    return this.#keysOf(epoch)?.envelopeKey;
  }

  /**
   * @returns 32 or 64 bytes that are equal for all members of `epoch` (RFC 9420 §8.7): the input of
   * the room code. Undefined when the keys of the epoch are gone.
   */
  epochAuthenticator(epoch: bigint): Uint8Array | undefined {
    return this.#keysOf(epoch)?.authenticator.slice();
  }

  /**
   * @returns the snapshot. Any holder of the room secret can join this epoch from it.
   */
  exportSnapshot(): Promise<GroupSnapshot> {
    return this.#enqueue(() => exportSnapshot(this.#context, this.#state));
  }

  /**
   * Makes a commit with new keys for this member. It heals the group from a theft of the old ones.
   *
   * @param frames The bundle's leave and order frames, to which the commit is bound.
   */
  rotate(frames: BundleFrames = []): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#enqueue(() => this.#propose([], frames));
  }

  /**
   * Makes a commit that removes these members, by their ids of 16 bytes.
   *
   * @returns the commit, or a code: `member-unknown`, also for an empty list, or the refusal of the
   * rules or the policy.
   */
  removeMembers(
    memberIds: readonly Uint8Array[],
    frames: BundleFrames = [],
  ): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#enqueue(async () => {
      const roster = this.roster;
      const proposals: Proposal[] = [];
      for (const memberId of memberIds) {
        const member = roster.find((other) => equalBytes(other.memberId, memberId));
        if (member === undefined) return refuse('member-unknown');
        proposals.push({ proposalType: 'remove', remove: { removed: member.leafIndex } });
      }
      return proposals.length === 0 ? refuse('member-unknown') : this.#propose(proposals, frames);
    });
  }

  /**
   * Makes a commit that adds the member of this key package.
   *
   * @returns the commit with its welcome, or the code that refuses it.
   */
  addMember(keyPackage: Uint8Array, frames: BundleFrames = []): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#enqueue(async () => {
      const proposal = await addProposal(keyPackage);
      return proposal.ok ? this.#propose([proposal.value], frames) : proposal;
    });
  }

  /**
   * Processes the commit of another member or of a joiner, in the order of the log. A refusal
   * changes nothing. The GroupInfo beside it has to be that of the epoch which the commit begins.
   */
  processCommit(sent: CommitAndBundle): Promise<Decoded<CommitOutcome, GroupCode>> {
    return this.#enqueue(async () => {
      const processed = await processCommit(this.#context, this.#policy, this.#state, sent);
      if (!processed.ok) return processed;
      const { next, facts, removed, consumed } = processed.value;
      if (removed) this.#end('removed', next);
      else await this.#enter(next);
      zeroConsumed(consumed, this.#state);
      return accept({ facts, removed });
    });
  }

  /**
   * @returns `content` sealed for the members of this epoch, `GROUP_MESSAGE_OVERHEAD_BYTES` longer
   * from 64 bytes on.
   * @throws RangeError (as a rejection) if the result would exceed `GROUP_MESSAGE_BYTES_MAX`.
   */
  sealMessage(content: Uint8Array): Promise<Uint8Array> {
    if (content.length + GROUP_MESSAGE_OVERHEAD_BYTES > GROUP_MESSAGE_BYTES_MAX) {
      return Promise.reject(new RangeError('a message longer than the largest frame'));
    }
    return this.#enqueue(async () => {
      const { next, bytes, consumed } = await sealMessage(this.#context, this.#state, content);
      this.#advance(next, consumed);
      return bytes;
    });
  }

  /**
   * Opens a message of this epoch, or of the previous one before `purgePrevious`. Each message
   * opens once.
   *
   * @returns the message and its sender, or a code: `epoch-old`, `epoch-future`, `message-invalid`,
   * `message-repeated`, `message-skips`, or `group-bytes-size`.
   */
  openMessage(bytes: Uint8Array): Promise<Decoded<OpenedMessage, GroupCode>> {
    return this.#enqueue(async () => {
      const opened = await openMessage(this.#context, this.#state, bytes);
      if (!opened.ok) return opened;
      this.#advance(opened.value.next, opened.value.consumed);
      return accept(opened.value.message);
    });
  }

  /**
   * Zeroes the keys of the previous epoch, after which none of its messages opens. The caller does
   * so soon after each commit.
   */
  purgePrevious(): Promise<void> {
    return this.#enqueue(() => {
      const next = withoutPastEpochs(this.#state);
      zeroSecrets(this.#state, next);
      this.#state = next;
      this.#previous?.envelopeKey.destroy();
      this.#previous = undefined;
      return Promise.resolve();
    });
  }

  /** Zeroes all keys. Queued calls reject. */
  destroy(): void {
    if (this.#status !== 'ended') this.#end('ended', this.#state);
    this.#status = 'ended';
  }

  async #propose(proposals: readonly Proposal[], frames: BundleFrames): Promise<Decoded<PendingCommit, GroupCode>> {
    const proposed = await proposeCommit(this.#context, this.#policy, this.#state, proposals, frames);
    if (!proposed.ok) return proposed;
    const { next, consumed } = proposed.value;
    const merge = (): Promise<Group> =>
      this.#enqueue(async () => {
        if (next.groupContext.epoch !== this.epoch + 1n) throw new Error('a commit of another epoch was merged');
        await this.#enter(withLatestPastEpoch(next, this.#state));
        zeroConsumed(consumed, this.#state);
        return this;
      });
    const clear = (): void => {
      zeroSecrets(next, this.#state);
    };
    return accept(makePending(this.#context, proposed.value, { merge, clear }));
  }

  /** Enters the next epoch. The previous one is kept, the one before it is zeroed. */
  async #enter(next: ClientState): Promise<void> {
    const keys = await epochKeys(this.#context, next);
    zeroSecrets(this.#state, next);
    this.#state = next;
    this.#previous?.envelopeKey.destroy();
    this.#previous = this.#current;
    this.#current = keys;
  }

  /** Stays in the epoch, without the message key that was used. */
  #advance(next: ClientState, consumed: readonly Uint8Array[]): void {
    this.#state = next;
    zeroConsumed(consumed, next);
  }

  #end(status: 'removed' | 'ended', state: ClientState): void {
    this.#status = status;
    zeroSecrets(this.#state, undefined);
    zeroSecrets(state, undefined);
    this.#previous?.envelopeKey.destroy();
    this.#current.envelopeKey.destroy();
  }

  #keysOf(epoch: bigint): EpochKeys | undefined {
    if (this.#status !== 'active') return undefined;
    return [this.#current, this.#previous].find((keys) => keys?.epoch === epoch);
  }

  /** Runs the calls one after the other: each gets the state that the one before it left. */
  #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    const call = this.#last.then(async () => {
      if (this.#status !== 'active') throw new GroupEndedError();
      const result = await work();
      // The group ended during the call, so the state that the call made ends too.
      if (this.status !== 'active') zeroSecrets(this.#state, undefined);
      return result;
    });
    // The caller of a failed call gets its error. The next call runs all the same.
    this.#last = call.catch(() => undefined);
    return call;
  }
}

async function epochKeys(context: GroupContext, state: ClientState): Promise<EpochKeys> {
  return {
    epoch: state.groupContext.epoch,
    envelopeKey: deriveEpochFrameKey(context.keys, await exportEnvelopeSecret(context, state)),
    authenticator: Uint8Array.from(state.keySchedule.epochAuthenticator),
  };
}
