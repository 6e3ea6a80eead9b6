// A relay that turns malicious: it stands where tor finds the relay's socket, passes on what comes,
// and on command keeps one entry from its newest connection and counts on as if nothing were
// missing. side-container.ts hands it to node in a container of its own.

import { rename } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { FrameSplitter, OPERATIONS } from '@sotto/protocol';

/** `withhold`: of the newest connection, the next entry whose frame has this length. */
export interface ForkCommand {
  readonly frameBytes: number;
}

/** It listens; a connection was told to withhold; it has. */
export interface ForkLine {
  readonly type: 'listening' | 'armed' | 'withheld';
}

const SOCKET = '/run/relay/relay.sock';
const REAL = '/run/relay/relay-real.sock';
const SEQUENCE_OFFSET = 8;

/** The relay's frames to one member. */
class Tongue {
  readonly #member: Socket;
  readonly #splitter = new FrameSplitter();
  #wanted: number | undefined;
  #withheld = 0n;

  constructor(member: Socket) {
    this.#member = member;
  }

  withhold(frameBytes: number): void {
    this.#wanted = frameBytes;
  }

  take(chunk: Uint8Array): void {
    const frames = this.#splitter.push(chunk);
    if (!frames.ok) throw new Error(frames.code);
    for (const frame of frames.value) this.#pass(Buffer.from(frame));
  }

  #pass(frame: Buffer): void {
    const operation = frame[1];
    if (operation === OPERATIONS.entry && frame.length === this.#wanted) {
      this.#wanted = undefined;
      this.#withheld += 1n;
      say({ type: 'withheld' });
      return;
    }
    if (operation === OPERATIONS.entry || operation === OPERATIONS.committed) {
      const number = frame.readBigUInt64BE(SEQUENCE_OFFSET) - this.#withheld;
      frame.writeBigUInt64BE(number, SEQUENCE_OFFSET);
    }
    this.#member.write(frame);
  }
}

function say(line: ForkLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** The newest last. */
const tongues: Tongue[] = [];

// As the relay does it: tor reaches the socket through its group.
process.umask(0o007);
await rename(SOCKET, REAL);
const server = createServer((member) => {
  const relay = connect(REAL);
  const tongue = new Tongue(member);
  tongues.push(tongue);
  const cut = (): void => {
    member.destroy();
    relay.destroy();
    if (tongues.includes(tongue)) tongues.splice(tongues.indexOf(tongue), 1);
  };
  for (const socket of [member, relay]) socket.on('error', cut).on('close', cut);
  member.on('data', (chunk) => relay.write(chunk));
  relay.on('data', (chunk) => tongue.take(chunk));
});
server.listen(SOCKET, () => say({ type: 'listening' }));

createInterface({ input: process.stdin })
  .on('line', (text) => {
    const { frameBytes } = JSON.parse(text) as ForkCommand;
    tongues.at(-1)?.withhold(frameBytes);
    if (tongues.length > 0) say({ type: 'armed' });
  })
  .on('close', () => void giveBack());

/**
 * The relay stands in its place again. A server that is closed takes its socket's file with it, so
 * it goes first.
 */
async function giveBack(): Promise<void> {
  server.close();
  await rename(REAL, SOCKET);
  process.exit(0);
}
