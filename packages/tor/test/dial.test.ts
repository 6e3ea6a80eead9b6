// A dial opens one isolated stream, or fails with the code of Tor's SOCKS answer.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { message } from '@sotto/messages';
import fc from 'fast-check';
import { SocksClient } from 'socks';
import { describe, expect, test } from 'vitest';
import { adviseDial, dialOnion } from '../src/onion/dial.ts';
import { OnionKey } from '../src/onion/onion-key.ts';
import { readSocksHead, SOCKS_REPLY_CODES, SocksReplyReader } from '../src/onion/socks-reply.ts';
import { granted, refused, SocksStandIn } from './socks-stand-in.ts';

const ONION = new OnionKey().address;

const failsWith = (code: string): unknown => expect.objectContaining({ code });

describe('a stream', () => {
  test('a stream is opened to the onion, port 80, with credentials of its own', async () => {
    await using stand = await SocksStandIn.start({ reply: granted() });
    for (let count = 0; count < 2; count += 1) (await dialOnion({ socks: stand.address, onion: ONION })).destroy();
    const [first, second] = stand.requests;
    expect(first).toMatchObject({ host: `${ONION}.onion`, port: 80 });
    expect(first?.user).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set([first?.user, first?.password, second?.user, second?.password]).size).toBe(4);
  });

  test('a stream keeps bytes that came with the reply until its owner listens', async () => {
    await using stand = await SocksStandIn.start({ reply: granted('early words') });
    const socket = await dialOnion({ socks: stand.address, onion: ONION });
    // More turns than the library or we wait for.
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const arrived = once(socket, 'data');
    socket.resume();
    expect(String((await arrived)[0])).toBe('early words');
    socket.write('echo');
    expect(String((await once(socket, 'data'))[0])).toBe('echo');
    socket.destroy();
  });

  test('a stream that ends as soon as it is open fails the dial', async () => {
    await using stand = await SocksStandIn.start({ reply: granted(), hangUp: true });
    const result = await dialOnion({ socks: stand.address, onion: ONION }).catch((error: unknown) => error);
    if (result instanceof Error) expect(result).toMatchObject({ code: 'socks-closed' });
    else {
      const socket = result as Awaited<ReturnType<typeof dialOnion>>;
      const ended = once(socket, 'close');
      socket.resume();
      await ended;
    }
  });
});

describe('a refusal of Tor', () => {
  const numbers = Object.entries(SOCKS_REPLY_CODES).map(([number, code]) => [Number(number), code] as const);

  test.each(numbers)('the refusal number %d has the code %s', async (number, code) => {
    await using stand = await SocksStandIn.start({ reply: refused(number) });
    await expect(dialOnion({ socks: stand.address, onion: ONION })).rejects.toThrow(failsWith(code));
  });

  test('an unknown refusal number has a code of its own', async () => {
    await using stand = await SocksStandIn.start({ reply: refused(0x99) });
    await expect(dialOnion({ socks: stand.address, onion: ONION })).rejects.toThrow(failsWith('socks-unknown-reply'));
  });

  test('control: the library hides the extended numbers, so our reader is needed', async () => {
    await using stand = await SocksStandIn.start({ reply: refused(0xf0) });
    const { host, port } = stand.address;
    const failed = SocksClient.createConnection({
      command: 'connect',
      proxy: { host, port, type: 5, userId: 'u', password: 'p' },
      destination: { host: `${ONION}.onion`, port: 80 },
    });
    await expect(failed).rejects.toThrow(/ - undefined$/);
  });

  test('each refusal number has a cause and a next step', () => {
    for (const [, code] of numbers) {
      const { cause, nextStep } = adviseDial(code);
      expect(cause).toBe(message(`error.tor.${code}`));
      expect(nextStep.length).toBeGreaterThan(10);
    }
  });
});

describe('a proxy that is not what it should be', () => {
  test.each([
    ['ignores our credentials', { method: [5, 0], reply: granted() }, 'socks-isolation-refused'],
    ['accepts no method', { method: [5, 255], reply: granted() }, 'socks-isolation-refused'],
    ['refuses our credentials', { authentication: [1, 1], reply: granted() }, 'socks-isolation-refused'],
    ['speaks SOCKS 4', { method: [0, 90], reply: [] }, 'socks-protocol'],
    ['speaks HTTP', { method: [...Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')], reply: [] }, 'socks-protocol'],
    ['answers CONNECT with junk', { reply: [9, 9, 9, 9, 9, 9, 9, 9, 9, 9] }, 'socks-protocol'],
    ['hangs up', { reply: [], hangUp: true }, 'socks-closed'],
  ])('a proxy that %s fails the dial with a code', async (_name, script, code) => {
    await using stand = await SocksStandIn.start(script);
    const failed = await dialOnion({ socks: stand.address, onion: ONION }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code });
    // Neither address nor credentials may travel with an error.
    const [request] = stand.requests;
    const text = inspect(failed, { showHidden: true, depth: 9 });
    for (const secret of [ONION, request?.user, request?.password])
      if (secret !== undefined) expect(text).not.toContain(secret);
  });

  test('a proxy that is not there fails the dial with a code', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => server.close(resolve));
    const socks = { host: '127.0.0.1', port };
    await expect(dialOnion({ socks, onion: ONION })).rejects.toThrow(failsWith('socks-unreachable'));
  });

  test('a proxy that never answers fails the dial after its time', async () => {
    await using stand = await SocksStandIn.start({ reply: [] });
    await expect(dialOnion({ socks: stand.address, onion: ONION, timeoutMs: 50 })).rejects.toThrow(
      failsWith('dial-timeout'),
    );
  });
});

describe('a caller', () => {
  test('an abort ends the dial, before and during it', async () => {
    await using stand = await SocksStandIn.start({ reply: [] });
    const stop = new AbortController();
    const dialling = dialOnion({ socks: stand.address, onion: ONION, signal: stop.signal });
    const refusal = expect(dialling).rejects.toThrow(failsWith('aborted'));
    stop.abort();
    await refusal;
    const after = dialOnion({ socks: stand.address, onion: ONION, signal: stop.signal });
    await expect(after).rejects.toThrow(failsWith('aborted'));
  });

  test.each([
    'example.com',
    '127.0.0.1',
    `${ONION}.onion`,
    ONION.toUpperCase(),
    'a'.repeat(56),
    'expyuzz4wqqyqhjn',
    `www.${ONION}`,
    '',
  ])('the address %j is refused', async (onion) => {
    await using stand = await SocksStandIn.start({ reply: granted() });
    await expect(dialOnion({ socks: stand.address, onion })).rejects.toThrow(failsWith('onion-address'));
    expect(stand.requests).toEqual([]);
  });

  test.each([0, -1, 65_536, 1.5, Number.NaN])('the port %d is refused', async (port) => {
    await using stand = await SocksStandIn.start({ reply: granted() });
    await expect(dialOnion({ socks: stand.address, onion: ONION, port })).rejects.toThrow(failsWith('dial-port'));
    expect(stand.requests).toEqual([]);
  });
});

test('the reader reads the six bytes of a handshake however they are cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 12 }), fc.nat(12), (bytes, cut) => {
      const reader = new SocksReplyReader();
      reader.push(bytes.subarray(0, cut));
      expect(reader.push(bytes.subarray(cut))).toEqual(readSocksHead([...bytes.subarray(0, 6)]));
    }),
    { numRuns: 5_000 },
  );
});
