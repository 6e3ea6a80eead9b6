// scrypt written from RFC 7914, step by step, with a count of the steps: what one room code costs.

import { pbkdf2Sync } from 'node:crypto';

/** N, r and p of RFC 7914 §2. */
interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

interface CountedScrypt {
  readonly derived: Uint8Array;
  /** Calls of Salsa20/8 (§3). */
  readonly salsaCores: number;
  /** Calls of BlockMix (§4). */
  readonly blockMixes: number;
  /** The bytes of the largest table (§5), which all have to be there at once. */
  readonly tableBytes: number;
}

const CORE_WORDS = 16;
const DOUBLE_ROUNDS = 4;
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
];

function word(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** `block` becomes Salsa20/8 of itself. */
function salsa(block: Uint32Array): void {
  const x = block.slice();
  for (let round = 0; round < DOUBLE_ROUNDS; round += 1) {
    for (const [a, b, c, d] of QUARTERS) {
      x[b] = word(x, b) ^ rotate(word(x, a) + word(x, d), 7);
      x[c] = word(x, c) ^ rotate(word(x, b) + word(x, a), 9);
      x[d] = word(x, d) ^ rotate(word(x, c) + word(x, b), 13);
      x[a] = word(x, a) ^ rotate(word(x, d) + word(x, c), 18);
    }
  }
  for (let index = 0; index < CORE_WORDS; index += 1) block[index] = word(block, index) + word(x, index);
}

function exclusiveOr(into: Uint32Array, from: Uint32Array): void {
  for (let index = 0; index < into.length; index += 1) into[index] = word(into, index) ^ word(from, index);
}

export function countedScrypt(
  password: Uint8Array,
  salt: Uint8Array,
  length: number,
  { N, r, p }: ScryptCost,
): CountedScrypt {
  let salsaCores = 0;
  let blockMixes = 0;
  let tableBytes = 0;
  const blockBytes = 128 * r;

  function blockMix(input: Uint32Array): Uint32Array {
    blockMixes += 1;
    const output = new Uint32Array(input.length);
    const x = input.slice(-CORE_WORDS);
    for (let index = 0; index < 2 * r; index += 1) {
      exclusiveOr(x, input.subarray(index * CORE_WORDS, (index + 1) * CORE_WORDS));
      salsa(x);
      salsaCores += 1;
      output.set(x, ((index >> 1) + (index % 2) * r) * CORE_WORDS);
    }
    return output;
  }

  /** §5: the table is filled in order, and read in an order that only the data says. */
  function mix(block: Uint32Array): Uint32Array {
    let x = block;
    const table: Uint32Array[] = [];
    for (let index = 0; index < N; index += 1) {
      table.push(x);
      x = blockMix(x);
    }
    tableBytes = Math.max(tableBytes, N * blockBytes);
    for (let index = 0; index < N; index += 1) {
      const row = table[word(x, (2 * r - 1) * CORE_WORDS) % N];
      if (row === undefined) throw new Error('no such row');
      exclusiveOr(x, row);
      x = blockMix(x);
    }
    return x;
  }

  const blocks = Uint8Array.from(pbkdf2Sync(password, salt, 1, p * blockBytes, 'sha256'));
  for (let index = 0; index < p; index += 1) {
    // The words are little-endian, as on every machine that runs these tests.
    const bytes = blocks.slice(index * blockBytes, (index + 1) * blockBytes);
    blocks.set(new Uint8Array(mix(new Uint32Array(bytes.buffer)).buffer), index * blockBytes);
  }
  return {
    derived: new Uint8Array(pbkdf2Sync(password, blocks, 1, length, 'sha256')),
    salsaCores,
    blockMixes,
    tableBytes,
  };
}
