// The gate in front of Debian's tor, without a network.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Gate } from '../../src/gate/gate.ts';
import { openGate } from '../../src/gate/gate.ts';
import { connectGate } from '../../src/gate/client.ts';
import type { GateClient } from '../../src/gate/client.ts';
import { MAX_GATE_LINE_BYTES } from '../../src/limits.ts';
import { OnionKey } from '../../src/onion/onion-key.ts';
import { RawLineClient } from '../raw-line-client.ts';
import { RealTor } from './real-tor.ts';

const ONION = new OnionKey().address;
const OTHER_ONION = new OnionKey().address;
const KEY = Buffer.alloc(32, 21);
const KEY_TEXT = KEY.toString('base64');
const ALLOW = `{"op":"allow","onion":"${ONION}","key":"${KEY_TEXT}"}`;
const REFUSAL = /^\{"ok":false,"code":"gate-(?:malformed|operation|field)"\}$/;

const failsWith = (code: string): unknown => expect.objectContaining({ code });

const cleanUp = new AsyncDisposableStack();
let tor: RealTor;
let gate: Gate;
let gateSocket: string;

beforeAll(async () => {
  tor = await RealTor.start();
  cleanUp.defer(() => tor[Symbol.asyncDispose]());
  gateSocket = tor.path('gate');
  gate = await openGate({ socketPath: gateSocket, control: tor.address });
  cleanUp.defer(() => gate.close());
});
afterAll(async () => {
  await cleanUp.disposeAsync();
});

/** Asks until the gate has a usable Tor; its own pauses set the pace. */
async function live(client: GateClient): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const watcher = await connectGate({
    socketPath: gateSocket,
    onStage: (stage) => stage.state === 'progressing' && resolve(undefined),
  });
  const stage = await watcher.bootstrap();
  if (stage.state !== 'progressing') await promise;
  await client.version();
  watcher.close();
}

async function keysInTor(): Promise<string[]> {
  using raw = await tor.raw();
  const held: string[] = [];
  for (let line = await raw.ask('ONION_CLIENT_AUTH_VIEW\r'); line !== '250 OK'; line = await raw.next()) {
    if (line === undefined) throw new Error('tor hung up');
    if (line.startsWith('250-CLIENT ')) held.push(line.slice('250-CLIENT '.length));
  }
  return held;
}

beforeEach(async () => {
  const client = await connectGate({ socketPath: gateSocket });
  await live(client);
  client.close();
});

describe('keys that the gate gives to the daemon', () => {
  test('the daemon holds the key of one onion while the connection lives', async () => {
    const client = await connectGate({ socketPath: gateSocket });
    await client.allow(ONION, KEY);
    expect(await keysInTor()).toEqual([`${ONION} x25519:${KEY_TEXT}`]);
    expect(await client.descriptor()).toEqual({ state: 'unknown' });
    expect(await client.path()).toEqual({
      guardSameSeconds: null,
      vanguards: 'auto',
      network: 'public',
    });
    await client.forget();
    expect(await keysInTor()).toEqual([]);
    client.close();
  });

  test('a daemon that was killed gets the key again, and loses it later', async () => {
    const { promise: lost, resolve } = Promise.withResolvers<undefined>();
    const onStage = (stage: { state: string }): unknown => stage.state === 'tor-unreachable' && resolve(undefined);
    const client = await connectGate({ socketPath: gateSocket, onStage });
    await client.bootstrap();
    await client.allow(ONION, KEY);
    await tor.down();
    await lost;
    await expect(client.version()).rejects.toThrow(failsWith('tor-unreachable'));
    await tor.up();
    await live(client);
    expect(await keysInTor()).toEqual([`${ONION} x25519:${KEY_TEXT}`]);
    await client.forget();
    expect(await keysInTor()).toEqual([]);
    client.close();
  });

  test('a second onion on one connection is refused, and Tor gets nothing for it', async () => {
    const client = await connectGate({ socketPath: gateSocket });
    await client.allow(ONION, KEY);
    await expect(client.allow(OTHER_ONION, KEY)).rejects.toThrow(failsWith('gate-onion-taken'));
    expect(await keysInTor()).toHaveLength(1);
    await client.forget();
    client.close();
  });
});

