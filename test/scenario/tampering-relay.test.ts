// The malicious relay itself: honest by default, and each of its tricks reaches exactly whom it is
// meant for.

import { expect, test } from 'vitest';
import { encodeFetch, encodePresence, PATIENCE_SECONDS_MOST } from '@sotto/protocol';
import { fingerprint, makeBody, makeCommit, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestMember } from '@sotto/fixtures/relay-member';
import { openTamperedRoom } from './room.ts';
import type { TamperedRoom } from './room.ts';
import { drop, everything, publishedBy, repeat, replace, swap } from './tampering/shapes.ts';
import { envelopeOf, noise } from './tampering/member-view.ts';

/** The malicious relay asks for no signature of the room's. */
const anyRoom = makeRoom();

interface Scene extends TamperedRoom {
  readonly anna: TestMember;
  readonly ben: TestMember;
}

async function openScene(): Promise<Scene> {
  const room = await openTamperedRoom({ empty: true });
  const [anna, ben] = await Promise.all(['anna', 'ben'].map((name) => room.connect(name)));
  if (anna === undefined || ben === undefined) throw new Error('nobody');
  await anna.attach(anyRoom);
  await ben.attach(anyRoom);
  return { ...room, anna, ben };
}

function entry(number: number, body: Uint8Array | undefined): string {
  return `${number} ${body === undefined ? '' : fingerprint(body)}`;
}

function bodies(count: number): Uint8Array[] {
  return Array.from({ length: count }, () => makeBody());
}

test('the malicious relay passes everything on unchanged until a test says otherwise', async () => {
  const { relay, anna, ben, connect: onlooker } = await openScene();
  const [first, second, third] = [makeBody(0), makeBody(3), makeBody(1)];
  anna.publish(first);
  expect(await ben.entries(1)).toEqual([entry(1, first)]);
  ben.publish(second);
  expect(await anna.entries(2)).toEqual([entry(1, first), entry(2, second)]);
  await ben.entries(1);

  const commit = makeCommit({ frames: 2, snapshotBytes: 9_000 });
  anna.commit(commit, 0);
  const entries = [entry(3, commit.bodies[0]), entry(4, commit.bodies[1])];
  const made = { commitNumber: 1, first: 3, last: 4, entries };
  expect([await anna.committed(), await ben.committed()]).toEqual([made, made]);
  const snapshot = await ben.fetchSnapshot();
  expect([snapshot.commitNumber, snapshot.last, fingerprint(snapshot.bytes)]).toEqual([
    1,
    4,
    fingerprint(commit.snapshot),
  ]);

  ben.send(publishFrame(third, 0));
  expect((await ben.expect('refused')).number).toBe(1);
  ben.send(publishFrame(third, 1));
  expect(await anna.entries(1)).toEqual([entry(5, third)]);

  const carla = await onlooker('carla');
  expect(await carla.attach(anyRoom, 3)).toEqual({
    commitNumber: 1,
    oldest: 1,
    next: 6,
    patienceSeconds: PATIENCE_SECONDS_MOST,
  });
  expect(await carla.committed()).toEqual(made);
  expect(await carla.entries(1)).toEqual([entry(5, third)]);
  carla.send(encodeFetch({ what: 'log', from: 5 }));
  expect(await carla.entries(1)).toEqual([entry(5, third)]);
  expect(await carla.ping()).toEqual([]);
  expect(['anna', 'ben', 'carla'].map((name) => relay.view(name).tampered)).toEqual([0, 0, 0]);
});

test('a presence reaches the members of the branch alone, and none while its member’s frames are held', async () => {
  const { relay, anna, ben } = await openScene();
  const [first, second, third, fourth] = [makeBody(), makeBody(), makeBody(), makeBody()];
  const hears = async (member: TestMember, body: Uint8Array): Promise<void> => {
    expect(fingerprint((await member.expect('present')).body)).toBe(fingerprint(body));
  };
  anna.send(encodePresence('presence', 0, first));
  for (const member of [anna, ben]) await hears(member, first);
  relay.view('anna').publishing = 'hold';
  anna.send(encodePresence('presence', 0, second));
  expect(await anna.ping()).toEqual([]);
  ben.send(encodePresence('presence', 0, third));
  for (const member of [anna, ben]) await hears(member, third);
  relay.view('anna').publishing = 'pass';
  await relay.fork(['ben']);
  anna.send(encodePresence('presence', 0, fourth));
  await hears(anna, fourth);
  expect(await ben.ping()).toEqual([]);
});

