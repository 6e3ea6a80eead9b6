// Makes a dialled socket the transport of @sotto/client, which knows no sockets.

import type { Socket } from 'node:net';

/**
 * The transport contract: `ByteStream` of @sotto/client, which a `Dial` returns.
 *
 * Each method returns at once, throws nothing, and does nothing after the end of the stream.
 */
interface SocketStream {
  /** Sends any number of bytes, in order. The buffer has no bound: the caller limits it. */
  write(bytes: Uint8Array): void;
  /** Ends both directions at once; unsent bytes are lost. */
  close(): void;
  /** Holds `onData` back until `resume`; Tor then slows the sender down. */
  pause(): void;
  resume(): void;
  /** Sets the stream flowing. Chunks have any size from 1 byte and come in order. */
  onData(listener: (chunk: Uint8Array) => void): void;
  /** Called once, whichever side ends the stream; no data follows. */
  onClose(listener: () => void): void;
}

/**
 * @param socket paused, so that no byte is lost before the first `onData`, which sets it flowing.
 */
export function byteStreamOf(socket: Socket): SocketStream {
  return {
    write: (bytes) => void socket.write(bytes),
    close: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    onData: (listener) => {
      socket.on('data', listener);
      socket.resume();
    },
    onClose: (listener) => void socket.once('close', listener),
  };
}
