// Those who come to a scenario's room: real clients, the host's proof that founds the group, and whoever speaks the wire by hand.

import { randomBytes } from 'node:crypto';
import { ModeratorError, proveAdmission, registrationOf } from '@sotto/client';
import type { Moderator } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { orderStatement } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { OnionKey } from '@sotto/tor';
import { TestMember } from '../../packages/relay/test/test-member.ts';
import { SpedUpClock } from './sped-up-clock.ts';
import { dial, Talker } from './talker.ts';

export interface Company {
  readonly invite: Invite;
  /** A client that has not started yet. */
  readonly seat: (name: string) => Promise<Talker>;
  /** A client that is in the room. */
  readonly join: (name: string) => Promise<Talker>;
  /** The host's own client, in the room. */
  readonly joinAsHost: (name: string) => Promise<Talker>;
  /** A connection and no more. */
  readonly onlooker: (name: string) => Promise<TestMember>;
}

export interface CompanyOptions {
  readonly invite: Invite;
  readonly moderator: Moderator;
  /** Where the one of this name dials. */
  readonly pathFor: (name: string) => Promise<string>;
  /** How much faster the clients' clocks run than the wall's. */
  readonly speed: number;
}

/** A connection string, and the moderator that its onion key makes: one who opens no other room, and so evicts nobody. */
export function openBook(): { readonly invite: Invite; readonly moderator: Moderator } {
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
    moved: () => undefined,
  };
  return { invite, moderator };
}

export function gather({ invite, moderator, pathFor, speed }: CompanyOptions): {
  readonly company: Company;
  readonly found: () => Promise<void>;
  readonly disperse: () => Promise<void>;
} {
  const talkers: Talker[] = [];
  const onlookers: TestMember[] = [];
  const clock = new SpedUpClock(speed);
  const seat = async (name: string, options: { readonly moderator?: Moderator } = {}): Promise<Talker> => {
    const talker = new Talker({ name, path: await pathFor(name), invite, clock, ...options });
    talkers.push(talker);
    return talker;
  };
  const onlooker = async (name: string): Promise<TestMember> => {
    const member = new TestMember({ path: await pathFor(name) });
    onlookers.push(member);
    return member;
  };
  return {
    company: {
      invite,
      seat: (name) => seat(name),
      join: async (name) => (await seat(name)).join(),
      joinAsHost: async (name) => (await seat(name, { moderator })).join(),
      onlooker,
    },
    found: async () => {
      const founding = { crypto: nativeCrypto, suite: 'x-wing' } as const;
      const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
      await proveAdmission(invite, await dial(await pathFor('host')), random, founding);
    },
    disperse: async () => {
      await Promise.all(talkers.map((talker) => talker.vanish()));
      await Promise.all(onlookers.map((member) => member.leave()));
    },
  };
}
