// `@sotto/crypto/group`: group keys. An entry of its own, so that whoever speaks without them does not load MLS. No I/O; runs in Node and in a browser.

export { GROUP_CODES, GroupEndedError } from './errors.ts';
export type { GroupCode, PolicyCode } from './errors.ts';
export { openRoom } from './group-commit-rules.ts';
export type { CommitFacts, CommitPolicy } from './group-commit-rules.ts';
export type { GroupCrypto, GroupSuite } from './group-crypto.ts';
export { GroupEngine } from './group-engine.ts';
export type { CommitOutcome, Group, GroupOptions, KeyPackageOffer, PendingCommit } from './group-engine.ts';
export { copyGroupIdentity, createGroupIdentity } from './group-identity.ts';
export type { GroupIdentity } from './group-identity.ts';
export { deriveGroupKeys, destroyGroupKeys } from './group-keys.ts';
export type { GroupKeys } from './group-keys.ts';
export type { OpenedMessage } from './group-transitions.ts';
export type { GroupMember } from './group-tree.ts';
export { proveLeave, verifyLeave } from './leave-proof.ts';
export { extendLog, startLog } from './log-hash.ts';
export type { LogHash } from './log-hash.ts';
export { verifyOrder } from './moderator-order.ts';
export {
  GROUP_COMMIT_BYTES_MAX,
  GROUP_HEAD_BYTES_MAX,
  GROUP_KEY_PACKAGE_BYTES_MAX,
  GROUP_MEMBERS_MAX,
  GROUP_MESSAGE_BYTES_MAX,
  GROUP_MESSAGE_OVERHEAD_BYTES,
  GROUP_SKIPPED_MESSAGES_MAX,
  GROUP_WELCOME_BYTES_MAX,
} from './limits.ts';
export { pureCrypto } from './pure-provider.ts';
export { ROOM_CODE_WORDS, roomCode } from './room-code.ts';
export { safetyNumber } from './safety-number.ts';
export type { SafetyParty } from './safety-number.ts';
