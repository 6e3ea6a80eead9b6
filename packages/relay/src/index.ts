// The relay's public face: for its own process, and for tests of other packages.

export { startRelay } from './relay.ts';
export type { Relay, RelayOptions } from './relay.ts';
export type { Listen } from './listen.ts';
export { MemoryRoomStore } from './store/memory-room-store.ts';
export { RedisRoomStore } from './store/redis-room-store.ts';
export type {
  Append,
  AppendAnswer,
  Commit,
  LogEntry,
  RoomMirror,
  RoomRecord,
  RoomStore,
  StoredSnapshot,
  StoreLimits,
} from './store/room-store.ts';
export { systemClock } from '@sotto/machine/system-clock';
export type { Clock } from '@sotto/machine';
export type { Random } from './connection.ts';
export type { FlushSchedule } from './flush-schedule.ts';
export type { Log, LogEvent } from './log.ts';
export { RelayError } from './errors.ts';
export type { RelayErrorCode } from './errors.ts';
