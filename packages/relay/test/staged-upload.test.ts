// Uploads as members see them: which are whole, how long one is kept, and who gets a place.

import { describe, expect, test } from 'vitest';
import {
  COMMIT_BYTES_MAX,
  encodeStage,
  SNAPSHOT_BYTES_MAX,
  STAGE_DATA_BYTES,
  UPLOAD_GUARD_MS,
  UPLOAD_LEASE_MS,
  UPLOAD_LIMIT_MS,
  UPLOADS_PER_ROOM_MAX,
} from '@sotto/protocol';
import { makeBody, makeCommit, refusalOf } from '@sotto/fixtures/relay-member';
import { iterations, joinMany, openRelay, passTime, receiveCommit } from './relay-fixture.ts';

describe('an upload', () => {
  const whole = makeCommit({ snapshotBytes: 20_000 });
  const piece = (index: number): Uint8Array => whole.stages[index] ?? new Uint8Array(0);
  const all = whole.stages;
  const wrongs: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['nothing of it', [whole.commit(0)]],
    ['its first piece missing', [...all.slice(1), whole.commit(0)]],
    ['its last piece missing', [...all.slice(0, -1), whole.commit(0)]],
    ['a piece missing in the middle', [piece(0), ...all.slice(2), whole.commit(0)]],
    ['a piece twice', [piece(0), piece(1), piece(1), ...all.slice(2), whole.commit(0)]],
    ['pieces in another order', [piece(0), piece(2), piece(1), ...all.slice(3), whole.commit(0)]],
    [
      'a piece behind its last',
      [...all, encodeStage({ uploadId: whole.uploadId, index: all.length, data: makeBody() })],
    ],
    ['another digest', [...all, whole.commit(0, { digest: new Uint8Array(32) })]],
    ['a longer snapshot', [...all, whole.commit(0, { snapshotBytes: 20_001 })]],
    ['a frame less', [...all, whole.commit(0, { frameCount: 1 })]],
    ['frames of another size', [...all, whole.commit(0, { frameSize: 0 })]],
    ['another upload’s COMMIT', [...all, whole.commit(0, { uploadId: new Uint8Array(16).fill(9) })]],
  ];
  test.each(wrongs)('with %s is refused once, and nothing of it is in the log', async (_name, frames) => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    member.send(...frames);
    const refused = await member.expect('refused');
    expect([refused.code, refused.number]).toEqual(['upload-incomplete', 0]);
    expect(await member.ping()).toEqual([]);
    const record = await fixture.store.load(room.roomId);
    expect([record?.commitNumber, record?.next]).toEqual([0, 1]);
    // Control: the same upload, whole and in order, is a commit (under a new id: this one is
    // spent).
    const good = makeCommit({ snapshotBytes: 20_000 });
    member.commit(good, 0);
    expect(await receiveCommit(member, good, 1)).toBe(1);
  });

  test('belongs to its connection alone, and ends with it', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, thief] = [await fixture.join(room), await fixture.join(room)];
    const made = makeCommit();
    member.send(...made.stages);
    await member.ping();
    thief.send(made.commit(0));
    expect(await thief.refusal()).toBe(refusalOf('upload-incomplete', 0, made.uploadId));
    // Control: its own connection commits it.
    member.send(made.commit(0));
    expect(await receiveCommit(member, made, 1)).toBe(1);
    const gone = makeCommit();
    member.send(...gone.stages);
    await member.ping();
    await member.leave();
    const back = await fixture.join(room);
    back.send(gone.commit(1));
    expect(await back.refusal()).toBe(refusalOf('upload-incomplete', 1, gone.uploadId));
  });

  test('is kept for its lease after its last piece, and no longer', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, other] = [await fixture.join(room), await fixture.join(room)];
    const [kept, lost] = [makeCommit({ snapshotBytes: 8_000 }), makeCommit()];
    member.send(...kept.stages.slice(0, 1));
    await member.ping();
    await passTime(fixture, UPLOAD_LEASE_MS, [member, other]);
    member.send(...kept.stages.slice(1));
    await member.ping();
    await passTime(fixture, UPLOAD_LEASE_MS, [member, other]);
    member.send(kept.commit(0));
    for (const each of [member, other]) expect(await receiveCommit(each, kept, 1)).toBe(1);
    member.send(...lost.stages);
    await member.ping();
    await passTime(fixture, UPLOAD_LEASE_MS + 1, [member, other]);
    member.send(lost.commit(1));
    expect(await member.refusal()).toBe(refusalOf('upload-incomplete', 1, lost.uploadId));
  });

  test('does not hold a place for ever if it trickles in', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    const made = makeCommit({ snapshotBytes: 40_000 });
    let sent = 0;
    for (let passed = 0; passed <= UPLOAD_LIMIT_MS; passed += 20_000) {
      member.send(...made.stages.slice(sent, sent + 1));
      sent += 1;
      await passTime(fixture, 20_000, [member]);
    }
    member.send(...made.stages.slice(sent));
    expect(await member.refusal()).toBe(refusalOf('upload-incomplete', 0, made.uploadId));
  });

  test('is refused at the first piece beyond the size of a snapshot and a commit', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    const uploadId = new Uint8Array(16).fill(3);
    const most = Math.floor((COMMIT_BYTES_MAX + SNAPSHOT_BYTES_MAX) / STAGE_DATA_BYTES);
    const data = new Uint8Array(STAGE_DATA_BYTES).fill(1);
    for (let index = 0; index < most; index += 1) member.send(encodeStage({ uploadId, index, data }));
    expect(await member.ping()).toEqual([]);
    member.send(encodeStage({ uploadId, index: most, data }), encodeStage({ uploadId, index: most + 1, data }));
    expect(await member.refusal()).toBe(refusalOf('upload-full', 0, uploadId));
    expect(await member.ping()).toEqual([]);
  });

  test('is refused once if no place is free, and finds one after a lease has ended', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const holders = await joinMany(fixture, room, UPLOADS_PER_ROOM_MAX);
    const member = await fixture.join(room);
    for (const holder of holders) {
      holder.send(...makeCommit().stages);
      await holder.ping();
    }
    const [late, good] = [makeCommit({ snapshotBytes: 30_000 }), makeCommit()];
    member.commit(late, 0);
    expect(await member.refusal()).toBe(refusalOf('upload-full', 0, late.uploadId));
    expect(await member.ping()).toEqual([]);
    await passTime(fixture, UPLOAD_LEASE_MS + 1, [...holders, member]);
    member.commit(good, 0);
    expect(await receiveCommit(member, good, 1)).toBe(1);
    // A place is also free when its holder has gone.
    for (const holder of holders) {
      await receiveCommit(holder, good, 1);
      holder.send(...makeCommit().stages);
      await holder.ping();
    }
    await holders[0]?.leave();
    const last = makeCommit();
    await iterations(5);
    member.commit(last, 1);
    expect(await receiveCommit(member, last, 3)).toBe(2);
  });

  test('gets a place by waiting while others fill it again and again, and keeps it long enough', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const holders = await joinMany(fixture, room, UPLOADS_PER_ROOM_MAX);
    const everybody = [member, ...holders];
    const made = makeCommit({ snapshotBytes: 20_000 });
    let refusals = 0;
    for (let second = 0; second < 60; second += 1) {
      // The holders never let a lease end; they begin anew as soon as they are told anything.
      for (const holder of holders) {
        holder.send(...makeCommit().stages);
        await holder.ping();
      }
      fixture.clock.tick(100);
      const own = makeCommit();
      member.send(...own.stages.slice(0, 1));
      const [refused] = await member.ping();
      if (refused === undefined) break;
      expect(refused.code).toBe('upload-full');
      refusals += 1;
      fixture.clock.tick(UPLOAD_GUARD_MS - 50);
      for (const each of everybody) await each.ping();
    }
    // It was refused while the guard lasted (the control), and then found a place although nobody
    // had left one.
    expect(refusals).toBeGreaterThan(0);
    expect(refusals).toBeLessThan(60);
    member.commit(made, 0);
    expect(await receiveCommit(member, made, 1)).toBe(1);
  });

  test('hinders no other connection’s commit if one connection begins very many', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [flooder, member] = [await fixture.join(room), await fixture.join(room)];
    for (let count = 0; count < 100; count += 1) flooder.send(...makeCommit().stages);
    const made = makeCommit({ snapshotBytes: 60_000 });
    member.commit(made, 0);
    expect(await receiveCommit(member, made, 1)).toBe(1);
    expect(await receiveCommit(flooder, made, 1)).toBe(1);
    for (let count = 0; count < 100; count += 1) flooder.send(...makeCommit().stages);
    const more = makeCommit();
    member.commit(more, 1);
    expect(await receiveCommit(member, more, 3)).toBe(2);
  });

  test('has no place if it is begun while another is being committed', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    const [made, early] = [makeCommit(), makeCommit({ snapshotBytes: 20_000 })];
    fixture.store.hold();
    const called = fixture.store.nextCommit();
    member.commit(made, 0);
    await called;
    member.commit(early, 0);
    expect(await member.refusal()).toBe(refusalOf('upload-full', 0, early.uploadId));
    expect(await member.ping()).toEqual([]);
    fixture.store.letGo();
    expect(await receiveCommit(member, made, 1)).toBe(1);
    expect(await member.ping()).toEqual([]);
  });
});