test('the malicious relay drops, swaps, doubles and replaces entries for one member, and renumbers later ones', async () => {
  const { relay, anna, ben } = await openScene();
  const view = relay.view('ben');
  const said = bodies(10);
  const [a, b, c, d, e, f, g, h, i, j] = said;
  const isAnnas = publishedBy('anna');
  const next = async (...some: (Uint8Array | undefined)[]): Promise<void> => {
    anna.publish(...some.filter((each) => each !== undefined));
    await anna.entries(some.length);
    await relay.settle();
  };
  view.shape = drop(isAnnas, 'renumbered');
  await next(a, b);
  view.shape = drop(isAnnas, 'gap');
  await next(c, d);
  view.shape = swap(isAnnas);
  await next(e, f);
  view.shape = repeat(everything);
  await next(g);
  const put = noise(0);
  view.shape = replace(publishedBy('anna', d?.length), () => put);
  await next(h, i);
  view.shape = drop(publishedBy('ben'), 'gap');
  await next(j);
  expect(await ben.entries(9)).toEqual([
    entry(1, b),
    entry(3, d),
    entry(4, f),
    entry(5, e),
    entry(6, g),
    entry(7, g),
    entry(8, put),
    entry(9, i),
    entry(10, j),
  ]);
  expect(view.tampered).toBe(6);
  expect(relay.view('anna').tampered).toBe(0);
  expect(relay.view('anna').served.from(1)).toHaveLength(10);
});

test('the malicious relay repeats its lies to a member that reconnects', async () => {
  const { relay, anna, ben, connect: onlooker } = await openScene();
  const [a, b, c] = bodies(3);
  relay.view('ben').shape = drop(publishedBy('anna'), 'renumbered');
  for (const body of [a, b]) if (body !== undefined) anna.publish(body);
  expect(await ben.entries(1)).toEqual([entry(1, b)]);
  await ben.leave();
  if (c !== undefined) anna.publish(c);
  await anna.entries(3);
  const back = await onlooker('ben');
  expect(await back.attach(anyRoom, 2)).toEqual({
    commitNumber: 0,
    oldest: 1,
    next: 3,
    patienceSeconds: PATIENCE_SECONDS_MOST,
  });
  expect(await back.entries(1)).toEqual([entry(2, c)]);
});

test('the malicious relay invents entries: noise, and old ones under new numbers', async () => {
  const { relay, anna, ben } = await openScene();
  const [a, b] = bodies(2);
  if (a === undefined || b === undefined) throw new Error('nothing');
  anna.publish(a);
  await ben.entries(1);
  const view = relay.view('ben');
  view.insertNoise(2);
  view.replay(1);
  anna.publish(b);
  const [, ...others] = await ben.entries(3);
  expect(others).toEqual([entry(3, a), entry(4, b)]);
  expect(await anna.entries(2)).toEqual([entry(1, a), entry(2, b)]);
});

test('the malicious relay withholds a commit from one member, and translates its commit number', async () => {
  const { relay, anna, ben } = await openScene();
  const view = relay.view('ben');
  view.shape = (passing) => (passing.origin?.kind === 'commit' ? [] : [passing.frame]);
  anna.commit(makeCommit(), 0);
  await anna.committed();
  const body = makeBody();
  ben.send(publishFrame(body, 0));
  expect(await ben.entries(1)).toEqual([entry(1, body)]);
  expect(await anna.entries(1)).toEqual([entry(3, body)]);
});

test('the malicious relay repeats a commit number, invents one, and sends a false one in ATTACHED', async () => {
  const { relay, anna, ben, connect: onlooker } = await openScene();
  anna.commit(makeCommit(), 0);
  const { entries } = await ben.committed();
  const view = relay.view('ben');
  view.repeatCommitted();
  const repeated = await ben.expect('committed');
  expect(entry(repeated.number, envelopeOf({ operation: 'committed', body: repeated.body }))).toEqual(entries.at(-1));
  view.inventCommitted(5);
  expect(await ben.committed()).toMatchObject({ commitNumber: 6, first: 3, last: 3 });
  const carla = await onlooker('carla');
  relay.view('carla').attachedLie = 3;
  expect((await carla.attach(anyRoom)).commitNumber).toBe(4);
});

