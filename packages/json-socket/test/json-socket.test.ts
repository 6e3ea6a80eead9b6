// Server, client and path together: bounds, order, and what remains when one side goes.

import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@sotto/machine/system-clock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JsonClient, JsonServer, listenAtPath, parseJsonObject } from '../src/index.ts';
import type { JsonClientOptions, JsonConnection, JsonObject, JsonServerOptions, Responder } from '../src/index.ts';
import { LineSplitter } from '../src/line-splitter.ts';

const TOO_LONG = '{"refused":"too-long"}\n';
const FULL = '{"refused":"full"}\n';
const BUSY = '{"refused":"busy"}\n';

let folder: string;
let path: string;
const servers: JsonServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-'));
  path = join(folder, 'json.sock');
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.destroyConnections();
    await server.close();
  }
  rmSync(folder, { recursive: true });
});

const ECHO: Responder = { answer: (line) => `${line.toString()}\n` };

async function serve(options: Partial<JsonServerOptions> = {}): Promise<JsonServer> {
  const server = new JsonServer({
    maxLineBytes: 32,
    lineTooLong: { refusal: TOO_LONG, then: 'stop' },
    maxConnections: 4,
    maxWaitingRequests: 2,
    maxUnreadBytes: 65_536,
    open: () => ECHO,
    ...options,
  });
  servers.push(server);
  await listenAtPath(server.server, path, 'refuse');
  return server;
}

/**
 * Writes `text` and gives all that comes back until the server closes or has sent `lines` lines.
 */
async function exchange(text: string, lines = Infinity): Promise<string[]> {
  const socket = connect(path);
  let heard = '';
  socket.write(text);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    heard += chunk.toString();
    if (heard.split('\n').length > lines) break;
  }
  return heard.split('\n').slice(0, -1);
}

function client(options: Partial<JsonClientOptions<JsonObject>> = {}): JsonClient<JsonObject> {
  return new JsonClient({
    path,
    clock: systemClock,
    maxLineBytes: 32,
    maxWaitingRequests: 2,
    decode: parseJsonObject,
    ...options,
  });
}

/** A stand-in for a server, so that it can misbehave. */
async function answerWith(answer: string): Promise<() => void> {
  const server = createServer((socket) => {
    socket.on('data', () => socket.write(answer));
    socket.on('error', () => undefined);
  }).listen(path);
  await once(server, 'listening');
  return () => server.close();
}

describe('the line splitter', () => {
  test('gives the same lines for every division of the bytes', () => {
    const splitter = new LineSplitter(4);
    expect(splitter.push(Buffer.from('ab')).lines).toEqual([]);
    expect(splitter.push(Buffer.from('cd\n\nx\ny')).lines.map(String)).toEqual(['abcd', '', 'x']);
  });

  test('stops at a line above the limit whose beginning came earlier', () => {
    const splitter = new LineSplitter(4);
    expect(splitter.push(Buffer.from('y')).lines).toEqual([]);
    expect(splitter.push(Buffer.from('yyyy\nz\n'))).toEqual({ lines: [], overflow: true });
    expect(splitter.push(Buffer.from('z\n'))).toEqual({ lines: [], overflow: true });
  });

  test('drops a whole line above the limit in skip mode, and continues', () => {
    const splitter = new LineSplitter(4, 'skip');
    const { lines, overflow } = splitter.push(Buffer.from('abcde\nx\ny'));
    expect(lines.map((line) => line?.toString())).toEqual([undefined, 'x']);
    expect(overflow).toBe(false);
  });

  test('stops at an unfinished line above the limit in skip mode', () => {
    const splitter = new LineSplitter(4, 'skip');
    expect(splitter.push(Buffer.from('x\nabcde'))).toMatchObject({ overflow: true });
    expect(splitter.push(Buffer.from('\nx\n'))).toEqual({ lines: [], overflow: true });
  });
});

