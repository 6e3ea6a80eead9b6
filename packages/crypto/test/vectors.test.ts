import { readFileSync } from 'node:fs';
import {
  concatBytes,
  decodeContent,
  decodeMove,
  decodePlaintext,
  decodeSignedOrder,
  encodeContent,
  encodeMove,
  encodePlaintext,
  encodeSignedOrder,
  fromHex,
  NONCE_BYTES,
  orderStatement,
  toHex,
} from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { extendLog, startLog, verifyOrder } from '../src/group.ts';
import { deriveRoomKeys, openEnvelope, sealEnvelope, signCapability, verifyContent } from '../src/index.ts';
import { nodeHkdf, nodePublicKey, nodeSign } from './node-keys.ts';

interface Case<Expected> {
  readonly name: string;
  readonly roomSecret: string;
  readonly onionKey: string;
  readonly expect?: Expected;
  readonly expectError?: string;
}

interface KeyCase extends Case<Readonly<Record<string, string>>> {
  readonly challenge: string;
  readonly from: number;
}

interface EnvelopeCase extends Case<Readonly<Record<string, string | number>>> {
  readonly body: string;
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
const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

describe('vectors/key-schedule.json', () => {
  test.each(casesOf('key-schedule') as readonly KeyCase[])('$name', (one) => {
    const keys = deriveRoomKeys(hex(one.roomSecret), hex(one.onionKey));
    const secretOf = (secret: typeof keys.frameKey): string => secret.use(toHex);
    expect({
      capabilitySeed: secretOf(keys.capabilitySecret).slice(0, 64),
      capabilityKey: toHex(keys.capabilityKey),
      roomId: toHex(keys.roomId),
      roomTag: toHex(keys.roomTag),
      frameKey: secretOf(keys.frameKey),
      clientAuthorisationSeed: secretOf(keys.clientAuthorisationSeed),
      capabilitySignature: toHex(signCapability(keys, hex(one.challenge), one.from)),
    }).toEqual(one.expect);
  });

  test.each(casesOf('key-schedule') as readonly KeyCase[])("$name, by Node's own implementation", (one) => {
    const seed = nodeHkdf(hex(one.roomSecret), 'sotto/1 capability seed');
    const { roomTag = '', roomId = '', capabilitySignature, capabilityKey } = one.expect ?? {};
    const from = new Uint8Array(8);
    new DataView(from.buffer).setBigUint64(0, BigInt(one.from));
    const parts = [encode('sotto/1 capability'), hex(one.challenge), hex(roomTag), hex(roomId), from];
    expect(toHex(nodePublicKey(seed))).toBe(capabilityKey);
    expect(toHex(nodeSign(seed, concatBytes(...parts)))).toBe(capabilitySignature);
  });
});

/** Opens a body as a client does. @returns what is in it, or the code that refuses it. */
function open(one: EnvelopeCase): Readonly<Record<string, unknown>> | string {
  const keys = deriveRoomKeys(hex(one.roomSecret), hex(one.onionKey));
  const envelope = openEnvelope(keys.frameKey, hex(one.body));
  if (!envelope.ok) return envelope.code;
  const plaintext = decodePlaintext(envelope.value);
  if (!plaintext.ok) return plaintext.code;
  if (plaintext.value.kind === 'dummy') return { kind: 'dummy' };
  const { memberKey, content: signed, signature } = plaintext.value;
  if (!verifyContent(keys.roomId, memberKey, signed, signature)) return 'signature-wrong';
  const content = decodeContent(signed, decode);
  if (!content.ok) return content.code;
  const nonce = one.body.slice(0, 2 * NONCE_BYTES);
  // Each content has one encoding: what was decoded makes the same envelope again, byte for byte.
  const again = encodePlaintext(
    { ...plaintext.value, content: encodeContent(content.value, encode) },
    envelope.value.length,
  );
  expect(toHex(sealEnvelope(keys.frameKey, again, () => hex(nonce)))).toBe(one.body);
  const shared = { kind: 'content', memberKey: toHex(memberKey), nonce };
  if (content.value.type !== 'text') return { ...shared, ...readable(content.value) };
  const { bytes, ...rest } = content.value;
  return { ...shared, ...readable(rest), text: toHex(bytes) };
}

/** The same fields, bytes in hexadecimal. */
function readable(fields: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Uint8Array ? toHex(value) : value,
    ]),
  );
}

interface OrderCase {
  readonly name: string;
  readonly roomId: string;
  readonly moderatorKey: string;
  readonly order?: string;
  readonly move?: string;
  readonly expect?: Readonly<Record<string, string | number>>;
  readonly expectError?: string;
}

/** Takes an order as a member does. @returns what it says, or the code that refuses it. */
function obey(one: OrderCase): Readonly<Record<string, unknown>> | string {
  const decoded = one.order === undefined ? decodeMove(hex(one.move ?? '')) : decodeSignedOrder(hex(one.order));
  if (!decoded.ok) return decoded.code;
  if (!verifyOrder(decoded.value, hex(one.roomId), hex(one.moderatorKey))) return 'order-invalid';
  const { signature, ...order } = decoded.value;
  expect(signature).toHaveLength(64);
  const again = decoded.value.type === 'move' ? encodeMove(decoded.value) : encodeSignedOrder(decoded.value);
  expect(toHex(again)).toBe(one.order ?? one.move);
  return { ...readable(order), statement: toHex(orderStatement(hex(one.roomId), decoded.value)) };
}

describe('vectors/order.json', () => {
  test.each(casesOf('order') as readonly OrderCase[])('$name', (one) => {
    expect(obey(one)).toEqual(one.expect ?? one.expectError);
  });
});

interface LogCase {
  readonly name: string;
  readonly epochAuthenticator: string;
  readonly sequence: number;
  readonly frames: readonly { readonly sequence: number; readonly body: string }[];
  readonly expect: { readonly start: string; readonly hashes: readonly string[] };
}

describe('vectors/log-hash.json', () => {
  test.each(casesOf('log-hash') as readonly LogCase[])('$name', (one) => {
    let hash = startLog(hex(one.epochAuthenticator), one.sequence);
    expect(toHex(hash)).toBe(one.expect.start);
    const hashes = one.frames.map(({ sequence, body }) => {
      hash = extendLog(hash, sequence, hex(body));
      return toHex(hash);
    });
    expect(hashes).toEqual(one.expect.hashes);
  });
});

describe('vectors/envelope.json', () => {
  test.each(casesOf('envelope') as readonly EnvelopeCase[])('$name', (one) => {
    expect(open(one)).toEqual(one.expect ?? one.expectError);
  });
});
