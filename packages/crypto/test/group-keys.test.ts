// The group's keys and credentials, computed again with Node's own HKDF and HMAC.

import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { isCredentialOf, makeCredential } from '../src/mls/context.ts';
import { deriveEpochFrameKey } from '../src/mls/keys.ts';
import {
  copyGroupIdentity,
  createGroupIdentity,
  deriveGroupKeys,
  destroyGroupKeys,
  memberIdOf,
} from '../src/mls/index.ts';
import { hex, newKeys, openEngine } from './group-room.ts';

const random = new SeededRandom(41);
const derive = (secret: Uint8Array, label: string): string =>
  Buffer.from(hkdfSync('sha512', secret, new Uint8Array(0), label, 32)).toString('hex');

describe('the group’s keys', () => {
  test('follow from the room secret as documented, computed anew with Node’s HKDF', () => {
    const [roomSecret, roomId] = [random.bytes(32), random.bytes(16)];
    const keys = deriveGroupKeys({ roomSecret, roomId });
    expect(hex(keys.groupId)).toBe(derive(roomSecret, 'sotto/1 group id').slice(0, 32));
    expect(keys.credentialKey.use(hex)).toBe(derive(roomSecret, 'sotto/2 credential'));
    expect(keys.snapshotKey.use(hex)).toBe(derive(roomSecret, 'sotto/1 join snapshot'));
    expect(keys.joinKey.use(hex)).toBe(derive(roomSecret, 'sotto/1 join envelope'));
    const exported = random.bytes(32);
    const input = Buffer.concat([exported, roomSecret]);
    expect(deriveEpochFrameKey(keys, exported).use(hex)).toBe(derive(input, 'sotto/1 epoch frame'));
    expect(exported.every((byte) => byte === 0)).toBe(true);
    expect(() => deriveGroupKeys({ roomSecret: roomSecret.slice(1), roomId })).toThrow(RangeError);
    expect(() => deriveGroupKeys({ roomSecret, roomId: roomId.slice(1) })).toThrow(RangeError);
    destroyGroupKeys(keys);
    for (const secret of [keys.credentialKey, keys.snapshotKey, keys.joinKey, keys.roomSecret]) {
      expect(() => secret.use(() => 0)).toThrow('after its end');
    }
  });

  test('copy a caller’s Buffers: later changes in either leave the other alone', () => {
    const [secret, id] = [random.bytes(32), random.bytes(16)];
    const [roomSecret, roomId] = [Buffer.from(secret), Buffer.from(id)];
    const keys = deriveGroupKeys({ roomSecret, roomId });
    const plain = deriveGroupKeys({ roomSecret: secret, roomId: id });
    const own = (): (string | undefined)[] => [hex(keys.roomId), keys.roomSecret.use(hex)];
    expect(own()).toEqual([hex(id), hex(secret)]);
    destroyGroupKeys(keys);
    expect([hex(roomSecret), hex(roomId)]).toEqual([hex(secret), hex(id)]);
    const again = deriveGroupKeys({ roomSecret, roomId });
    roomSecret.fill(0);
    roomId.fill(0);
    expect([hex(again.roomId), again.roomSecret.use(hex)]).toEqual([hex(plain.roomId), plain.roomSecret.use(hex)]);
  });

  test('stay usable to a member made of Buffers after its copy, its key packages and its states are destroyed', async () => {
    const identity = createGroupIdentity((length) => Buffer.from(random.bytes(length)));
    const seed = identity.secret.use(hex);
    copyGroupIdentity(identity).secret.destroy();
    expect(identity.secret.use(hex)).toBe(seed);
    const engine = await openEngine(newKeys());
    (await engine.createKeyPackage(identity)).destroy();
    expect(identity.secret.use(hex)).toBe(seed);
    (await engine.createGroup(identity)).destroy();
    expect(identity.secret.use(hex)).toBe(seed);
  });

  test('need both halves to make an epoch’s envelope key', () => {
    const [one, other] = [newKeys(), newKeys()];
    const exported = random.bytes(32);
    const made = [
      deriveEpochFrameKey(one, exported.slice()),
      deriveEpochFrameKey(other, exported.slice()),
      deriveEpochFrameKey(one, random.bytes(32)),
    ];
    expect(new Set(made.map((key) => key.use(hex))).size).toBe(3);
    expect(deriveEpochFrameKey(one, exported.slice()).use(hex)).toBe(made[0]?.use(hex));
  });

  test('make a credential of a tag over the member key, void with one bit changed', () => {
    const keys = newKeys();
    const memberKey = random.bytes(32);
    const credential = makeCredential(keys, memberKey);
    if (credential.credentialType !== 'basic') throw new Error('a credential of another kind');
    const tag = keys.credentialKey.use((key) => createHmac('sha256', key).update(memberKey).digest());
    expect(hex(credential.identity)).toBe(tag.toString('hex'));
    expect(isCredentialOf(keys, credential, memberKey)).toBe(true);
    for (let index = 0; index < credential.identity.length; index += 1) {
      const identity = credential.identity.map((byte, position) => (position === index ? byte ^ 1 : byte));
      expect(isCredentialOf(keys, { credentialType: 'basic', identity }, memberKey), `${index}`).toBe(false);
    }
    for (const identity of [tag.subarray(0, 31), Buffer.concat([tag, Buffer.alloc(1)]), new Uint8Array(0)]) {
      expect(isCredentialOf(keys, { credentialType: 'basic', identity }, memberKey)).toBe(false);
    }
    expect(isCredentialOf(keys, credential, random.bytes(32))).toBe(false);
    expect(isCredentialOf(newKeys(), credential, memberKey)).toBe(false);
    expect(isCredentialOf(keys, { credentialType: 'x509', certificates: [] }, memberKey)).toBe(false);
  });

  test('leave a member no choice of its id: it is the hash of its key, as Node computes it', () => {
    const memberKey = random.bytes(32);
    const hash = createHash('sha256').update('sotto/2 member').update(memberKey).digest();
    expect(hex(memberIdOf(memberKey))).toBe(hash.subarray(0, 16).toString('hex'));
    for (let bit = 0; bit < 256; bit += 1) {
      const changed = memberKey.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(hex(memberIdOf(changed)), `${bit}`).not.toBe(hex(memberIdOf(memberKey)));
    }
  });
});
