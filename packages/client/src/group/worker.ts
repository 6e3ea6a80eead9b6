// A member's keys in one room, and the work that they are asked for. Each piece is answered by one event, or by none if nobody waits for it.

import type { RandomSource } from '@sotto/crypto';
import type { GroupCrypto, GroupIdentity } from '@sotto/crypto/mls';
import { coverOf } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { GroupMembership } from './membership.ts';
import { isAwaited } from '../session/outbox.ts';
import { RoomAccess } from './room-keys.ts';
import type { Effect, GroupTaskResult, Session, SessionEvent, GroupTask } from '../session/state.ts';

/** What only keys can do, in its order. */
export type GroupWork = Extract<Effect, { type: 'open-entry' | 'queue-notice' | 'seal' | 'run-task' | 'clear-commit' }>;

export class GroupWorker {
  readonly access: RoomAccess;
  readonly #membership: Promise<GroupMembership>;
  /** The same, once it is there: keys can then be zeroed without waiting. */
  #opened: GroupMembership | undefined;

  constructor(
    invite: Invite,
    identity: GroupIdentity,
    { crypto, random }: { readonly crypto: GroupCrypto; readonly random: RandomSource },
  ) {
    this.access = new RoomAccess(invite, identity);
    const surroundings = {
      crypto,
      suite: 'x-wing',
      random,
      moderatorKey: invite.onionKey,
      cover: coverOf(invite),
      identity,
    } as const;
    const opening = GroupMembership.open(invite.roomSecret, this.access.roomId, surroundings);
    this.#membership = opening.then((membership) => (this.#opened = membership));
  }

  /** `session` is asked when the work's turn has come: undefined if nobody waits for it any more. */
  async work(work: GroupWork, session: () => Session | undefined): Promise<SessionEvent | undefined> {
    const membership = await this.#membership;
    const waiting = session();
    if (waiting === undefined) return undefined;
    switch (work.type) {
      case 'open-entry': {
        const { sequence, body } = work;
        const opened = await membership.open(body);
        return { type: 'entry-opened', sequence, body, opened, view: membership.view };
      }
      case 'queue-notice':
        return { type: 'notice', notice: work.notice };
      case 'seal': {
        // Asked for in an epoch that is over, or by a member that is out: it is asked for again when there is a new one.
        if (!isAwaited(waiting.outbox, work.ticket) || membership.view === undefined) return undefined;
        return { type: 'sealed', ticket: work.ticket, body: await membership.seal(work.content) };
      }
      case 'run-task': {
        const made = await make(membership, work.task);
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

/** Outside, only what lets in can be made. */
async function make(membership: GroupMembership, task: GroupTask): Promise<GroupTaskResult> {
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
      return result(await membership.removeSilent());
    case 'order':
      return result(await membership.order([task.order]));
    case 'admit':
      return result(await membership.admit(task.memberId));
    case 'restore-snapshot':
      return { ok: true, upload: await membership.republishSnapshot() };
    case 'leave-commit':
      return { ok: true, upload: await membership.publishLeave() };
  }
}

type Upload = NonNullable<(GroupTaskResult & { ok: true })['upload']>;

function result(made: { ok: true; value: Upload } | { ok: false; code: string }): GroupTaskResult {
  return made.ok ? { ok: true, upload: made.value } : made;
}
