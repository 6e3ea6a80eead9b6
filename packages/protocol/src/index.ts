// The wire of Sotto: limits, frames, contents, the connection string and the admin lines. No I/O,
// no cryptography, no import.

export * from './limits.ts';
export { accept, ADMIN_CODES, CONTENT_CODES, FRAME_CODES, INVITE_CODES, refuse, RELAY_CODES } from './errors.ts';
export type { AdminCode, ContentCode, Decoded, FrameCode, InviteCode, RelayCode } from './errors.ts';
export { ByteReader, ByteWriter, concatBytes, equalBytes, fromHex, isZero, toHex } from './bytes.ts';
export { bodyBytes, decodeFrame, encodeFiller, encodeFrame, FrameSplitter, OPERATIONS } from './frame.ts';
export type { Frame, LogFrame, LogOperation, Operation } from './frame.ts';
export {
  capabilityStatement,
  checkEmpty,
  decodeAttach,
  decodeAttached,
  decodeChallenge,
  decodeRefused,
  encodeAttach,
  encodeAttached,
  encodePing,
  encodePresence,
  encodeChallenge,
  encodeClosing,
  encodeRefused,
} from './handshake.ts';
export type { Attached, AttachRequest } from './handshake.ts';
export {
  decodeCommit,
  decodeCommittedBody,
  decodeFetch,
  decodeSnapshot,
  decodeStage,
  encodeCommit,
  encodeCommittedBody,
  encodeFetch,
  encodeSnapshot,
  encodeStage,
  uploadBodyBytes,
} from './group-commit.ts';
export type {
  CommitPlace,
  CommitRequest,
  CommittedBody,
  FetchRequest,
  SnapshotName,
  SnapshotPiece,
  StagedPiece,
} from './group-commit.ts';
export { followCommits } from './commit-progress.ts';
export type { CommitProgress } from './commit-progress.ts';
export { decodeContent, encodeContent } from './content.ts';
export type { Content, ContentHeader, PlainAccess, PresenceContent, PresenceStatus } from './content.ts';
export {
  copyAccess,
  copyOrder,
  decodeMove,
  decodeSignedOrder,
  encodeMove,
  encodeSignedOrder,
  orderStatement,
} from './order.ts';
export type { Access, AccessMode, Move, Order, PlainMode, SignedAccess, SignedOrder } from './order.ts';
export { cutText, fragmentCapacity, joinFragment, NO_PARTIAL_TEXTS } from './fragment.ts';
export type { Fragment, PartialTexts } from './fragment.ts';
export { coverOf, decodeInvite, encodeInvite, INVITE_CHARACTERS } from './invite.ts';
export type { Invite } from './invite.ts';
export {
  COVER_PLAINTEXT_BYTES,
  coverCost,
  coverMembersMax,
  coverOfName,
  COVERS,
  isStealth,
  patienceSecondsMax,
  sendingMs,
  slotBytes,
  stealthFor,
  stealthShape,
} from './cover.ts';
export type { Cover, CoverCost, StealthCover, StealthShape } from './cover.ts';
export { startMetronome, stepMetronome, wakeAt } from './metronome.ts';
export type { Chance, Dispatch, Metronome, MetronomeEvent } from './metronome.ts';
export { decodeAdminReply, decodeAdminRequest, encodeAdminReply, encodeAdminRequest, isPatience } from './admin.ts';
export type { AdminReply, AdminRequest } from './admin.ts';
export {
  decodeGroupPlaintext,
  decodeSnapshotPlaintext,
  encodeBundleFrame,
  encodeGroupPlaintext,
  encodeSnapshotPlaintext,
  messageCapacity,
  pieceCapacity,
} from './group-plaintext.ts';
export type {
  BundleFrame,
  GroupPlaintext,
  SnapshotPlaintext,
  LeaveProof,
  Piece,
  SignedPresence,
} from './group-plaintext.ts';
