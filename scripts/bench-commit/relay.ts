// The relay of one tree as a black box: a process of its own behind real sockets. It stores commits
// in memory, and sends them to every connection of the room.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { decodeChallenge, decodeFrame, encodeAdminRequest, FrameSplitter } from '@sotto/protocol';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import { attachFrame, createRequest, encodeUpload, framesDownstream, random, roomKeysOf } from './tree.ts';
import type { RoomKeys, Upload } from './tree.ts';

/**
 * Each sample is the mean of so many, in a new room: as many as two connections may commit at once
 * (COMMIT_BURST).
 */
const UPLOADS = 16;
const UPLOAD_ID_BYTES = 16;

interface Sockets {
  readonly listen: { readonly path: string };
  readonly admin: { readonly path: string };
}

/** The relay's own process: reports when it listens, and its CPU time on request. */
export async function serveRelay(sockets: Sockets): Promise<void> {
  await startRelay({ ...sockets, store: new MemoryRoomStore() });
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
  process.send?.('listening');
}

export function socketsIn(directory: string): Sockets {
  return { listen: { path: join(directory, 'relay.sock') }, admin: { path: join(directory, 'admin.sock') } };
}

/** One connection of a member: it counts the frames that have come behind ATTACHED. */
class Connection {
  readonly socket: Socket;
  readonly #splitter = new FrameSplitter();
  readonly #keys: RoomKeys;
  readonly #attached = Promise.withResolvers<undefined>();
  #arrived = { frames: 0, bytes: 0 };
  #waiting: { readonly frames: number; readonly resolve: () => void } | undefined;

  constructor(path: string, keys: RoomKeys) {
    this.#keys = keys;
    this.socket = connect(path);
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  get attached(): Promise<undefined> {
    return this.#attached.promise;
  }

  /** @returns the bytes of so many more frames, once all have come */
  async next(frames: number): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#waiting = { frames, resolve: () => resolve(undefined) };
    this.#settle();
    await promise;
    const { bytes } = this.#arrived;
    this.#arrived = { frames: 0, bytes: 0 };
    return bytes;
  }

  #settle(): void {
    if (this.#waiting === undefined || this.#arrived.frames < this.#waiting.frames) return;
    this.#waiting.resolve();
    this.#waiting = undefined;
  }

  #read(chunk: Buffer): void {
    const frames = this.#splitter.push(chunk);
    if (!frames.ok) throw new Error(frames.code);
    for (const raw of frames.value) this.#onFrame(raw);
    this.#settle();
  }

  #onFrame(raw: Uint8Array): void {
    const frame = decodeFrame(raw);
    if (!frame.ok) throw new Error(frame.code);
    const { operation, code } = frame.value;
    if (operation === 'challenge') {
      const challenge = decodeChallenge(frame.value);
      if (challenge.ok) this.socket.write(attachFrame(this.#keys, challenge.value));
    } else if (operation === 'attached') this.#attached.resolve(undefined);
    else if (operation === 'refused' || operation === 'closing') throw new Error(`the relay refuses: ${code}`);
    else {
      this.#arrived.frames += 1;
      this.#arrived.bytes += raw.length;
    }
  }
}

export class RelayProcess {
  readonly #process: ChildProcess;
  readonly #sockets: Sockets;
  readonly #host: Socket;

  private constructor(child: ChildProcess, sockets: Sockets) {
    this.#process = child;
    this.#sockets = sockets;
    this.#host = connect(sockets.admin.path);
  }

  /** `program` calls `serveRelay` with the sockets in the directory that is its last argument. */
  static async start(program: string, folder: string): Promise<RelayProcess> {
    const directory = mkdtempSync(join(folder, 'relay-'));
    const child = fork(program, ['--serve', directory]);
    await once(child, 'message');
    return new RelayProcess(child, socketsIn(directory));
  }

  async #request(request: string): Promise<void> {
    this.#host.write(request);
    const [reply] = (await once(this.#host, 'data')) as [Buffer];
    if (!reply.includes('"ok":true')) throw new Error(`the relay refuses: ${reply.toString()}`);
  }

  async #cpu(): Promise<number> {
    this.#process.send('cpu');
    const [{ user, system }] = (await once(this.#process, 'message')) as [NodeJS.CpuUsage];
    return user + system;
  }

  /**
   * Commits the same upload again and again, from one connection after the other. The relay cannot
   * read it, so it fits any room.
   * @returns the relay's CPU in microseconds, and the bytes that each connection gets, for one
   */
  async measure(upload: Upload, connections: number): Promise<{ readonly relay: number; readonly downstream: number }> {
    const keys = roomKeysOf({ roomSecret: random(32), onionKey: random(32) });
    await this.#request(createRequest(keys));
    const all = Array.from({ length: connections }, () => new Connection(this.#sockets.listen.path, keys));
    await Promise.all(all.map(({ attached }) => attached));
    const uploads = Array.from({ length: UPLOADS }, (_, commitNumber) =>
      encodeUpload({ ...upload, id: random(UPLOAD_ID_BYTES) }, commitNumber),
    );
    let downstream = 0;
    const before = await this.#cpu();
    for (const [index, frames] of uploads.entries()) {
      const { socket } = all[index % all.length] ?? {};
      for (const frame of frames) socket?.write(frame);
      const bytes = await Promise.all(all.map((connection) => connection.next(framesDownstream(upload))));
      downstream = Math.max(...bytes);
    }
    const spent = (await this.#cpu()) - before;
    for (const { socket } of all) socket.destroy();
    await this.#request(encodeAdminRequest({ operation: 'close', roomId: keys.roomId }));
    return { relay: spent / UPLOADS, downstream };
  }
}
