import { GROUP_SKIPPED_MESSAGES_MAX, proveLeave } from '@sotto/crypto/mls';
import type { CommitFacts, GroupMember } from '@sotto/crypto/mls';
import { sealEnvelope } from '@sotto/crypto';
import { encodeGroupPlaintext } from '@sotto/protocol';
import type { Access, CommitPlace, GroupPlaintext, LeaveProof, SignedOrder } from '@sotto/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addGroupInfo,
  addLeave,
  addOrder,
  addPiece,
  beforeGroupInfo,
  EMPTY_BUNDLE,
  collectPiece,
} from '../src/group/commit-bundle.ts';
import type { CommitBundle } from '../src/group/commit-bundle.ts';
import { accessAfter, validateCommit } from '../src/group/commit-policy.ts';
import type { Evidence } from '../src/group/commit-policy.ts';
import { AUTHORIZATIONS_MAX } from '../src/limits.ts';
import { OwnMessages } from '../src/group/own-messages.ts';
import { hear, mayRemoveSilent, unheard } from '../src/group/roll-call.ts';
import type { RollCall } from '../src/group/roll-call.ts';
import { NO_LOG_HASH, named, readAll, room, viewOf } from './group-room.ts';
import type { GroupLog } from './group-room.ts';
import { Rogue } from './group-rogue.ts';

const member = (index: number): GroupMember => ({
  memberId: new Uint8Array(16).fill(index),
  memberKey: new Uint8Array(32).fill(index),
  leafIndex: index,
});
const roster = [1, 2, 3, 4, 5].map(member);
const proof: LeaveProof = { memberId: new Uint8Array(16), signature: new Uint8Array(64) };
const order = (number: number): SignedOrder => ({
  type: 'access',
  number,
  mode: 'locked',
  signature: new Uint8Array(64),
});

describe('a roll call', () => {
  test('begins with the first call, and counts the members heard from then on', () => {
    let roll: RollCall = hear(undefined, member(1).memberId, false);
    expect(roll).toBeUndefined();
    expect(unheard(roll, roster)).toEqual([]);
    roll = hear(roll, member(2).memberId, true);
    roll = hear(roll, member(3).memberId, false);
    expect(unheard(roll, roster)).toEqual([1, 4, 5].map(member));
    // A second roll call keeps the members heard since the first.
    expect(hear(roll, member(3).memberId, true)).toBe(roll);
  });

  test('lets a commit remove only unheard members, and only if most of the others were heard', () => {
    fc.assert(
      fc.property(fc.subarray(roster), fc.subarray(roster), fc.constantFrom(...roster), (heard, silent, committer) => {
        const roll = heard.reduce<RollCall>((taken, one) => hear(taken, one.memberId, true), undefined);
        const staying = roster.filter((one) => !silent.includes(one));
        const answered = staying.filter((one) => heard.includes(one) || one === committer);
        const expected =
          heard.length > 0 && !silent.some((one) => heard.includes(one)) && answered.length > staying.length / 2;
        expect(mayRemoveSilent(roll, committer, silent, staying)).toBe(expected);
      }),
    );
  });

  test('lets a lone caller remove all other members if none answers', () => {
    const roll = hear(undefined, member(1).memberId, true);
    expect(mayRemoveSilent(roll, member(1), roster.slice(1), roster.slice(0, 1))).toBe(true);
  });
});

