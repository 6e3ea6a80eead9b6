// A group lives over a real relay: joins that collide, words, rotations, a farewell, junk.
// Everything but Tor, Redis and a screen.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveRoomKeys, plaintextBytes, sealEnvelope } from '@sotto/crypto';
import { deriveGroupKeys } from '@sotto/crypto/mls';
import {
  encodeAdminRequest,
  encodeGroupPlaintext,
  LARGEST_FRAME_BYTES,
  uploadBodyBytes,
  PATIENCE_SECONDS_MOST,
} from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import type { Relay } from '@sotto/relay';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeUpload } from '../../packages/client/src/session/upload-frames.ts';
import { sameRoster, GroupMember } from './group-member.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

let directory: string;
let relay: Relay;
let host: Socket;
let room: Invite;
let members: GroupMember[];
const store = (): MemoryRoomStore => new MemoryRoomStore();
const relayPath = (): string => join(directory, 'relay.sock');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sotto-scenario-'));
  relay = await startRelay({
    listen: { path: relayPath() },
    admin: { path: join(directory, 'admin.sock') },
    store: store(),
  });
  room = { roomSecret: random(32), onionKey: random(32) };
  members = [];
  const { roomId, capabilityKey, roomTag } = deriveRoomKeys({ roomSecret: room.roomSecret, onionKey: room.onionKey });
  host = connect(join(directory, 'admin.sock'));
  host.write(
    encodeAdminRequest({
      operation: 'create',
      roomId,
      capabilityKey,
      roomTag,
      cover: 'off',
      patienceSeconds: PATIENCE_SECONDS_MOST,
    }),
  );
  await once(host, 'data');
  await (await GroupMember.open('founder', relayPath(), room)).found();
});

afterEach(async () => {
  for (const member of members) member.disconnect();
  host.destroy();
  await relay.close();
  await rm(directory, { recursive: true });
});

async function member(name: string): Promise<GroupMember> {
  const taken = await GroupMember.open(name, relayPath(), room);
  members.push(taken);
  return taken;
}

async function joined(name: string): Promise<GroupMember> {
  const taken = await member(name);
  await taken.join();
  return taken;
}

async function expectOneEpoch(members: readonly GroupMember[], size: number): Promise<void> {
  const [first] = members;
  if (first === undefined) throw new Error('nobody');
  const word = `word ${randomBytes(4).toString('hex')}`;
  await first.send(word);
  for (const member of members.slice(1)) await member.until(() => member.heard.includes(word));
  expect(new Set(members.map((member) => member.view.epoch)).size).toBe(1);
  expect(members.every((member) => sameRoster(first, member))).toBe(true);
  expect(first.view.members).toHaveLength(size);
}

test('five members that join at the same moment all get in, one after another, and hear each other', async () => {
  const names = ['anna', 'ben', 'carla', 'dora', 'emil'];
  const members = await Promise.all(names.map((name) => joined(name)));
  await expectOneEpoch(members, names.length + 1);
  await Promise.all(members.map((member) => member.send(`I am ${member.name}`)));
  for (const member of members) {
    const others = names.filter((name) => name !== member.name).map((name) => `I am ${name}`);
    await member.until(() => others.every((text) => member.heard.includes(text)));
  }
  // The founder had left before anybody came: the first that rotates removes it.
  expect(await members[0]?.rotate()).toBe(true);
  await expectOneEpoch(members, names.length);
});

test('texts and key rotations that cross each other lose nothing', async () => {
  const members = await Promise.all(['anna', 'ben', 'carla'].map((name) => joined(name)));
  // Ben rotates between his own words; the others speak all the time.
  const talk = members.map(async (member) => {
    for (let index = 0; index < 20; index += 1) {
      await member.send(`${member.name} ${index}`);
      if (member.name === 'ben' && index % 6 === 0) await member.rotate();
    }
  });
  await Promise.all(talk);
  for (const member of members) {
    for (const other of members.filter((each) => each !== member)) {
      const words = Array.from({ length: 20 }, (_, index) => `${other.name} ${index}`);
      await member.until(() => words.every((word) => member.heard.includes(word)));
      expect(member.heard.filter((word) => word.startsWith(other.name))).toEqual(words);
    }
  }
});

test('the next rotation removes a member that said goodbye', async () => {
  const members = await Promise.all(['anna', 'ben', 'carla'].map((name) => joined(name)));
  const [anna, ben, carla] = members;
  if (anna === undefined || ben === undefined || carla === undefined) throw new Error('nobody');
  await anna.rotate();
  await ben.sendLeave();
  await anna.send('has ben gone?');
  await carla.until(() => carla.heard.includes('has ben gone?'));
  await carla.rotate();
  await expectOneEpoch([anna, carla], 2);
});

test('members refuse junk that a string holder commits, and put the snapshot back for newcomers', async () => {
  const [anna, ben] = await Promise.all(['anna', 'ben'].map((name) => joined(name)));
  const vandal = await member('vandal');
  if (anna === undefined || ben === undefined) throw new Error('nobody');
  const keys = deriveGroupKeys({
    roomSecret: room.roomSecret,
    roomId: deriveRoomKeys({ roomSecret: room.roomSecret, onionKey: room.onionKey }).roomId,
  });
  const piece = { kind: 'piece', index: 0, count: 1, bytes: random(1_000) } as const;
  const size = plaintextBytes(uploadBodyBytes(LARGEST_FRAME_BYTES));
  const body = sealEnvelope(keys.joinKey, encodeGroupPlaintext(piece, size), random);
  const epoch = anna.view.epoch;
  const before = anna.commitNumber;
  vandal.write(
    encodeUpload({ id: random(16), frameSize: 3, bodies: [body], snapshot: random(4_096) }, vandal.commitNumber),
  );
  await anna.until(() => anna.commitNumber > before);
  await ben.until(() => ben.commitNumber > before);
  expect(anna.refusals.length + ben.refusals.length).toBe(2);
  expect([anna.view.epoch, ben.view.epoch]).toEqual([epoch, epoch]);
  await expect(vandal.join()).rejects.toThrow('snapshot-foreign');
  await anna.republish();
  const carla = await joined('carla');
  await expectOneEpoch([anna, ben, carla], 4);
});
