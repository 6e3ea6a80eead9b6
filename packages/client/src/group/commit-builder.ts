// Builds uploads: joins, rotations, removals, admissions, orders, and restored snapshots.
// PROTOCOL.md §5.8, §5.9.

import { proveLeave } from '@sotto/crypto/mls';
import type { BundleFrames, Group, GroupCode, GroupMember, GroupSnapshot, PendingCommit } from '@sotto/crypto/mls';
import {
  accept,
  coverMembersMax,
  encodeBundleFrame,
  equalBytes,
  isStealth,
  refuse,
  UPLOAD_ID_BYTES,
} from '@sotto/protocol';
import type {
  Decoded,
  GroupPlaintext,
  SnapshotPlaintext,
  LeaveProof,
  Move,
  SignedAccess,
  SignedOrder,
} from '@sotto/protocol';
import { authorizationFrames, EMPTY_BUNDLE } from './commit-bundle.ts';
import { COMMIT_FRAME_SIZE, DUMMY } from './envelopes.ts';
import type { CommitParts } from './envelopes.ts';
import type { GroupState } from './state.ts';
import { accessAfter, evictionsOf, isListed, leaveOf } from './commit-policy.ts';
import type { Authorizations } from './commit-policy.ts';
import { leaversOfOneCommit, silentOf } from './group-view.ts';
import { COMMIT_FRAMES_MAX } from '../limits.ts';
import type { PolicyState } from './ledger.ts';
import type { OwnCommit } from './own-commit.ts';
import type { Upload } from './worker-tasks.ts';

type Made = Promise<Decoded<Upload, GroupCode>>;
/** Makes a commit that is bound to these leave and order frames. */
type Propose = (group: Group, frames: BundleFrames) => Promise<Decoded<PendingCommit, GroupCode>>;

export class CommitBuilder {
  readonly #state: GroupState;

  constructor(state: GroupState) {
    this.#state = state;
  }

  async found(access: SignedAccess | undefined): Promise<Upload> {
    const { ledger, engine, identity, keys, envelopes } = this.#state;
    if (access !== undefined && !ledger.isOrder(access)) throw new Error('a room founded under an invalid order');
    const group = await engine.createGroup(identity);
    const proofs = [proveLeave(identity, keys.roomId)];
    const snapshot = envelopes.sealSnapshot({ ...(await group.exportSnapshot()), proofs, access });
    group.destroy();
    return this.#makeUpload(envelopes.sealFrames([DUMMY], keys.joinKey), snapshot);
  }

  /** `resync`: as the same member, if its leaf is still in the group. */
  async join({ groupInfo, tree, proofs, access }: SnapshotPlaintext, resync: boolean): Made {
    const snapshot = { proofs, access };
    const evidence = this.#state.ledger.evidenceOfSnapshot(snapshot);
    const joined = await this.#state.validatingWith(evidence, () => this.#joinFrom({ groupInfo, tree }, resync));
    if (!joined.ok) return joined;
    return this.#isFullFor(joined.value, proofs)
      ? refuse('group-full')
      : this.#seal({ pending: joined.value, snapshot }, EMPTY_BUNDLE, snapshot);
  }

