// Holds a member's keys in one room and does the work that needs them, piece by piece.

import type { RandomSource } from '@sotto/crypto';
import type { GroupCrypto, GroupIdentity } from '@sotto/crypto/mls';
import { coverOf } from '@sotto/protocol';
import type { Content, Invite, PresenceContent } from '@sotto/protocol';
import { GroupMembership } from './membership.ts';
import type { LogEntry, OpenedPresence } from './opened-entry.ts';
import type { GroupOpened, GroupView } from './membership.ts';
import { RoomAccess } from './room-keys.ts';
import type { GroupTask, GroupTaskResult, Upload } from './worker-tasks.ts';

export type GroupWork =
  | { readonly type: 'open-entry'; readonly entry: LogEntry }
  | { readonly type: 'seal'; readonly ticket: number; readonly content: Content }
  /** A presence outside of the log. It is void in every epoch but this one. */
  | { readonly type: 'seal-presence'; readonly epoch: number; readonly content: PresenceContent }
  | { readonly type: 'open-presence'; readonly body: Uint8Array }
  | { readonly type: 'run-task'; readonly task: GroupTask }
  /** The relay will not store the commit that was made last. */
  | { readonly type: 'clear-commit' };

/** `view`: the group as it is after the work; undefined outside. */
export type GroupWorkResult =
  | {
      readonly type: 'entry-opened';
      readonly entry: LogEntry;
      readonly opened: GroupOpened;
      readonly view: GroupView | undefined;
    }
  | { readonly type: 'presence-sealed'; readonly epoch: number; readonly body: Uint8Array }
  | { readonly type: 'presence-opened'; readonly presence: OpenedPresence }
  | { readonly type: 'sealed'; readonly ticket: number; readonly body: Uint8Array }
  | {
      readonly type: 'task-finished';
      readonly task: GroupTask;
      readonly made: GroupTaskResult;
      readonly view: GroupView | undefined;
    };

export class GroupWorker {
  readonly access: RoomAccess;
  readonly #membership: Promise<GroupMembership>;
  /** The same, once it is open: keys can then be zeroed without waiting. */
  #opened: GroupMembership | undefined;

  constructor(
    invite: Invite,
    identity: GroupIdentity,
    { crypto, random }: { readonly crypto: GroupCrypto; readonly random: RandomSource },
  ) {
    this.access = new RoomAccess(invite, identity);
    const options = {
      crypto,
      suite: 'x-wing',
      random,
      moderatorKey: invite.onionKey,
      cover: coverOf(invite),
      identity,
    } as const;
    const opening = GroupMembership.open({ roomSecret: invite.roomSecret, roomId: this.access.roomId, ...options });
    this.#membership = opening.then((membership) => (this.#opened = membership));
  }

  /** Resolves when the keys are ready for work. */
  async whenReady(): Promise<void> {
    await this.#membership;
  }

  /**
   * Does one piece of work; one call at a time. `isWanted` is asked when the keys are ready.
   * @returns the result; undefined if the work is not wanted any more or has no result.
   */
  async work(work: GroupWork, isWanted: () => boolean): Promise<GroupWorkResult | undefined> {
    const membership = await this.#membership;
    if (!isWanted()) return undefined;
    switch (work.type) {
      case 'open-entry': {
        const { entry } = work;
        const opened = await membership.open(entry.envelope, entry.place);
        return { type: 'entry-opened', entry, opened, view: membership.view };
      }
      case 'seal':
        // A removed member seals nothing. It is asked again in the next epoch.
        if (membership.view === undefined) return undefined;
        return { type: 'sealed', ticket: work.ticket, body: await membership.seal(work.content) };
      case 'seal-presence': {
        const { epoch, content } = work;
        if (membership.view?.epoch !== epoch) return undefined;
        return { type: 'presence-sealed', epoch, body: membership.sealPresence(content) };
      }
      case 'open-presence': {
        const presence = membership.openPresence(work.body);
        return presence && { type: 'presence-opened', presence };
      }
      case 'run-task': {
        const made = await runTask(membership, work.task);
        return { type: 'task-finished', task: work.task, made, view: membership.view };
      }
      case 'clear-commit':
        membership.clear();
        return undefined;
    }
  }

  /** Zeroes all keys at once; those of a membership that is just being opened, as soon as it is. */
  destroy(): void {
    this.access.destroy();
    if (this.#opened === undefined) void this.#membership.then((membership) => membership.destroy());
    else this.#opened.destroy();
  }
}

/** Outside of the group only joins and knocks can be made. */
async function runTask(membership: GroupMembership, task: GroupTask): Promise<GroupTaskResult> {
  if (task.type === 'join') return result(await membership.join(task.snapshot, task.resync));
  if (task.type === 'join-by-welcome') {
    const entered = await membership.joinByWelcome(task.snapshot);
    return entered.ok ? { ok: true } : entered;
  }
  if (task.type === 'knock') return { ok: true, body: await membership.knock(task.name) };
  if (membership.view === undefined) return { ok: false, code: 'group-removed' };
  switch (task.type) {
    case 'rotate':
      return result(await membership.rotate());
    case 'remove-silent':
      return result(await membership.removeSilent(task.members));
    case 'order':
      return result(await membership.order([task.order]));
    case 'move': {
      const { order, move } = task.offer;
      return result(await membership.order(order === undefined ? [] : [order], move));
    }
    case 'admit':
      return result(await membership.admit(task.memberId));
    case 'restore-snapshot':
      return { ok: true, upload: await membership.republishSnapshot() };
    case 'leave-commit':
      return { ok: true, upload: await membership.publishLeave() };
  }
}

function result(made: { ok: true; value: Upload } | { ok: false; code: string }): GroupTaskResult {
  return made.ok ? { ok: true, upload: made.value } : made;
}
