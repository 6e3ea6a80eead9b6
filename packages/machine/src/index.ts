// The entry of the package: the types that a state machine and its edge share, without any I/O.

export type { Clock } from './clock.ts';
export type { Step } from './step.ts';
export { fullBucket, spend, trySpend, waitMs } from './token-bucket.ts';
export type { Allowance, TokenBucket } from './token-bucket.ts';
