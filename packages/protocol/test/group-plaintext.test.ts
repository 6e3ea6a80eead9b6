import { FUZZ_CASES } from '@sotto/fixtures';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  COVERS,
  decodeGroupPlaintext,
  decodeSnapshotPlaintext,
  encodeGroupPlaintext,
  encodeSnapshotPlaintext,
  GROUP_INFO_BYTES_MAX,
} from '../src/index.ts';
import type { GroupPlaintext, LeaveProof, SignedAccess, SignedOrder } from '../src/index.ts';

const ROOM_BYTES = 968;
const SEAL_OVERHEAD_BYTES = 40;

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const proof: fc.Arbitrary<LeaveProof> = fc.record({ memberId: bytesOf(16), signature: bytesOf(64) });
const accessFields = {
  type: fc.constant('access' as const),
  number: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  signature: bytesOf(64),
};
const signedAccess: fc.Arbitrary<SignedAccess> = fc.oneof(
  fc.record({ ...accessFields, mode: fc.constantFrom('open' as const, 'knock' as const, 'locked' as const) }),
  fc.record({
    ...accessFields,
    mode: fc.constant('listed' as const),
    listed: fc.array(bytesOf(16), { maxLength: 50 }),
  }),
);
const order: fc.Arbitrary<SignedOrder> = fc.oneof(
  signedAccess,
  fc.record({
    type: fc.constant('evict' as const),
    number: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    memberId: bytesOf(16),
    listed: fc.array(bytesOf(16), { maxLength: 50 }),
    signature: bytesOf(64),
  }),
);
const plaintext: fc.Arbitrary<GroupPlaintext> = fc.oneof(
  fc.constant<GroupPlaintext>({ kind: 'dummy' }),
  fc.record({
    kind: fc.constant('message' as const),
    bytes: fc.uint8Array({ minLength: 1, maxLength: ROOM_BYTES - 3 }),
  }),
  fc
    .record({
      index: fc.nat(63),
      count: fc.integer({ min: 1, max: 64 }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 900 }),
    })
    .filter(({ index, count }) => index < count)
    .chain((piece) => fc.constantFrom('piece' as const, 'welcome' as const).map((kind) => ({ kind, ...piece }))),
  proof.map((fields) => ({ kind: 'leave' as const, ...fields })),
  order.map((value) => ({ kind: 'order' as const, order: value })),
  fc
    .record({
      type: fc.constant('move' as const),
      onionKey: bytesOf(32),
      roomSecret: bytesOf(32),
      cover: fc.constantFrom(...COVERS),
      signature: bytesOf(64),
    })
    .map((value) => ({ kind: 'move' as const, move: value })),
  fc.record({
    kind: fc.constant('knock' as const),
    name: fc.uint8Array({ minLength: 1, maxLength: 48 }),
    keyPackage: fc.uint8Array({ minLength: 1, maxLength: 900 }),
  }),
);

describe('the plaintext of an envelope under group keys', () => {
  test('decodes to the same plaintext after encoding', () => {
    fc.assert(
      fc.property(plaintext, (value) => {
        expect(decodeGroupPlaintext(encodeGroupPlaintext(value, ROOM_BYTES))).toEqual({ ok: true, value });
      }),
    );
  });

  const message = encodeGroupPlaintext({ kind: 'message', bytes: Uint8Array.of(7) }, ROOM_BYTES);
  const piece = encodeGroupPlaintext({ kind: 'piece', index: 0, count: 1, bytes: Uint8Array.of(7) }, ROOM_BYTES);
  const leave = encodeGroupPlaintext(
    { kind: 'leave', memberId: new Uint8Array(16), signature: new Uint8Array(64) },
    ROOM_BYTES,
  );
  const signature = new Uint8Array(64).fill(9);
  const access = encodeGroupPlaintext(
    { kind: 'order', order: { type: 'access', number: 1, mode: 'locked', signature } },
    ROOM_BYTES,
  );
  const eviction = encodeGroupPlaintext(
    { kind: 'order', order: { type: 'evict', number: 1, memberId: new Uint8Array(16), listed: [], signature } },
    ROOM_BYTES,
  );
  const knock = encodeGroupPlaintext(
    { kind: 'knock', name: Uint8Array.of(65), keyPackage: Uint8Array.of(7) },
    ROOM_BYTES,
  );
  const move = encodeGroupPlaintext(
    {
      kind: 'move',
      move: { type: 'move', onionKey: new Uint8Array(32), roomSecret: new Uint8Array(32), cover: 'off', signature },
    },
    ROOM_BYTES,
  );
  test.each([
    ['the kind of a frame without group keys', changed(message, 0, 1), 'content-kind'],
    ['an unknown kind', changed(message, 0, 200), 'content-kind'],
    ['a message of no length', changed(message, 2, 0), 'content-length'],
    ['a message longer than its frame', changed(message, 1, 0xff), 'content-length'],
    ['a message with something behind it', changed(message, 10, 1), 'content-padding'],
    ['a piece of none', changed(piece, 4, 0), 'fragment-index'],
    ['a piece of too many', changed(piece, 4, 65), 'fragment-index'],
    ['a piece beyond its count', changed(piece, 2, 1), 'fragment-index'],
    ['a piece with something behind it', changed(piece, 20, 1), 'content-padding'],
    ['a proof with something behind it', changed(leave, 90, 1), 'content-padding'],
    ['a move with something behind it', changed(move, 130, 1), 'content-padding'],
    ['a move to a room of an unknown cover mode', changed(move, 65, 0x24), 'content-kind'],
    ['an order of an unknown type', changed(access, 9, 9), 'content-kind'],
    ['a move as an order', changed(access, 9, 3), 'content-kind'],
    ['an access of an unknown mode', changed(access, 10, 4), 'content-kind'],
    ['an order with a number above 2^53-1', changed(access, 2, 0x20), 'content-number'],
    ['an order with something behind it', changed(access, 75, 1), 'content-padding'],
    ['an eviction with something behind it', changed(eviction, 91, 1), 'content-padding'],
    ['a knock without a name', changed(knock, 1, 0), 'content-text'],
    ['a knock with a name of 49 bytes', changed(knock, 1, 49), 'content-text'],
    ['a knock without a key package', changed(knock, 4, 0), 'content-length'],
    ['a knock longer than its frame', changed(knock, 3, 0xff), 'content-length'],
    ['a knock with something behind it', changed(knock, 6, 1), 'content-padding'],
    ['a piece of a welcome beyond its count', changed(changed(piece, 0, 7), 2, 1), 'fragment-index'],
    ['too few bytes', message.subarray(0, 89), 'content-length'],
  ])('is refused with its code: %s', (_what, bytes, code) => {
    expect(decodeGroupPlaintext(bytes)).toEqual({ ok: false, code });
  });
});