describe('a commit', () => {
  const evidence: Evidence = {
    roomId: new Uint8Array(16),
    access: { mode: 'open' },
    authorizations: EMPTY_BUNDLE,
    rollCall: undefined,
    leaveProofs: [],
  };
  const facts: CommitFacts = { kind: 'member', epoch: 1n, committer: member(1), added: [], removed: [], roster };

  test('is validated by the access mode that holds when it is made', () => {
    const judge = (access: Evidence['access'], change: Partial<CommitFacts>): string =>
      validateCommit({ ...evidence, access }, { ...facts, ...change });
    const listed = [member(1).memberId, member(7).memberId];
    const modes: Access[] = [{ mode: 'open' }, { mode: 'knock' }, { mode: 'locked' }, { mode: 'listed', listed }];
    const answers = modes.map((access) => [
      judge(access, {}),
      judge(access, { kind: 'join' }),
      judge(access, { kind: 'resync' }),
      judge(access, { added: [member(9)] }),
    ]);
    expect(answers).toEqual([
      ['accept', 'accept', 'accept', 'policy-add'],
      ['accept', 'policy-knock', 'accept', 'accept'],
      ['accept', 'policy-locked', 'accept', 'policy-locked'],
      ['accept', 'accept', 'accept', 'accept'],
    ]);
    // In a listed room a stranger joins as in mode knock.
    const [, knock, , inList] = modes;
    for (const access of [knock, inList]) {
      if (access === undefined) throw new Error('no mode');
      expect(judge(access, { kind: 'join', committer: member(9) })).toBe('policy-knock');
    }
  });

  test('with an evict order is taken of the first listed member, if nobody else is in the next epoch', () => {
    const ids = roster.map(({ memberId }) => memberId);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(ids),
        fc.subarray(roster),
        fc.constantFrom(...roster),
        fc.subarray([member(1), member(9)]),
        (listed, gone, committer, added) => {
          const removed = gone.filter((one) => one !== committer);
          const evict = { type: 'evict', number: 1, memberId: member(8).memberId, listed, signature: proof.signature };
          const orders = [evict as SignedOrder];
          // Each listed member has also left, so nothing but the order decides.
          const leaves = roster.map(({ memberId }) => ({ ...proof, memberId }));
          const after = [...roster.filter((one) => !removed.includes(one)), ...added];
          const isTaken =
            listed[0]?.[0] === committer.leafIndex &&
            after.every(({ leafIndex }) => listed.some(([number]) => number === leafIndex));
          const answer = validateCommit(
            { ...evidence, access: { mode: 'knock' }, authorizations: { leaves, orders } },
            { ...facts, committer, removed, added },
          );
          expect(answer).toBe(isTaken ? 'accept' : 'policy-evict');
        },
      ),
      { examples: [[ids, [], member(1), []]] },
    );
  });

  test('takes the access order with the highest number, in whatever order they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { maxLength: 6 }),
        fc.option(fc.nat(20), { nil: undefined }),
        (numbers, held) => {
          const before = held === undefined ? undefined : order(held);
          const access = before?.type === 'access' ? before : undefined;
          const after = accessAfter(access, { leaves: [], orders: numbers.map(order) });
          const expected = Math.max(...numbers, held ?? -1);
          expect(after?.number ?? -1).toBe(expected);
        },
      ),
    );
  });
});

describe('the bundle before a commit', () => {
  const piece = (index: number, count: number): { index: number; count: number; bytes: Uint8Array } => ({
    index,
    count,
    bytes: Uint8Array.of(index),
  });

  test('yields the commit with its last piece, and the authorizations before it', () => {
    let bundle: CommitBundle = addOrder(addLeave(EMPTY_BUNDLE, proof), order(3));
    for (const index of [0, 1]) {
      const taken = addPiece(bundle, piece(index, 3));
      expect(taken.commit).toBeUndefined();
      bundle = taken.bundle;
    }
    const { bundle: whole, commit } = addPiece(bundle, piece(2, 3));
    expect(commit).toEqual(Uint8Array.of(0, 1, 2));
    expect([whole.leaves.length, whole.orders.length]).toEqual([1, 1]);
  });

  test('is lost with a piece out of order; a first piece begins another without authorizations', () => {
    const begun = addPiece(addLeave(EMPTY_BUNDLE, proof), piece(0, 3)).bundle;
    expect(addPiece(begun, piece(2, 3))).toEqual({ bundle: EMPTY_BUNDLE, commit: undefined });
    const again = addPiece(begun, piece(0, 2));
    expect([again.bundle.pieces.length, again.bundle.leaves.length]).toEqual([1, 0]);
    expect(addPiece(begun, piece(0, 1))).toEqual({ bundle: EMPTY_BUNDLE, commit: Uint8Array.of(0) });
    // An authorization after a piece belongs to another commit.
    expect(beforeGroupInfo(begun)).toBe(EMPTY_BUNDLE);
    expect(collectPiece([], piece(1, 2))).toBeUndefined();
  });

  test('has its GroupInfo between authorizations and pieces, and keeps no more than two', () => {
    const info = Uint8Array.of(7);
    const bundle = addGroupInfo(addLeave(EMPTY_BUNDLE, proof), info);
    expect([bundle.leaves.length, bundle.groupInfos]).toEqual([1, [info]]);
    const whole = addPiece(bundle, piece(0, 1));
    expect([whole.commit, whole.bundle.groupInfos]).toEqual([Uint8Array.of(0), [info]]);
    // An authorization behind it belongs to another commit, and so does a GroupInfo behind a piece.
    expect(beforeGroupInfo(bundle)).toBe(EMPTY_BUNDLE);
    expect(addGroupInfo(addPiece(bundle, piece(0, 2)).bundle, info)).toEqual({ ...EMPTY_BUNDLE, groupInfos: [info] });
    const many = [1, 2, 3, 4].reduce((taken) => addGroupInfo(taken, info), bundle);
    expect(many.groupInfos).toEqual([info, info]);
  });

  test('holds no more authorizations than an upload has room for', () => {
    let bundle: CommitBundle = EMPTY_BUNDLE;
    for (let index = 0; index < 3 * AUTHORIZATIONS_MAX; index += 1)
      bundle = addOrder(addLeave(bundle, proof), order(index));
    expect([bundle.leaves.length, bundle.orders.length]).toEqual([AUTHORIZATIONS_MAX, AUTHORIZATIONS_MAX]);
  });
});

