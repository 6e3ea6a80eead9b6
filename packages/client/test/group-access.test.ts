import { deriveGroupKeys } from '@sotto/crypto/group';
import type { GroupKeys } from '@sotto/crypto/group';
import { concatBytes } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import type { AccessMode, GroupOpened, GroupSeat } from '../src/group-membership.ts';
import { GroupLog, named, readAll, room, viewOf } from './group-log.ts';
import type { GroupReader } from './group-log.ts';
import { Rogue } from './group-rogue.ts';

const nothing = (code: string, sealedBy: string): unknown => ({ kind: 'nothing', code, sealedBy });
const seatOf = (member: GroupReader, self: boolean): GroupSeat => ({
  memberId: member.membership.memberId,
  memberKey: member.membership.memberKey,
  self,
});

/** A room with anna and ben in it whose access the moderator has changed. */
async function restricted(
  seed: number,
  mode: AccessMode,
): Promise<{ log: GroupLog; anna: GroupReader; ben: GroupReader; both: GroupReader[] }> {
  const { log, members: both } = await room(seed, ['anna', 'ben']);
  const [anna, ben] = [named(both, 'anna'), named(both, 'ben')];
  await anna.rotate();
  await ben.read();
  await ben.order(log.moderator.access(mode));
  await anna.read();
  return { log, anna, ben, both };
}

function expectOneView(members: readonly GroupReader[]): void {
  const [first, ...others] = members.map(viewOf);
  for (const other of others) expect(other).toEqual(first);
}

function last(opened: readonly GroupOpened[]): GroupOpened | undefined {
  return opened.at(-1);
}

