// `@sotto/crypto`: everything that needs no group, namely room keys, envelope, capability and
// fingerprints. No I/O; runs in Node and in a browser.

export { signCapability } from './signed-statements.ts';
export { openEnvelope, plaintextBytes, sealEnvelope } from './envelope.ts';
export type { RandomSource } from './envelope.ts';
export { fingerprint } from './verification.ts';
export { deriveRoomKeys, destroyRoomKeys, digestOf } from './key-schedule.ts';
export type { RoomKeys } from './key-schedule.ts';
export { moveToSecretMemory, Secret } from './secret.ts';