describe('requests that the gate refuses and the daemon would answer', () => {
  const commands: readonly (readonly [string, RegExp])[] = [
    ['GETINFO address', /^551 Address unknown|^250-address=/],
    ['GETINFO circuit-status', /^250-circuit-status=/],
    ['GETINFO stream-status', /^250-stream-status=/],
    ['GETINFO entry-guards', /^250-entry-guards=/],
    ['GETINFO orconn-status', /^250-orconn-status=/],
    ['GETINFO config-text', /^250\+config-text=/],
    ['GETINFO config-file', /^250-config-file=/],
    ['GETINFO process/pid', /^250-process\/pid=/],
    ['GETCONF ControlSocket', /^250 ControlSocket=/],
    ['SETCONF MaxCircuitDirtiness=600', /^250 OK/],
    ['RESETCONF MaxCircuitDirtiness', /^250 OK/],
    ['SIGNAL NEWNYM', /^250 OK/],
    ['SIGNAL DUMP', /^250 OK/],
    ['DROPGUARDS', /^250 OK/],
    ['SETEVENTS CIRC STREAM ORCONN ADDRMAP', /^250 OK/],
    ['MAPADDRESS 127.192.0.10=example.onion', /^250 127\.192\.0\.10=example\.onion/],
    ['ADD_ONION NEW:ED25519-V3 Flags=DiscardPK Port=80', /^250-ServiceID=/],
    [`HSFETCH ${ONION}`, /^250 OK/],
    ['ONION_CLIENT_AUTH_VIEW', /^250-ONION_CLIENT_AUTH_VIEW/],
    [`ONION_CLIENT_AUTH_ADD ${OTHER_ONION} x25519:${KEY_TEXT}`, /^250 OK/],
    [`ONION_CLIENT_AUTH_REMOVE ${OTHER_ONION}`, /^25[01] /],
    ['PROTOCOLINFO 1', /^250-PROTOCOLINFO 1/],
  ];

  test.each(commands)('the gate refuses %s', async (command, answered) => {
    using raw = await RawLineClient.connect(gateSocket);
    const attempts = [
      command,
      `${command}\r`,
      `"${command}"`,
      JSON.stringify({ op: command }),
      JSON.stringify({ op: 'ping', command }),
    ];
    for (const attempt of attempts) expect(await raw.ask(attempt)).toMatch(REFUSAL);
    expect(await raw.ask('{"op":"ping"}')).toBe('{"ok":true}');

    using control = await tor.raw();
    expect(await control.ask(`${command}\r`)).toMatch(answered);
  });

  test('the gate refuses LOADCONF, which needs a body', async () => {
    const command = '+LOADCONF\r\nNoSuchOption 1\r\n.';
    using raw = await RawLineClient.connect(gateSocket);
    raw.send(`${command}\r\n`);
    for (let line = 0; line < 3; line += 1) expect(await raw.next()).toMatch(REFUSAL);
    using control = await tor.raw();
    // The daemon reads it as its whole new configuration, and stumbles over the option that we made
    // up.
    expect(await control.ask(`${command}\r`)).toMatch(/^55[1-3][ -].*NoSuchOption/);
  });

  test('the gate refuses line breaks in a field, which would be a second command', async () => {
    const injected = `${ONION} x25519:${KEY_TEXT}\r\nSIGNAL NEWNYM`;
    using raw = await RawLineClient.connect(gateSocket);
    const attempts = [
      { op: 'allow', onion: injected, key: KEY_TEXT },
      { op: 'allow', onion: `${ONION}\r\nSIGNAL NEWNYM`, key: KEY_TEXT },
      { op: 'allow', onion: ONION, key: `${KEY_TEXT}\r\nSIGNAL NEWNYM` },
      { op: 'allow', onion: ONION, key: `${KEY_TEXT} Flags=Permanent` },
      { op: 'allow', onion: ONION, key: KEY_TEXT, flags: 'Permanent' },
      { op: 'allow\r\nSIGNAL NEWNYM' },
    ];
    for (const attempt of attempts) expect(await raw.ask(JSON.stringify(attempt))).toMatch(REFUSAL);
    expect(await keysInTor()).toEqual([]);

    using control = await tor.raw();
    expect(await control.ask(`ONION_CLIENT_AUTH_ADD ${injected}\r`)).toBe('250 OK');
    expect(await control.next()).toBe('250 OK');
    await control.ask(`ONION_CLIENT_AUTH_REMOVE ${ONION}\r`);
  });

  test('the gate refuses binary junk and lines that are too long', async () => {
    using junk = await RawLineClient.connect(gateSocket);
    junk.send(Uint8Array.from({ length: 256 }, (_, index) => (index === 10 ? 0 : index)));
    junk.send('\n');
    expect(await junk.next()).toMatch(REFUSAL);
    using long = await RawLineClient.connect(gateSocket);
    long.send(Buffer.alloc(1_000_000, 'a'));
    await long.ended;
    using ended = await RawLineClient.connect(gateSocket);
    ended.send(`${' '.repeat(MAX_GATE_LINE_BYTES)}${ALLOW}\n`);
    expect(await ended.next()).toBe('{"ok":false,"code":"gate-line-too-long"}');
    expect(await keysInTor()).toEqual([]);

    // The daemon itself reads a long line without complaint.
    using control = await tor.raw();
    expect(await control.ask(`GETINFO ${' '.repeat(MAX_GATE_LINE_BYTES)}version\r`)).toMatch(/^250-version=/);
  });
});
