// The two doors of a client, scripted: a gate on a Unix socket that speaks lines of JSON, and a
// SOCKS port that lets through to a relay in memory.

import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { ByteStream } from '@sotto/client';

export interface GateScript {
  readonly network: 'public' | 'private-test';
  /**
   * The first is the answer to the first `bootstrap`; the others follow at once as events, and the
   * last is the answer from then on.
   */
  readonly stages: readonly unknown[];
  readonly descriptor: unknown;
  /** Refuses `allow` with this code. */
  readonly refusal?: string;
}

export interface ScriptedGate {
  readonly asked: Record<string, unknown>[];
  readonly server: Server;
  /** Sends a stage to everybody. */
  announce(stage: unknown): void;
  /** Ends all connections, as a gate that is restarted does. */
  drop(): void;
}

export async function openGate(path: string, script: GateScript): Promise<ScriptedGate> {
  const asked: Record<string, unknown>[] = [];
  const sockets = new Set<Socket>();
  let { stages } = script;
  const write = (socket: Socket, object: unknown): void => void socket.write(`${JSON.stringify(object)}\n`);
  const answer = (socket: Socket, request: Record<string, unknown>): void => {
    asked.push(request);
    if (request['op'] === 'version') write(socket, { ok: true, version: '0.4.9.11', network: script.network });
    else if (request['op'] === 'descriptor') write(socket, { ok: true, descriptor: script.descriptor });
    else if (request['op'] === 'allow' && script.refusal !== undefined)
      write(socket, { ok: false, code: script.refusal });
    else if (request['op'] !== 'bootstrap') write(socket, { ok: true });
    else {
      const [first, ...later] = stages;
      stages = stages.slice(-1);
      write(socket, { ok: true, stage: first });
      for (const stage of later) write(socket, { event: 'bootstrap', stage });
    }
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let held = '';
    socket.on('data', (chunk: Buffer) => {
      const lines = (held + chunk.toString('utf8')).split('\n');
      held = lines.pop() ?? '';
      for (const line of lines) answer(socket, JSON.parse(line) as Record<string, unknown>);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    asked,
    server,
    announce: (stage) => {
      stages = [stage];
      for (const socket of sockets) write(socket, { event: 'bootstrap', stage });
    },
    drop: () => sockets.forEach((socket) => socket.destroy()),
  };
}

/** `next` says for each connection with which number to refuse it, or to which stream it leads. */
export async function openSocks(
  next: () => number | ByteStream,
): Promise<{ server: Server; port: number; targets: string[] }> {
  const targets: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(Uint8Array.of(5, 2));
      socket.once('data', () => {
        socket.write(Uint8Array.of(1, 0));
        socket.once('data', (request: Buffer) => {
          targets.push(request.subarray(5, 5 + request.readUInt8(4)).toString('latin1'));
          const outcome = next();
          const reply = typeof outcome === 'number' ? outcome : 0;
          socket.write(Uint8Array.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0));
          if (typeof outcome === 'number') socket.end();
          else join(socket, outcome);
        });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, targets };
}

function join(socket: Socket, stream: ByteStream): void {
  socket.on('data', (chunk) => stream.write(new Uint8Array(chunk)));
  socket.on('close', () => stream.close());
  stream.onClose(() => void socket.destroy());
  stream.onData((chunk) => void socket.write(chunk));
}
