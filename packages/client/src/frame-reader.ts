// Reads a stream's frames one by one, for the host's short exchange with the relay. PROTOCOL.md
// §3.2.

import { message } from '@sotto/messages';
import { decodeFrame, FrameSplitter } from '@sotto/protocol';
import type { Frame } from '@sotto/protocol';
import { DialError } from './connections.ts';
import type { ByteStream } from './connections.ts';
import { RELAY_REASONS } from './errors.ts';
import type { ClientCode } from './errors.ts';

/** Reads ahead by one chunk of the stream and no more: it is paused while frames wait. */
export class FrameQueue {
  readonly #stream: ByteStream;
  readonly #frames: Uint8Array[] = [];
  #failure: DialError | undefined;
  #wake: () => void = () => undefined;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    const splitter = new FrameSplitter();
    stream.onClose(() => this.#fail('relay-unreachable'));
    stream.onData((chunk) => {
      const frames = splitter.push(chunk);
      if (!frames.ok) {
        this.#fail(frames.code === 'frame-version' ? 'version-mismatch' : 'relay-misbehaved');
        return;
      }
      if (frames.value.length === 0) return;
      this.#frames.push(...frames.value);
      stream.pause();
      this.#wake();
    });
  }

  /**
   * The next frame; one call at a time. Rejects with a DialError when the relay closes, misbehaves,
   * or the stream ends.
   */
  async next(): Promise<Frame> {
    while (this.#frames.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#stream.resume();
      });
    }
    const frame = decodeFrame(this.#frames.shift() ?? new Uint8Array(0));
    if (!frame.ok) throw new DialError('relay-misbehaved' satisfies ClientCode, message('client.admission-refused'));
    const { operation, code } = frame.value;
    if (operation === 'closing' && code !== undefined)
      throw new DialError(RELAY_REASONS[code].code, message('client.admission-refused'));
    return frame.value;
  }

  /** What came before the failure is still read first. */
  #fail(code: ClientCode): void {
    this.#failure ??= new DialError(code, message('client.admission-refused'));
    this.#wake();
  }
}
