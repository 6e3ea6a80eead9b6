// What the relay sees at its own socket: stands between tor and the relay, hands every byte on at once, and writes down when how many came.
// Arguments: the file, then for each room the socket to listen on and the relay's.

import { createWriteStream } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import process from 'node:process';

const RECORD_BYTES = 20;
const UP = 1;
const DOWN = -1;

const [path = '', ...sockets] = process.argv.slice(2);
const out = createWriteStream(path);
let connections = 0;

/** As sniff.py's: seconds since 1970, the room, the connection, the direction, bytes. */
function write(room: number, connection: number, direction: number, bytes: number): void {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeDoubleLE((performance.timeOrigin + performance.now()) / 1_000, 0);
  record.writeUInt16LE(room, 8);
  record.writeUInt16LE(connection, 10);
  record.writeInt8(direction, 12);
  record.writeUInt32LE(bytes, 16);
  out.write(record);
}

function join(room: number, near: Socket, target: string): void {
  connections += 1;
  const connection = connections;
  const far = connect({ path: target, allowHalfOpen: true });
  const ways: readonly (readonly [Socket, Socket, number])[] = [
    [near, far, UP],
    [far, near, DOWN],
  ];
  for (const [from, to, direction] of ways) {
    from.on('data', (chunk) => write(room, connection, direction, chunk.length));
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
  report(room, connection, 'open');
  near.on('close', () => report(room, connection, 'closed'));
}

function report(room: number, connection: number, event: 'open' | 'closed'): void {
  process.stdout.write(`${JSON.stringify({ room, connection, event })}\n`);
}

for (let room = 0; 2 * room < sockets.length; room += 1) {
  const [listen = '', target = ''] = sockets.slice(2 * room);
  createServer({ allowHalfOpen: true }, (near) => join(room, near, target)).listen(listen, () =>
    report(room, 0, 'open'),
  );
}
process.on('SIGTERM', () => out.end(() => process.exit(0)));
