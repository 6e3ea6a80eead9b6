// What stands in for time, chance, the network and strangers, relays among them, in tests.

export { FakeClock } from './fake-clock.ts';
export {
  damageBytes,
  damageText,
  fuzz,
  FUZZ_CASES,
  FUZZ_GROWTH_BYTES_MAX,
  FUZZ_LIMIT_MS,
  FUZZ_SLOWEST_MS,
} from './fuzz.ts';
export type { FuzzedDecoder, FuzzReport } from './fuzz.ts';
export { nonceOf, ScriptedRelay } from './scripted-relay.ts';
export type { Arrival, Entry } from './scripted-relay.ts';
export { SeededRandom, systemRandom } from './seeded-random.ts';
export { createStreamPair } from './stream-pair.ts';
export type { StreamConditions, StreamEnd, StreamPair } from './stream-pair.ts';
