// A dialled socket as the plain byte stream that the client package speaks through.

import type { ByteStream } from '@sotto/client';
import type { Socket } from 'node:net';

/** Takes a paused socket; it flows from the first `onData` on. */
export function byteStreamOf(socket: Socket): ByteStream {
  return {
    write: (bytes) => void socket.write(bytes),
    close: () => void socket.destroy(),
    onData: (take) => {
      socket.on('data', (chunk: Buffer) => take(chunk));
      socket.resume();
    },
    onClose: (take) => void socket.once('close', take),
  };
}
