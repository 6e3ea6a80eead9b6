// Gives a decoder what a stranger might send, very often, and tells what became of it: one way and one count for all decoders of all packages.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from './seeded-random.ts';

/** Cases for each decoder. `SOTTO_FUZZ_CASES=1000000 npm test` looks ten times as long; what takes fewer cases scales with it. */
export const FUZZ_CASES = Number(process.env['SOTTO_FUZZ_CASES'] ?? 100_000);
/** Another one is another hundred thousand cases. */
const FUZZ_SEED = Number(process.env['SOTTO_FUZZ_SEED'] ?? 11);
/** Far above what any decoder takes, a loaded machine included: it is there for what does not end. */
export const FUZZ_LIMIT_MS: number = 60_000 + 2 * FUZZ_CASES;
/** A hundred times what a decoder takes for one case: it is about work that grows without bound, not about speed. */
export const FUZZ_SLOWEST_MS = 250;
export const FUZZ_GROWTH_BYTES_MAX: number = 16 * 1024 * 1024;

const NOISE_BYTES_MAX = 600;
const RERUNS = 3;
const COPIED_BYTES_MAX = 200;
/** What a text is made of where one character decides: the ends of strings, objects, lines, numbers, and names that every object has. */
const TOKENS: readonly [string, ...string[]] = [
  ...['{', '}', '[', ']', '"', '\\', ':', ',', '=', ' ', '\t', '\r', '\n', '\r\n', '\0', '-', '+', '.', '/', '..'],
  ...['null', 'true', '-0', '1e999', '9007199254740993', '""', '{}', '[]', '"__proto__":{"ok":true},', '"toString"'],
  ...['\\ud800', '\\u0000', '\\"', '250 ', '250-', '250+', '650 ', '\u{1f600}', '\u202e', 'é', '%s'],
] as [string, ...string[]];

export interface FuzzReport {
  readonly accepted: number;
  readonly refused: number;
  /** The slowest case, by the quickest of some more runs: a machine that stalls once is not a decoder that hangs. */
  readonly slowestMs: number;
  /** What is held behind all cases and was not before, without what only waits to be collected. */
  readonly grownBytes: number;
}

export type Damage = (random: SeededRandom, accepted: Uint8Array) => Uint8Array;
export type FuzzedDecoder = (bytes: Uint8Array) => boolean | Promise<boolean>;

/** Noise, or the accepted thing with some bytes changed, cut off, put in, taken out or repeated. */
export function damageBytes(random: SeededRandom, accepted: Uint8Array): Uint8Array {
  if (random.onceIn(6)) return random.bytes(random.below(Math.min(NOISE_BYTES_MAX, 2 * accepted.length + 1)));
  if (random.onceIn(6)) return spliced(accepted, random, random.bytes(random.between(1, 40)));
  const bytes = accepted.slice(0, random.onceIn(4) ? random.below(accepted.length + 1) : accepted.length);
  for (let changes = random.between(1, 3); changes > 0 && bytes.length > 0; changes -= 1) {
    // Lengths and kinds are among the first bytes, and there are more behind.
    const position = random.below(random.onceIn(2) ? Math.min(24, bytes.length) : bytes.length);
    bytes[position] = random.onceIn(2)
      ? (bytes[position] ?? 0) ^ (1 << random.below(8))
      : random.pick([0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff, random.below(256)]);
  }
  return random.onceIn(8) ? joined(bytes, bytes.subarray(0, COPIED_BYTES_MAX)) : bytes;
}

/** As `damageBytes`, and half of the time with the characters that decide in a text. */
export function damageText(random: SeededRandom, accepted: Uint8Array): Uint8Array {
  let bytes = accepted;
  if (random.onceIn(2)) return damageBytes(random, accepted);
  for (let changes = random.between(1, 3); changes > 0; changes -= 1) {
    bytes = spliced(bytes, random, encoder.encode(random.pick(TOKENS)));
  }
  return bytes;
}
const encoder = new TextEncoder();

/** With `inserted` at some place, instead of some bytes that were there or of none. */
function spliced(bytes: Uint8Array, random: SeededRandom, inserted: Uint8Array): Uint8Array {
  const position = random.below(bytes.length + 1);
  const removed = random.onceIn(2) ? 0 : random.below(Math.min(16, bytes.length - position) + 1);
  return joined(bytes.subarray(0, position), inserted, bytes.subarray(position + removed));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** @throws Error that names the case and its seed, with the decoder's own as its cause, if the decoder throws */
export async function fuzz(
  accepted: Uint8Array,
  decode: FuzzedDecoder,
  { cases = FUZZ_CASES, damage = damageBytes }: { readonly cases?: number; readonly damage?: Damage } = {},
): Promise<FuzzReport> {
  const random = new SeededRandom(FUZZ_SEED);
  const outcomes = { accepted: 0, refused: 0 };
  let slowest = { milliseconds: 0, bytes: accepted };
  // What a first call sets up once is no growth.
  await decode(accepted);
  const before = heldBytes();
  for (let index = 0; index < cases; index += 1) {
    const bytes = damage(random, accepted);
    const started = performance.now();
    const answer = await answerOf(decode, bytes, index);
    const milliseconds = performance.now() - started;
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, bytes };
    outcomes[answer ? 'accepted' : 'refused'] += 1;
  }
  const grownBytes = heldBytes() - before;
  const times = [];
  for (let run = 0; run < RERUNS; run += 1) {
    const started = performance.now();
    await decode(slowest.bytes);
    times.push(performance.now() - started);
  }
  return { ...outcomes, slowestMs: Math.min(...times), grownBytes };
}

function answerOf(decode: FuzzedDecoder, bytes: Uint8Array, index: number): boolean | Promise<boolean> {
  try {
    const answer = decode(bytes);
    return typeof answer === 'boolean' ? answer : answer.catch((cause: unknown) => blame(index, cause));
  } catch (cause) {
    return blame(index, cause);
  }
}

function blame(index: number, cause: unknown): never {
  throw new Error(`case ${index} of SOTTO_FUZZ_SEED=${FUZZ_SEED} made the decoder throw`, { cause });
}

function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
