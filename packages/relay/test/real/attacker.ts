// One connection that means harm: it attaches or does not, sends what it is told, and reads as much
// or as little as it likes.

import { createPrivateKey, sign } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { capabilityStatement, encodeAttach, HEADER_BYTES, SMALLEST_FRAME_BYTES } from '@sotto/protocol';

/** A room's capability, as it goes from process to process. */
export interface RoomKey {
  readonly roomId: string;
  readonly roomTag: string;
  /** PKCS #8, DER. */
  readonly privateKey: string;
}

export class Attacker {
  readonly socket: Socket;
  /** Bytes that came; what they say is of no interest. */
  received = 0;
  isClosed = false;
  readonly #first: Promise<Uint8Array | undefined>;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.isClosed = true));
    this.#first = this.#challenge();
  }

  async attach({ roomId, roomTag, privateKey }: RoomKey, from = 0): Promise<boolean> {
    const challenge = await this.#first;
    if (challenge === undefined) return false;
    const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
    const [id, tag] = [bytes(roomId), bytes(roomTag)];
    const signature = new Uint8Array(
      sign(null, capabilityStatement({ challenge, roomTag: tag, roomId: id, from }), key),
    );
    const before = this.received;
    this.send(encodeAttach({ roomId: id, from, signature }));
    while (this.received === before && !this.isClosed) await this.#stir();
    return !this.isClosed;
  }

  send(...frames: readonly Uint8Array[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  /**
   * Sends these as fast as the relay reads them, and stops when it does not.
   * @returns what stops it.
   */
  pour(frames: readonly Uint8Array[]): () => void {
    const chunk = Buffer.concat(frames);
    let isOver = false;
    const more = (): void => {
      while (!isOver && this.socket.writable && this.socket.write(chunk));
    };
    this.socket.on('drain', more);
    more();
    return () => {
      isOver = true;
    };
  }

  async #challenge(): Promise<Uint8Array | undefined> {
    const parts: Buffer[] = [];
    this.socket.on('data', (chunk: Buffer) => {
      if (this.received < SMALLEST_FRAME_BYTES) parts.push(chunk);
      this.received += chunk.length;
    });
    while (this.received < SMALLEST_FRAME_BYTES && !this.isClosed) await this.#stir();
    if (this.received < SMALLEST_FRAME_BYTES) return undefined;
    return new Uint8Array(Buffer.concat(parts).subarray(HEADER_BYTES, HEADER_BYTES + 32));
  }

  async #stir(): Promise<void> {
    await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]).catch(() => undefined);
  }
}

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