describe('a server', () => {
  test('answers lines in their order, even if an answer is slow', async () => {
    await serve({
      open: () => ({
        answer: async (line) => {
          const text = line.toString();
          if (text === '1') await new Promise((resolve) => setTimeout(resolve, 20));
          return `${text}\n`;
        },
      }),
    });
    expect(await exchange('1\n2\n3\n', 3)).toEqual(['1', '2', '3']);
  });

  test('answers every line of a client that half-closes after them', async () => {
    await serve({ open: () => ({ answer: async (line) => Promise.resolve(`${line.toString()}\n`) }) });
    const socket = connect({ path, allowHalfOpen: true });
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    socket.end('1\n2\n3\n4\n');
    await once(socket, 'end');
    socket.end();
    expect(heard).toBe('1\n2\n3\n4\n');
  });

  test('refuses a line above the limit and closes, dropping the requests that wait', async () => {
    await serve();
    expect(await exchange(`1\n${'x'.repeat(33)}`)).toEqual(['{"refused":"too-long"}']);
    expect(await exchange(`${'x'.repeat(33)}\n1\n`)).toEqual(['{"refused":"too-long"}']);
  });

  test('refuses a whole line above the limit in turn in skip mode, and closes after an endless one', async () => {
    await serve({ lineTooLong: { refusal: TOO_LONG, then: 'skip' } });
    expect(await exchange(`1\n${'x'.repeat(33)}\n2\n`, 3)).toEqual(['1', '{"refused":"too-long"}', '2']);
    expect(await exchange(`1\n${'x'.repeat(33)}`)).toEqual(['1', '{"refused":"too-long"}']);
  });

  test('ends a connection with too many waiting requests if it has a refusal for that', async () => {
    const never = new Promise<string>(() => undefined);
    await serve({ busyRefusal: BUSY, open: () => ({ answer: () => never }) });
    expect(await exchange('1\n2\n3\n4\n')).toEqual(['{"refused":"busy"}']);
  });

  test('reads no further while it answers a request, if it has no refusal for that', async () => {
    const first = Promise.withResolvers<string>();
    let asked = 0;
    const open = (): Responder => ({ answer: () => ((asked += 1) === 1 ? first.promise : '') });
    await serve({ maxWaitingRequests: 1, open });
    const socket = connect(path);
    socket.write('1\n');
    await expect.poll(() => asked).toBe(1);
    // More than the kernel holds between the two: what is over stays with the writer.
    socket.write('2\n'.repeat(150_000));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked).toBe(1);
    expect(socket.writableLength).toBeGreaterThan(0);
    first.resolve('');
    await expect.poll(() => asked).toBe(150_001);
    socket.destroy();
  });

  test('lets a responder refuse a line when it arrives', async () => {
    let admitted = 0;
    await serve({
      open: () => ({
        admit: () => ((admitted += 1) > 1 ? BUSY : undefined),
        answer: async (line) => Promise.resolve(`${line.toString()}\n`),
      }),
    });
    expect((await exchange('1\n2\n')).at(-1)).toBe('{"refused":"busy"}');
  });

  test.each([
    ['a refusal', FULL, ['{"refused":"full"}']],
    ['a silent close', undefined, []],
  ])('answers a connection above its limit: %s', async (_title, fullRefusal, expected) => {
    await serve({ maxConnections: 1, ...(fullRefusal === undefined ? {} : { fullRefusal }) });
    const held = connect(path);
    await once(held, 'connect');
    held.write('1\n');
    await once(held, 'data');
    const second = connect(path);
    second.on('error', () => undefined);
    let heard = '';
    second.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    await once(second, 'close');
    expect(heard.split('\n').slice(0, -1)).toEqual(expected);
    held.destroy();
  });

  test('destroys a connection that leaves too many answers unread', async () => {
    let releases = 0;
    const answer = `${'x'.repeat(1_000_000)}\n`;
    await serve({ maxUnreadBytes: 1_000, open: () => ({ answer: () => answer, release: () => void (releases += 1) }) });
    const socket = connect(path);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('1\n');
    await expect.poll(() => releases).toBeGreaterThan(0);
    socket.destroy();
  });

  test('releases the connection’s resources when it ends, and again after a pending answer', async () => {
    const answer = Promise.withResolvers<string>();
    let releases = 0;
    let asked = 0;
    await serve({
      open: () => ({
        answer: () => {
          asked += 1;
          return answer.promise;
        },
        release: () => void (releases += 1),
      }),
      busyRefusal: BUSY,
    });
    const socket = connect(path);
    socket.write('1\n');
    await expect.poll(() => asked).toBe(1);
    socket.destroy();
    await expect.poll(() => releases).toBe(1);
    answer.resolve('late\n');
    await expect.poll(() => releases).toBe(2);
  });

  test('reports a rejected answer, and destroys only that connection', async () => {
    const failures: unknown[] = [];
    await serve({
      onFailure: (error) => failures.push(error),
      open: () => ({
        answer: (line) => {
          if (line.toString() === 'bug') throw new Error('bug');
          return `${line.toString()}\n`;
        },
      }),
    });
    const other = connect(path);
    await once(other, 'connect');
    expect(await exchange('bug\n')).toEqual([]);
    expect(failures).toMatchObject([{ message: 'bug' }]);
    other.write('1\n');
    expect(String((await once(other, 'data'))[0])).toBe('1\n');
    other.destroy();
  });

  test('zeroes each line once it is answered', async () => {
    const seen: Buffer[] = [];
    await serve({
      open: () => ({
        answer: (line) => {
          seen.push(line);
          return 'ok\n';
        },
      }),
    });
    expect(await exchange('secret\n', 1)).toEqual(['ok']);
    expect(seen).toEqual([Buffer.alloc(6)]);
  });

  test('can write a last line at once, and then answers nothing', async () => {
    const open = (connection: JsonConnection): Responder => {
      connection.end('{"hello":true}\n');
      return ECHO;
    };
    await serve({ open });
    expect(await exchange('')).toEqual(['{"hello":true}']);
  });

  test('ends its connections after flushing their output', async () => {
    const server = await serve();
    const socket: Socket = connect(path);
    socket.write('1\n');
    await once(socket, 'data');
    server.endConnections();
    await once(socket, 'end');
  });
});

