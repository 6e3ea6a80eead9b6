// `@sotto/crypto/mls`: the group engine. A program without a group does not load MLS. The
// primitives are entries of their own: `/native` and `/pure`. No I/O; runs in Node and in a
// browser.

export { GROUP_CODES, GroupEndedError } from '../errors.ts';
export type { GroupCode, PolicyCode } from '../errors.ts';
export { openRoomPolicy as openRoom } from './commit-rules.ts';
export type { CommitAndBundle, CommitFacts, CommitPolicy } from './commit-rules.ts';
export type { GroupCrypto, GroupSuite } from '../provider/group-crypto.ts';
export { GroupEngine } from './engine.ts';
export type { CommitOutcome, Group, GroupOptions, KeyPackageOffer, PendingCommit } from './engine.ts';
export { copyGroupIdentity, createGroupIdentity } from './identity.ts';
export type { GroupIdentity } from './identity.ts';
export { memberIdOf } from './member-id.ts';
export { deriveGroupKeys, destroyGroupKeys } from './keys.ts';
export type { GroupKeys } from './keys.ts';
export type { GroupSnapshot } from './bytes.ts';
export type { OpenedMessage } from './transitions.ts';
export type { GroupMember } from './tree.ts';
export { proveLeave, signPresence, verifyLeave, verifyPresence } from '../signed-statements.ts';
export type { PresenceClaim } from '../signed-statements.ts';
export { hashBundle } from '../bundle-hash.ts';
export type { BundleFrames } from '../bundle-hash.ts';
export { extendLog, startLog } from '../log-hash.ts';
export type { LogHash } from '../log-hash.ts';
export { verifyOrder } from '../signed-statements.ts';
export {
  GROUP_COMMIT_BYTES_MAX,
  GROUP_INFO_BYTES_MAX,
  GROUP_TREE_BYTES_MAX,
  GROUP_KEY_PACKAGE_BYTES_MAX,
  GROUP_MEMBERS_MAX,
  GROUP_MESSAGE_BYTES_MAX,
  GROUP_MESSAGE_OVERHEAD_BYTES,
  GROUP_SKIPPED_MESSAGES_MAX,
  GROUP_WELCOME_BYTES_MAX,
} from '../limits.ts';
export { ROOM_CODE_WORDS, roomCode } from '../room-code.ts';
export { safetyNumber } from '../verification.ts';
export type { SafetyParty } from '../verification.ts';
