// The edge of connection-machine.ts: turns a socket's bytes into events and carries out the
// effects. Only this file writes to members.

import type { Duplex } from 'node:stream';
import {
  ByteReader,
  CHALLENGE_BYTES,
  CONNECTIONS_PER_ROOM_MAX,
  COVER_FRAME_BYTES,
  decodeFrame,
  encodeChallenge,
  encodeClosing,
  encodeFiller,
  FrameSplitter,
  LARGEST_FRAME_BYTES,
} from '@sotto/protocol';
import type { AttachRequest, Frame, SnapshotName, RelayCode } from '@sotto/protocol';
import { verifyAttach } from './authorise.ts';
import type { Clock } from '@sotto/machine';
import { openConnection, stepConnection } from './connection-machine.ts';
import type { ConnectionState, ConnectionEffect, ConnectionEvent } from './connection-state.ts';
import type { SlotOrder } from './downlink.ts';
import type { SnapshotPosition } from './snapshots.ts';
import { CATCH_UP_CHUNK_BYTES, LINGER_MS } from './limits.ts';
import type { Member } from './member.ts';
import type { Room } from './room.ts';
import type { Run } from './log-tail.ts';
import type { Log } from './log.ts';
import type { FairQueue, QueueGroup } from './fair-queue.ts';
import type { Rooms } from './rooms.ts';

/** @returns so many random bytes, fit for keys. */
export type Random = (length: number) => Uint8Array;

export interface ConnectionDependencies {
  readonly rooms: Rooms;
  readonly reads: FairQueue;
  /** Of the log, to members that catch up. */
  readonly deliveries: FairQueue;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type ConnectionTimer = 'rate' | 'fetch' | 'share' | 'snapshots' | 'dispatch';

export class Connection implements Member {
  readonly number: number;
  readonly #socket: Duplex;
  readonly #dependencies: ConnectionDependencies;
  readonly #splitter = new FrameSplitter();
  readonly #challenge: Uint8Array;
  #state: ConnectionState;
  #room: Room | undefined;
  readonly #timers = new Map<ConnectionTimer, () => void>();
  /**
   * Single frames that are written together at the end of this iteration of the event loop. In a
   * socket that its member does not read, each write costs more than its frame.
   */
  #writes: Uint8Array[] = [];
  #writeBytes = 0;
  /** Bytes of all writes, also of those that wait. */
  #given = 0;

  constructor(number: number, socket: Duplex, dependencies: ConnectionDependencies) {
    this.number = number;
    this.#socket = socket;
    this.#dependencies = dependencies;
    this.#challenge = dependencies.random(CHALLENGE_BYTES);
    this.#state = openConnection(dependencies.clock.now());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#step({ type: 'drained' }));
    socket.on('close', () => this.#gone());
    this.#write(encodeChallenge(this.#challenge));
  }

  get isHalfOpen(): boolean {
    const { kind } = this.#state.phase;
    return kind === 'awaiting-attach' || kind === 'attaching';
  }

  /** It has not answered its challenge. */
  get isSilent(): boolean {
    return this.#state.phase.kind === 'awaiting-attach';
  }

  entries(run: Run): void {
    this.#step({ type: 'entries', ...run });
  }

  present(frame: Uint8Array): void {
    this.#step({ type: 'present', bytes: frame });
  }

  logReloaded(): void {
    this.#step({ type: 'log-reloaded' });
  }

  refused(frame: Uint8Array): void {
    this.#step({ type: 'private', bytes: frame, after: this.#room?.next ?? 0 });
  }

  hold(): void {
    this.#step({ type: 'pause', reason: 'room' });
  }

  release(): void {
    this.#step({ type: 'unpause', reason: 'room' });
  }

  /** Reads no more, for good: the relay stops. */
  stopReads(): void {
    this.#step({ type: 'pause', reason: 'stopping' });
  }

  end(code: RelayCode): void {
    this.#step({ type: 'end', code });
  }

  sweep(): void {
    this.#step({ type: 'sweep' });
  }

  /**
   * A chunk waits until its room may be heard again (FairQueue). Until then its connection is not
   * read.
   */
  #receive(chunk: Buffer): void {
    if (this.#state.phase.kind === 'closed') return;
    const group = this.#queueGroup();
    const answer = this.#dependencies.reads.request(group, this, {
      bytes: chunk.length,
      process: () => {
        this.#process(chunk);
        this.#step({ type: 'unpause', reason: 'fair-read' });
      },
    });
    if (answer === 'waits') this.#step({ type: 'pause', reason: 'fair-read' });
  }

