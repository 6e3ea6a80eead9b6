// The room's capability: one signature a connection, by a key that all members share. PROTOCOL.md §4.2.

import { capabilityStatement } from '@sotto/protocol';
import nacl from 'tweetnacl';
import type { RoomKeys } from './key-schedule.ts';

/** @returns the 64-byte Ed25519 signature that admits one connection: the challenge is fresh, so it is of no use on another. */
export function signCapability(keys: RoomKeys, challenge: Uint8Array, from: number): Uint8Array {
  const statement = capabilityStatement(challenge, keys.roomTag, keys.roomId, from);
  return keys.capabilitySecret.use((secret) => nacl.sign.detached(statement, secret));
}
