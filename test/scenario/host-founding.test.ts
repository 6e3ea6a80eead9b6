// A host's proof founds the room's group over a real relay: who has the string can join then, and
// not before.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DialError, proveAdmission, registrationOf } from '@sotto/client';
import type { ByteStream } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { encodeAdminRequest, PATIENCE_SECONDS_MOST } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import type { Relay } from '@sotto/relay';
import { byteStreamOf } from '@sotto/tor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GroupMember } from './group-member.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const FOUNDING = { crypto: nativeCrypto, suite: 'x25519' } as const;

let directory: string;
let relay: Relay;
let host: Socket;
let room: Invite;
let members: GroupMember[];
const relayPath = (): string => join(directory, 'relay.sock');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sotto-founding-'));
  relay = await startRelay({
    listen: { path: relayPath() },
    admin: { path: join(directory, 'admin.sock') },
    store: new MemoryRoomStore(),
  });
  room = { roomSecret: random(32), onionKey: random(32) };
  members = [];
  const { roomId, capabilityKey, roomTag } = registrationOf(room);
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
});

afterEach(async () => {
  for (const member of members) member.disconnect();
  host.destroy();
  await relay.close();
  await rm(directory, { recursive: true });
});

async function walk(): Promise<ByteStream> {
  const socket = connect(relayPath());
  await once(socket, 'connect');
  return byteStreamOf(socket);
}

/** @returns `founded`, or the code of the DialError. */
async function prove(stream: ByteStream): Promise<string> {
  try {
    await proveAdmission(room, stream, random, FOUNDING);
    return 'proven';
  } catch (error) {
    if (error instanceof DialError) return error.code;
    throw error;
  }
}

async function member(name: string): Promise<GroupMember> {
  const taken = await GroupMember.open(name, relayPath(), room);
  members.push(taken);
  return taken;
}

test('a room cannot be joined before it is founded; several members can join after the proof', async () => {
  const early = await member('early');
  expect(early.commitNumber).toBe(0);
  await expect(early.join()).rejects.toThrow('snapshot-foreign');
  expect(await prove(await walk())).toBe('proven');
  const [anna, ben] = await Promise.all([member('anna'), member('ben')]);
  await Promise.all([anna.join(), ben.join()]);
  await anna.send('hello');
  await ben.until(() => ben.heard.includes('hello'));
});

test('a proof of a founded room leaves it as it is', async () => {
  expect(await prove(await walk())).toBe('proven');
  const anna = await member('anna');
  await anna.join();
  expect(await prove(await walk())).toBe('proven');
  const late = await member('late');
  expect(late.commitNumber).toBe(anna.commitNumber);
});

test('one of several proofs at the same time founds the room, and the others notice that', async () => {
  const streams = await Promise.all([walk(), walk(), walk()]);
  const outcomes = await Promise.all(streams.map((stream) => prove(stream)));
  expect(outcomes).toContain('proven');
  expect(outcomes.filter((outcome) => outcome !== 'proven' && outcome !== 'relay-busy')).toEqual([]);
  expect(await prove(await walk())).toBe('proven');
  const anna = await member('anna');
  expect(anna.commitNumber).toBe(1);
  await anna.join();
});

test('the host founds the room again after its connection is cut', async () => {
  const stream = await walk();
  let written = 0;
  const brittle: ByteStream = {
    write: (bytes) => {
      written += 1;
      // The first piece gets through, what comes behind it does not.
      if (written <= 2) stream.write(bytes);
      else stream.close();
    },
    close: () => stream.close(),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    onData: (take) => stream.onData(take),
    onClose: (take) => stream.onClose(take),
  };
  expect(await prove(brittle)).toBe('relay-unreachable');
  expect(written).toBeGreaterThan(2);
  expect(await prove(await walk())).toBe('proven');
  await (await member('anna')).join();
});
