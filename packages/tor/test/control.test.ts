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
  test('succeeds with the cookie, both ways', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    expect(await control.getInfo(['version'])).toEqual(new Map([['version', '0.4.9.11']]));
    control.close();
  });

  test('refuses a server that does not know the cookie, and sends it no proof', async () => {
    await using tor = await ScriptedTor.start({ impostor: true });
    await expect(connectControl(tor.address)).rejects.toThrow(failsWith('control-impostor'));
    expect(tor.commands).toEqual([]);
  });

  test.each([
    ['too short', Buffer.alloc(31)],
    ['too long', Buffer.alloc(33)],
    ['empty', Buffer.alloc(0)],
  ])('refuses a cookie file that is %s', async (_name, bytes) => {
    await using tor = await ScriptedTor.start();
    await writeFile(tor.address.cookiePath, bytes);
    await expect(connectControl(tor.address)).rejects.toThrow(failsWith('control-cookie-unreadable'));
  });

  test('says what is missing', async () => {
    await using tor = await ScriptedTor.start();
    const { socketPath, cookiePath } = tor.address;
    const nowhere = tor.path('nothing');
    await expect(connectControl({ socketPath, cookiePath: nowhere })).rejects.toThrow(
      failsWith('control-cookie-unreadable'),
    );
    await expect(connectControl({ socketPath: nowhere, cookiePath })).rejects.toThrow(failsWith('control-unreachable'));
  });

  test('refuses a server without SAFECOOKIE', async () => {
    await using tor = await ScriptedTor.start({ authMethods: 'NULL,COOKIE' });
    await expect(connectControl(tor.address)).rejects.toThrow(failsWith('control-safecookie-missing'));
  });
});

describe('commands', () => {
  test('writes ADD_ONION with everything that was asked, and takes our own address back', async () => {
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

  test('refuses another address than that of the key', async () => {
    const other = new OnionKey().address;
    await using tor = await ScriptedTor.start({
      answer: (command) => (command.startsWith('ADD_ONION') ? `250-ServiceID=${other}\r\n250 OK\r\n` : undefined),
    });
    const live = await connectControl(tor.address);
    await expect(live.addOnion(REQUEST)).rejects.toThrow(failsWith('onion-address-mismatch'));
    live.close();
  });

  test('sends one command at a time and pairs the answers in order', async () => {
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

  test('lists the onions whose key Tor holds, without the keys', async () => {
    const view = `250-ONION_CLIENT_AUTH_VIEW\r\n250-CLIENT ${KEY.address} x25519:AAAA Flags=Permanent\r\n250 OK\r\n`;
    await using tor = await ScriptedTor.start({ answer: (command) => (command.endsWith('VIEW') ? view : undefined) });
    const control = await connectControl(tor.address);
    expect(await control.onionClientAuthView()).toEqual([KEY.address]);
    control.close();
  });

  test('turns a refusal of Tor into a code with its status', async () => {
    await using tor = await ScriptedTor.start({ answer: () => '552 Unrecognized key "secret"\r\n' });
    const control = await connectControl(tor.address);
    const refused = await control.getInfo(['version']).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'control-refused', status: 552 });
    expect(String(refused)).not.toContain('secret');
    control.close();
  });

  test('refuses more commands than its queue holds and answers the others', async () => {
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
  ])('refuses %s and sends nothing', async (_name, address, code) => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    await expect(control.delOnion(address)).rejects.toThrow(failsWith(code));
    await expect(control.onionClientAuthAdd(address, CLIENT)).rejects.toThrow(failsWith(code));
    await expect(control.onionClientAuthRemove(address)).rejects.toThrow(failsWith(code));
    expect(tor.commands).toEqual([]);
    control.close();
  });

  test.each(['relative.sock', '/a b', '/a\r\nSIGNAL HALT', '/a"b', '/a,80', `/${'a'.repeat(107)}`, ''])(
    'refuses the socket path %j',
    async (targetSocketPath) => {
      await using tor = await ScriptedTor.start();
      const control = await connectControl(tor.address);
      await expect(control.addOnion({ ...REQUEST, targetSocketPath })).rejects.toThrow(failsWith('control-argument'));
      expect(tor.commands).toEqual([]);
      control.close();
    },
  );

  test.each([0, -1, 1.5, Number.NaN, 1e9])('refuses %d streams and such a queue', async (number) => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    const proofOfWork = { queueRate: number, queueBurst: 1 };
    await expect(control.addOnion({ ...REQUEST, maxStreams: number })).rejects.toThrow(failsWith('control-argument'));
    await expect(control.addOnion({ ...REQUEST, proofOfWork })).rejects.toThrow(failsWith('control-argument'));
    expect(tor.commands).toEqual([]);
    control.close();
  });

  test('refuses a key that got past the types', async () => {
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
  test('a silent Tor ends it, and everything that waits fails with the reason', async () => {
    await using tor = await ScriptedTor.start({ answer: () => '' });
    const control = await connectControl(tor.address, SHORT);
    const both = await Promise.allSettled([control.getInfo(['version']), control.getInfo(['version'])]);
    expect(both).toMatchObject([{ reason: { code: 'control-timeout' } }, { reason: { code: 'control-timeout' } }]);
    expect(await control.closed).toBe('control-timeout');
    await expect(control.getInfo(['version'])).rejects.toThrow(failsWith('control-timeout'));
  });

  test.each([
    ['junk', 'hello\r\n', 'control-malformed'],
    ['a reply that nobody asked for', '250 OK\r\n', 'control-unexpected'],
    ['an endless line', 'a'.repeat(20_000), 'control-line-too-long'],
  ])('%s ends it', async (_name, bytes, code) => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    tor.emitRaw(bytes);
    expect(await control.closed).toBe(code);
  });

  test('is seen when Tor dies', async () => {
    await using tor = await ScriptedTor.start();
    const control = await connectControl(tor.address);
    await tor.down();
    expect(await control.closed).toBe('control-closed');
  });

  test('events reach listeners until they leave', async () => {
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