  /**
   * Whether all places are taken, not counting members whose leave proof is known. PROTOCOL.md
   * §12.1.
   */
  #isFullFor({ facts: { kind, roster } }: PendingCommit, proofs: readonly LeaveProof[]): boolean {
    const staying = roster.filter((member) => leaveOf(proofs, member, this.#state.keys.roomId) === undefined);
    return kind === 'join' && staying.length >= coverMembersMax(this.#state.cover);
  }

  async #joinFrom(snapshot: GroupSnapshot, resync: boolean): Promise<Decoded<PendingCommit, GroupCode>> {
    const { engine, identity } = this.#state;
    const joined = resync ? await engine.resync(snapshot, identity) : undefined;
    // It was removed meanwhile: then it joins like any joiner.
    const isGone = joined?.ok === false && joined.code === 'member-unknown';
    return joined === undefined || isGone ? engine.joinGroup(snapshot, identity) : joined;
  }

  admit(keyPackage: Uint8Array): Made {
    return this.#commit(EMPTY_BUNDLE, (group, frames) => group.addMember(keyPackage, frames));
  }

  rotate(): Made {
    return this.#rotate([], []);
  }

  /** Removes those of `members` that have not answered the roll call: others may only sleep. */
  async removeSilent(members: readonly Uint8Array[]): Made {
    const silent = silentOf(this.#state.parts(), members);
    return silent.length === 0 ? refuse('policy-remove') : this.#rotate([], silent);
  }

  /**
   * An eviction removes all members that its order does not list. `move`: the way to the room in
   * which the members of the next epoch go on.
   */
  async order(orders: readonly SignedOrder[], move?: Move): Made {
    for (const order of orders) {
      const code = this.#state.ledger.refuseOrder(order);
      if (code !== undefined) return refuse(code);
    }
    const evictions = evictionsOf({ orders });
    const isOurs = evictions.every(({ listed: [first] }) => first !== undefined && equalBytes(first, this.#state.self));
    if (!isOurs) return refuse('policy-evict');
    const { roster } = this.#state.inside();
    const gone = roster.filter((member) => evictions.some(({ listed }) => !isListed(listed, member)));
    return this.#rotate(orders, gone, move);
  }

  republishSnapshot(): Promise<Upload> {
    return this.#makeQuietUpload(DUMMY, this.#state.ledger.policy.proofs);
  }

  publishLeave(): Promise<Upload> {
    const { identity, keys, ledger } = this.#state;
    const proof = proveLeave(identity, keys.roomId);
    return this.#makeQuietUpload({ kind: 'leave', ...proof }, [...ledger.policy.proofs, proof]);
  }

  /** Rotates, and removes `removed` and as many leavers as one commit has room for. */
  #rotate(orders: readonly SignedOrder[], removed: readonly GroupMember[], move?: Move): Made {
    const parts = this.#state.parts();
    const leavers = leaversOfOneCommit(parts);
    const leaves = leavers.flatMap((member) => leaveOf(parts.proofs, member, parts.roomId) ?? []);
    const others = leavers.filter((member) => !includes(removed, member));
    const gone = [...removed, ...others].map(({ memberId }) => memberId);
    const propose: Propose = (group, frames) =>
      gone.length === 0 ? group.rotate(frames) : group.removeMembers(gone, frames);
    return this.#commit({ orders, leaves }, propose, move);
  }

  async #commit(authorizations: Authorizations, propose: Propose, move?: Move): Made {
    const { announcedOrder, policy } = this.#state.ledger;
    const orders = [...authorizations.orders, ...(announcedOrder === undefined ? [] : [announcedOrder])];
    let carried: Authorizations = { ...authorizations, orders };
    let made = await this.#propose(carried, propose);
    if (made.ok && !this.#mayCarryAnnounced(authorizations, made.value, move)) {
      made.value.clear();
      carried = authorizations;
      made = await this.#propose(carried, propose);
    }
    if (!made.ok) return made;
    const after = { access: accessAfter(policy.access, carried), proofs: policy.proofs };
    return this.#seal({ pending: made.value, snapshot: undefined }, carried, after, move);
  }

  /** The commit is bound to its authorizations, so they are decided before it is made. */
  #propose(authorizations: Authorizations, propose: Propose): Promise<Decoded<PendingCommit, GroupCode>> {
    const frames = authorizationFrames(authorizations).map(encodeBundleFrame);
    const evidence = this.#state.ledger.evidence(authorizations);
    return this.#state.validatingWith(evidence, () => propose(this.#state.inside(), frames));
  }

  /**
   * Whether the upload may carry the announced access order as well. In stealth the next commit
   * carries it if it would make this upload longer.
   */
  #mayCarryAnnounced(without: Authorizations, pending: PendingCommit, move: Move | undefined): boolean {
    const { ledger, envelopes, cover } = this.#state;
    if (ledger.announcedOrder === undefined) return true;
    const rest = { ...partsOf(pending), move };
    const orders = [...without.orders, ledger.announcedOrder];
    const most = isStealth(cover) ? envelopes.commitFrames({ ...without, ...rest }) : COMMIT_FRAMES_MAX;
    return envelopes.commitFrames({ ...without, orders, ...rest }) <= most;
  }

  /** `after`: the policy of the epoch that the commit begins, for later joiners. */
  async #seal(
    commit: OwnCommit,
    authorizations: Authorizations,
    after: PolicyState,
    move?: Move,
  ): Promise<Decoded<Upload, 'group-bytes-size'>> {
    const { envelopes, own, keys } = this.#state;
    const { pending, snapshot: joinedFrom } = commit;
    const dummyKey = joinedFrom === undefined ? this.#epochKey() : keys.joinKey;
    const nextKey = move === undefined ? undefined : await pending.deriveEnvelopeKey();
    const bodies = envelopes.sealCommit({ ...authorizations, ...partsOf(pending), move }, dummyKey, nextKey);
    nextKey?.destroy();
    if (bodies === undefined) {
      pending.clear();
      return refuse('group-bytes-size');
    }
    // A removed member needs no proof any more.
    const proofs = after.proofs.filter((proof) => !includes(pending.facts.removed, proof));
    const snapshot = envelopes.sealSnapshot({ ...pending.snapshot, proofs, access: after.access });
    own.propose(commit);
    return accept(this.#makeUpload(bodies, snapshot));
  }

  /** Replaces the snapshot and begins no epoch. */
  async #makeQuietUpload(frame: GroupPlaintext, proofs: readonly LeaveProof[]): Promise<Upload> {
    const { envelopes, ledger } = this.#state;
    const exported = await this.#state.inside().exportSnapshot();
    const snapshot = envelopes.sealSnapshot({ ...exported, proofs, access: ledger.policy.access });
    return this.#makeUpload(envelopes.sealUpload([frame], this.#epochKey()), snapshot);
  }

  #makeUpload(bodies: readonly Uint8Array[], snapshot: Uint8Array): Upload {
    return { id: this.#state.random(UPLOAD_ID_BYTES), frameSize: COMMIT_FRAME_SIZE, bodies, snapshot };
  }

  #epochKey(): NonNullable<GroupState['envelopeKey']> {
    const key = this.#state.envelopeKey;
    if (key === undefined) throw new Error('not in the group');
    return key;
  }
}

/** The parts of an upload that a commit brings besides authorizations and the move. */
function partsOf({ welcome, commit, snapshot }: PendingCommit): Omit<CommitParts, keyof Authorizations | 'move'> {
  return { welcome, commit, groupInfo: snapshot.groupInfo };
}

function includes(members: readonly GroupMember[], { memberId }: Pick<GroupMember, 'memberId'>): boolean {
  return members.some((member) => equalBytes(member.memberId, memberId));
}
