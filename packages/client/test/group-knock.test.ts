import { concatBytes } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import type { GroupOpened, RosterMember } from '../src/group/membership.ts';
import { GroupLog, readAll, viewOf, expectOneView, keysOf, restricted } from './group-room.ts';
import type { GroupReader } from './group-room.ts';
import { Rogue, keyPackageOf } from './group-rogue.ts';

const nothing = (code: string, sealedBy: string): unknown => ({ kind: 'nothing', code, sealedBy });
const rosterMemberOf = (member: GroupReader, self: boolean): RosterMember => ({
  memberId: member.membership.memberId,
  memberKey: member.membership.memberKey,
  self,
});

function last(opened: readonly GroupOpened[]): GroupOpened | undefined {
  return opened.at(-1);
}

describe('a room in knock mode', () => {
  test('gets a joiner that a member admits: all members agree, and it reads all later texts', async () => {
    const { log, anna, ben, both } = await restricted(40, 'knock');
    const carla = await log.member('carla');
    expect(await carla.membership.join(log.snapshot?.bytes ?? new Uint8Array(0), false)).toEqual({
      ok: false,
      code: 'policy-knock',
    });
    await carla.knock();
    await readAll(both);
    const { memberId, memberKey } = carla.membership;
    for (const member of both) {
      expect(member.news).toEqual({ kind: 'knock', memberId, memberKey, name: 'carla' });
    }
    await anna.send('before');
    await ben.read();
    await ben.admit(carla);
    expect(ben.news).toEqual({
      kind: 'epoch',
      by: 'own',
      committer: rosterMemberOf(ben, true),
      added: [rosterMemberOf(carla, false)],
      removed: [],
    });
    await anna.send('between');
    await readAll([...both, carla]);
    expect(carla.opened).toContainEqual({ kind: 'welcome' });
    expect(carla.membership.view).toBeUndefined();
    await carla.enter();
    expectOneView([anna, ben, carla]);
    await carla.send('hello');
    await anna.send('welcome');
    await readAll([...both, carla]);
    // She receives no earlier text, and every text of the epoch that she joined.
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
    const sizeOf = (body: Uint8Array, index: number): string =>
      `${log.places.has(index) ? 'commit' : 'knock'} ${body.length}`;
    expect(new Set(log.entries.map(sizeOf))).toEqual(new Set(['commit 4068', 'knock 4080']));
  });

  test('is changed by no act of an unanswered stranger', async () => {
    const { log, anna, ben, both } = await restricted(42, 'knock');
    const before = [viewOf(anna), viewOf(ben)];
    for (let index = 0; index < 20; index += 1) await (await log.member(`stranger ${index}`)).knock();
    await readAll(both);
    expect([viewOf(anna), viewOf(ben)]).toEqual(before);
    await ben.rotate();
    await anna.send('as before');
    await readAll(both);
    await anna.rotate();
    await readAll(both);
    expectOneView(both);
    // Only the last 16 knocks can still be admitted.
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

  test('shows no knock that is junk, of another room, or of a member', async () => {
    const { log, anna, ben } = await restricted(43, 'knock');
    const { envelopes } = await Rogue.open(log);
    const other = new GroupLog(430);
    const foreign = await other.member('carla');
    const name = Buffer.from('carla');
    const honest = await keyPackageOf(await log.member('carla'));
    const spoilt = Uint8Array.from(honest, (byte, index) => (index === honest.length - 1 ? byte ^ 1 : byte));
    const own = await log.member('anna again', anna.membership.identity);
    const knocks: readonly (readonly [string, Uint8Array])[] = [
      ['group-bytes-malformed', envelopes.sealKnock({ name, keyPackage: log.random.bytes(300) })],
      ['key-package-invalid', envelopes.sealKnock({ name, keyPackage: spoilt })],
      ['group-bytes-malformed', envelopes.sealKnock({ name, keyPackage: concatBytes(honest, Uint8Array.of(0)) })],
      ['credential-invalid', envelopes.sealKnock({ name, keyPackage: await keyPackageOf(foreign) })],
      ['content-text', envelopes.sealKnock({ name: Uint8Array.of(0xff), keyPackage: honest })],
      ['member-duplicate', envelopes.sealKnock({ name, keyPackage: await keyPackageOf(own) })],
      ['foreign', await foreign.membership.knock('carla')],
    ];
    for (const [code, body] of knocks) {
      log.publish(body, log.commitNumber);
      await ben.read();
      expect(last(ben.opened)).toEqual(nothing(code, code === 'foreign' ? 'nobody' : 'joiner'));
    }
    // Control: unchanged, the same key package knocks.
    log.publish(envelopes.sealKnock({ name, keyPackage: honest }), log.commitNumber);
    await ben.read();
    expect(ben.news?.kind).toBe('knock');
  });

  test.each([
    ['open', 'policy-add'],
    ['locked', 'policy-locked'],
  ] as const)('is the only one that shows a knock: a room in mode %s shows none', async (mode, code) => {
    const { log, ben } = await restricted(44, mode);
    await (await log.member('carla')).knock();
    await ben.read();
    expect(last(ben.opened)).toEqual(nothing(code, 'joiner'));
  });

  test('admits no joiner twice, no present member, and no joiner that has not knocked', async () => {
    const { log, anna, ben, both } = await restricted(45, 'knock');
    const carla = await log.member('carla');
    expect(await anna.membership.admit(carla.membership.memberId)).toEqual({ ok: false, code: 'member-unknown' });
    await carla.knock();
    await readAll(both);
    const [first, second] = [await anna.membership.admit(carla.membership.memberId), ben.admit(carla)];
    if (!first.ok) throw new Error(first.code);
    // Ben's admission came first.
    expect(await second).toBe(true);
    expect(log.commit(first.value, log.commitNumber - 1)).toBe('conflict');
    anna.membership.clear();
    await anna.read();
    expect(await anna.membership.admit(carla.membership.memberId)).toEqual({ ok: false, code: 'member-unknown' });
    await carla.read();
    await carla.enter();
    expectOneView([anna, ben, carla]);
  });

  test('reveals nothing to the reader of a welcome for another joiner', async () => {
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
    // Dora's knock stays valid, and a later commit admits her.
    await carla.rotate();
    await readAll(both);
    await anna.admit(dora);
    await readAll([...both, carla, dora]);
    await dora.enter();
    expectOneView([...both, carla, dora]);
  });

  test('can be entered despite forged welcomes, and despite snapshots that come too early or too late', async () => {
    const { log, anna, both } = await restricted(47, 'knock');
    const carla = await log.member('carla');
    const early = log.snapshot;
    await carla.knock();
    await readAll(both);
    const made = await anna.membership.admit(carla.membership.memberId);
    if (!made.ok) throw new Error(made.code);
    // Any string holder can read the welcome under the join key, and post one with another end.
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
    // Published, it is none; a string holder can commit it.
    log.publish(posted, log.commitNumber);
    await carla.read();
    expect(carla.news).toBeUndefined();
    log.commitFrames([posted]);
    await carla.read();
    expect(carla.news).toEqual({ kind: 'welcome' });
    await expect(carla.enter(early)).rejects.toThrow('welcome-invalid');
    log.commit(made.value, log.commitNumber);
    const right = log.snapshot;
    await readAll([...both, carla]);
    await anna.rotate();
    await expect(carla.enter(log.snapshot)).rejects.toThrow('welcome-invalid');
    await carla.enter(right);
    await readAll(both);
    expectOneView([...both, carla]);
  });
});
