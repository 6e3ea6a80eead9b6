// Rooms of scenarios: real clients on the sockets of a real relay, honest or malicious. All of it
// goes away with the test.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModeratorError, proveAdmission, registrationOf } from '@sotto/client';
import type { Moderator } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { TestHost } from '@sotto/fixtures/relay-host';
import { TestMember } from '@sotto/fixtures/relay-member';
import { orderStatement, PATIENCE_SECONDS_MOST } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import { OnionKey } from '@sotto/tor';
import { onTestFinished } from 'vitest';
import { dial, ScenarioMember } from './member.ts';
import { ScenarioClock } from './scenario-clock.ts';
import { TamperingRelay } from './tampering/tampering-relay.ts';

/** Time passes in such steps: short beside every deadline of a client. */
const STEP_MS = 5_000;

interface ScenarioRoom {
  readonly invite: Invite;
  /** A client that has not started yet. */
  readonly member: (name: string) => Promise<ScenarioMember>;
  /** A client that is in the room. */
  readonly join: (name: string) => Promise<ScenarioMember>;
  /** The host's own client, in the room. */
  readonly joinAsHost: (name: string) => Promise<ScenarioMember>;
  /** A bare connection to the relay. */
  readonly connect: (name: string) => Promise<TestMember>;
}

interface RoomContext {
  readonly invite: Invite;
  readonly moderator: Moderator;
  /** The socket that the client of this name dials. */
  readonly pathFor: (name: string) => Promise<string>;
  /** Of the clients. */
  readonly clock: ScenarioClock;
}

/**
 * An invite, and a moderator that signs with its onion key. The moderator opens no other room, so
 * it evicts no member.
 */
function createInvite(): { readonly invite: Invite; readonly moderator: Moderator } {
  const onionKey = new OnionKey();
  const invite = { onionKey: onionKey.publicKey, roomSecret: new Uint8Array(randomBytes(32)) };
  const { roomId } = registrationOf(invite);
  let number = 0;
  const moderator: Moderator = {
    setAccess: (mode) => {
      number += 1;
      const order = { type: 'access', number, mode } as const;
      return Promise.resolve({ ...order, signature: onionKey.sign(orderStatement(roomId, order)) });
    },
    evict: () => Promise.reject(new ModeratorError('not-open', 'there is no other room')),
    move: () => Promise.reject(new ModeratorError('not-open', 'there is no other room')),
    moved: () => undefined,
    notMoved: () => undefined,
  };
  return { invite, moderator };
}

function admitMembers({ invite, moderator, pathFor, clock }: RoomContext): {
  readonly room: ScenarioRoom;
  /** Whether a client has key work. */
  readonly isBusy: () => boolean;
  readonly found: () => Promise<void>;
  readonly dismiss: () => Promise<void>;
} {
  const members: ScenarioMember[] = [];
  const connections: TestMember[] = [];
  const member = async (name: string, options: { readonly moderator?: Moderator } = {}): Promise<ScenarioMember> => {
    const client = new ScenarioMember({ name, path: await pathFor(name), invite, clock, ...options });
    members.push(client);
    return client;
  };
  const connect = async (name: string): Promise<TestMember> => {
    const connection = new TestMember({ path: await pathFor(name) });
    connections.push(connection);
    return connection;
  };
  return {
    room: {
      invite,
      member: (name) => member(name),
      join: async (name) => (await member(name)).join(),
      joinAsHost: async (name) => (await member(name, { moderator })).join(),
      connect,
    },
    isBusy: () => members.some(({ client }) => client.isBusy),
    found: async () => {
      const founding = { crypto: nativeCrypto, suite: 'x-wing' } as const;
      const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
      await proveAdmission(invite, await dial(await pathFor('host')), random, founding);
    },
    dismiss: async () => {
      await Promise.all(members.map((client) => client.leaveAtOnce()));
      await Promise.all(connections.map((connection) => connection.leave()));
    },
  };
}

export interface HonestRoom extends ScenarioRoom {
  /** The relay's socket. */
  readonly path: string;
}

/**
 * `speed`, `relaySpeed`: how much faster the clients' clocks, and the relay's, run than the wall's.
 */
export async function openRoom({
  speed = 1,
  relaySpeed = 1,
}: { readonly speed?: number; readonly relaySpeed?: number } = {}): Promise<HonestRoom> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-straight-'));
  const path = join(directory, 'relay.sock');
  const admin = { path: join(directory, 'admin.sock') };
  const [clock, relayClock] = [new ScenarioClock(speed), new ScenarioClock(relaySpeed)];
  const relay = await startRelay({ listen: { path }, admin, store: new MemoryRoomStore(), clock: relayClock });
  const host = new TestHost(admin);
  const { invite, moderator } = createInvite();
  const { room, found, dismiss } = admitMembers({ invite, moderator, pathFor: () => Promise.resolve(path), clock });
  onTestFinished(async () => {
    await dismiss();
    await host.leave();
    await relay.close();
    await rm(directory, { recursive: true });
  });
  const { roomId, capabilityKey, roomTag } = registrationOf(invite);
  const reply = await host.ask({
    operation: 'create',
    roomId,
    capabilityKey,
    roomTag,
    cover: 'off',
    patienceSeconds: PATIENCE_SECONDS_MOST,
  });
  if (reply?.ok !== true) throw new Error('the room was not made');
  await found();
  return { path, ...room };
}

export interface TamperedRoom extends ScenarioRoom {
  /** Has a view for each name. */
  readonly relay: TamperingRelay;
  /**
   * So much time of the clients passes, as soon as all that falls due meanwhile is sent and read.
   */
  readonly pass: (milliseconds: number) => Promise<void>;
  /** By the clients' clock (ms). */
  readonly now: () => number;
}

export interface TamperedRoomOptions {
  /** How much faster the clients' clocks run than the wall's. */
  readonly speed?: number;
  /** The room is not founded. */
  readonly empty?: boolean;
  /** As the relay tells it. */
  readonly patienceSeconds?: number;
}

export async function openTamperedRoom({
  speed = 1,
  empty = false,
  patienceSeconds = PATIENCE_SECONDS_MOST,
}: TamperedRoomOptions = {}): Promise<TamperedRoom> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-tampered-'));
  const { invite, moderator } = createInvite();
  const [clock, relayClock] = [new ScenarioClock(speed), new ScenarioClock(1)];
  const { roomId } = registrationOf(invite);
  const relay = await TamperingRelay.start({ directory, roomId, patienceSeconds, clock: relayClock });
  const pathFor = async (name: string): Promise<string> => (await relay.open(name)).path;
  const { room, isBusy, found, dismiss } = admitMembers({ invite, moderator, pathFor, clock });
  const settle = async (): Promise<void> => {
    do {
      // What was written has come after a round of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      await relay.settle();
    } while (isBusy());
  };
  const pass = async (milliseconds: number): Promise<void> => {
    for (let leftMs = milliseconds; leftMs > 0; leftMs -= STEP_MS) {
      for (const each of [clock, relayClock]) each.skip(Math.min(STEP_MS, leftMs));
      await settle();
    }
  };
  onTestFinished(async () => {
    await dismiss();
    await relay.close();
    await rm(directory, { recursive: true });
  });
  if (!empty) await found();
  return { relay, pass, now: () => clock.now(), ...room };
}