describe('own messages', () => {
  const body = (index: number): Uint8Array => Uint8Array.of(index >> 8, index & 0xff);

  test('are recognised once each and in order, as the other members receive them', () => {
    const messages = new OwnMessages();
    for (let index = 0; index < 4; index += 1) messages.add(body(index), index === 2);
    expect(messages.acknowledge(body(9))).toBeUndefined();
    expect(messages.acknowledge(body(1))).toBe('heard');
    // A later message was acknowledged already, so the others refuse this one.
    expect(messages.acknowledge(body(0))).toBe('unheard');
    expect(messages.acknowledge(body(1))).toBeUndefined();
    expect(messages.acknowledge(body(2))).toBe('calls');
    messages.clear();
    expect(messages.acknowledge(body(3))).toBeUndefined();
  });

  test('are not heard if they skip more generations than the other members keep', () => {
    const messages = new OwnMessages();
    for (let index = 0; index <= GROUP_SKIPPED_MESSAGES_MAX + 1; index += 1) messages.add(body(index), false);
    expect(messages.acknowledge(body(GROUP_SKIPPED_MESSAGES_MAX + 1))).toBe('unheard');
    expect(messages.acknowledge(body(GROUP_SKIPPED_MESSAGES_MAX))).toBe('heard');
  });

  test('count alike for all if the relay reorders them: a roll call that no member could open is none', async () => {
    const { log, members } = await room(100, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const call = await anna.membership.seal({ ...NO_LOG_HASH, type: 'roll-call', number: 1 });
    const later = await anna.membership.seal({ ...NO_LOG_HASH, type: 'receipt', number: 2 });
    log.publish(later, log.commitNumber);
    log.publish(call, log.commitNumber);
    await readAll(members);
    expect([anna.view.rollCalled, ben.view.rollCalled]).toEqual([false, false]);
    await ben.callRoll();
    await readAll(members);
    expect(viewOf(anna)).toEqual(viewOf(ben));
  });
});

describe('a view', () => {
  test('is the same object until something in it changes', async () => {
    const { members } = await room(101, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const before = anna.view;
    await ben.send('nothing new');
    await anna.read();
    expect(anna.view).toBe(before);
    const seen = [before];
    for (const deed of [() => ben.callRoll(), () => anna.send('here'), () => ben.leave(), () => anna.rotate()]) {
      await deed();
      await readAll(members);
      expect(seen).not.toContain(anna.view);
      seen.push(anna.view);
    }
    await anna.send('still here');
    await anna.read();
    expect(anna.view).toBe(seen.at(-1));
  });
});

describe('the key of an entry', () => {
  type Way = 'published' | 'committed';

  function post(log: GroupLog, rogue: Rogue, frame: GroupPlaintext, as: 'member' | 'joiner', way: Way): void {
    const key = (as === 'member' ? rogue.envelopeKey : rogue.keys.joinKey) ?? rogue.keys.joinKey;
    const bodies = [
      sealEnvelope(key, encodeGroupPlaintext(frame, way === 'committed' ? 4_028 : 4_040), log.random.bytes),
    ];
    if (way === 'committed') log.commitFrames(bodies);
    else for (const body of bodies) log.publish(body, log.commitNumber);
  }

  test('is the epoch’s for a member, the join key for a string holder, and unknown otherwise', async () => {
    const { log, members } = await room(102, ['anna', 'ben']);
    const anna = named(members, 'anna');
    const rogue = await Rogue.open(log);
    await rogue.join();
    await readAll(members);
    const leave = { kind: 'leave', ...proveLeave(rogue.identity, log.roomId) } as const;
    const piece = { kind: 'piece', index: 0, count: 1, bytes: log.random.bytes(900) } as const;
    const welcome = { ...piece, kind: 'welcome' } as const;
    const message = { kind: 'message', bytes: piece.bytes } as const;
    const info = { ...message, kind: 'group-info' } as const;
    const nothing = (code: string, sealedBy: string): object => ({ kind: 'nothing', code, sealedBy });
    const malformed = { kind: 'refused', by: 'other', code: 'group-bytes-malformed' };
    const cases: readonly (readonly [GroupPlaintext, 'member' | 'joiner', Way, object])[] = [
      [{ kind: 'dummy' }, 'member', 'published', nothing('dummy', 'member')],
      [{ kind: 'dummy' }, 'joiner', 'published', nothing('dummy', 'joiner')],
      [{ kind: 'dummy' }, 'member', 'committed', nothing('dummy', 'member')],
      [{ kind: 'dummy' }, 'joiner', 'committed', nothing('dummy', 'joiner')],
      // The kinds of a commit are public to string holders: under the join key, and no other.
      [leave, 'joiner', 'committed', nothing('noted', 'joiner')],
      [{ kind: 'order', order: order(1) }, 'joiner', 'committed', nothing('order-invalid', 'joiner')],
      [piece, 'joiner', 'committed', malformed],
      [info, 'joiner', 'committed', nothing('piece', 'joiner')],
      [info, 'member', 'committed', nothing('content-kind', 'member')],
      [info, 'joiner', 'published', nothing('content-kind', 'joiner')],
      [welcome, 'joiner', 'committed', nothing('piece', 'joiner')],
      [leave, 'member', 'committed', nothing('content-kind', 'member')],
      [{ kind: 'order', order: order(1) }, 'member', 'committed', nothing('content-kind', 'member')],
      [piece, 'member', 'committed', nothing('content-kind', 'member')],
      [welcome, 'member', 'committed', nothing('content-kind', 'member')],
      // Messages are not accepted from a string holder.
      [message, 'joiner', 'published', nothing('content-kind', 'joiner')],
      // Kinds of a commit count for nothing in published frames, nor the other way round.
      [leave, 'joiner', 'published', nothing('content-kind', 'joiner')],
      [{ kind: 'order', order: order(1) }, 'joiner', 'published', nothing('content-kind', 'joiner')],
      [piece, 'joiner', 'published', nothing('content-kind', 'joiner')],
      [piece, 'member', 'published', nothing('content-kind', 'member')],
      [welcome, 'joiner', 'published', nothing('content-kind', 'joiner')],
      [message, 'member', 'committed', nothing('content-kind', 'member')],
    ];
    for (const [frame, as, way, expected] of cases) {
      post(log, rogue, frame, as, way);
      await anna.read();
      expect(anna.opened.at(-1)).toEqual(expected);
    }
    log.publish(log.random.bytes(496), log.commitNumber);
    await anna.read();
    expect(anna.opened.at(-1)).toEqual({ kind: 'nothing', code: 'foreign', sealedBy: 'nobody' });
    // The key of the previous epoch opens nothing.
    const old = rogue.envelopes.sealFrames([{ kind: 'dummy' }], rogue.envelopeKey ?? rogue.keys.joinKey);
    await anna.rotate();
    for (const body of old)
      expect(await anna.membership.open(body)).toMatchObject({ code: 'foreign', sealedBy: 'nobody' });
  });

  test('is known for own entries, too: of a commit, the epoch’s for a member’s dummies alone', async () => {
    const { members } = await room(103, ['anna']);
    const anna = named(members, 'anna');
    const sealers = (from: number): Set<string> =>
      new Set(
        anna.opened.slice(from).flatMap((each) => (each.kind === 'nothing' ? [`${each.code} ${each.sealedBy}`] : [])),
      );
    expect(sealers(0)).toEqual(new Set(['outside joiner', 'piece joiner']));
    await anna.send('hello');
    await anna.read();
    expect(anna.opened.at(-1)).toEqual({ kind: 'nothing', code: 'own', sealedBy: 'member' });
    const before = anna.opened.length;
    await anna.rotate();
    expect(sealers(before)).toEqual(new Set(['dummy member', 'noted joiner', 'piece joiner']));
  });
});

describe('an upload', () => {
  test('begins with a dummy and has a power of two frames, whatever its commit does', async () => {
    const { log, members } = await room(104, ['anna', 'ben', 'carla']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    await ben.leave();
    await readAll(members);
    const uploads = [
      await anna.membership.rotate(),
      await anna.membership.order([log.moderator.access('knock'), anna.evictionOf(ben.membership.memberId)]),
    ];
    const rogue = await Rogue.open(log);
    for (const upload of uploads) {
      if (!upload.ok) throw new Error(upload.code);
      const { bodies } = upload.value;
      expect(Math.log2(bodies.length) % 1).toBe(0);
      expect(bodies.length).toBeLessThanOrEqual(16);
      expect(new Set(bodies.map((body) => body.length))).toEqual(new Set([4_068]));
      // A string holder opens all but the dummies, of which one at least comes first.
      const sealers = bodies.map((body) => rogue.envelopes.open(body, undefined).sealedBy);
      const dummies = sealers.lastIndexOf('nobody') + 1;
      expect(dummies).toBeGreaterThan(0);
      expect(sealers).toEqual(bodies.map((_, index) => (index < dummies ? 'nobody' : 'joiner')));
    }
    const quiet = [await anna.membership.republishSnapshot(), await anna.membership.publishLeave()];
    expect(quiet.map(({ bodies }) => bodies.length)).toEqual([2, 2]);
    anna.membership.clear();
  });

  test('is void for all members, its maker included, if another frame interrupts it', async () => {
    const { log, members } = await room(105, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    await ben.leave();
    await readAll(members);
    const made = await anna.membership.rotate();
    if (!made.ok) throw new Error(made.code);
    const before = [viewOf(anna), viewOf(ben)];
    // A frame of noise in the upload: the commit loses the leave proofs before it.
    const { bodies } = made.value;
    log.commitFrames([...bodies.slice(0, -1), log.random.bytes(4_068), ...bodies.slice(-1)]);
    await readAll(members);
    expect([viewOf(anna), viewOf(ben)]).toEqual(before);
    for (const each of [anna, ben]) {
      const by = each === anna ? 'own' : 'other';
      expect(each.news).toEqual({ kind: 'refused', by, code: 'bundle-differs' });
    }
    // Control: without the frame between them, they are one upload.
    expect(await anna.rotate()).toBe(true);
    await ben.read();
    expect(ben.news).toEqual({ kind: 'removed', reason: 'left' });
  });

  test('is void for a member that did not get each of its frames in its place', async () => {
    const { log, members } = await room(107, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const made = await anna.membership.rotate();
    if (!made.ok) throw new Error(made.code);
    const { bodies } = made.value;
    const count = bodies.length;
    const commitNumber = log.commitNumber + 1;
    const open = async (index: number, place: Partial<CommitPlace> = {}): Promise<void> => {
      await ben.membership.open(bodies[index] ?? new Uint8Array(0), { commitNumber, index, count, ...place });
    };
    const last = count - 1;
    const all = [...bodies.keys()];
    const { epoch } = ben.view;
    // Without its first frame, without one in its middle, with one twice, with another frame in it,
    // under two commit numbers, with two counts, and without its end.
    for (const index of all.slice(1)) await open(index);
    for (const index of [0, ...all.slice(2)]) await open(index);
    for (const index of [0, 1, ...all.slice(1)]) await open(index);
    for (const index of all) {
      if (index === last) await ben.membership.open(log.random.bytes(4_080));
      await open(index);
    }
    for (const index of all) await open(index, { commitNumber: index === last ? commitNumber + 1 : commitNumber });
    for (const index of all) await open(index, { count: index === last ? count + 1 : count });
    for (const index of all) await open(index, { count: count + 1 });
    expect(ben.view.epoch).toBe(epoch);
    // Control: as it was made it begins an epoch.
    for (const index of all) await open(index);
    expect(ben.view.epoch).toBe(epoch + 1);
  });

  test('is validated by its maker at its place in the log, as by the others', async () => {
    const { log, members } = await room(106, ['anna', 'ben', 'carla']);
    const [anna, ben, carla] = [named(members, 'anna'), named(members, 'ben'), named(members, 'carla')];
    await anna.rotate();
    await readAll(members);
    await anna.callRoll();
    await ben.send('here');
    await readAll(members);
    expect(anna.view.silent).toHaveLength(1);
    const made = anna.membership.removeSilent(anna.view.silent);
    await made;
    // Carla sends a text at the last moment, and the relay stores it first. The relay cannot see
    // its meaning.
    await carla.send('wait');
    expect(await anna.commit(made)).toBe(true);
    await readAll(members);
    for (const each of members) {
      const by = each === anna ? 'own' : 'other';
      expect(each.news).toEqual({ kind: 'refused', by, code: 'policy-remove' });
    }
    expect([viewOf(anna), viewOf(ben)]).toEqual([viewOf(carla), viewOf(carla)]);
    expect(carla.names).toBe(3);
    await anna.putSnapshot(anna.membership.republishSnapshot());
    const dora = await log.member('dora');
    await dora.join();
    await readAll(members);
    expect(viewOf(dora)).toEqual(viewOf(carla));
  });
});
