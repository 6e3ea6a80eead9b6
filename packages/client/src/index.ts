// The messenger without a screen: join, send, receive, resume, leave. Its caller hands it a dialer,
// a clock, random numbers and primitives.

export { Client } from './client.ts';
export type { ClientOptions } from './client.ts';
export type { Clock } from '@sotto/machine';
export { DialError } from './connections.ts';
export type { ByteStream, Dial } from './connections.ts';
export { CLIENT_CODES, WARNING_CODES } from './errors.ts';
export type { ClientCode, WarningCode } from './errors.ts';
export type { ClientEvent, ClientStatus, ListedMember, RoomCode, Speaker, StateEvent, StateName } from './events.ts';
export { isJoinerInPlace } from './names/joiners.ts';
export { areNamesAlike, beginsLikeAFingerprint } from './names/likeness.ts';
export { DRAWN_AS_BLANK, DRAWN_AS_NOTHING, DRAWN_ON_BASE, showName } from './names/shown-name.ts';
export type { RemovalReason } from './group/commit-policy.ts';
export { ModeratorError } from './moderator.ts';
export type { Moderator, MoveOffer } from './moderator.ts';
export { createRoomSecret, proveAdmission, registrationOf } from './founding.ts';
export type { Founding, RoomRegistration } from './founding.ts';