describe('a client', () => {
  test('gives each request its answer, in the order of the requests', async () => {
    await serve();
    const asking = client();
    const answers = [asking.ask('{"n":1}\n'), asking.ask('{"n":2}\n')];
    expect(await Promise.all(answers)).toEqual([{ n: 1 }, { n: 2 }]);
    asking.close();
    expect(await asking.closed).toBe('closed');
  });

  test('refuses a request above the limit of pending ones, and keeps the connection', async () => {
    await serve();
    const asking = client();
    const answers = [asking.ask('{"n":1}\n'), asking.ask('{"n":2}\n')];
    await expect(asking.ask('{"n":3}\n')).rejects.toMatchObject({ code: 'busy' });
    expect(await Promise.all(answers)).toEqual([{ n: 1 }, { n: 2 }]);
    asking.close();
  });

  test('sees events before answers', async () => {
    const close = await answerWith('{"event":1}\n{"n":1}\n');
    const events: JsonObject[] = [];
    const asking = client({ onEvent: (message) => 'event' in message && events.push(message) > 0 });
    expect(await asking.ask('x\n')).toEqual({ n: 1 });
    expect(events).toEqual([{ event: 1 }]);
    asking.close();
    close();
  });

  test.each([
    ['that is no message', 'hello\n'],
    ['above the limit', 'x'.repeat(33)],
  ])('ends as malformed on a line %s', async (_what, answer) => {
    const close = await answerWith(answer);
    const asking = client();
    await expect(asking.ask('x\n')).rejects.toMatchObject({ code: 'malformed' });
    expect(await asking.closed).toBe('malformed');
    await expect(asking.ask('x\n')).rejects.toMatchObject({ code: 'malformed' });
    close();
  });

  test('ends as malformed on a message that answers no request, and passes it on', async () => {
    const close = await answerWith('{"n":1}\n{"n":2}\n');
    const unasked: JsonObject[] = [];
    const asking = client({ onUnasked: (message) => unasked.push(message) });
    expect(await asking.ask('x\n')).toEqual({ n: 1 });
    expect(await asking.closed).toBe('malformed');
    expect(unasked).toEqual([{ n: 2 }]);
    close();
  });

  test('ends with all its requests when one answer is late', async () => {
    const close = await answerWith('');
    const asking = client();
    const late = [asking.ask('x\n', 10), asking.ask('y\n')].map((answer) => expect(answer).rejects.toThrow('timeout'));
    await Promise.all(late);
    expect(await asking.closed).toBe('timeout');
    close();
  });

  test('reports unreachable if no server listens', async () => {
    const asking = client();
    await expect(asking.connected()).rejects.toMatchObject({ code: 'unreachable' });
    await expect(asking.ask('x\n')).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('a socket path', () => {
  test('is taken over from a stale socket; a plain file is refused and stays', async () => {
    writeFileSync(path, '');
    await expect(serve()).rejects.toMatchObject({ problem: 'occupied' });
    expect(existsSync(path)).toBe(true);
    rmSync(path);
    servers.length = 0;
    await serve();
    expect(await exchange('1\n', 1)).toEqual(['1']);
  });

  test('is refused or taken over by the caller’s choice if a server listens there', async () => {
    await serve();
    const second = createServer();
    await expect(listenAtPath(second, path, 'refuse')).rejects.toMatchObject({ problem: 'served' });
    await listenAtPath(second, path, 'replace');
    second.close();
  });

  test('is unusable in a missing folder', async () => {
    await expect(listenAtPath(createServer(), join(folder, 'no', 'x.sock'), 'refuse')).rejects.toMatchObject({
      problem: 'unusable',
    });
  });
});
