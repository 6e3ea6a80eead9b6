import fc from 'fast-check';
import type { Decoded } from '@sotto/protocol';
import { expect, test } from 'vitest';
import type { PlainMode } from '@sotto/protocol';
import type { Upload } from '../src/group/worker-tasks.ts';
import { GroupLog, readAll, room, viewOf } from './group-room.ts';
import type { GroupReader } from './group-room.ts';

const RUNS = Number(process.env['SOTTO_GROUP_RUNS'] ?? 12);
const MEMBERS_MAX = 6;
const MODES: readonly PlainMode[] = ['open', 'knock', 'locked'];

const DEEDS = [
  'say',
  'say',
  'read',
  'read',
  'rotate',
  'race',
  'join',
  'join',
  'resync',
  'leave',
  'crash',
  'call the roll',
  'call the roll',
  'remove the silent',
  'remove the silent',
  'order',
  'order by word',
  'order by word',
  'evict',
  'admit',
  'admit',
  'enter',
  'come back',
  'junk',
  'put back',
] as const;

interface Step {
  readonly deed: (typeof DEEDS)[number];
  readonly who: number;
  readonly other: number;
}

const step: fc.Arbitrary<Step> = fc.record({ deed: fc.constantFrom(...DEEDS), who: fc.nat(99), other: fc.nat(99) });

/** A joiner that a commit has admitted, and the snapshot that this commit made. */
interface Welcomed {
  readonly member: GroupReader;
  readonly snapshot: GroupLog['snapshot'];
}

/** A room, and the status of each of its past, present and future members. */
class Scene {
  readonly log: GroupLog;
  /** Members that are in the group as far as they know. */
  inside: GroupReader[];
  /** Members that were removed and are to rejoin. */
  outside: GroupReader[] = [];
  knockers: GroupReader[] = [];
  welcomed: Welcomed[] = [];
  readonly done: string[] = [];
  #names = 0;

  constructor(log: GroupLog, inside: GroupReader[]) {
    this.log = log;
    this.inside = inside;
  }

  async perform({ deed, who, other }: Step): Promise<void> {
    const actor = this.inside[who % this.inside.length];
    const second = this.inside[other % this.inside.length];
    if (actor === undefined || second === undefined) return;
    const done = await this.#do(deed, actor, second, other);
    if (done !== false) this.done.push(deed);
    await this.settle();
  }

  /** Moves each member that has read of its own removal to `outside`. */
  async settle(): Promise<void> {
    // One member always reads on, so not all fall behind.
    await this.inside[0]?.read();
    const removed = this.inside.filter((member) => member.membership.view === undefined);
    this.inside = this.inside.filter((member) => !removed.includes(member));
    this.outside.push(...removed.filter((member) => !isEvicted(member)));
  }

