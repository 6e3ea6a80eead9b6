// A dialled socket as a plain byte stream: the transport of @sotto/client, which knows no sockets.

import type { Socket } from 'node:net';

/**
 * The transport contract, the same as `ByteStream` of @sotto/client.
 *
 * `write` takes any number of bytes, keeps their order, and drops them after the end. `onData` gets
 * chunks of any size, in order, and none while paused. `onClose` is called once, whichever side
 * ends the stream; no data follows it. `close` ends both directions at once, and what is still
 * unsent is lost.
 */
interface SocketStream {
  write(bytes: Uint8Array): void;
  close(): void;
  pause(): void;
  resume(): void;
  onData(listener: (chunk: Uint8Array) => void): void;
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