test('the malicious relay gives one member the previous snapshot, or junk', async () => {
  const { relay, anna, ben } = await openScene();
  const [old, present] = [makeCommit({ snapshotBytes: 5_000 }), makeCommit({ snapshotBytes: 6_000 })];
  anna.commit(old, 0);
  await anna.committed();
  anna.commit(present, 1);
  await ben.committed();
  await ben.committed();
  relay.view('ben').snapshots = 'previous';
  const lied = await ben.fetchSnapshot();
  expect([lied.commitNumber, fingerprint(lied.bytes)]).toEqual([2, fingerprint(old.snapshot)]);
  relay.view('ben').snapshots = 'junk';
  const junk = await ben.fetchSnapshot();
  expect(junk.bytes).toHaveLength(6_000);
  expect(fingerprint(junk.bytes)).not.toBe(fingerprint(present.snapshot));
  relay.view('ben').snapshots = 'honest';
  expect(fingerprint((await ben.fetchSnapshot()).bytes)).toBe(fingerprint(present.snapshot));
});

test('the malicious relay refuses one member’s commits, and delays or loses its frames', async () => {
  const { relay, anna, ben } = await openScene();
  const view = relay.view('ben');
  view.commits = 'refuse';
  const commit = makeCommit();
  ben.commit(commit, 0);
  expect(await ben.refusal()).toBe(`conflict 0 ${Buffer.from(commit.uploadId).toString('hex')}${'00'.repeat(8)}`);

  const [lost, held, other] = bodies(3);
  if (lost === undefined || held === undefined || other === undefined) throw new Error('nothing');
  view.publishing = 'swallow';
  ben.publish(lost);
  await ben.ping();
  view.publishing = 'hold';
  ben.publish(held);
  await ben.ping();
  anna.publish(other);
  expect(await anna.entries(1)).toEqual([entry(1, other)]);
  expect(view.releasePublished()).toBe(1);
  expect(await anna.entries(1)).toEqual([entry(2, held)]);
});

test('the malicious relay delays all frames for one member, and then passes them on', async () => {
  const { relay, anna, ben } = await openScene();
  const view = relay.view('ben');
  const [a, b] = bodies(2);
  if (a === undefined || b === undefined) throw new Error('nothing');
  view.delivery = 'held';
  anna.publish(a, b);
  await anna.entries(2);
  await relay.settle();
  expect(await ben.ping()).toEqual([]);
  view.releaseDelivery();
  expect(await ben.entries(2)).toEqual([entry(1, a), entry(2, b)]);
});

test('the malicious relay forks the room: two halves share a past, and neither hears the other', async () => {
  const { relay, anna, ben } = await openScene();
  const [past, left, right, later] = bodies(4);
  if (past === undefined || left === undefined || right === undefined || later === undefined)
    throw new Error('nothing');
  anna.publish(past);
  await Promise.all([anna.entries(1), ben.entries(1)]);
  const branch = await relay.fork(['ben']);
  anna.publish(left);
  ben.publish(right);
  expect(await anna.entries(1)).toEqual([entry(2, left)]);
  expect(await ben.entries(1)).toEqual([entry(2, right)]);
  // And led together again: ben goes on with what it was told, and gets what the others had behind
  // the fork.
  expect(relay.view('ben').branch).toBe(branch);
  await relay.lead(['ben'], relay.trunk, { log: 'goes-on', cursor: 1 });
  anna.publish(later);
  expect(await ben.entries(2)).toEqual([entry(3, left), entry(4, later)]);
  expect(await anna.entries(1)).toEqual([entry(3, later)]);
});

test('the malicious relay rolls the log back, with members connected or not', async () => {
  const { relay, anna, ben, connect: onlooker } = await openScene();
  const [kept, lost, other] = bodies(3);
  if (kept === undefined || lost === undefined || other === undefined) throw new Error('nothing');
  anna.publish(kept);
  await anna.entries(1);
  const then = await relay.snapshot();
  anna.publish(lost);
  await Promise.all([anna.entries(1), ben.entries(2)]);
  await relay.rollBack(['anna', 'ben'], then, 'kept');
  anna.publish(other);
  expect([await anna.entries(1), await ben.entries(1)]).toEqual([[entry(2, other)], [entry(2, other)]]);

  await relay.rollBack(['anna', 'ben'], then, 'cut');
  expect([await anna.next(), await ben.next()]).toEqual([undefined, undefined]);
  const back = await onlooker('ben');
  expect(await back.attach(anyRoom, 3)).toEqual({
    commitNumber: 0,
    oldest: 1,
    next: 2,
    patienceSeconds: PATIENCE_SECONDS_MOST,
  });
});

test('real clients talk through the malicious relay', async () => {
  const { relay, join } = await openTamperedRoom();
  const anna = await join('anna');
  const ben = await join('ben');
  anna.send('who is there?');
  await ben.hears('who is there?');
  relay.view('anna').cut();
  ben.send('I am');
  await anna.hears('I am');
  await anna.until('delivered', () => anna.told('delivered').length > 0);
  expect([...anna.told('gap'), ...ben.told('gap')]).toEqual([]);
});
