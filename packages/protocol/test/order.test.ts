import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  COVERS,
  decodeMove,
  decodeSignedOrder,
  encodeMove,
  encodeSignedOrder,
  orderStatement,
  toHex,
} from '../src/index.ts';
import type { ContentCode, Move, Order, SignedOrder } from '../src/index.ts';

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const signature = bytesOf(64);

const signedOrder: fc.Arbitrary<SignedOrder> = fc.oneof(
  fc.record({
    type: fc.constant('access' as const),
    number,
    mode: fc.constantFrom('open' as const, 'knock' as const, 'locked' as const),
    signature,
  }),
  fc.record({
    type: fc.constant('access' as const),
    number,
    mode: fc.constant('listed' as const),
    listed: fc.array(bytesOf(16), { maxLength: 64 }),
    signature,
  }),
  fc.record({
    type: fc.constant('evict' as const),
    number,
    memberId: bytesOf(16),
    listed: fc.array(bytesOf(16), { maxLength: 64 }),
    signature,
  }),
);
const move: fc.Arbitrary<Move> = fc.record({
  type: fc.constant('move' as const),
  onionKey: bytesOf(32),
  roomSecret: bytesOf(32),
  cover: fc.constantFrom(...COVERS),
  signature,
});
const order: fc.Arbitrary<Order> = fc.oneof(signedOrder, move);

const access = encodeSignedOrder({ type: 'access', number: 5, mode: 'knock', signature: new Uint8Array(64) });
const memberId = new Uint8Array(16).fill(1);
const listed = encodeSignedOrder({
  type: 'access',
  number: 5,
  mode: 'listed',
  listed: [memberId, memberId],
  signature: new Uint8Array(64),
});
const eviction = encodeSignedOrder({
  type: 'evict',
  number: 5,
  memberId: new Uint8Array(16).fill(1),
  listed: [memberId, memberId],
  signature: new Uint8Array(64),
});

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  return Uint8Array.from(bytes, (byte, index) => (index === at ? value : byte));
}

describe('an order', () => {
  test('decodes to the same order after encoding, and so does a move', () => {
    fc.assert(
      fc.property(signedOrder, move, (one, other) => {
        expect(decodeSignedOrder(encodeSignedOrder(one))).toEqual({ ok: true, value: one });
        expect(decodeMove(encodeMove(other))).toEqual({ ok: true, value: other });
      }),
    );
  });

  const refusals: readonly (readonly [string, ContentCode, Uint8Array])[] = [
    ['no bytes', 'content-length', new Uint8Array(0)],
    ['bytes that end within the number', 'content-length', access.subarray(0, 8)],
    ['an access one byte short', 'content-length', access.subarray(0, -1)],
    ['an eviction one byte short', 'content-length', eviction.subarray(0, -1)],
    ['an access with something behind', 'content-length', Uint8Array.of(...access, 0)],
    ['an eviction with something behind', 'content-length', Uint8Array.of(...eviction, 0)],
    ['an eviction of one more than it says', 'content-length', changed(eviction, 25, 1)],
    ['an eviction of one less than it says', 'content-length', changed(eviction, 25, 3)],
    ['an eviction of 65', 'content-length', Uint8Array.of(...changed(eviction, 25, 65), ...new Uint8Array(63 * 16))],
    ['an eviction that says that it is an access', 'content-length', changed(changed(eviction, 8, 1), 9, 0)],
    ['an unknown type', 'content-kind', changed(access, 8, 4)],
    ['a move', 'content-kind', changed(access, 8, 3)],
    ['an unknown mode', 'content-kind', changed(access, 9, 4)],
    ['a list one byte short', 'content-length', listed.subarray(0, -1)],
    ['a list with something behind', 'content-length', Uint8Array.of(...listed, 0)],
    ['a list of one more than it says', 'content-length', changed(listed, 10, 1)],
    ['a list of one less than it says', 'content-length', changed(listed, 10, 3)],
    ['a list of 65', 'content-length', Uint8Array.of(...changed(listed, 10, 65), ...new Uint8Array(63 * 16))],
    ['a number above 2^53-1', 'content-number', changed(access, 1, 0x20)],
  ];

  test.each(refusals)('is refused with its code: %s', (_name, code, bytes) => {
    expect(decodeSignedOrder(bytes)).toEqual({ ok: false, code });
  });

  test('is refused as a move to a room of an unknown cover mode', () => {
    expect(decodeMove(changed(new Uint8Array(129), 64, 0x24))).toEqual({ ok: false, code: 'content-kind' });
  });

  test.each([0, 128, 130])('is refused as a move of %i bytes', (length) => {
    expect(decodeMove(new Uint8Array(length))).toEqual({ ok: false, code: 'content-length' });
  });

  test('control: the orders from which these were made are accepted', () => {
    for (const bytes of [access, listed, eviction]) expect(decodeSignedOrder(bytes).ok).toBe(true);
    expect(decodeMove(new Uint8Array(129)).ok).toBe(true);
  });

  test('throws for a list of more members than a room has', () => {
    const order = { type: 'access', number: 1, mode: 'listed', listed: Array<Uint8Array>(65).fill(memberId) } as const;
    expect(() => orderStatement(memberId, order)).toThrow(RangeError);
  });
});

describe('a signed statement', () => {
  const say = (roomId: Uint8Array, one: Order): string => {
    const { type } = one;
    const said =
      type === 'access'
        ? one.mode + (one.mode === 'listed' ? one.listed.map(toHex).join() : '')
        : type === 'evict'
          ? toHex(one.memberId)
          : toHex(one.onionKey) + toHex(one.roomSecret) + one.cover;
    return `${toHex(roomId)} ${type} ${type === 'move' ? 0 : one.number} ${said}`;
  };

  test('is equal for one order in one room, and differs for two orders or two rooms', () => {
    fc.assert(
      fc.property(bytesOf(16), bytesOf(16), order, order, (here, there, one, other) => {
        const statements = [orderStatement(here, one), orderStatement(here, other), orderStatement(there, one)].map(
          toHex,
        );
        const meanings = [say(here, one), say(here, other), say(there, one)];
        expect(new Set(statements).size).toBe(new Set(meanings).size);
        expect(toHex(orderStatement(here, { ...one }))).toBe(statements[0]);
      }),
    );
  });

  test('consists of the label, the room, the number, the type and the payload', () => {
    const roomId = new Uint8Array(16).fill(0xaa);
    const statement = orderStatement(roomId, { type: 'access', number: 258, mode: 'locked' });
    expect(Buffer.from(statement.subarray(0, 13)).toString('latin1')).toBe('sotto/1 order');
    expect(toHex(statement.subarray(13))).toBe(`${'aa'.repeat(16)}00000000000001020102`);
  });
});
