// The control connection against Debian's tor, without a network.

import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectControl } from '../../src/control/control.ts';
import { openOnionControl } from '../../src/onion/onion-control.ts';
import { ClientAuthKey, OnionKey } from '../../src/onion/onion-key.ts';
import { ReplyParser } from '../../src/control/reply-parser.ts';
import { isOlder, OLDEST_TOR } from '../../src/control/tor-version.ts';
import { RawLineClient } from '../raw-line-client.ts';
import { RealTor } from './real-tor.ts';

const failsWith = (code: string): unknown => expect.objectContaining({ code });
const CLIENT = new ClientAuthKey(new Uint8Array(32).fill(11));

const cleanUp = new AsyncDisposableStack();
let tor: RealTor;
beforeAll(async () => {
  tor = await RealTor.start();
  cleanUp.defer(() => tor[Symbol.asyncDispose]());
});
afterAll(async () => {
  await cleanUp.disposeAsync();
});

describe('authentication against the daemon', () => {
  test('the daemon accepts the right cookie and proves itself', async () => {
    const control = await connectControl(tor.address);
    expect((await control.getInfo(['version'])).get('version')).toMatch(/^0\.4\./);
    control.close();
  });

  test('we refuse a wrong cookie before the daemon gets our proof', async () => {
    const cookiePath = tor.path('wrong-cookie');
    await writeFile(cookiePath, Buffer.alloc(32, 1));
    await expect(connectControl({ ...tor.address, cookiePath })).rejects.toThrow(failsWith('control-impostor'));
  });

  test('the daemon refuses a wrong proof, and a command without any', async () => {
    using raw = await RawLineClient.connect(tor.address.socketPath);
    expect(await raw.ask(`AUTHCHALLENGE SAFECOOKIE ${'00'.repeat(32)}\r`)).toMatch(/^250 AUTHCHALLENGE SERVERHASH=/);
    expect(await raw.ask(`AUTHENTICATE ${'00'.repeat(32)}\r`)).toMatch(/^515 /);
    using other = await RawLineClient.connect(tor.address.socketPath);
    expect(await other.ask('GETINFO version\r')).toMatch(/^514 /);
  });
});

const ONIONS_ONLY = '9050 OnionTrafficOnly IsolateSOCKSAuth';

describe('a daemon with other settings', () => {
  // No network in any of them: what is listened on is never opened, but for the control port on
  // loopback.
  test.each<[string, Readonly<Record<string, string>>]>([
    ['with a control port', { ControlPort: 'auto' }],
    ['with SOCKS that leads everywhere', { SocksPort: '9050' }],
    ['with SOCKS that leads everywhere, under its other name', { SocksPort: ONIONS_ONLY, __SocksPort: '9051' }],
    ['with a proxy for HTTP', { HTTPTunnelPort: '8118' }],
    ['with a name server', { DNSPort: '5353' }],
    ['without guards', { UseEntryGuards: '0' }],
    ['without a second layer of guards', { VanguardsLiteEnabled: '0' }],
    ['with addresses in its log', { SafeLogging: '0' }],
  ])('a daemon %s is refused, and nothing is published on it', async (_what, changed) => {
    await using other = await RealTor.start(changed);
    await expect(openOnionControl(other.address)).rejects.toThrow(failsWith('tor-unprotected'));
  });

  test('a daemon with the listener that ships is accepted', async () => {
    const line = /^SocksPort socks-side:(.+)$/m.exec(await readFile('torrc.client', 'utf8'))?.[1] ?? '';
    await using other = await RealTor.start({ SocksPort: `127.0.0.1:${line}` });
    (await openOnionControl(other.address)).close();
  });
});

