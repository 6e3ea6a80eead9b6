// A dialled socket as a plain byte stream, the shape that the messenger speaks through; it knows nothing of sockets.

import type { Socket } from 'node:net';

/** Bytes out, bytes in unless paused, one end. */
interface SocketStream {
  write(bytes: Uint8Array): void;
  close(): void;
  pause(): void;
  resume(): void;
  onData(listener: (chunk: Uint8Array) => void): void;
  onClose(listener: () => void): void;
}

/** Takes a paused socket, so that nothing is lost before somebody listens; it flows from the first `onData` on. */
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
