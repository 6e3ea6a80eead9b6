// The messenger without a screen: join, say, hear, resume, leave. It is handed its dialler, clock and random numbers.

export { Client, DialError } from './client.ts';
export type { ByteStream, ClientOptions, Clock, Dial } from './client.ts';
export { CLIENT_CODES } from './errors.ts';
export type { ClientCode } from './errors.ts';
export type { ClientEvent, Speaker, StateEvent, StateName } from './events.ts';
export { createRoomSecret, proveAdmission, registrationOf } from './room.ts';
export type { RoomRegistration } from './room.ts';
