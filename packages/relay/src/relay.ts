// The relay put together: two listening sockets, the rooms behind them, three timers, and an
// orderly end.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { encodeClosing } from '@sotto/protocol';
import { createAdmin } from './admin.ts';
import type { Admin } from './admin.ts';
import { systemClock } from '@sotto/machine/system-clock';
import type { Clock } from '@sotto/machine';
import {
  CATCH_UP_ITERATION_BYTES,
  CONNECTIONS_MAX,
  DRAIN_LIMIT_MS,
  HALF_OPEN_MAX,
  ITERATION_BYTES_MAX,
  LINGER_MS,
  STORE_REFRESH_INTERVAL_MS,
  SWEEP_INTERVAL_MS,
} from './limits.ts';
import { listenOn } from './listen.ts';
import type { Listen } from './listen.ts';
import { silentLog } from './log.ts';
import type { Log } from './log.ts';
import { linger, Connection } from './connection.ts';
import type { Random } from './connection.ts';
import { FairQueue } from './fair-queue.ts';
import { ALLOWANCES } from './fair-share.ts';
import type { Allowances } from './fair-share.ts';
import { Rooms } from './rooms.ts';
import type { RoomStore } from './store/room-store.ts';
import { flushImmediately } from './flush-schedule.ts';
import type { FlushSchedule } from './flush-schedule.ts';

export interface RelayOptions {
  /** For members: a Unix socket that tor connects to, or loopback TCP in tests. */
  readonly listen: Listen;
  /** For the host. */
  readonly admin: Listen;
  /** Closed by close(). */
  readonly store: RoomStore;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly flushSchedule?: FlushSchedule;
  readonly log?: Log;
  readonly allowances?: Allowances;
}

export interface Relay {
  readonly address: Listen;
  readonly adminAddress: Listen;
  /**
   * @returns for each connection the bytes that wait in its socket, because the other side reads
   *   slowly.
   */
  outboundBytes(): number[];
  /**
   * Echoes the frames that the relay has accepted, sends CLOSING to every member, and resolves
   * within DRAIN_LIMIT_MS + LINGER_MS. Rooms stay in the store.
   */
  close(): Promise<void>;
}

/** Rejects with a RelayError if a socket cannot be had. The store need not be there yet. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const {
    store,
    clock = systemClock,
    random = randomBytes,
    flushSchedule = flushImmediately,
    log = silentLog,
    allowances = ALLOWANCES,
  } = options;
  const rooms = new Rooms({ store, clock, flushSchedule, log, allowances });
  const admin = createAdmin(rooms, log);
  const reads = new FairQueue(ITERATION_BYTES_MAX);
  const deliveries = new FairQueue(CATCH_UP_ITERATION_BYTES);
  const members = createMemberServer({ rooms, reads, deliveries, clock, random, log });
  const address = await listenOn(members.server, options.listen);
  let adminAddress: Listen;
  try {
    adminAddress = await listenOn(admin.server, options.admin);
  } catch (error) {
    await stopListening(members.server);
    throw error;
  }
  const timers = [
    repeat(clock, SWEEP_INTERVAL_MS, () => {
      members.sweep();
      rooms.sweep();
    }),
    repeat(
      clock,
      STORE_REFRESH_INTERVAL_MS,
      oneAtATime(() => rooms.refresh()),
    ),
    repeat(
      clock,
      SWEEP_INTERVAL_MS,
      oneAtATime(() => rooms.finishClosing()),
    ),
  ];
  log('listening');
  let closing: Promise<void> | undefined;
  return {
    address,
    adminAddress,
    outboundBytes: () => members.outboundBytes(),
    close: () => {
      for (const stop of timers) stop();
      closing ??= closeRelay({ members, admin, rooms, store, clock, log });
      return closing;
    },
  };
}

interface MemberServer {
  readonly server: Server;
  /** Stops reading, so that waiting frames can be stored and echoed. */
  stopReads(): void;
  sweep(): void;
  outboundBytes(): number[];
  end(): void;
  destroy(): void;
}

function createMemberServer(dependencies: ConstructorParameters<typeof Connection>[2]): MemberServer {
  const connections = new Set<Connection>();
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    // 'close' follows, and is handled.
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    if (connections.size >= CONNECTIONS_MAX || !admitsHalfOpen(connections)) {
      socket.write(encodeClosing('relay-full'));
      linger(socket, dependencies.clock);
      return;
    }
    accepted += 1;
    const connection = new Connection(accepted, socket, dependencies);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
  });
  // Connections that are refused need a moment to read it; beyond that the kernel refuses.
  server.maxConnections = CONNECTIONS_MAX + HALF_OPEN_MAX;
  return {
    server,
    stopReads: () => {
      for (const connection of connections) connection.stopReads();
    },
    sweep: () => {
      for (const connection of connections) connection.sweep();
    },
    outboundBytes: () => [...sockets].map(({ writableLength }) => writableLength),
    end: () => {
      for (const connection of connections) connection.end('relay-stopping');
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Half-open connections that send nothing must not keep others out for the time of a handshake: the
 * one that has been silent for longest is closed. A connection that answers its challenge before
 * HALF_OPEN_MAX others arrive is not affected.
 */
function admitsHalfOpen(connections: ReadonlySet<Connection>): boolean {
  const halfOpen = [...connections].filter((connection) => connection.isHalfOpen);
  if (halfOpen.length < HALF_OPEN_MAX) return true;
  const oldest = halfOpen.find((connection) => connection.isSilent);
  oldest?.end('relay-full');
  return oldest !== undefined;
}

async function closeRelay(parts: {
  readonly members: MemberServer;
  readonly admin: Admin;
  readonly rooms: Rooms;
  readonly store: RoomStore;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<void> {
  const { members, admin, rooms, store, clock, log } = parts;
  log('stopping');
  const closed = Promise.all([stopListening(members.server), stopListening(admin.server)]);
  members.stopReads();
  await atMost(clock, DRAIN_LIMIT_MS, Promise.all([rooms.idle(), rooms.finishClosing()]));
  admin.end();
  rooms.end('relay-stopping');
  members.end();
  await atMost(clock, LINGER_MS, closed);
  members.destroy();
  admin.destroy();
  await closed;
  await store.close();
  log('stopped');
}

function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

async function atMost(clock: Clock, milliseconds: number, work: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(milliseconds, resolve);
    const done = (): void => {
      cancel();
      resolve();
    };
    work.then(done, done);
  });
}

function repeat(clock: Clock, milliseconds: number, work: () => void): () => void {
  const tick = (): void => {
    cancel = clock.after(milliseconds, tick);
    work();
  };
  let cancel = clock.after(milliseconds, tick);
  return () => cancel();
}

/**
 * @returns a function that starts the work unless it is running: questions must not pile up before
 *   a store that does not answer.
 */
function oneAtATime(work: () => Promise<void>): () => void {
  let running = false;
  const done = (): void => {
    running = false;
  };
  return () => {
    if (running) return;
    running = true;
    work().then(done, done);
  };
}
