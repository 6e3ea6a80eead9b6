// What stands in for time, chance and the network in tests. Nothing here stands in for our own code.

export { FakeClock } from './fake-clock.ts';
export { SeededRandom, systemRandom } from './seeded-random.ts';
export { createStreamPair } from './stream-pair.ts';
export type { StreamConditions, StreamEnd, StreamPair } from './stream-pair.ts';