  #queueGroup(): QueueGroup {
    return this.#room ?? this.#dependencies.rooms;
  }

  #process(chunk: Buffer): void {
    if (this.#state.phase.kind === 'closed') return;
    const pieces = this.#splitter.push(chunk);
    if (!pieces.ok) {
      this.#step({ type: 'malformed' });
      return;
    }
    const frames: Frame[] = [];
    for (const piece of pieces.value) {
      const frame = decodeFrame(piece);
      if (!frame.ok) {
        this.#step({ type: 'received', bytes: chunk.length, frames });
        this.#step({ type: 'malformed' });
        return;
      }
      frames.push(frame.value);
    }
    this.#step({ type: 'received', bytes: chunk.length, frames });
  }

  /** A bug that an event reveals costs this connection and no other. */
  #step(event: ConnectionEvent): void {
    try {
      const unsent = this.#socket.writableLength + this.#writeBytes;
      const now = this.#dependencies.clock.now();
      const context = { now, unsent, taken: this.#given - unsent, chance: () => this.#chance() };
      const { state, effects } = stepConnection(this.#state, event, context);
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
    } catch {
      this.#fail();
    }
  }

  #perform(effect: ConnectionEffect): void {
    switch (effect.type) {
      case 'write':
        this.#write(effect.bytes);
        return;
      case 'authorise':
        this.#authorise(effect.request).catch(() => this.#fail());
        return;
      case 'request-share':
        this.#requestShare(effect.cost);
        return;
      case 'delay-share':
        this.#after('share', effect.milliseconds, { type: 'share-due' });
        return;
      case 'publish':
        this.#room?.publish(
          effect.frames.map(({ number, body }) => ({ publisher: this.number, commitNumber: number, body })),
        );
        return;
      case 'pass-on':
        this.#room?.passOn(effect.presence);
        return;
      case 'stage':
        this.#room?.stage(this.number, effect.piece);
        return;
      case 'commit':
        this.#room?.askCommit(this.number, effect.request);
        return;
      case 'locate':
        this.#locate(effect.from);
        return;
      case 'send-snapshot':
        this.#sendSnapshot(effect.which, effect.position);
        return;
      case 'delay-snapshot':
        this.#after('snapshots', effect.milliseconds, { type: 'snapshot-due' });
        return;
      case 'schedule-delivery':
        this.#scheduleDelivery(effect.cursor);
        return;
      case 'deliver-log':
        this.#deliverLog(effect.cursor);
        return;
      case 'dispatch-after':
        this.#after('dispatch', effect.milliseconds, { type: 'dispatch-due' });
        return;
      case 'pack-slot':
        this.#packSlot(effect.order);
        return;
      case 'noise':
        this.#write(encodeFiller('noise', COVER_FRAME_BYTES, this.#dependencies.random));
        return;
      case 'pause':
        this.#socket.pause();
        return;
      case 'resume':
        this.#socket.resume();
        return;
      case 'unpause-after':
        this.#after(effect.reason, effect.milliseconds, { type: 'unpause', reason: effect.reason });
        return;
      case 'close':
        this.#close(effect.code);
        return;
    }
  }

  async #authorise(request: AttachRequest): Promise<void> {
    let room: Room | undefined;
    try {
      room = await this.#dependencies.rooms.find(request.roomId);
    } catch {
      // The store does not answer, so this code says nothing about whether the room exists.
      this.end('store-unavailable');
      return;
    }
    if (!verifyAttach(room?.capability, this.#challenge, request) || room === undefined) {
      this.end('not-admitted');
      return;
    }
    if (room.isClosed) {
      this.end('room-closed');
      return;
    }
    if (room.memberCount >= CONNECTIONS_PER_ROOM_MAX) {
      this.end('room-full');
      return;
    }
    if (this.#state.phase.kind !== 'attaching') return;
    this.#room = room;
    room.join(this.number, this);
    const { commitNumber, oldest, next, patienceSeconds, cover, uplink } = room;
    const attached = { commitNumber, oldest, next, patienceSeconds };
    this.#step({ type: 'admitted', from: request.from, attached, cover, uplink });
  }

  #requestShare(cost: number): void {
    const process = (): void => this.#step({ type: 'share-granted' });
    const answer = this.#room?.share.request(this.number, { cost, process });
    if (answer === 'waits') this.#step({ type: 'pause', reason: 'share' });
  }

  #locate(from: number): void {
    if (this.#room === undefined) return;
    const cursor = this.#room.locate(from);
    this.#step({ type: 'located', cursor, bytes: this.#room.backlogBytes(cursor) });
  }

  #scheduleDelivery(cursor: number): void {
    if (this.#room === undefined) return;
    const bytes = Math.min(CATCH_UP_CHUNK_BYTES, this.#room.backlogBytes(cursor));
    const process = (): void => this.#step({ type: 'delivery-due' });
    this.#dependencies.deliveries.request(this.#room, this, { bytes, process });
  }

  /** The socket says when it has written the bytes, as with snapshots. */
  #deliverLog(cursor: number): void {
    if (this.#room === undefined) return;
    const run = this.#room.readLog(cursor);
    if (run === undefined) {
      this.#step({ type: 'log-trimmed' });
      return;
    }
    this.#step({ type: 'log-delivered', next: run.next, atEnd: run.next >= this.#room.next });
    if (run.bytes.length > 0) this.#writeNow(run.bytes, { type: 'log-written' });
  }

  #packSlot(order: SlotOrder): void {
    if (this.#room === undefined) return;
    const slot = this.#room.packSlot(order, this.#dependencies.random);
    if (slot === undefined) {
      this.#step({ type: 'log-trimmed' });
      return;
    }
    this.#write(slot.bytes);
    const { next, privates } = slot;
    const backlogBytes = this.#room.backlogBytes(next);
    this.#step({ type: 'slot-packed', next, privates, bytes: order.bytes, backlogBytes });
  }

  /** A number in [0, 1) with 32 random bits. */
  #chance(): number {
    return new ByteReader(this.#dependencies.random(4)).u32() / 2 ** 32;
  }

  /**
   * The next pieces follow once the socket has written these: entries wait behind one chunk at
   * most.
   */
  #sendSnapshot(which: SnapshotName, position: SnapshotPosition | undefined): void {
    if (this.#room === undefined || !this.#socket.writable) return;
    const { bytes, next } = this.#room.cutSnapshot(which, position);
    this.#step({ type: 'snapshot-cut', bytes: bytes.length, next });
    this.#writeNow(bytes, { type: 'snapshot-written' });
  }

  #writeNow(bytes: Uint8Array, then: ConnectionEvent): void {
    this.#flush();
    if (!this.#socket.writable) return;
    this.#given += bytes.length;
    // After an error its 'close' follows, and nothing is sent any more.
    this.#socket.write(bytes, () => this.#step(then));
  }

  #after(timer: ConnectionTimer, milliseconds: number, event: ConnectionEvent): void {
    this.#timers.get(timer)?.();
    this.#timers.set(
      timer,
      this.#dependencies.clock.after(milliseconds, () => this.#step(event)),
    );
  }

  #write(bytes: Uint8Array): void {
    this.#given += bytes.length;
    if (bytes.length > LARGEST_FRAME_BYTES) {
      this.#flush();
      if (this.#socket.writable) this.#socket.write(bytes);
      return;
    }
    if (this.#writes.length === 0) process.nextTick(() => this.#flush());
    this.#writes.push(bytes);
    this.#writeBytes += bytes.length;
  }

  #flush(): void {
    const [only] = this.#writes;
    if (only === undefined) return;
    const bytes = this.#writes.length === 1 ? only : Buffer.concat(this.#writes, this.#writeBytes);
    this.#writes = [];
    this.#writeBytes = 0;
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /**
   * Writes CLOSING and ends the socket. Bytes that still arrive are read and dropped: closing a
   * socket with unread bytes could cost the member our last frame.
   */
  #close(code: RelayCode): void {
    this.#leave();
    this.#write(encodeClosing(code));
    this.#flush();
    linger(this.#socket, this.#dependencies.clock);
  }

  #fail(): void {
    this.#dependencies.log('connection-failed');
    this.#gone();
    this.#socket.destroy();
  }

  #gone(): void {
    this.#state = { ...this.#state, phase: { kind: 'closed' } };
    this.#leave();
  }

  #leave(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#dependencies.reads.drop(this.#queueGroup(), this);
    this.#dependencies.deliveries.drop(this.#queueGroup(), this);
    this.#room?.leave(this.number);
    this.#room = undefined;
  }
}

/** Ends a socket once everything in it was read, and destroys it after LINGER_MS. */
export function linger(socket: Duplex, clock: Clock): void {
  const cancel = clock.after(LINGER_MS, () => socket.destroy());
  socket.on('close', cancel);
  socket.resume();
  socket.end();
}
