// The control connection proves both ends, pairs answers with commands, and ends at any fault.

import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { connectControl } from '../src/control/control.ts';
import type { InfoKey, OnionRequest } from '../src/control/command.ts';
import { MAX_QUEUED_COMMANDS } from '../src/limits.ts';
import { ClientAuthKey, OnionKey } from '../src/onion/onion-key.ts';
import { ScriptedTor } from '@sotto/fixtures/scripted-tor';

const SHORT = { connectMs: 5_000, commandMs: 50 };
const KEY = new OnionKey();
const CLIENT = new ClientAuthKey(new Uint8Array(32).fill(7));
const REQUEST: OnionRequest = {
  key: KEY,
  targetSocketPath: '/run/relay/relay.sock',
  clientAuthPublicKey: CLIENT.publicKey,
  maxStreams: 2,
  proofOfWork: { queueRate: 20, queueBurst: 100 },
};

const failsWith = (code: string): unknown => expect.objectContaining({ code });

describe('authentication', () => {
  test('both ends prove that they know the cookie, and the connection opens', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    expect(await control.getInfo(['version'])).toEqual(new Map([['version', '0.4.9.11']]));
    control.close();
  });

  test('a server that does not know the cookie is refused and gets no proof', async () => {
    await using tor = await ScriptedTor.start({ impostor: true });
    await expect(connectControl(tor.address)).rejects.toThrow(failsWith('control-impostor'));
    expect(tor.commands).toEqual([]);
  });

  test.each([
    ['too short', Buffer.alloc(31)],
    ['too long', Buffer.alloc(33)],
    ['empty', Buffer.alloc(0)],
  ])('a cookie file that is %s is refused', async (_name, bytes) => {
    await using tor = await ScriptedTor.start();
    await writeFile(tor.address.cookiePath, bytes);
    await expect(connectControl(tor.address)).rejects.toThrow(failsWith('control-cookie-unreadable'));
  });

  test('a missing socket and a missing cookie have codes of their own', async () => {
    await using tor = await ScriptedTor.start();
    const { socketPath, cookiePath } = tor.address;
    const nowhere = tor.path('nothing');
    await expect(connectControl({ socketPath, cookiePath: nowhere })).rejects.toThrow(
      failsWith('control-cookie-unreadable'),
    );
    await expect(connectControl({ socketPath: nowhere, cookiePath })).rejects.toThrow(failsWith('control-unreachable'));
  });

  test('a server without SAFECOOKIE is refused', async () => {
    await using tor = await ScriptedTor.start({ authMethods: 'NULL,COOKIE' });
    await expect(connectControl(tor.address)).rejects.toThrow(failsWith('control-safecookie-missing'));
  });
});

describe('commands', () => {
  test('ADD_ONION carries every option, and Tor answers with our own address', async () => {
    await using tor = await ScriptedTor.start({
      answer: (command) => (command.startsWith('ADD_ONION') ? `250-ServiceID=${KEY.address}\r\n250 OK\r\n` : undefined),
    });
    const control = await connectControl(tor.address);
    expect(await control.addOnion(REQUEST)).toBe(KEY.address);
    const secret = Buffer.from(KEY.encodeForTor()).toString();
    expect(tor.commands).toEqual([
      `ADD_ONION ED25519-V3:${secret} Flags=DiscardPK,MaxStreamsCloseCircuit,V3Auth Port=80,unix:/run/relay/relay.sock MaxStreams=2 PoWDefensesEnabled=1 PoWQueueRate=20 PoWQueueBurst=100 ClientAuthV3=${CLIENT.publicBase32}`,
    ]);
    control.close();
  });

  test('an address that is not that of the key is refused', async () => {
    const other = new OnionKey().address;
    await using tor = await ScriptedTor.start({
      answer: (command) => (command.startsWith('ADD_ONION') ? `250-ServiceID=${other}\r\n250 OK\r\n` : undefined),
    });
    const live = await connectControl(tor.address);
    await expect(live.addOnion(REQUEST)).rejects.toThrow(failsWith('onion-address-mismatch'));
    live.close();
  });

  test('commands go one at a time, and answers are paired in order', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    const [version, network, views] = await Promise.all([
      control.getInfo(['version']),
      control.getConf(['TestingTorNetwork']),
      control.onionClientAuthView(),
    ]);
    expect([version.get('version'), network.get('TestingTorNetwork'), views]).toEqual(['0.4.9.11', '0', []]);
    control.close();
  });

  test('the onions whose key Tor holds are listed without the keys', async () => {
    const view = `250-ONION_CLIENT_AUTH_VIEW\r\n250-CLIENT ${KEY.address} x25519:AAAA Flags=Permanent\r\n250 OK\r\n`;
    await using tor = await ScriptedTor.start({ answer: (command) => (command.endsWith('VIEW') ? view : undefined) });
    const control = await connectControl(tor.address);
    expect(await control.onionClientAuthView()).toEqual([KEY.address]);
    control.close();
  });

  test('a refusal of Tor becomes a code with its status', async () => {
    await using tor = await ScriptedTor.start({ answer: () => '552 Unrecognized key "secret"\r\n' });
    const control = await connectControl(tor.address);
    const refused = await control.getInfo(['version']).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'control-refused', status: 552 });
    expect(String(refused)).not.toContain('secret');
    control.close();
  });

  test('commands beyond the queue are refused, and the others are answered', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    const asked = Array.from({ length: MAX_QUEUED_COMMANDS + 2 }, () => control.getInfo(['version']));
    const results = await Promise.allSettled(asked);
    expect(results.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1);
    expect(results.at(-1)).toMatchObject({ reason: { code: 'control-queue-full' } });
    control.close();
  });
});