describe('a snapshot', () => {
  test('decodes to the same snapshot after encoding, and is a power of two long once sealed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: GROUP_INFO_BYTES_MAX }),
        fc.uint8Array({ minLength: 1, maxLength: 5_000 }),
        fc.array(proof, { maxLength: 5 }),
        fc.option(signedAccess, { nil: undefined }),
        (groupInfo, tree, proofs, access) => {
          const encoded = encodeSnapshotPlaintext({ groupInfo, tree, proofs, access }, SEAL_OVERHEAD_BYTES);
          expect(Math.log2(encoded.length + SEAL_OVERHEAD_BYTES) % 1).toBe(0);
          expect(decodeSnapshotPlaintext(encoded)).toEqual({ ok: true, value: { groupInfo, tree, proofs, access } });
        },
      ),
    );
  });

  const snapshot = encodeSnapshotPlaintext(
    { groupInfo: Uint8Array.of(9), tree: Uint8Array.of(1, 2, 3), proofs: [], access: undefined },
    SEAL_OVERHEAD_BYTES,
  );

  // Encoded by hand: the encoder would write it.
  const longInfo = Uint8Array.from([8, 1, ...new Uint8Array(GROUP_INFO_BYTES_MAX + 1), 0, 0, 0, 1, 0, 0, 0, 0]);

  test.each([
    ['nothing', new Uint8Array(0)],
    ['no GroupInfo', new Uint8Array(24)],
    ['a GroupInfo longer than the snapshot', changed(snapshot, 1, 24)],
    ['a GroupInfo above its limit', longInfo],
    ['no tree', Uint8Array.from([0, 1, 9, ...new Uint8Array(21)])],
    ['a tree longer than the snapshot', changed(snapshot, 3, 0xff)],
    ['more proofs than fit', changed(snapshot, 10, 1)],
  ])('is refused with %s', (_what, bytes) => {
    expect(decodeSnapshotPlaintext(bytes)).toEqual({ ok: false, code: 'content-length' });
  });

  const ordered = encodeSnapshotPlaintext(
    {
      groupInfo: Uint8Array.of(9),
      tree: Uint8Array.of(1, 2, 3),
      proofs: [],
      access: { type: 'access', number: 1, mode: 'open', signature: new Uint8Array(64) },
    },
    SEAL_OVERHEAD_BYTES,
  );
  const spoil = (at: number, value: number): Uint8Array =>
    Uint8Array.from(ordered, (byte, index) => (index === at ? value : byte));

  test.each([
    ['an order that is neither present nor absent', spoil(11, 2), 'content-kind'],
    ['an access order of an unknown mode', spoil(20, 4), 'content-kind'],
    ['an order number above 2^53-1', spoil(13, 0x20), 'content-number'],
    ['an order that is cut off', ordered.subarray(0, 43), 'content-length'],
    ['bytes after its order', spoil(85, 1), 'content-padding'],
  ])('is refused with its code: %s', (_what, bytes, code) => {
    expect(decodeSnapshotPlaintext(bytes)).toEqual({ ok: false, code });
  });

  test('is refused with padding that is not zero', () => {
    const spoilt = Uint8Array.from([...snapshot.subarray(0, -1), 1]);
    expect(decodeSnapshotPlaintext(spoilt)).toEqual({ ok: false, code: 'content-padding' });
  });
});

describe('foreign bytes', () => {
  test.each([
    ['decodeGroupPlaintext', decodeGroupPlaintext],
    ['decodeSnapshotPlaintext', decodeSnapshotPlaintext],
  ])('never make %s throw', (_name, decode) => {
    let state = 0x2545f491;
    const next = (): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
    let accepted = 0;
    for (let index = 0; index < FUZZ_CASES; index += 1) {
      const bytes = new Uint8Array(next() % 256);
      for (let at = 0; at < Math.min(bytes.length, 12); at += 1) bytes[at] = next() & 0x07;
      if (decode(bytes).ok) accepted += 1;
    }
    // The control: the cases are not all turned away at the door.
    expect(accepted).toBeGreaterThan(0);
  });
});
