// Hidden orders: sent in a slot, remembered by all members that receive them, carried by the next
// committer. PROTOCOL.md §5.9, §12.5.

import { nativeCrypto } from '@sotto/crypto/native';
import { proveLeave } from '@sotto/crypto/mls';
import { DWELL_MOST_MS, stealthShape } from '@sotto/protocol';
import type { PlainAccess, StealthCover } from '@sotto/protocol';
import { OrderSigner, SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { GroupMembership } from '../src/group/membership.ts';
import type { Upload } from '../src/group/worker-tasks.ts';
import { NO_LOG_HASH, GroupLog, openCommit, readAll, expectOneView, inhabited } from './group-room.ts';
import type { GroupReader } from './group-room.ts';
import { hostOf } from '@sotto/fixtures/memory-host';
import { Room, statesOf, told } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';

/** So many of the first members and of the last read in a full room. The others are leaves alone. */
const READERS = 2;

function saying(speaker: GroupReader, order: PlainAccess): Promise<void> {
  return speaker.publish(() => ({ type: 'order', order }));
}

const modes = (members: readonly GroupReader[]): string[] => members.map(({ view }) => view.access);

describe('an order sent as a content', () => {
  test('holds for all members and later joiners as soon as a member that received it commits', async () => {
    const { log, members, person } = await inhabited(40, ['anna', 'ben', 'carla']);
    await saying(person('anna'), log.moderator.access('knock'));
    await readAll(members);
    expect(modes(members)).toEqual(['open', 'open', 'open']);
    await person('carla').rotate();
    await readAll(members);
    expect(modes(members)).toEqual(['knock', 'knock', 'knock']);
    expectOneView(members);
    // The next commit has no order to carry.
    const before = log.entries.length;
    await person('ben').rotate();
    expect(person('ben').opened.slice(before - log.entries.length)).not.toContainEqual(
      expect.objectContaining({ code: 'noted' }),
    );
    const late = await log.member('late');
    expect(await late.membership.join(log.snapshot?.bytes ?? new Uint8Array(0), false)).toEqual({
      ok: false,
      code: 'policy-knock',
    });
  });

  test('is carried by a removal, an admission, and another order', async () => {
    const { log, members, person } = await inhabited(41, ['anna', 'ben', 'carla']);
    await saying(person('anna'), log.moderator.access('knock'));
    await readAll(members);
    await person('anna').callRoll();
    await person('ben').read();
    await person('ben').send('here');
    await person('anna').read();
    await person('anna').removeSilent();
    await person('ben').read();
    const both = [person('anna'), person('ben')];
    expect(modes(both)).toEqual(['knock', 'knock']);
    const dora = await log.member('dora');
    await dora.knock();
    await readAll(both);
    await saying(person('ben'), log.moderator.access('open'));
    await readAll(both);
    await person('anna').admit(dora);
    await readAll([...both, dora]);
    await dora.enter();
    expect(modes([...both, dora])).toEqual(['open', 'open', 'open']);
    const lock = log.moderator.access('locked');
    await saying(dora, lock);
    await readAll(both);
    await person('anna').order(person('anna').evictionOf(dora.membership.memberId));
    await person('ben').read();
    expect(modes(both)).toEqual(['locked', 'locked']);
  });

  test('survives its sender, a refused commit, and members that did not hear it', async () => {
    const { log, members, person } = await inhabited(42, ['anna', 'ben', 'carla']);
    await saying(person('anna'), log.moderator.access('locked'));
    await readAll(members);
    await person('anna').leave();
    await readAll(members);
    const newcomer = await log.member('dora');
    await newcomer.join();
    await readAll(members);
    // Control: a member that did not receive the order does not carry it, so the epoch does not
    // hold it.
    await newcomer.rotate();
    const others = [person('ben'), person('carla'), newcomer];
    await readAll(others);
    expect(modes(others)).toEqual(['open', 'open', 'open']);
    // Ben's commit comes second and is refused.
    const bens = await person('ben').membership.rotate();
    if (!bens.ok) throw new Error(bens.code);
    await newcomer.rotate();
    expect(log.commit(bens.value, person('ben').commitNumber)).toBe('conflict');
    person('ben').membership.clear();
    await readAll(others);
    expect(modes(others)).toEqual(['open', 'open', 'open']);
    await person('ben').rotate();
    await readAll(others);
    expect(modes(others)).toEqual(['locked', 'locked', 'locked']);
    expectOneView(others);
  });

  test('counts if it has the highest number, whatever is sent again', async () => {
    const { log, members, person } = await inhabited(43, ['anna', 'ben']);
    const [lock, open] = [log.moderator.access('locked'), log.moderator.access('open')];
    await saying(person('anna'), open);
    await saying(person('anna'), lock);
    await readAll(members);
    await person('ben').rotate();
    await readAll(members);
    expect([modes(members), person('anna').view.order]).toEqual([['open', 'open'], open.number]);
    // Control: a higher order of the same sender is carried.
    await saying(person('anna'), lock);
    await saying(person('anna'), log.moderator.access('knock'));
    await saying(person('anna'), open);
    await readAll(members);
    await person('ben').rotate();
    await readAll(members);
    expect(modes(members)).toEqual(['knock', 'knock']);
    // An old order counts for no member any more.
    await saying(person('ben'), lock);
    await readAll(members);
    await person('anna').rotate();
    await readAll(members);
    expect(modes(members)).toEqual(['knock', 'knock']);
  });

  test('is ignored if it is not the moderator’s, or another room’s', async () => {
    const { log, members, person } = await inhabited(44, ['anna', 'ben']);
    const order = log.moderator.access('locked');
    const forged: readonly PlainAccess[] = [
      { ...order, mode: 'knock' },
      { ...order, number: order.number + 1 },
      new GroupLog(440).moderator.access('locked', 9),
      new OrderSigner(new Uint8Array(32).fill(7), log.roomId).access('locked', 9),
    ];
    for (const one of forged) await saying(person('anna'), one);
    await readAll(members);
    for (const member of members) await member.rotate();
    await readAll(members);
    expect([modes(members), person('ben').view.order]).toEqual([['open', 'open'], 0]);
    // Control: the same order with the moderator's own signature is carried.
    await saying(person('anna'), order);
    await readAll(members);
    await person('ben').rotate();
    await readAll(members);
    expect(modes(members)).toEqual(['locked', 'locked']);
  });
});

describe('an order in a full stealth room', () => {
  /** As many members as the room can hold, and a log that the test writes. */
  async function full(cover: StealthCover): Promise<{
    readonly members: GroupMembership[];
    readonly signer: OrderSigner;
    readonly take: (made: Awaited<ReturnType<GroupMembership['rotate']>>) => Promise<Upload>;
    readonly say: (speaker: GroupMembership, order: PlainAccess) => Promise<void>;
    readonly leave: (speaker: GroupMembership) => Promise<void>;
  }> {
    const random = new SeededRandom(9).bytes;
    const roomId = new Uint8Array(16);
    const signer = new OrderSigner(random(32), roomId);
    const surroundings = {
      crypto: nativeCrypto,
      suite: 'x-wing',
      random,
      moderatorKey: signer.publicKey,
      cover,
    } as const;
    const open = (): Promise<GroupMembership> =>
      GroupMembership.open({ roomSecret: new Uint8Array(32), roomId, ...surroundings });
    const founder = await open();
    let { snapshot } = await founder.found();
    founder.destroy();
    const members: GroupMembership[] = [];
    const commit = async (bodies: readonly Uint8Array[]): Promise<void> => {
      for (const member of members) await openCommit(member, bodies);
    };
    const publish = async (body: Uint8Array): Promise<void> => {
      for (const member of members) await member.open(body);
    };
    const take = async (made: Awaited<ReturnType<GroupMembership['rotate']>>): Promise<Upload> => {
      if (!made.ok) throw new Error(made.code);
      await commit(made.value.bodies);
      snapshot = made.value.snapshot;
      return made.value;
    };
    const places = stealthShape(cover).members;
    for (let place = 0; place < places; place += 1) {
      const member = await open();
      const made = await member.join(snapshot, false);
      const reads = place < READERS || place >= places - READERS;
      if (reads) members.push(member);
      if (!made.ok) throw new Error(made.code);
      await commit(made.value.bodies);
      if (!reads) member.destroy();
      snapshot = made.value.snapshot;
    }
    let number = 0;
    const say = async (speaker: GroupMembership, order: PlainAccess): Promise<void> => {
      number += 1;
      await publish(await speaker.seal({ type: 'order', number, ...NO_LOG_HASH, order }));
    };
    const leave = async (speaker: GroupMembership): Promise<void> => {
      number += 1;
      const { signature } = proveLeave(speaker.identity, roomId);
      const goodbye = { type: 'presence', status: 'leaving', name: 'x', signature } as const;
      await publish(await speaker.seal({ ...goodbye, number, ...NO_LOG_HASH }));
    };
    return { members, signer, take, say, leave };
  }

  test.each(['stealth-4', 'stealth-32'] as const)(
    'travels in a commit that has the size of all others: %s',
    async (cover) => {
      const { members, signer, take, say } = await full(cover);
      const [anna, ben] = members;
      if (anna === undefined || ben === undefined) throw new Error('nobody came');
      const { commitFrames, snapshotBytes } = stealthShape(cover);
      const sizeOf = ({ bodies, snapshot }: Upload): number[] => [bodies.length, snapshot.length];
      const expected = [commitFrames, snapshotBytes];
      expect(sizeOf(await take(await ben.rotate()))).toEqual(expected);
      for (const member of [anna, ben, members.at(-1) ?? anna]) {
        await say(anna, signer.access('locked'));
        expect(sizeOf(await take(await member.rotate()))).toEqual(expected);
        expect(members.map(({ view }) => view?.access)).toEqual(members.map(() => 'locked'));
        await say(anna, signer.access('open'));
        expect(sizeOf(await take(await ben.rotate()))).toEqual(expected);
        expect(members.map(({ view }) => view?.access)).toEqual(members.map(() => 'open'));
      }
      for (const member of members) member.destroy();
    },
  );

  test('waits for the next commit if it would make the upload longer', async () => {
    const { members, signer, take, say, leave } = await full('stealth-16');
    const [anna, ben] = members;
    if (anna === undefined || ben === undefined) throw new Error('nobody came');
    const { commitFrames } = stealthShape('stealth-16');
    await take(await ben.rotate());
    // The authorizations and the commit fill the upload.
    for (const leaver of members.slice(-2)) await leave(leaver);
    const removed = members.splice(-2);
    await say(anna, signer.access('locked'));
    const before = members.map(({ view }) => view?.access);
    expect((await take(await ben.rotate())).bodies).toHaveLength(commitFrames);
    expect(members.map(({ view }) => [view?.access, view?.members.length])).toEqual(before.map((mode) => [mode, 14]));
    expect((await take(await anna.rotate())).bodies).toHaveLength(commitFrames);
    expect(members.map(({ view }) => view?.access)).toEqual(members.map(() => 'locked'));
    for (const member of [...members, ...removed]) member.destroy();
  });
});

// With clients

const COVER = 'stealth-4';
const TURN_MS = stealthShape(COVER).keyRotationMs;

async function openRoom(names: readonly string[]): Promise<{ room: Room; host: RoomMember; guests: RoomMember[] }> {
  const rehearsal = new Room({ seed: 1, cover: COVER });
  const host = await rehearsal.join('Host', { moderator: hostOf(rehearsal) });
  await rehearsal.clock.advance(DWELL_MOST_MS);
  const guests: RoomMember[] = [];
  for (const name of names) {
    guests.push(await rehearsal.join(name));
    await rehearsal.clock.advance(DWELL_MOST_MS);
  }
  return { room: rehearsal, host, guests };
}

function uploads({ writes }: RoomMember, since: number): number[] {
  return [...new Set(writes.flatMap(({ at, bytes }) => (bytes === 4_096 && at >= since ? [at] : [])))];
}

const accessOf = (seat: RoomMember): string[] => told(seat, 'access').map(({ mode }) => mode);

describe('a host that gives an order in stealth', () => {
  test('sees the expected time, and an event when it holds; no extra frame is sent', async () => {
    const { room: rehearsal, host, guests } = await openRoom(['Anna', 'Ben']);
    const seats = [host, ...guests];
    await rehearsal.clock.advance(TURN_MS);
    const begun = rehearsal.clock.now();
    host.client.setAccess('locked');
    await rehearsal.clock.advance(10_000);
    const [deferred] = told(host, 'deferred');
    expect(told(host, 'moderated')).toEqual([]);
    expect(seats.map((seat) => uploads(seat, begun))).toEqual([[], [], []]);
    const seconds = deferred?.seconds ?? 0;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(TURN_MS / 1_000);
    await rehearsal.clock.advance(seconds * 1_000);
    expect(seats.map(accessOf)).toEqual([['locked'], ['locked'], ['locked']]);
    expect(told(host, 'moderated')).toEqual([{ type: 'moderated', what: 'access' }]);
    expect(seats.flatMap((seat) => uploads(seat, begun))).toHaveLength(1);
    const late = await rehearsal.join('Late');
    await rehearsal.clock.advance(1_000);
    expect(statesOf(late).at(-1)).toBe('closed room-locked');
    expect(told(host, 'error')).toEqual([]);
  });

  test('may leave, and another member carries the order', async () => {
    const { room: rehearsal, host, guests } = await openRoom(['Anna', 'Ben']);
    host.client.setAccess('knock');
    await rehearsal.clock.advance(0);
    host.client.leave();
    await rehearsal.clock.advance(DWELL_MOST_MS + 20_000);
    expect(statesOf(host).at(-1)).toBe('closed');
    await rehearsal.clock.advance(TURN_MS);
    expect(guests.map(accessOf)).toEqual([['knock'], ['knock']]);
  });

  test('may give another order: the last one counts, and is reported once', async () => {
    const { room: rehearsal, host, guests } = await openRoom(['Anna']);
    host.client.setAccess('locked');
    await rehearsal.clock.advance(5_000);
    host.client.setAccess('knock');
    host.client.setAccess('open');
    await rehearsal.clock.advance(5_000);
    host.client.setAccess('knock');
    await rehearsal.clock.advance(2 * TURN_MS);
    expect(guests.map(accessOf)).toEqual([['knock']]);
    expect(told(host, 'deferred')).toHaveLength(4);
    expect(told(host, 'moderated')).toHaveLength(1);
  });

  test('is obeyed even if frames are refused and connections break', async () => {
    const { room: rehearsal, host, guests } = await openRoom(['Anna']);
    // No frame of the host gets through for a while. Then its connection breaks with the order on
    // it.
    rehearsal.relay.keeps = ({ connection }) => connection !== host.connection();
    host.client.setAccess('locked');
    await rehearsal.clock.advance(3_000);
    rehearsal.relay.moveCommitNumber();
    await rehearsal.clock.advance(3_000);
    rehearsal.relay.keeps = () => true;
    host.streams.at(-1)?.cut();
    await rehearsal.clock.advance(30_000);
    expect(guests.map(accessOf)).toEqual([[]]);
    await rehearsal.clock.advance(2 * TURN_MS);
    expect(guests.map(accessOf)).toEqual([['locked']]);
    expect(told(host, 'moderated')).toHaveLength(1);
  });

  test('is obeyed alone in the room, and before its join is confirmed', async () => {
    const { room: rehearsal, host } = await openRoom([]);
    host.client.setAccess('knock');
    await rehearsal.clock.advance(TURN_MS + 10_000);
    expect(accessOf(host)).toEqual(['knock']);
    const other = new Room({ seed: 2, cover: COVER });
    const anna = await other.join('Anna');
    await other.clock.advance(DWELL_MOST_MS);
    const late = await other.join('Host', { moderator: hostOf(other) });
    late.client.setAccess('locked');
    await other.clock.advance(2 * TURN_MS);
    expect([anna, late].map(accessOf)).toEqual([['locked'], ['locked']]);
    expect(statesOf(late).at(-1)).toBe('joined');
  });
});
