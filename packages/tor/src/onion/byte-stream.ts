// A dialled socket as a plain byte stream, the shape that the messenger speaks through; it knows nothing of sockets.

import type { Socket } from 'node:net';

/** Bytes out, bytes in unless paused, one end. */
interface SocketStream {
  write(bytes: Uint8Array): void;
  close(): void;
  pause(): void;
  resume(): void;
  onData(take: (chunk: Uint8Array) => void): void;
  onClose(take: () => void): void;
}

/** Takes a paused socket, so that nothing is lost before somebody listens; it flows from the first `onData` on. */
export function byteStreamOf(socket: Socket): SocketStream {
  return {
    write: (bytes) => void socket.write(bytes),
    close: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    onData: (take) => {
      socket.on('data', take);
      socket.resume();
    },
    onClose: (take) => void socket.once('close', take),
  };
}
