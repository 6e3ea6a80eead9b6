import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCommittedBody, UPLOADS_PER_ROOM_MAX } from '@sotto/protocol';
import type { CommittedBody, Frame } from '@sotto/protocol';
import type { Append, AppendAnswer, Commit } from '../src/store/room-store.ts';
import { fingerprint, makeBody, makeCommit, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestCommit, TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';
import { openRelay, passTimeDuring } from './relay-fixture.ts';

const MEMBERS = UPLOADS_PER_ROOM_MAX;

/**
 * Takes its turns of the event loop, and now and then loses everything before, or its answer after,
 * whatever it is asked.
 */
class MoodyStore extends WatchedStore {
  moods: readonly number[] = [0];
  #asked = 0;

  override async append(roomId: Uint8Array, append: Append): Promise<AppendAnswer> {
    await this.#brood();
    return super.append(roomId, append);
  }

  override async commit(roomId: Uint8Array, commit: Commit): Promise<AppendAnswer> {
    await this.#brood();
    return super.commit(roomId, commit);
  }

  async #brood(): Promise<void> {
    const mood = this.moods[(this.#asked += 1) % this.moods.length] ?? 0;
    for (let turn = 0; turn < mood; turn += 1) await turnOver();
    if (mood === 5) this.empty();
    this.losesAnswers = mood === 6;
  }
}

async function turnOver(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const arbitraryAction = fc.record({
  kind: fc.constantFrom('publish', 'publish', 'commit', 'wait'),
  who: fc.nat(MEMBERS - 1),
});
type Action = typeof arbitraryAction extends fc.Arbitrary<infer Value> ? Value : never;

/** The commit number that a member knows by what it has heard. */
function known(member: TestMember): number {
  const told = member.received.map(({ operation, number, body }) => {
    if (operation === 'refused') return number;
    return operation === 'committed' ? placeOf(body).commitNumber : 0;
  });
  return Math.max(0, ...told);
}

function placeOf(body: Uint8Array): CommittedBody {
  const decoded = decodeCommittedBody(body);
  if (!decoded.ok) throw new Error(decoded.code);
  return decoded.value;
}

/** Of a frame as it was published or staged. */
function printOf({ operation, body }: Pick<Frame, 'operation' | 'body'>): string {
  return fingerprint(operation === 'committed' ? placeOf(body).envelope : body);
}

test('all members see one order, each frame once, and one answer to each request, whatever happens to the store', async () => {
  const store = new MoodyStore();
  const fixture = await openRelay({ store });
  let won = 0;
  let lost = 0;

  const run = async (room: TestRoom, actions: readonly Action[]): Promise<void> => {
    const members: TestMember[] = [];
    while (members.length < MEMBERS) members.push(await fixture.join(room, 1));
    const published: string[][] = members.map(() => []);
    const commits: (TestCommit & { readonly who: number })[] = [];
    const busy = new Set<number>();
    for (const { kind, who } of actions) {
      fixture.clock.tick(20);
      const member = members[who];
      if (member === undefined) continue;
      if (kind === 'wait') for (let turn = 0; turn < 4; turn += 1) await turnOver();
      if (kind === 'publish') {
        const body = makeBody();
        published[who]?.push(fingerprint(body));
        member.send(publishFrame(body, known(member)));
      }
      if (kind === 'commit' && !busy.has(who)) {
        const made = { ...makeCommit({ frames: 3, size: 0, snapshotBytes: 5_000 }), who };
        commits.push(made);
        busy.add(who);
        member.commit(made, known(member));
      }
    }
    await passTimeDuring(fixture.clock, Promise.all(members.map((member, index) => member.ping(100 + index))));
    // Each thing has its answer, an echo or a refusal, when the log ends with what is said last.
    const answers = (who: number): string[] =>
      members[who]?.received
        .filter(({ operation }) => operation === 'entry' || operation === 'committed' || operation === 'refused')
        .map(printOf) ?? [];
    const nonces = (who: number): string[] =>
      members[who]?.received
        .filter(({ operation }) => operation === 'refused')
        .map(({ body }) => Buffer.from(body.subarray(0, 16)).toString('hex')) ?? [];
    const isAnswered = (made: TestCommit & { readonly who: number }): boolean =>
      answers(made.who).includes(fingerprint(made.bodies[2] ?? made.snapshot)) ||
      nonces(made.who).includes(Buffer.from(made.uploadId).toString('hex'));
    const settled = async (): Promise<void> => {
      const total = published.reduce((sum, bodies) => sum + bodies.length, 0);
      for (;;) {
        const stale = members.reduce(
          (sum, { received }) => sum + received.filter(({ code }) => code === 'stale').length,
          0,
        );
        const echoed = published.reduce(
          (sum, prints, who) => sum + prints.filter((print) => answers(who).includes(print)).length,
          0,
        );
        if (stale + echoed === total && commits.every(isAnswered)) return;
        await turnOver();
      }
    };
    await passTimeDuring(fixture.clock, settled());

    const record = await fixture.store.load(room.roomId);
    const log = await fixture.store.read(room.roomId, 1, 100_000_000);
    const prints = log.map(printOf);
    const winners = commits.filter(({ bodies }) => prints.includes(fingerprint(bodies[0] ?? makeBody())));
    expect(record?.commitNumber).toBe(winners.length);
    // One answer to each: what is in the log was not refused, and what is not was, once.
    for (const made of commits) {
      const refusals = nonces(made.who).filter((nonce) => nonce === Buffer.from(made.uploadId).toString('hex'));
      expect(refusals.length).toBe(winners.includes(made) ? 0 : 1);
    }
    for (const { bodies } of winners) {
      const at = prints.indexOf(fingerprint(bodies[0] ?? makeBody()));
      expect(prints.slice(at, at + 3)).toEqual(bodies.map(fingerprint));
    }
    const inOrder = [...winners].sort(
      (a, b) =>
        prints.indexOf(fingerprint(a.bodies[0] ?? a.snapshot)) - prints.indexOf(fingerprint(b.bodies[0] ?? b.snapshot)),
    );
    const last = inOrder.at(-1);
    if (last !== undefined) expect(fingerprint(record?.snapshot.bytes ?? makeBody())).toBe(fingerprint(last.snapshot));
    expect(new Set(prints).size).toBe(prints.length);
    // Each frame of a commit is in the log with its place in it, and nothing else is.
    const places = log.flatMap(({ operation, body }) => (operation === 'committed' ? [placeOf(body)] : []));
    expect(places.map(({ commitNumber, index, count }) => [commitNumber, index, count])).toEqual(
      inOrder.flatMap((_, won) => [0, 1, 2].map((index) => [won + 1, index, 3])),
    );
    expect(places.map(({ envelope }) => fingerprint(envelope))).toEqual(
      inOrder.flatMap(({ bodies }) => bodies.map(fingerprint)),
    );
    // Everybody saw the log as the store has it.
    const outline = ({ operation, number, body }: Pick<Frame, 'operation' | 'number' | 'body'>): string =>
      `${operation} ${number} ${fingerprint(body)}`;
    const expected = log.map(outline);
    for (const [who, member] of members.entries()) {
      const logged = (): Frame[] =>
        member.received.filter(({ operation }) => operation === 'entry' || operation === 'committed');
      while (logged().length < log.length) await turnOver();
      expect(logged().map(outline)).toEqual(expected);
      // What a member published is in the log in the order in which it was published.
      const own = prints.filter((print) => published[who]?.includes(print) === true);
      expect(own).toEqual(published[who]?.filter((print) => own.includes(print)));
      await member.leave();
    }
    won += winners.length;
    lost += commits.length - winners.length;
  };

  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryAction, { minLength: 5, maxLength: 60 }),
      fc.array(fc.nat(6), { minLength: 1, maxLength: 8 }),
      async (actions, moods) => {
        const room = await fixture.room();
        store.moods = [...moods, 0];
        try {
          await run(room, actions);
        } finally {
          store.moods = [0];
          store.losesAnswers = false;
          await fixture.host.ask({ operation: 'close', roomId: room.roomId });
        }
      },
    ),
    { numRuns: 60 },
  );
  expect(fixture.events).not.toContain('connection-failed');
  expect(fixture.events).not.toContain('room-failed');
  // It was as bad as it should be, and there were winners and losers.
  expect(fixture.events).toEqual(expect.arrayContaining(['room-reseeded', 'store-lost', 'store-back']));
  expect(Math.min(won, lost)).toBeGreaterThan(20);
});
