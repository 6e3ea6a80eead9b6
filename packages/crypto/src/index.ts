// Keys and end-to-end protection without a group: room keys, envelope, capability, member credentials. No I/O; runs in Node and in a browser.

export { signCapability } from './capability.ts';
export { createCredential, fingerprint, signContent, verifyContent } from './credential.ts';
export type { MemberCredential } from './credential.ts';
export { openEnvelope, plaintextBytes, sealEnvelope } from './envelope.ts';
export type { RandomSource } from './envelope.ts';
export { deriveRoomKeys, destroyRoomKeys, digestOf } from './key-schedule.ts';
export type { RoomKeys } from './key-schedule.ts';
export { Secret } from './secret.ts';
