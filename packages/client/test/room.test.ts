import { encodeClosing } from '@sotto/protocol';
import type { Invite, RelayCode } from '@sotto/protocol';
import { createStreamPair, systemRandom } from '@sotto/test-kit';
import type { StreamPair } from '@sotto/test-kit';
import { describe, expect, test } from 'vitest';
import { createRoomSecret, DialError, proveAdmission, registrationOf } from '../src/index.ts';
import { Rehearsal } from './rehearsal.ts';

/** Starts a proof on a new stream. @returns how it ends: `admitted`, or the code of the DialError. */
function prove(room: Rehearsal, invite: Invite, accept: (pair: StreamPair) => void): Promise<string> {
  const pair = createStreamPair(room.clock);
  const proof = proveAdmission(invite, pair.near, room.random.bytes).then(
    () => 'admitted',
    (error: unknown) => (error instanceof DialError ? error.code : 'another error'),
  );
  accept(pair);
  return proof;
}

describe('the proof that a connection string leads into its room', () => {
  test('succeeds with the right one and leaves nothing in the room', async () => {
    const room = new Rehearsal();
    const proof = prove(room, room.invite, (pair) => room.relay.accept(pair.far));
    await room.clock.advance(1);
    expect(await proof).toBe('admitted');
    expect(room.relay.log).toEqual([]);
    expect(room.relay.arrivals).toEqual([]);
  });

  test('fails with another secret or another onion, and says so', async () => {
    const room = new Rehearsal();
    for (const invite of [
      { ...room.invite, roomSecret: room.random.bytes(32) },
      { ...room.invite, onionKey: room.random.bytes(32) },
    ]) {
      const proof = prove(room, invite, (pair) => room.relay.accept(pair.far));
      await room.clock.advance(1);
      expect(await proof).toBe('not-admitted');
    }
  });

  const reasons: readonly (readonly [RelayCode, string])[] = [
    ['not-admitted', 'not-admitted'],
    ['room-full', 'room-full'],
    ['relay-full', 'relay-busy'],
    ['store-unavailable', 'relay-busy'],
    ['relay-stopping', 'relay-unreachable'],
  ];
  test.each(reasons)('fails with what the relay gives as its reason: %s', async (code, expected) => {
    const room = new Rehearsal();
    const proof = prove(room, room.invite, (pair) => pair.far.write(encodeClosing(code)));
    await room.clock.advance(1);
    expect(await proof).toBe(expected);
  });

  test('fails when the stream ends first, and when something else answers', async () => {
    const room = new Rehearsal();
    const ended = prove(room, room.invite, (pair) => pair.cut());
    const http = prove(room, room.invite, (pair) => pair.far.write(new TextEncoder().encode('HTTP/1.1 200 OK\r\n')));
    const noise = prove(room, room.invite, (pair) => pair.far.write(new Uint8Array(512).fill(0x10)));
    await room.clock.advance(1);
    expect(await Promise.all([ended, http, noise])).toEqual([
      'relay-unreachable',
      'version-mismatch',
      'relay-misbehaved',
    ]);
  });
});

describe('what a host tells the relay', () => {
  test('holds no secret but the seed that the onion needs, and follows from the connection string', () => {
    const room = new Rehearsal();
    const one = registrationOf(room.invite);
    const two = registrationOf(room.invite);
    expect([one.roomId.length, one.capabilityKey.length, one.roomTag.length]).toEqual([16, 32, 16]);
    expect(two.roomId).toEqual(one.roomId);
    expect(two.clientAuthorisationSeed.use((bytes) => bytes.slice())).toEqual(
      one.clientAuthorisationSeed.use((bytes) => bytes.slice()),
    );
    expect(Object.keys(one).sort()).toEqual(['capabilityKey', 'clientAuthorisationSeed', 'roomId', 'roomTag']);
  });

  test('a room secret is 32 random bytes', () => {
    const secrets = [createRoomSecret(systemRandom), createRoomSecret(systemRandom)];
    expect(secrets.map((secret) => secret.length)).toEqual([32, 32]);
    expect(secrets[0]).not.toEqual(secrets[1]);
  });
});
