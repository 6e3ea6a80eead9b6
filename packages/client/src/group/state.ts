// The state of a membership, which its reader and its builder share: keys, group, and ledger.

import type { RandomSource, Secret } from '@sotto/crypto';
import { deriveGroupKeys, destroyGroupKeys, GroupEngine, memberIdOf } from '@sotto/crypto/mls';
import type { Group, GroupCrypto, GroupIdentity, GroupKeys, GroupSuite } from '@sotto/crypto/mls';
import { coverMembersMax, isStealth } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { GroupEnvelopes, leastSizes } from './envelopes.ts';
import { accessOf, validateCommit } from './commit-policy.ts';
import type { Evidence } from './commit-policy.ts';
import { isSame, createView } from './group-view.ts';
import type { GroupView, ViewParts } from './group-view.ts';
import { LogLedger } from './ledger.ts';
import type { PolicyState } from './ledger.ts';
import { OwnCommits } from './own-commit.ts';

export interface GroupStateOptions {
  readonly roomSecret: Uint8Array;
  readonly roomId: Uint8Array;
  readonly crypto: GroupCrypto;
  readonly suite: GroupSuite;
  readonly random: RandomSource;
  readonly moderatorKey: Uint8Array;
  readonly cover: Cover;
  /** Destroyed with this state. */
  readonly identity: GroupIdentity;
}

/**
 * The evidence of the commit in work: the engine validates each commit in the middle of its work.
 */
interface EvidenceHolder {
  evidence: Evidence | undefined;
}

interface Parts {
  readonly keys: GroupKeys;
  readonly engine: GroupEngine;
  readonly holder: EvidenceHolder;
  readonly ledger: LogLedger;
  readonly cover: Cover;
}

/**
 * In a stealth room there is one leaf more, for a leaver that was not removed yet: the founder at
 * first. PROTOCOL.md §12.1.
 */
function membersMaxOf(cover: Cover): number {
  return isStealth(cover) ? coverMembersMax(cover) + 1 : coverMembersMax(cover);
}

export class GroupState {
  readonly keys: GroupKeys;
  readonly identity: GroupIdentity;
  /** This member's id, 16 bytes. */
  readonly self: Uint8Array;
  readonly random: RandomSource;
  readonly cover: Cover;
  readonly engine: GroupEngine;
  readonly ledger: LogLedger;
  readonly envelopes: GroupEnvelopes;
  readonly own: OwnCommits = new OwnCommits();
  readonly #holder: EvidenceHolder;
  #group: Group | undefined;
  /** The last view, and the parts that it was made of. */
  #seen: { readonly parts: ViewParts; readonly view: GroupView } | undefined;

  private constructor({ keys, engine, holder, ledger, cover }: Parts, identity: GroupIdentity, random: RandomSource) {
    this.keys = keys;
    this.identity = identity;
    this.self = memberIdOf(identity.memberKey);
    this.random = random;
    this.cover = cover;
    this.engine = engine;
    this.ledger = ledger;
    this.envelopes = new GroupEnvelopes(keys, random, leastSizes(cover));
    this.#holder = holder;
  }

  static async open(options: GroupStateOptions): Promise<GroupState> {
    const { roomSecret, roomId, crypto, suite, random, moderatorKey, cover, identity } = options;
    const keys = deriveGroupKeys({ roomSecret, roomId });
    const holder: EvidenceHolder = { evidence: undefined };
    const engine = await GroupEngine.open({
      crypto,
      suite,
      keys,
      membersMax: membersMaxOf(cover),
      policy: (facts) => {
        if (holder.evidence === undefined) throw new Error('a commit without evidence to validate it by');
        return validateCommit(holder.evidence, facts);
      },
    });
    const ledger = new LogLedger({ roomId: keys.roomId, moderatorKey: moderatorKey.slice() });
    return new GroupState({ keys, engine, holder, ledger, cover }, identity, random);
  }

  /** Undefined outside. */
  get group(): Group | undefined {
    return this.#group;
  }

  /** Undefined outside. */
  get view(): GroupView | undefined {
    if (this.#group === undefined) return undefined;
    const parts = this.parts();
    if (this.#seen === undefined || !isSame(this.#seen.parts, parts)) this.#seen = { parts, view: createView(parts) };
    return this.#seen.view;
  }

  /** @throws Error outside of the group: the caller has to know that it is inside */
  inside(): Group {
    if (this.#group === undefined) throw new Error('not in the group');
    return this.#group;
  }

  /** Undefined outside. */
  get envelopeKey(): Secret | undefined {
    return this.#group?.envelopeKey(this.#group.epoch);
  }

  /** Of the present epoch. @throws Error outside of the group */
  get epochAuthenticator(): Uint8Array {
    const group = this.inside();
    const authenticator = group.epochAuthenticator(group.epoch);
    if (authenticator === undefined) throw new Error('an epoch without its authenticator');
    return authenticator;
  }

  /** The parts that a view is made of. @throws Error outside of the group */
  parts(): ViewParts {
    const group = this.inside();
    const { access, proofs } = this.ledger.policy;
    const { rollCall } = this.ledger;
    const { roomId } = this.keys;
    const { epoch } = group;
    const order = access?.number ?? 0;
    return { group, epoch, self: this.self, roomId, proofs, rollCall, access: accessOf(access).mode, order };
  }

  /** Does `work`, in which the engine validates a commit by this evidence. */
  async validatingWith<Result>(evidence: Evidence, work: () => Promise<Result>): Promise<Result> {
    this.#holder.evidence = evidence;
    try {
      return await work();
    } finally {
      this.#holder.evidence = undefined;
    }
  }

  /**
   * The log has one order: no frame of the epoch before follows, so its keys are zeroed at once.
   */
  async enter(group: Group, policy: PolicyState): Promise<void> {
    if (this.#group !== group) this.#group?.destroy();
    this.#group = group;
    await group.purgePrevious();
    this.ledger.enter(group.roster, policy);
  }

  /** The group has ended for this member, and has zeroed its keys. It may rejoin. */
  leave(): void {
    this.#group = undefined;
    this.#seen = undefined;
    this.ledger.leave();
  }

  destroy(): void {
    this.own.clear();
    this.#group?.destroy();
    this.#group = undefined;
    this.#seen = undefined;
    this.identity.secret.destroy();
    destroyGroupKeys(this.keys);
  }
}