describe('operations of the daemon', () => {
  test('the daemon answers each of our questions', async () => {
    const control = await connectControl(tor.address);
    const info = await control.getInfo(['version', 'status/bootstrap-phase', 'entry-guards', 'onions/current']);
    expect(info.get('status/bootstrap-phase')).toMatch(/^NOTICE BOOTSTRAP PROGRESS=0 TAG=starting /);
    expect(info.get('entry-guards')).toBe('');
    expect(await control.getConf(['TestingTorNetwork'])).toEqual(new Map([['TestingTorNetwork', '0']]));
    await control.setEvents(['STATUS_CLIENT', 'STATUS_GENERAL', 'NETWORK_LIVENESS', 'HS_DESC']);
    control.close();
  });

  test('an onion with every option has the address that we computed, and ends with DEL_ONION', async () => {
    const control = await connectControl(tor.address);
    const key = new OnionKey();
    const address = await control.addOnion({
      key,
      clientAuthPublicKey: CLIENT.publicKey,
      targetSocketPath: '/run/relay/relay.sock',
      maxStreams: 2,
      proofOfWork: { queueRate: 20, queueBurst: 100 },
    });
    expect(address).toBe(key.address);
    expect((await control.getInfo(['onions/current'])).get('onions/current')).toBe(key.address);
    const again = { key, targetSocketPath: '/run/relay/relay.sock' };
    await expect(control.addOnion(again)).rejects.toThrow(
      expect.objectContaining({ code: 'control-refused', status: 550 }),
    );
    await control.delOnion(key.address);
    expect((await control.getInfo(['onions/current'])).get('onions/current')).toBe('');
    await expect(control.delOnion(key.address)).rejects.toThrow(expect.objectContaining({ status: 552 }));
    control.close();
  });

  test('the daemon accepts fifty keys of ours', async () => {
    const control = await connectControl(tor.address);
    for (let count = 0; count < 50; count += 1) {
      const key = new OnionKey();
      expect(await control.addOnion({ key, targetSocketPath: '/run/r' })).toBe(key.address);
      await control.delOnion(key.address);
    }
    control.close();
  });

  test('an onion ends with the connection that added it', async () => {
    const first = await connectControl(tor.address);
    const key = new OnionKey();
    await first.addOnion({ key, targetSocketPath: '/run/r' });
    first.close();
    const second = await connectControl(tor.address);
    // The same key can only be added again if the daemon has dropped it with its connection.
    let added: unknown;
    do added = await second.addOnion({ key, targetSocketPath: '/run/r' }).catch((error: unknown) => error);
    while (added !== key.address);
    expect((await second.getInfo(['onions/current'])).get('onions/current')).toBe(key.address);
    second.close();
  });

  test('a client key is added, listed, replaced and removed', async () => {
    const control = await connectControl(tor.address);
    const { address } = new OnionKey();
    await control.onionClientAuthAdd(address, CLIENT);
    await control.onionClientAuthAdd(address, new ClientAuthKey(new Uint8Array(32).fill(12)));
    expect(await control.onionClientAuthView()).toEqual([address]);
    await control.onionClientAuthRemove(address);
    await control.onionClientAuthRemove(address);
    expect(await control.onionClientAuthView()).toEqual([]);
    control.close();
  });

  test('our parser reads an event of the daemon', async () => {
    using raw = await tor.raw();
    await raw.ask('SETEVENTS CONF_CHANGED\r');
    raw.send('SETCONF MaxCircuitDirtiness=601\r\n');
    const lines: string[] = [];
    while (!lines.includes('250 OK')) lines.push((await raw.next()) ?? '250 OK');
    while (!lines.includes('650 OK')) lines.push((await raw.next()) ?? '650 OK');
    const parsed = new ReplyParser().push(Buffer.from(lines.map((line) => `${line}\r\n`).join('')));
    const events = parsed.ok ? parsed.value.filter((message) => message.kind === 'event') : [];
    expect(events[0]?.lines.map((line) => line.text)).toEqual(['CONF_CHANGED', 'MaxCircuitDirtiness=601', 'OK']);
    await raw.ask('RESETCONF MaxCircuitDirtiness\r');
  });
});

describe('the narrow view of the host', () => {
  test('the host gets the version, the network, the stage, and the end of the daemon', async () => {
    const onions = await openOnionControl(tor.address);
    expect(isOlder(onions.version, OLDEST_TOR)).toBe(false);
    expect(onions.network).toBe('public');
    expect(onions.stage).toMatchObject({ state: 'progressing', percent: 0, tag: 'starting' });
    await tor.down();
    expect(await onions.closed).toBe('control-closed');
    await tor.up();
  });

  test('the host gives up an onion that no directory stores, and leaves none behind', async () => {
    const onions = await openOnionControl(tor.address);
    const request = { key: new OnionKey(), targetSocketPath: '/run/r' };
    await expect(onions.publish(request, { timeoutMs: 300 })).rejects.toThrow(failsWith('onion-upload-timeout'));
    using raw = await tor.raw();
    expect(await raw.ask('GETINFO onions/current\r')).toBe('250-onions/current=');
    onions.close();
  });
});