describe('an access order', () => {
  test('holds from the epoch on that it rides in, for all, and for who comes later', async () => {
    const { log, members } = await room(20, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    expect(anna.view.access).toBe('open');
    await anna.order(log.moderator.access('locked'));
    await ben.read();
    expect([anna.view.access, ben.view.access]).toEqual(['locked', 'locked']);
    await ben.order(log.moderator.access('open'));
    await anna.read();
    const carla = await log.member('carla');
    await carla.join();
    await readAll([anna, ben]);
    expect(carla.view.access).toBe('open');
    // What carla commits is judged like everything else, and its head carries the order on.
    await carla.order(log.moderator.access('knock'));
    await readAll([anna, ben]);
    expectOneView([anna, ben, carla]);
    expect(anna.view.access).toBe('knock');
  });

  test('that is not the moderator’s, or another room’s, is not even proposed; of a rogue it is passed over', async () => {
    const { log, members } = await room(21, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const other = new GroupLog(210).moderator.access('locked');
    expect(await anna.membership.order([other])).toEqual({ ok: false, code: 'order-invalid' });
    const order = log.moderator.access('locked');
    expect(await anna.membership.order([{ ...order, mode: 'knock' }])).toEqual({ ok: false, code: 'order-invalid' });
    const rogue = await Rogue.open(log);
    await rogue.join();
    await readAll(members);
    await rogue.rotate({ orders: [other, { ...order, mode: 'knock' }] });
    await readAll(members);
    // The rotation stands, the orders do not.
    expect([anna.news?.kind, anna.view.access, ben.view.access]).toEqual(['epoch', 'open', 'open']);
    expect(anna.opened).toContainEqual(nothing('order-invalid', 'member'));
    // Control: the same way, an order that holds takes effect.
    await rogue.rotate({ orders: [order], access: order });
    await readAll(members);
    expect([anna.view.access, ben.view.access]).toEqual(['locked', 'locked']);
  });

  test('that is older than the one that holds has no effect: nobody unlocks a room with an order from before', async () => {
    const { log, members } = await room(22, ['anna', 'ben']);
    const anna = named(members, 'anna');
    const unlock = log.moderator.access('open');
    await anna.order(unlock);
    await anna.order(log.moderator.access('locked'));
    await readAll(members);
    expect(await anna.membership.order([unlock])).toEqual({ ok: false, code: 'order-old' });
    // Nor with one of the same number.
    expect(await anna.membership.order([log.moderator.access('open', 2)])).toEqual({ ok: false, code: 'order-old' });
    await (await Rogue.open(log)).join();
    await readAll(members);
    expect(anna.news).toEqual({ kind: 'refused', by: 'other', code: 'policy-locked', sealedBy: 'joiner' });
  });

  test('that is older is passed over in a member’s commit too', async () => {
    const { log, members } = await room(23, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const rogue = await Rogue.open(log);
    await rogue.join();
    await readAll(members);
    const unlock = log.moderator.access('open');
    await anna.order(log.moderator.access('locked'));
    await ben.read();
    await rogue.follow();
    await rogue.rotate({ orders: [unlock], access: unlock });
    await readAll(members);
    expect(anna.opened).toContainEqual(nothing('order-old', 'member'));
    expect([anna.news?.kind, anna.view.access, ben.view.access]).toEqual(['epoch', 'locked', 'locked']);
  });

  test('that stands in the log before somebody else’s commit does not ride in it', async () => {
    const { log, members } = await room(24, ['anna', 'ben']);
    const [anna, ben] = [named(members, 'anna'), named(members, 'ben')];
    const made = await anna.membership.order([log.moderator.access('locked')]);
    if (!made.ok) throw new Error(made.code);
    // A rogue publishes the frame that carries the order, and nothing behind it.
    const orderFrame = made.value.bodies.at(-2);
    if (orderFrame === undefined) throw new Error('no order');
    anna.membership.discard();
    log.publish(orderFrame, log.counter);
    await readAll(members);
    expect(last(ben.opened)).toEqual(nothing('noted', 'member'));
    await ben.rotate();
    await anna.read();
    expect([anna.view.access, ben.view.access]).toEqual(['open', 'open']);
  });
});

describe('a locked room', () => {
  test('tells a newcomer at once, from the head alone', async () => {
    const { log } = await restricted(30, 'locked');
    const carla = await log.member('carla');
    expect(await carla.membership.join(log.head?.bytes ?? new Uint8Array(0), false)).toEqual({
      ok: false,
      code: 'policy-locked',
    });
  });

  test.each([
    ['locked', 'policy-locked'],
    ['knock', 'policy-knock'],
  ] as const)('or one in mode %s: a join is refused by all, and the room goes on', async (mode, code) => {
    const { log, anna, ben, both } = await restricted(31, mode);
    const before = viewOf(anna);
    await (await Rogue.open(log)).join();
    await readAll(both);
    for (const member of both) expect(member.news).toEqual({ kind: 'refused', by: 'other', code, sealedBy: 'joiner' });
    expect([viewOf(anna), viewOf(ben)]).toEqual([before, before]);
    await anna.say('among us');
    await ben.read();
    expect(ben.heard).toEqual(['among us']);
  });

  test('control: the same join is taken by an open room', async () => {
    const { log, anna, both } = await restricted(31, 'open');
    await (await Rogue.open(log)).join();
    await readAll(both);
    expect(anna.names).toBe(3);
  });

  test.each(['locked', 'knock'] as const)('in mode %s, who is in it may join again', async (mode) => {
    const { log, anna, ben } = await restricted(32, mode);
    await anna.rotate();
    log.entries.fill(new Uint8Array(496));
    await ben.read();
    await ben.join(true);
    await anna.read();
    expectOneView([anna, ben]);
    expect(ben.names).toBe(2);
    expect(ben.view.access).toBe(mode);
  });

  test('takes no additions; nor does an open one', async () => {
    for (const [mode, code] of [
      ['locked', 'policy-locked'],
      ['open', 'policy-add'],
    ] as const) {
      const { log, members } = await room(33, ['anna']);
      const rogue = await Rogue.open(log);
      await rogue.join();
      await readAll(members);
      const anna = named(members, 'anna');
      await anna.order(log.moderator.access(mode));
      await rogue.follow();
      const carla = await log.member('carla');
      await rogue.add(await keyPackageOf(carla));
      await readAll(members);
      expect(anna.news).toEqual({ kind: 'refused', by: 'other', code, sealedBy: 'member' });
    }
  });

  test('that everybody has left lets one in, who can then be told from nobody', async () => {
    const log = await new GroupLog(34).founded(new GroupLog(34).moderator.access('locked'));
    const anna = await log.member('anna');
    await anna.join();
    expect([anna.view.access, anna.view.departing.length]).toEqual(['locked', 1]);
    const ben = await log.member('ben');
    await expect(ben.join()).rejects.toThrow('policy-locked');
    await anna.rotate();
    await anna.order(log.moderator.access('open', 7));
    await ben.join();
    await anna.read();
    expectOneView([anna, ben]);
  });
});

function keysOf(log: GroupLog): GroupKeys {
  return deriveGroupKeys(log.roomSecret, log.roomId);
}

/** What a member's knock carries: the key package, taken out of the frame by somebody who has the connection string. */
async function keyPackageOf(stranger: GroupReader): Promise<Uint8Array> {
  const { envelopes } = await Rogue.open(stranger.log);
  const { plaintext } = envelopes.open(await stranger.membership.knock(stranger.name), undefined);
  if (!plaintext.ok || plaintext.value.kind !== 'knock') throw new Error('not a knock');
  return plaintext.value.keyPackage.slice();
}

describe('a room where one knocks', () => {
  test('lets in whom a member admits: everybody agrees, and the newcomer hears what is said from then on', async () => {
    const { log, anna, ben, both } = await restricted(40, 'knock');
    const carla = await log.member('carla');
    expect(await carla.membership.join(log.head?.bytes ?? new Uint8Array(0), false)).toEqual({
      ok: false,
      code: 'policy-knock',
    });
    await carla.knock();
    await readAll(both);
    const { memberId, memberKey } = carla.membership;
    for (const member of both) {
      expect(member.news).toEqual({ kind: 'knock', memberId, memberKey, name: 'carla' });
    }
    await anna.say('before');
    await ben.read();
    await ben.admit(carla);
    expect(ben.news).toEqual({
      kind: 'epoch',
      by: 'own',
      committer: seatOf(ben, true),
      added: [seatOf(carla, false)],
      removed: [],
    });
    await anna.say('between');
    await readAll([...both, carla]);
    expect(carla.opened).toContainEqual({ kind: 'welcome' });
    expect(carla.membership.view).toBeUndefined();
    await carla.enter();
    expectOneView([anna, ben, carla]);
    await carla.say('hello');
    await anna.say('welcome');
    await readAll([...both, carla]);
    // Not what was said before, but all of the epoch that she came with.
    expect(carla.heard).toEqual(['between', 'welcome']);
    expect(ben.heard).toEqual(['before', 'between', 'hello', 'welcome']);
    await carla.rotate();
    await readAll(both);
    expectOneView([anna, ben, carla]);
  });

  test('works with the post-quantum suite', async () => {
    const log = new GroupLog(41, 'x-wing');
    await log.founded(log.moderator.access('knock'));
    const anna = await log.member('anna');
    await anna.join();
    const carla = await log.member('carla');
    await carla.knock();
    await anna.read();
    await anna.admit(carla);
    await carla.read();
    await carla.enter();
    expectOneView([anna, carla]);
    expect(new Set(log.entries.map((body) => body.length))).toEqual(new Set([4_080]));
  });

  test('is changed by nothing that a stranger does who is not answered', async () => {
    const { log, anna, ben, both } = await restricted(42, 'knock');
    const before = [viewOf(anna), viewOf(ben)];
    for (let index = 0; index < 20; index += 1) await (await log.member(`stranger ${index}`)).knock();
    await readAll(both);
    expect([viewOf(anna), viewOf(ben)]).toEqual(before);
    await ben.rotate();
    await anna.say('as before');
    await readAll(both);
    await anna.rotate();
    await readAll(both);
    expectOneView(both);
    // Only the last 16 can still be let in.
    const knocks = anna.opened.flatMap((opened) => (opened.kind === 'knock' ? [opened] : []));
    expect(knocks).toHaveLength(20);
    const answers = await Promise.all(
      [knocks[3], knocks[4]].map(async (knock) => {
        const made = await anna.membership.admit(knock?.memberId ?? new Uint8Array(0));
        return made.ok ? 'made' : made.code;
      }),
    );
    expect(answers).toEqual(['member-unknown', 'made']);
  });

  test('does not show a knock that is junk, of another room, or of somebody who is in it', async () => {
    const { log, anna, ben } = await restricted(43, 'knock');
    const { envelopes, identity } = await Rogue.open(log);
    const other = new GroupLog(430);
    const foreign = await other.member('carla');
    const name = Buffer.from('carla');
    const honest = await keyPackageOf(await log.member('carla'));
    const spoilt = Uint8Array.from(honest, (byte, index) => (index === honest.length - 1 ? byte ^ 1 : byte));
    const own = await log.member('anna again', anna.membership.identity);
    const knocks: readonly (readonly [string, Uint8Array])[] = [
      ['group-bytes-malformed', envelopes.sealKnock(name, log.random.bytes(300))],
      ['key-package-invalid', envelopes.sealKnock(name, spoilt)],
      ['group-bytes-malformed', envelopes.sealKnock(name, concatBytes(honest, Uint8Array.of(0)))],
      ['credential-invalid', envelopes.sealKnock(name, await keyPackageOf(foreign))],
      ['content-text', envelopes.sealKnock(Uint8Array.of(0xff), honest)],
      ['member-duplicate', envelopes.sealKnock(name, await keyPackageOf(own))],
      ['foreign', await foreign.membership.knock('carla')],
    ];
    expect(identity.memberId).toHaveLength(16);
    for (const [code, body] of knocks) {
      log.publish(body, log.counter);
      await ben.read();
      expect(last(ben.opened)).toEqual(nothing(code, code === 'foreign' ? 'nobody' : 'joiner'));
    }
    // Control: unspoilt, the same key package knocks.
    log.publish(envelopes.sealKnock(name, honest), log.counter);
    await ben.read();
    expect(ben.news?.kind).toBe('knock');
  });

  test.each([
    ['open', 'policy-add'],
    ['locked', 'policy-locked'],
  ] as const)('is the only one that shows a knock: in mode %s nobody is asked', async (mode, code) => {
    const { log, ben } = await restricted(44, mode);
    await (await log.member('carla')).knock();
    await ben.read();
    expect(last(ben.opened)).toEqual(nothing(code, 'joiner'));
  });

  test('admits nobody twice, nobody who has come in otherwise, and nobody who has not knocked', async () => {
    const { log, anna, ben, both } = await restricted(45, 'knock');
    const carla = await log.member('carla');
    expect(await anna.membership.admit(carla.membership.memberId)).toEqual({ ok: false, code: 'member-unknown' });
    await carla.knock();
    await readAll(both);
    const [first, second] = [await anna.membership.admit(carla.membership.memberId), ben.admit(carla)];
    if (!first.ok) throw new Error(first.code);
    // Ben's came first.
    expect(await second).toBe(true);
    expect(log.commit(first.value, log.counter - 1)).toBe('conflict');
    anna.membership.discard();
    await anna.read();
    expect(await anna.membership.admit(carla.membership.memberId)).toEqual({ ok: false, code: 'member-unknown' });
    await carla.read();
    await carla.enter();
    expectOneView([anna, ben, carla]);
  });

  test('gives nothing to who reads a welcome that is for somebody else', async () => {
    const { log, anna, both } = await restricted(46, 'knock');
    const [carla, dora] = [await log.member('carla'), await log.member('dora')];
    await carla.knock();
    await dora.knock();
    await readAll(both);
    await anna.admit(carla);
    await readAll([...both, carla, dora]);
    expect(dora.opened.map(({ kind }) => kind)).not.toContain('welcome');
    await expect(dora.enter()).rejects.toThrow('welcome-invalid');
    await carla.enter();
    // Dora's knock stands: she is let in by the next one.
    await carla.rotate();
    await readAll(both);
    await anna.admit(dora);
    await readAll([...both, carla, dora]);
    await dora.enter();
    expectOneView([...both, carla, dora]);
  });

  test('is entered in spite of welcomes that a string holder made up, and of a head that came too early or too late', async () => {
    const { log, anna, both } = await restricted(47, 'knock');
    const carla = await log.member('carla');
    const early = log.head;
    await carla.knock();
    await readAll(both);
    const made = await anna.membership.admit(carla.membership.memberId);
    if (!made.ok) throw new Error(made.code);
    // Under the join key anybody can read the welcome, and post one with another end.
    const { envelopes } = await Rogue.open(log);
    const welcome = made.value.bodies.find((body) => {
      const { plaintext } = envelopes.open(body, undefined);
      return plaintext.ok && plaintext.value.kind === 'welcome';
    });
    const { plaintext } = envelopes.open(welcome ?? new Uint8Array(0), undefined);
    if (!plaintext.ok || plaintext.value.kind !== 'welcome') throw new Error('no welcome');
    const forged = plaintext.value.bytes.map((byte, index, all) => (index === all.length - 1 ? byte ^ 1 : byte));
    const [posted] = envelopes.sealFrames(
      [{ kind: 'welcome', index: 0, count: 1, bytes: forged }],
      keysOf(log).joinKey,
    );
    if (posted === undefined) throw new Error('no frame');
    log.publish(posted, log.counter);
    await carla.read();
    expect(carla.news).toEqual({ kind: 'welcome' });
    await expect(carla.enter(early)).rejects.toThrow('welcome-invalid');
    log.commit(made.value, log.counter);
    const right = log.head;
    await readAll([...both, carla]);
    await anna.rotate();
    await expect(carla.enter(log.head)).rejects.toThrow('welcome-invalid');
    await carla.enter(right);
    await readAll(both);
    expectOneView([...both, carla]);
  });
});
