// One room's group for whoever holds it: calls are done one after the other, a commit is kept only when the relay took it, and what is over is zeroed.

import { accept, equalBytes, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import { encodeMlsMessage } from 'ts-mls';
import type { ClientState, Proposal } from 'ts-mls';
import { GroupEndedError } from '../errors.ts';
import type { GroupCode } from '../errors.ts';
import type { CommitFacts, CommitPolicy } from './commit-rules.ts';
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
import type { KeyPackagePair, OpenedMessage, Proposed } from './transitions.ts';
import { rosterOf } from './tree.ts';
import type { GroupMember } from './tree.ts';
import { GROUP_MEMBERS_MAX, GROUP_MESSAGE_BYTES_MAX, GROUP_MESSAGE_OVERHEAD_BYTES } from '../limits.ts';
import type { Secret } from '../secret.ts';

export interface GroupOptions {
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  /** Lent: they must live as long as the group. */
  readonly keys: GroupKeys;
  readonly policy: CommitPolicy;
  /** Above `GROUP_MEMBERS_MAX` for measurements only. */
  readonly membersMax?: number;
}

/** A commit that was made and not yet taken by the relay: until `merge` the group goes on as it was. */
export interface PendingCommit {
  /** For the log. */
  readonly commit: Uint8Array;
  /** The snapshot of the epoch that the commit begins. */
  readonly snapshot: Uint8Array;
  /** For the added members, when there are any. */
  readonly welcome: Uint8Array | undefined;
  /** What all others will see that it does. */
  readonly facts: CommitFacts;
  /** The epoch that the commit begins. */
  readonly epoch: bigint;
  /** The relay has taken it. Of a commit that came too late this is a fault, and throws. */
  readonly merge: () => Promise<Group>;
  /** The relay has taken another one. */
  readonly clear: () => void;
}

/** Another member's commit that was processed. */
export interface CommitOutcome {
  readonly facts: CommitFacts;
  /** It removed this member: the group has ended for it. */
  readonly removed: boolean;
}

/** A key package that was handed out; its secrets wait here for the welcome. */
export interface KeyPackageOffer {
  readonly bytes: Uint8Array;
  /** Whether these bytes are a welcome that names this key package. */
  readonly isNamedIn: (welcome: Uint8Array) => Promise<boolean>;
  /** A refusal leaves the offer as good as it was. */
  readonly joinByWelcome: (welcome: Uint8Array, snapshot: Uint8Array) => Promise<Decoded<Group, GroupCode>>;
  readonly destroy: () => void;
}

/** Makes and joins the group of one room. */
export class GroupEngine {
  readonly #context: GroupContext;
  readonly #policy: CommitPolicy;

  private constructor(context: GroupContext, policy: CommitPolicy) {
    this.#context = context;
    this.#policy = policy;
  }

  static async open(options: GroupOptions): Promise<GroupEngine> {
    const { crypto, suite, keys, policy, membersMax = GROUP_MEMBERS_MAX } = options;
    return new GroupEngine(await openContext(crypto, suite, keys, membersMax), policy);
  }

  async createGroup(identity: GroupIdentity): Promise<Group> {
    return Group.open(this.#context, this.#policy, await createState(this.#context, identity));
  }

  /** Joins with nobody else online, from the room's snapshot. */
  joinGroup(snapshot: Uint8Array, identity: GroupIdentity): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#join(snapshot, identity, false);
  }

  /** Joins again when commits were missed for good: one's own old leaf goes in the same commit. */
  resync(snapshot: Uint8Array, identity: GroupIdentity): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#join(snapshot, identity, true);
  }

  /** For a room where members add members: what the newcomer posts. */
  async createKeyPackage(identity: GroupIdentity): Promise<KeyPackageOffer> {
    const pair = await makeKeyPackage(this.#context, identity);
    const keyPackage = pair.publicPackage;
    return {
      bytes: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage }),
      isNamedIn: (welcome) => isWelcomeFor(this.#context, keyPackage, welcome),
      joinByWelcome: (welcome, snapshot) => this.#joinByWelcome(pair, welcome, snapshot),
      destroy: () => {
        for (const secret of Object.values(pair.privatePackage) as Uint8Array[]) secret.fill(0);
      },
    };
  }

  /** @returns who made a key package; its leaf index is -1. */
  readKeyPackage(bytes: Uint8Array): Promise<Decoded<GroupMember, GroupCode>> {
    return readKeyPackage(this.#context, bytes);
  }

  async #joinByWelcome(
    pair: KeyPackagePair,
    welcome: Uint8Array,
    snapshot: Uint8Array,
  ): Promise<Decoded<Group, GroupCode>> {
    const joined = await joinByWelcome(this.#context, pair, welcome, snapshot);
    if (!joined.ok) return joined;
    pair.privatePackage.initPrivateKey.fill(0);
    return accept(await Group.open(this.#context, this.#policy, joined.value));
  }

  async #join(
    snapshot: Uint8Array,
    identity: GroupIdentity,
    resync: boolean,
  ): Promise<Decoded<PendingCommit, GroupCode>> {
    const joined = await joinByExternalCommit(this.#context, this.#policy, snapshot, identity, resync);
    if (!joined.ok) return joined;
    const { next } = joined.value;
    return accept(
      await makePending(this.#context, joined.value, {
        merge: () => Group.open(this.#context, this.#policy, next),
        clear: () => {
          zeroSecrets(next, undefined);
        },
      }),
    );
  }
}

async function makePending(
  context: GroupContext,
  { next, commit, welcome, facts }: Proposed,
  { merge, clear }: Pick<PendingCommit, 'merge' | 'clear'>,
): Promise<PendingCommit> {
  const snapshot = await exportSnapshot(context, next);
  let settled = false;
  return {
    commit,
    welcome,
    facts,
    snapshot,
    epoch: next.groupContext.epoch,
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
  /** 32 or 64 bytes, the same for all members of the epoch. */
  readonly authenticator: Uint8Array;
}

/** A member's view of its room's group. */
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

  /** For the engine: a group around a state that nobody else holds. */
  static async open(context: GroupContext, policy: CommitPolicy, state: ClientState): Promise<Group> {
    return new Group(context, policy, state, await epochKeys(context, state));
  }

  get status(): 'active' | 'removed' | 'ended' {
    return this.#status;
  }

  get epoch(): bigint {
    return this.#state.groupContext.epoch;
  }

  /** @returns the members, this one included, in the order of the tree. */
  get roster(): readonly GroupMember[] {
    return rosterOf(this.#state.ratchetTree);
  }

  /** @returns this member's place in the tree. */
  get leafIndex(): number {
    return this.#state.privatePath.leafIndex;
  }

  /** @returns the key of the outer envelope in `epoch`, while the group has it: the current one, and the one before until it is purged. */
  envelopeKey(epoch: bigint): Secret | undefined {
    return this.#keysOf(epoch)?.envelopeKey;
  }

  /** @returns a value that is equal for all members of `epoch`, while the group has it: what the room code is made of. */
  epochAuthenticator(epoch: bigint): Uint8Array | undefined {
    return this.#keysOf(epoch)?.authenticator.slice();
  }

  /** @returns the snapshot (group information and tree) from which anybody with the room secret can join this epoch. */
  exportSnapshot(): Promise<Uint8Array> {
    return this.#enqueue(() => exportSnapshot(this.#context, this.#state));
  }

  /** New keys for this member: heals the group from a theft of its old ones. */
  rotate(): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#enqueue(() => this.#propose([]));
  }

  removeMembers(memberIds: readonly Uint8Array[]): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#enqueue(async () => {
      const roster = this.roster;
      const proposals: Proposal[] = [];
      for (const memberId of memberIds) {
        const member = roster.find((other) => equalBytes(other.memberId, memberId));
        if (member === undefined) return refuse('member-unknown');
        proposals.push({ proposalType: 'remove', remove: { removed: member.leafIndex } });
      }
      return proposals.length === 0 ? refuse('member-unknown') : this.#propose(proposals);
    });
  }

  addMember(keyPackage: Uint8Array): Promise<Decoded<PendingCommit, GroupCode>> {
    return this.#enqueue(async () => {
      const proposal = await addProposal(keyPackage);
      return proposal.ok ? this.#propose([proposal.value]) : proposal;
    });
  }

  /** Processes another member's commit, in the order of the log. A refusal changes nothing. */
  processCommit(bytes: Uint8Array): Promise<Decoded<CommitOutcome, GroupCode>> {
    return this.#enqueue(async () => {
      const processed = await processCommit(this.#context, this.#policy, this.#state, bytes);
      if (!processed.ok) return processed;
      const { next, facts, removed, consumed } = processed.value;
      if (removed) this.#end('removed', next);
      else await this.#enter(next);
      zeroConsumed(consumed, this.#state);
      return accept({ facts, removed });
    });
  }

  /** @returns `content` sealed for the members of this epoch; `GROUP_MESSAGE_OVERHEAD_BYTES` longer. */
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

  openMessage(bytes: Uint8Array): Promise<Decoded<OpenedMessage, GroupCode>> {
    return this.#enqueue(async () => {
      const opened = await openMessage(this.#context, this.#state, bytes);
      if (!opened.ok) return opened;
      this.#advance(opened.value.next, opened.value.consumed);
      return accept(opened.value.message);
    });
  }

  /** Ends the keys of the epoch before: nothing of it can be opened any more. To be called soon after each commit. */
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

  /** Zeroes all keys. What waits its turn fails. */
  destroy(): void {
    if (this.#status !== 'ended') this.#end('ended', this.#state);
    this.#status = 'ended';
  }

  async #propose(proposals: readonly Proposal[]): Promise<Decoded<PendingCommit, GroupCode>> {
    const proposed = await proposeCommit(this.#context, this.#policy, this.#state, proposals);
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
    return accept(await makePending(this.#context, proposed.value, { merge, clear }));
  }

  /** Goes to the next epoch. The one before is kept, the one before that is zeroed. */
  async #enter(next: ClientState): Promise<void> {
    const keys = await epochKeys(this.#context, next);
    zeroSecrets(this.#state, next);
    this.#state = next;
    this.#previous?.envelopeKey.destroy();
    this.#previous = this.#current;
    this.#current = keys;
  }

  /** Goes on within the epoch: the key that was used is gone. */
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

  /** One call after the other: each takes the state that the one before it left. */
  #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(async () => {
      if (this.#status !== 'active') throw new GroupEndedError();
      const result = await work();
      // Ended in the middle: what the call made in the meantime ends too.
      if (this.status !== 'active') zeroSecrets(this.#state, undefined);
      return result;
    });
    // A failed call is its caller's to hear of; the next one begins all the same.
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

async function epochKeys(context: GroupContext, state: ClientState): Promise<EpochKeys> {
  return {
    epoch: state.groupContext.epoch,
    envelopeKey: deriveEpochFrameKey(context.keys, await exportEnvelopeSecret(context, state)),
    authenticator: Uint8Array.from(state.keySchedule.epochAuthenticator),
  };
}
