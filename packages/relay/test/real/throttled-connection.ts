// A line between a member and the relay that carries so many bytes a second to the member, as Tor
// does; what does not fit waits in the relay's socket.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

const CHUNK_BYTES = 4_096;

/** @returns the path of the line's near end; it goes away with the test. */
export async function openThrottled(relayPath: string, name: string, bytesPerMs: number): Promise<string> {
  const path = join(dirname(relayPath), `${name}.sock`);
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = carry(relayPath, near, bytesPerMs);
    sockets.push(near, far);
  });
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

function carry(relayPath: string, near: Socket, bytesPerMs: number): Socket {
  let readyAt = performance.now();
  const far = connect({
    path: relayPath,
    onread: {
      buffer: Buffer.alloc(CHUNK_BYTES),
      callback: (length, buffer) => {
        near.write(Buffer.from(buffer.subarray(0, length)));
        readyAt = Math.max(readyAt, performance.now()) + length / bytesPerMs;
        setTimeout(() => far.resume(), readyAt - performance.now());
        return false;
      },
    },
  });
  near.on('data', (chunk: Buffer) => far.write(chunk));
  near.on('error', () => far.destroy());
  near.on('close', () => far.destroy());
  far.on('error', () => near.destroy());
  far.on('close', () => near.destroy());
  return far;
}