  /** @returns false if the step had nothing to do. */
  async #do(deed: Step['deed'], actor: GroupReader, second: GroupReader, other: number): Promise<unknown> {
    const { membership } = actor;
    switch (deed) {
      case 'say':
        return actor.send(`word ${this.done.length}`).catch(ifRemoved(actor));
      case 'call the roll':
        return actor.callRoll().catch(ifRemoved(actor));
      case 'read':
        return actor.read();
      case 'rotate':
        return actor.commit(membership.rotate());
      case 'race':
        return actor === second ? false : this.#race(actor, second);
      case 'remove the silent':
        return this.#removeSilent(actor, second);
      case 'order':
        return this.#try(actor, membership.order([this.log.moderator.access(MODES[other % 3] ?? 'open')]));
      case 'order by word': {
        const order = this.log.moderator.access(MODES[other % 3] ?? 'open');
        return actor.publish(() => ({ type: 'order', order })).catch(ifRemoved(actor));
      }
      case 'evict':
        if (actor === second || this.inside.length < 3) return false;
        return this.#try(actor, membership.order([actor.evictionOf(second.membership.memberId)]));
      case 'join':
        return this.#join();
      case 'resync':
        return actor.join(true).catch(ifImpossible);
      case 'leave':
        return this.inside.length > 2 && this.#leave(actor);
      case 'crash':
        if (this.inside.length < 3) return false;
        this.inside = this.inside.filter((member) => member !== actor);
        return true;
      case 'admit':
        return this.#admit(actor);
      case 'enter':
        return this.#enter();
      case 'come back':
        return this.#comeBack();
      case 'junk':
        return this.#junk();
      case 'put back':
        await actor.read();
        return membership.view !== undefined && actor.putSnapshot(membership.republishSnapshot());
    }
  }

  /**
   * The second member may send a text while the first member's commit is on its way. Then all
   * refuse the commit, and the snapshot is put back.
   */
  async #removeSilent(actor: GroupReader, second: GroupReader): Promise<boolean> {
    await actor.read();
    const { view } = actor.membership;
    // In a locked room no silent member is removed, because it could not rejoin.
    if (view === undefined || view.silent.length === 0 || view.access === 'locked') return false;
    const made = actor.membership.removeSilent(view.silent);
    await made;
    if (second !== actor) await second.send('wait').catch(ifRemoved(second));
    const stored = actor.membership.view !== undefined && (await actor.commit(made));
    if (actor.news?.kind === 'refused' && actor.news.by === 'own')
      await actor.putSnapshot(actor.membership.republishSnapshot());
    return stored;
  }

  async #try(actor: GroupReader, made: Promise<Decoded<Upload, string>>): Promise<boolean> {
    return (await made).ok && actor.commit(made);
  }

  /** Both members make a commit from their own state, and the relay accepts the first valid one. */
  async #race(one: GroupReader, other: GroupReader): Promise<void> {
    const made = [one.membership.rotate(), other.membership.rotate()];
    await Promise.all(made);
    for (const [index, actor] of [one, other].entries()) {
      const upload = made[index];
      // The first commit may have removed the other committer, or cleared its pending commit.
      if (upload !== undefined && actor.membership.view !== undefined) await actor.commit(upload);
    }
  }

  async #join(): Promise<boolean> {
    if (this.inside.length >= MEMBERS_MAX) return false;
    this.#names += 1;
    const member = await this.log.member(`newcomer ${this.#names}`);
    const refusal = await member.join().then(() => undefined, ifImpossible);
    if (refusal === undefined) this.inside.push(member);
    if (refusal === 'policy-knock') {
      await member.knock();
      this.knockers.push(member);
    }
    return true;
  }

  async #leave(actor: GroupReader): Promise<void> {
    await actor.read();
    if (actor.membership.view === undefined) return;
    await actor.leave();
    this.inside = this.inside.filter((member) => member !== actor);
  }

  async #admit(actor: GroupReader): Promise<boolean> {
    const knocker = this.knockers.shift();
    if (knocker === undefined) return false;
    await actor.read();
    if (actor.membership.view === undefined) return false;
    const made = actor.membership.admit(knocker.membership.memberId);
    if (!(await made).ok || !(await actor.commit(made))) return false;
    this.welcomed.push({ member: knocker, snapshot: this.log.snapshot });
    return true;
  }

  async #enter(): Promise<boolean> {
    const next = this.welcomed.shift();
    if (next === undefined) return false;
    await next.member.read();
    await next.member.enter(next.snapshot);
    this.inside.push(next.member);
    return true;
  }

  async #comeBack(): Promise<boolean> {
    const member = this.outside.shift();
    if (member === undefined) return false;
    const refusal = await member.join(true).then(() => undefined, ifImpossible);
    if (refusal === undefined) this.inside.push(member);
    else this.outside.push(member);
    return refusal === undefined;
  }

  #junk(): boolean {
    const { random } = this.log;
    const upload = { id: random.bytes(16), frameSize: 3, bodies: [random.bytes(4_068)], snapshot: random.bytes(4_096) };
    return this.log.commit(upload, this.log.commitNumber) === 'accepted';
  }
}

function isEvicted(member: GroupReader): boolean {
  return member.news?.kind === 'removed' && member.news.reason === 'evicted';
}

/** A refused snapshot is a valid result of a step. Any other error is a fault. */
function ifImpossible(error: unknown): string {
  const codes = ['policy-knock', 'policy-locked', 'snapshot-foreign', 'group-full', 'member-alone'];
  if (error instanceof Error && codes.includes(error.message)) return error.message;
  throw error;
}

/** A member that reads of its own removal in this step does nothing more. */
function ifRemoved(actor: GroupReader): (error: unknown) => false {
  return (error) => {
    if (actor.membership.view === undefined) return false;
    throw error;
  };
}

async function play(seed: number, steps: readonly Step[]): Promise<Scene> {
  const { log, members } = await room(seed, ['anna', 'ben']);
  const scene = new Scene(log, members);
  for (const each of steps) await scene.perform(each);
  while (scene.welcomed.length > 0) await scene.perform({ deed: 'enter', who: 0, other: 0 });
  await readAll(scene.inside);
  await scene.settle();
  return scene;
}

test('members, leavers, joiners and a moderator act in any order, and all members see one room', async () => {
  const deeds = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1_000_000),
      fc.array(step, { minLength: 15, maxLength: 45, size: 'max' }),
      async (seed, steps) => {
        const { inside, done } = await play(seed, steps);
        for (const deed of done) deeds.add(deed);
        const [first, ...others] = inside;
        if (first === undefined) return;
        for (const other of others) expect(viewOf(other)).toEqual(viewOf(first));
        await first.send('the last words');
        await readAll(others);
        for (const other of others) expect(other.heard.at(-1)).toBe('the last words');
        await first.rotate();
        await readAll(others);
        const views = inside.filter((member) => member.membership.view !== undefined).map(viewOf);
        for (const view of views) expect(view).toEqual(views[0]);
        for (const member of inside) member.membership.destroy();
      },
    ),
    { numRuns: RUNS },
  );
  // Control: more than half of the kinds of steps had an effect.
  expect(deeds.size).toBeGreaterThan(DEEDS.length / 2);
});
