// The published vectors hold for this package, and for Node's own primitives.

import { scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { nativeCrypto } from '@sotto/crypto/native';
import { pureCrypto } from '@sotto/crypto/pure';
import {
  concatBytes,
  decodeGroupPlaintext,
  decodeMove,
  decodeSignedOrder,
  encodeBundleFrame,
  encodeMove,
  encodeSignedOrder,
  fromHex,
  orderStatement,
  toHex,
} from '@sotto/protocol';
import type { LogOperation } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { makeCredential } from '../src/mls/context.ts';
import { deriveEpochFrameKey } from '../src/mls/keys.ts';
import {
  deriveGroupKeys,
  extendLog,
  hashBundle,
  memberIdOf,
  roomCode,
  startLog,
  verifyLeave,
  verifyPresence,
  verifyOrder,
} from '../src/mls/index.ts';
import { deriveRoomKeys, fingerprint, openEnvelope, sealEnvelope, Secret, signCapability } from '../src/index.ts';
import { nodeHkdf, nodePublicKey, nodeSign, nodeVerify } from './node-keys.ts';

interface KeyCase {
  readonly name: string;
  readonly roomSecret: string;
  readonly onionKey: string;
  readonly challenge: string;
  readonly from: number;
  readonly memberKey: string;
  readonly exported: string;
  readonly expect: Readonly<Record<string, string>>;
}

interface EnvelopeCase {
  readonly name: string;
  readonly key: string;
  readonly body: string;
  readonly expect?: {
    readonly nonce: string;
    readonly plaintext: { readonly begins: string; readonly bytes: number; readonly fill: string };
  };
  readonly expectError?: string;
}

function casesOf(file: string): unknown {
  const url = new URL(`../../../vectors/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { readonly cases: unknown }).cases;
}

function hex(text: string): Uint8Array {
  const bytes = fromHex(text, text.length / 2);
  if (bytes === undefined) throw new Error('a vector that is not hexadecimal');
  return bytes;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('vectors/key-schedule.json', () => {
  test.each(casesOf('key-schedule') as readonly KeyCase[])('matches our key schedule: $name', (one) => {
    const keys = deriveRoomKeys({ roomSecret: hex(one.roomSecret), onionKey: hex(one.onionKey) });
    const group = deriveGroupKeys({ roomSecret: hex(one.roomSecret), roomId: keys.roomId });
    const memberKey = hex(one.memberKey);
    const credential = makeCredential(group, memberKey);
    const bytesOf = (secret: Secret): string => secret.use(toHex);
    expect({
      capabilitySeed: bytesOf(keys.capabilitySecret).slice(0, 64),
      capabilityKey: toHex(keys.capabilityKey),
      roomId: toHex(keys.roomId),
      roomTag: toHex(keys.roomTag),
      clientAuthorisationSeed: bytesOf(keys.clientAuthorisationSeed),
      capabilitySignature: toHex(signCapability(keys, { challenge: hex(one.challenge), from: one.from })),
      groupId: toHex(group.groupId),
      credentialKey: bytesOf(group.credentialKey),
      snapshotKey: bytesOf(group.snapshotKey),
      joinKey: bytesOf(group.joinKey),
      credential: credential.credentialType === 'basic' ? toHex(credential.identity) : undefined,
      epochFrameKey: bytesOf(deriveEpochFrameKey(group, hex(one.exported))),
      memberId: toHex(memberIdOf(memberKey)),
      fingerprint: fingerprint(memberKey),
    }).toEqual(one.expect);
  });

  test.each(casesOf('key-schedule') as readonly KeyCase[])('matches Node’s own implementation: $name', (one) => {
    const seed = nodeHkdf(hex(one.roomSecret), 'sotto/1 capability seed');
    const { roomTag = '', roomId = '', capabilitySignature, capabilityKey } = one.expect;
    const from = new Uint8Array(8);
    new DataView(from.buffer).setBigUint64(0, BigInt(one.from));
    const parts = [encode('sotto/1 capability'), hex(one.challenge), hex(roomTag), hex(roomId), from];
    expect(toHex(nodePublicKey(seed))).toBe(capabilityKey);
    expect(toHex(nodeSign(seed, concatBytes(...parts)))).toBe(capabilitySignature);
  });
});

/** The same fields, bytes in hexadecimal. */
function readable(fields: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => [name, readableValue(value)]),
  );
}

function readableValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  return Array.isArray(value) ? value.map(readableValue) : value;
}

interface OrderCase {
  readonly name: string;
  readonly roomId: string;
  readonly moderatorKey: string;
  readonly order?: string;
  readonly move?: string;
  readonly expect?: Readonly<Record<string, string | number | readonly string[]>>;
  readonly expectError?: string;
}

/**
 * Processes an order as a member does.
 *
 * @returns its content, or the code that refuses it.
 */
function obey(one: OrderCase): Readonly<Record<string, unknown>> | string {
  const decoded = one.order === undefined ? decodeMove(hex(one.move ?? '')) : decodeSignedOrder(hex(one.order));
  if (!decoded.ok) return decoded.code;
  if (!verifyOrder({ order: decoded.value, roomId: hex(one.roomId), moderatorKey: hex(one.moderatorKey) }))
    return 'order-invalid';
  const { signature, ...order } = decoded.value;
  expect(signature).toHaveLength(64);
  const again = decoded.value.type === 'move' ? encodeMove(decoded.value) : encodeSignedOrder(decoded.value);
  expect(toHex(again)).toBe(one.order ?? one.move);
  return { ...readable(order), statement: toHex(orderStatement(hex(one.roomId), decoded.value)) };
}

describe('vectors/order.json', () => {
  test.each(casesOf('order') as readonly OrderCase[])('matches our statements and signatures: $name', (one) => {
    expect(obey(one)).toEqual(one.expect ?? one.expectError);
  });
});

interface LeaveCase {
  readonly name: string;
  readonly roomId: string;
  readonly memberKey: string;
  readonly proof: string;
  readonly expect?: { readonly memberId: string; readonly statement: string };
  readonly expectError?: string;
}

describe('vectors/leave-proof.json', () => {
  test.each(casesOf('leave-proof') as readonly LeaveCase[])(
    'matches our ids, statements and signatures: $name',
    (one) => {
      const [roomId, memberKey, proof] = [hex(one.roomId), hex(one.memberKey), hex(one.proof)];
      const memberId = proof.slice(0, 16);
      const isNamed = toHex(memberId) === toHex(memberIdOf(memberKey));
      const holds = verifyLeave({ proof: { memberId, signature: proof.slice(16) }, roomId, memberKey });
      expect(isNamed && holds ? 'noted' : 'member-unknown').toBe(one.expectError ?? 'noted');
      if (one.expect === undefined) return;
      const statement = concatBytes(encode('sotto/2 leave'), roomId, memberIdOf(memberKey));
      expect({ memberId: toHex(memberId), statement: toHex(statement) }).toEqual(one.expect);
      expect(nodeVerify(memberKey, statement, proof.slice(16))).toBe(true);
    },
  );
});

interface PresenceCase {
  readonly name: string;
  readonly roomId: string;
  readonly epochAuthenticator: string;
  readonly memberKey: string;
  readonly memberId: string;
  readonly signature: string;
  readonly content: string;
  readonly expect?: { readonly statement: string };
  readonly expectError?: string;
}

describe('vectors/presence.json', () => {
  test.each(casesOf('presence') as readonly PresenceCase[])('matches our statements and signatures: $name', (one) => {
    const [roomId, epochAuthenticator, memberKey] = [hex(one.roomId), hex(one.epochAuthenticator), hex(one.memberKey)];
    const presence = { memberId: hex(one.memberId), signature: hex(one.signature), content: hex(one.content) };
    const holds = verifyPresence({ roomId, epochAuthenticator, memberKey, presence });
    expect(holds ? 'holds' : 'presence-invalid').toBe(one.expectError ?? 'holds');
    if (one.expect === undefined) return;
    const { memberId, signature, content } = presence;
    const statement = concatBytes(encode('sotto/2 presence'), roomId, epochAuthenticator, memberId, content);
    expect(toHex(statement)).toBe(one.expect.statement);
    expect(nodeVerify(memberKey, statement, signature)).toBe(true);
  });
});

interface LogCase {
  readonly name: string;
  readonly epochAuthenticator: string;
  readonly sequence: number;
  readonly frames: readonly {
    readonly sequence: number;
    readonly operation: LogOperation;
    readonly body: string;
  }[];
  readonly expect: { readonly start: string; readonly hashes: readonly string[] };
}

describe('vectors/log-hash.json', () => {
  test.each(casesOf('log-hash') as readonly LogCase[])('matches our log hash: $name', (one) => {
    let hash = startLog({ epochAuthenticator: hex(one.epochAuthenticator), sequence: one.sequence });
    expect(toHex(hash)).toBe(one.expect.start);
    const hashes = one.frames.map(({ sequence, operation, body }) => {
      hash = extendLog({ hash, sequence, operation, body: hex(body) });
      return toHex(hash);
    });
    expect(hashes).toEqual(one.expect.hashes);
  });
});

interface BundleCase {
  readonly name: string;
  readonly frames: readonly string[];
  readonly expect: { readonly hash: string };
}

describe('vectors/bundle-hash.json', () => {
  test.each(casesOf('bundle-hash') as readonly BundleCase[])(
    'matches our bundle hash, and frames as they are decoded: $name',
    ({ frames, ...one }) => {
      expect(toHex(hashBundle(frames.map((frame) => hex(frame))))).toBe(one.expect.hash);
      const decoded = frames.map((frame) => decodeGroupPlaintext(Buffer.concat([hex(frame), new Uint8Array(900)])));
      const encoded = decoded.flatMap((frame) =>
        frame.ok && (frame.value.kind === 'leave' || frame.value.kind === 'order')
          ? [toHex(encodeBundleFrame(frame.value))]
          : [],
      );
      expect(encoded).toEqual(frames);
    },
  );
});

interface RoomCodeCase {
  readonly name: string;
  readonly epochAuthenticator: string;
  readonly expect: { readonly code: string; readonly words: readonly string[] };
}

describe('vectors/room-code.json', () => {
  test.each(casesOf('room-code') as readonly RoomCodeCase[])('matches our room code: $name', async (one) => {
    const authenticator = hex(one.epochAuthenticator);
    expect(await roomCode(nativeCrypto, authenticator)).toEqual(one.expect.words);
    expect(await roomCode(pureCrypto, authenticator)).toEqual(one.expect.words);
    const code = scryptSync(authenticator, 'sotto/2 room code', 11, { N: 16_384, r: 8, p: 1 });
    expect(code.toString('hex')).toBe(one.expect.code);
  });
});

describe('vectors/envelope.json', () => {
  test.each(casesOf('envelope') as readonly EnvelopeCase[])('matches our envelope: $name', (one) => {
    const key = new Secret(hex(one.key));
    const opened = openEnvelope(key, hex(one.body));
    if (one.expect === undefined || !opened.ok) {
      expect(opened).toEqual({ ok: false, code: one.expectError });
      return;
    }
    const { nonce, plaintext } = one.expect;
    const filling = new Uint8Array(plaintext.bytes - plaintext.begins.length / 2).fill(
      Number.parseInt(plaintext.fill, 16),
    );
    const expected = concatBytes(hex(plaintext.begins), filling);
    expect(toHex(opened.value)).toBe(toHex(expected));
    expect(toHex(sealEnvelope(key, expected, () => hex(nonce)))).toBe(one.body);
  });
});
