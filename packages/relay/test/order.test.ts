import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Append, AppendAnswer } from '../src/store/room-store.ts';
import { fingerprint, makeBody, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';
import { openRelay, passTimeDuring } from './relay-fixture.ts';

const MEMBERS = 4;

/**
 * Takes a number of turns of the event loop for each append, and now and then fails before or after
 * it has stored.
 */
class MoodyStore extends WatchedStore {
  moods: readonly number[] = [];
  #asked = 0;

  override async append(roomId: Uint8Array, append: Append): Promise<AppendAnswer> {
    const mood = this.moods[(this.#asked += 1) % this.moods.length] ?? 0;
    for (let turn = 0; turn < mood; turn += 1) await turnOver();
    if (mood === 5) this.empty();
    this.losesAnswers = mood === 6;
    return super.append(roomId, append);
  }
}

async function turnOver(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** What the members of a room do, one after the other, each as soon as it may. */
const arbitraryAction = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      who: fc.nat(MEMBERS - 1),
      sizes: fc.array(fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const), { minLength: 1, maxLength: 24 }),
      cut: fc.nat(4_096),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), who: fc.nat(MEMBERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop-reading' as const), who: fc.nat(MEMBERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read-on' as const), who: fc.nat(MEMBERS - 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), turns: fc.nat(8) }) },
);

type Action = typeof arbitraryAction extends fc.Arbitrary<infer Value> ? Value : never;

/** One member over all its connections: what it has seen so far, and where it goes on. */
interface Life {
  member: TestMember;
  readonly seen: string[];
}

/** Moves what has arrived on the connection to what its member has seen. */
function note(life: Life): void {
  const entries = life.member.received.filter(({ operation }) => operation === 'entry');
  life.seen.push(...entries.map(({ number, body }) => `${number} ${fingerprint(body)}`));
}

/** Waits until it has seen so many entries over all its connections. */
async function seeAll(life: Life, count: number): Promise<void> {
  const seen = (): number => life.member.received.filter(({ operation }) => operation === 'entry').length;
  while (life.seen.length + seen() < count) {
    if (life.member.closed) throw new Error(`closed: ${life.member.received.at(-1)?.code ?? ''}`);
    await turnOver();
  }
}

test('each member sees every acknowledged frame once and in one order, however members come, go, resume, or stop reading', async () => {
  const store = new MoodyStore();
  const fixture = await openRelay({ store });
  const run = async (room: TestRoom, actions: readonly Action[]): Promise<void> => {
    const lives: Life[] = [];
    for (let who = 0; who < MEMBERS; who += 1) lives.push({ member: await fixture.join(room, 1), seen: [] });
    for (const action of actions) {
      fixture.clock.tick(20);
      if (action.kind === 'wait') {
        for (let turn = 0; turn < action.turns; turn += 1) await turnOver();
        continue;
      }
      const life = lives[action.who];
      if (life === undefined) continue;
      switch (action.kind) {
        case 'publish': {
          const bytes = Buffer.concat(action.sizes.map((size) => publishFrame(makeBody(size))));
          life.member.send(bytes.subarray(0, action.cut));
          await turnOver();
          life.member.send(bytes.subarray(action.cut));
          break;
        }
        case 'resume': {
          // The relay has read all that it sent; the echoes it may miss, and find in the log.
          life.member.socket.resume();
          await passTimeDuring(fixture.clock, life.member.ping());
          note(life);
          await life.member.leave();
          life.member = fixture.member();
          await life.member.attach(room, life.seen.length + 1);
          break;
        }
        case 'stop-reading':
          life.member.socket.pause();
          break;
        case 'read-on':
          life.member.socket.resume();
          break;
      }
    }
    for (const { member } of lives) member.socket.resume();
    const published = actions.reduce((sum, action) => sum + (action.kind === 'publish' ? action.sizes.length : 0), 0);
    await passTimeDuring(fixture.clock, Promise.all(lives.map((life) => seeAll(life, published))));
    const stored = await fixture.store.read(room.roomId, 1, 100_000_000);
    expect(stored.length).toBe(published);
    for (const life of lives) {
      note(life);
      expect(life.seen).toEqual(stored.map(({ number, body }) => `${number} ${fingerprint(body)}`));
      await life.member.leave();
    }
  };
  const inRoom = async (actions: readonly Action[], moods: readonly number[]): Promise<void> => {
    const room = await fixture.room();
    // A good one comes round again: a store that never does what it is asked is given up, and that
    // is another test.
    store.moods = [...moods, 0];
    try {
      await run(room, actions);
    } finally {
      store.moods = [0];
      store.losesAnswers = false;
      await fixture.host.ask({ operation: 'close', roomId: room.roomId });
    }
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryAction, { minLength: 5, maxLength: 40 }),
      fc.array(fc.nat(6), { minLength: 1, maxLength: 8 }),
      inRoom,
    ),
    { numRuns: 60 },
  );
  expect(fixture.events).not.toContain('connection-failed');
  expect(fixture.events).not.toContain('room-failed');
  // The store was as moody as it should be.
  expect(fixture.events).toEqual(expect.arrayContaining(['room-reseeded', 'store-lost', 'store-back']));
});