describe('arguments', () => {
  const bad = 'a'.repeat(54);
  test.each([
    ['a line break in an address', `${bad}\r\n`, 'onion-address'],
    ['a space in an address', `${bad} x`, 'onion-address'],
    ['a second command in an address', `${KEY.address}\r\nSIGNAL NEWNYM`, 'onion-address'],
  ])('%s is refused, and nothing is sent', async (_name, address, code) => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    await expect(control.delOnion(address)).rejects.toThrow(failsWith(code));
    await expect(control.onionClientAuthAdd(address, CLIENT)).rejects.toThrow(failsWith(code));
    await expect(control.onionClientAuthRemove(address)).rejects.toThrow(failsWith(code));
    expect(tor.commands).toEqual([]);
    control.close();
  });

  test.each(['relative.sock', '/a b', '/a\r\nSIGNAL HALT', '/a"b', '/a,80', `/${'a'.repeat(107)}`, ''])(
    'the socket path %j is refused',
    async (targetSocketPath) => {
      await using tor = await ScriptedTor.start();
      const control = await connectControl(tor.address);
      await expect(control.addOnion({ ...REQUEST, targetSocketPath })).rejects.toThrow(failsWith('control-argument'));
      expect(tor.commands).toEqual([]);
      control.close();
    },
  );

  test.each([0, -1, 1.5, Number.NaN, 1e9])('%d streams, and such a queue, are refused', async (number) => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    const proofOfWork = { queueRate: number, queueBurst: 1 };
    await expect(control.addOnion({ ...REQUEST, maxStreams: number })).rejects.toThrow(failsWith('control-argument'));
    await expect(control.addOnion({ ...REQUEST, proofOfWork })).rejects.toThrow(failsWith('control-argument'));
    expect(tor.commands).toEqual([]);
    control.close();
  });

  test('a key of a wrong type is refused at run time', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    const [key] = JSON.parse('["address"]') as InfoKey[];
    await expect(control.getInfo(key === undefined ? [] : [key])).rejects.toThrow(failsWith('control-argument'));
    await expect(control.getInfo([])).rejects.toThrow(failsWith('control-argument'));
    expect(tor.commands).toEqual([]);
    control.close();
  });
});

describe('the end of a connection', () => {
  test('a silent Tor ends the connection, and every waiting command fails with the reason', async () => {
    await using tor = await ScriptedTor.start({ answer: () => '' });
    const control = await connectControl(tor.address, SHORT);
    const both = await Promise.allSettled([control.getInfo(['version']), control.getInfo(['version'])]);
    expect(both).toMatchObject([{ reason: { code: 'control-timeout' } }, { reason: { code: 'control-timeout' } }]);
    expect(await control.closed).toBe('control-timeout');
    await expect(control.getInfo(['version'])).rejects.toThrow(failsWith('control-timeout'));
  });

  test.each([
    ['junk', 'hello\r\n', 'control-malformed'],
    ['a reply without a command', '250 OK\r\n', 'control-unexpected'],
    ['an endless line', 'a'.repeat(20_000), 'control-line-too-long'],
  ])('%s ends the connection', async (_name, bytes, code) => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    tor.emitRaw(bytes);
    expect(await control.closed).toBe(code);
  });

  test('the end of Tor closes the connection with a code', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    await tor.down();
    expect(await control.closed).toBe('control-closed');
  });

  test('listeners get events until they are removed', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    const seen: string[] = [];
    const leave = control.onEvent((message) => seen.push(message.lines[0]?.text ?? ''));
    tor.emit('NETWORK_LIVENESS UP');
    await control.getInfo(['version']);
    leave();
    tor.emit('NETWORK_LIVENESS DOWN');
    await control.getInfo(['version']);
    expect(seen).toEqual(['NETWORK_LIVENESS UP']);
    control.close();
  });
});
