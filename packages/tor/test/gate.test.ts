// The gate between its clients and a scripted Tor: answers, keys, a lost Tor, and bounds.

import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connectControl } from '../src/control/control.ts';
import type { Gate } from '../src/gate/gate.ts';
import { openGate } from '../src/gate/gate.ts';
import type { GateClient } from '../src/gate/client.ts';
import { connectGate } from '../src/gate/client.ts';
import type { GateStage } from '../src/gate/protocol.ts';
import { GATE_REQUEST_BURST, MAX_GATE_CONNECTIONS, MAX_GATE_LINE_BYTES } from '../src/limits.ts';
import { ClientAuthKey, OnionKey } from '../src/onion/onion-key.ts';
import { RawLineClient } from './raw-line-client.ts';
import type { Answer } from '@sotto/fixtures/scripted-tor';
import { FakeClock } from '@sotto/fixtures';
import { ScriptedTor, settingsReply } from '@sotto/fixtures/scripted-tor';

const ONION = new OnionKey().address;
const OTHER_ONION = new OnionKey().address;
const KEY = Buffer.alloc(32, 3);
const OTHER_KEY = Buffer.alloc(32, 5);
const ALLOW = `{"op":"allow","onion":"${ONION}","key":"${KEY.toString('base64')}"}`;
const ADD = `ONION_CLIENT_AUTH_ADD ${ONION} x25519:${Buffer.from(new ClientAuthKey(KEY).encodeForTor()).toString()}`;
const REMOVE = `ONION_CLIENT_AUTH_REMOVE ${ONION}`;

const failsWith = (code: string): unknown => expect.objectContaining({ code });

/** A gate in front of a scripted Tor, with clients that are closed at the end. */
class GateBench implements AsyncDisposable {
  readonly tor: ScriptedTor;
  readonly gate: Gate;
  readonly clock: FakeClock;
  readonly socketPath: string;
  readonly #clients: GateClient[] = [];

  private constructor(tor: ScriptedTor, gate: Gate, clock: FakeClock) {
    this.tor = tor;
    this.gate = gate;
    this.clock = clock;
    this.socketPath = tor.path('gate');
  }

  static async start(answer: Answer = () => undefined): Promise<GateBench> {
    const tor = await ScriptedTor.start({ answer });
    const clock = new FakeClock();
    const gate = await openGate({ socketPath: tor.path('gate'), control: tor.address, clock });
    const bench = new GateBench(tor, gate, clock);
    await bench.live();
    return bench;
  }

  async client(onStage?: (stage: GateStage) => void): Promise<GateClient> {
    const client = await connectGate({ socketPath: this.socketPath, ...(onStage === undefined ? {} : { onStage }) });
    this.#clients.push(client);
    return client;
  }

  raw(): Promise<RawLineClient> {
    return RawLineClient.connect(this.socketPath);
  }

  /** Waits until the gate has a usable Tor, moving the clock over its pauses. */
  async live(): Promise<void> {
    using probe = await this.raw();
    while ((await probe.ask('{"op":"version"}'))?.includes('"ok":true') !== true) this.clock.tick(5_000);
  }

  keyCommands(): string[] {
    return this.tor.commands.filter((command) => /^ONION_CLIENT_AUTH_(ADD|REMOVE)/.test(command));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.gate.close();
    await this.gate.ended;
    await this.tor[Symbol.asyncDispose]();
  }
}

describe('answers of the gate', () => {
  test('ping, version, path and descriptor have answers of fixed fields', async () => {
    await using bench = await GateBench.start();
    using raw = await bench.raw();
    expect(await raw.ask('{"op":"ping"}')).toBe('{"ok":true}');
    expect(await raw.ask('{"op":"version"}')).toBe('{"ok":true,"version":"0.4.9.11","network":"public"}');
    expect(await raw.ask('{"op":"path"}')).toBe(
      '{"ok":true,"guardSameSeconds":null,"vanguards":"on","network":"public"}',
    );
    expect(await raw.ask('{"op":"descriptor"}')).toBe('{"ok":false,"code":"gate-onion-missing"}');
    expect(await raw.ask('{"op":"forget"}')).toBe('{"ok":false,"code":"gate-onion-missing"}');
    expect(await raw.ask('{"op":"bootstrap"}')).toBe(
      '{"ok":true,"stage":{"state":"progressing","percent":0,"tag":"starting"}}',
    );
  });

  test('only clients that sent bootstrap get stages', async () => {
    await using bench = await GateBench.start();
    const stages: GateStage[] = [];
    const { promise: sawDone, resolve } = Promise.withResolvers<undefined>();
    const asking = await bench.client((stage) => {
      stages.push(stage);
      if (stage.state === 'done') resolve(undefined);
    });
    const silent: GateStage[] = [];
    const other = await bench.client((stage) => silent.push(stage));
    await asking.bootstrap();
    bench.tor.emit('STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=50 TAG=loading_descriptors SUMMARY="x"');
    bench.tor.emit('STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"');
    await sawDone;
    await other.ping();
    expect(stages.map((stage) => stage.state)).toEqual(['progressing', 'done']);
    expect(silent).toEqual([]);
  });

  test('a client gets the state of its own onion descriptor, from unknown to received', async () => {
    await using bench = await GateBench.start();
    const client = await bench.client();
    await client.allow(ONION, KEY);
    expect(await client.descriptor()).toEqual({ state: 'unknown' });
    const steps: readonly (readonly [string, unknown])[] = [
      [`HS_DESC REQUESTED ${ONION} NO_AUTH $AAAA~relay desc`, { state: 'requested' }],
      [`HS_DESC FAILED ${ONION} NO_AUTH $AAAA~relay REASON=NOT_FOUND`, { state: 'failed', reason: 'NOT_FOUND' }],
      [`HS_DESC FAILED ${ONION} NO_AUTH $AAAA~relay REASON=$CANARY`, { state: 'failed', reason: 'UNEXPECTED' }],
      [`HS_DESC RECEIVED ${OTHER_ONION} NO_AUTH $AAAA~relay`, { state: 'failed', reason: 'UNEXPECTED' }],
      [`HS_DESC RECEIVED ${ONION} NO_AUTH $AAAA~relay desc`, { state: 'received' }],
    ];
    for (const [line, state] of steps) {
      bench.tor.emit(line);
      // The answer to `path` comes after the event on the same control connection.
      await client.path();
      expect(await client.descriptor()).toEqual(state);
    }
  });
});

describe('facts that never pass the gate', () => {
  const CANARIES = ['192.0.2.7', '2001:db8::7', 'CanaryNick', 'ABCDEF0123456789ABCDEF0123456789ABCDEF01', '9001'];
  const [address, address6, nickname, fingerprint] = CANARIES;
  const guards = `250+entry-guards=\r\n$${fingerprint}~${nickname} up\r\n.\r\n250 OK\r\n`;

  test('no answer or event has an address, a fingerprint or a nickname', async () => {
    await using bench = await GateBench.start((command) => (command === 'GETINFO entry-guards' ? guards : undefined));
    using raw = await bench.raw();
    const heard: string[] = [];
    for (const line of ['{"op":"bootstrap"}', ALLOW, '{"op":"path"}']) heard.push((await raw.ask(line)) ?? '');
    const events = [
      `STATUS_CLIENT WARN BOOTSTRAP PROGRESS=10 TAG=${nickname} SUMMARY="${nickname} ${address}" WARNING="${address}" REASON=${fingerprint} RECOMMENDATION=warn HOSTID="${fingerprint}" HOSTADDR="${address}:9001"`,
      `STATUS_GENERAL WARN CLOCK_SKEW SKEW=-9999 SOURCE=DIRSERV:${address6}:9001`,
      `HS_DESC FAILED ${ONION} ${nickname} $${fingerprint}~${nickname} REASON=${nickname}`,
    ];
    for (const event of events) {
      bench.tor.emit(event);
      heard.push((await raw.ask('{"op":"path"}')) ?? '', (await raw.ask('{"op":"descriptor"}')) ?? '');
    }
    heard.push(...raw.lines);
    expect(heard.join('\n')).toContain('"state":"stalled"');
    expect(heard.join('\n')).toMatch(/"guardSameSeconds":[0-9]/);
    for (const canary of CANARIES) expect(heard.join('\n')).not.toContain(canary);

    // The control: the same questions on Tor's own socket show every one of them.
    const control = await connectControl(bench.tor.address);
    const shown: string[] = [];
    control.onEvent((message) => shown.push(message.lines[0]?.text ?? ''));
    for (const event of events) bench.tor.emit(event);
    shown.push((await control.getInfo(['entry-guards'])).get('entry-guards') ?? '');
    control.close();
    for (const canary of CANARIES) expect(shown.join('\n')).toContain(canary);
  });

  test('a refusal of Tor becomes a code without its text', async () => {
    await using bench = await GateBench.start((command) =>
      command.startsWith('ONION_CLIENT_AUTH_ADD') ? '552 CanaryNick is at 192.0.2.7\r\n' : undefined,
    );
    using raw = await bench.raw();
    expect(await raw.ask(ALLOW)).toBe('{"ok":false,"code":"tor-refused"}');
  });
});

describe('client keys', () => {
  test('a key goes to Tor without a flag, and is removed when the connection closes', async () => {
    await using bench = await GateBench.start();
    const client = await bench.client();
    await client.allow(ONION, KEY);
    expect(bench.keyCommands()).toEqual([ADD]);
    client.close();
    await bench.tor.saw(REMOVE);
    expect(bench.keyCommands()).toEqual([ADD, REMOVE]);
  });

  test('connections of one room share a key, and the last one removes it', async () => {
    await using bench = await GateBench.start();
    const [first, second] = [await bench.client(), await bench.client()];
    await Promise.all([first.allow(ONION, KEY), second.allow(ONION, KEY)]);
    await first.forget();
    await first.ping();
    expect(bench.keyCommands()).toEqual([ADD]);
    await second.forget();
    expect(bench.keyCommands()).toEqual([ADD, REMOVE]);
  });

  test('another connection cannot replace a key', async () => {
    await using bench = await GateBench.start();
    const [first, second] = [await bench.client(), await bench.client()];
    await first.allow(ONION, KEY);
    await expect(second.allow(ONION, OTHER_KEY)).rejects.toThrow(failsWith('gate-key-differs'));
    await first.forget();
    await second.allow(ONION, OTHER_KEY);
    expect(bench.keyCommands()).toHaveLength(3);
  });

  test('a connection holds one onion and one key', async () => {
    await using bench = await GateBench.start();
    const client = await bench.client();
    await client.allow(ONION, KEY);
    await client.allow(ONION, KEY);
    await expect(client.allow(OTHER_ONION, KEY)).rejects.toThrow(failsWith('gate-onion-taken'));
    await expect(client.allow(ONION, OTHER_KEY)).rejects.toThrow(failsWith('gate-onion-taken'));
    expect(bench.keyCommands()).toEqual([ADD]);
  });

  test('a key that Tor refused is not held', async () => {
    let refuse = true;
    await using bench = await GateBench.start((command) =>
      refuse && command.startsWith('ONION_CLIENT_AUTH_ADD') ? '552 no\r\n' : undefined,
    );
    const client = await bench.client();
    await expect(client.allow(ONION, KEY)).rejects.toThrow(failsWith('tor-refused'));
    refuse = false;
    await client.allow(ONION, KEY);
    await client.forget();
    expect(bench.keyCommands().at(-1)).toBe(REMOVE);
  });

  test('a key is removed even if its connection ends before Tor has answered', async () => {
    await using bench = await GateBench.start((command) =>
      command.startsWith('ONION_CLIENT_AUTH_ADD') ? '' : undefined,
    );
    using raw = await bench.raw();
    raw.send(`${ALLOW}\n`);
    await bench.tor.saw('ONION_CLIENT_AUTH_ADD');
    // A line that is too long makes the gate itself hang up, so that it knows of the end before Tor
    // answers.
    raw.send('x'.repeat(MAX_GATE_LINE_BYTES + 1));
    await raw.ended;
    bench.tor.emitRaw('250 OK\r\n');
    await bench.tor.saw(REMOVE);
    expect(bench.keyCommands()).toEqual([ADD, REMOVE]);
  });

  test('keys that an earlier gate left in Tor are removed at the start', async () => {
    const view = `250-ONION_CLIENT_AUTH_VIEW\r\n250-CLIENT ${OTHER_ONION} x25519:AAAA\r\n250 OK\r\n`;
    await using bench = await GateBench.start((command) => (command === 'ONION_CLIENT_AUTH_VIEW' ? view : undefined));
    expect(bench.keyCommands()).toEqual([`ONION_CLIENT_AUTH_REMOVE ${OTHER_ONION}`]);
  });

  test('all keys are removed when the gate stops', async () => {
    const bench = await GateBench.start();
    const client = await bench.client();
    await client.allow(ONION, KEY);
    await bench.gate.close();
    expect(bench.keyCommands()).toEqual([ADD, REMOVE]);
    expect(await client.closed).toBe('gate-closed');
    await bench[Symbol.asyncDispose]();
  });
});

describe('a lost Tor', () => {
  test('clients hear of a lost Tor, and the gate adds the live keys again later', async () => {
    await using bench = await GateBench.start();
    const states: string[] = [];
    const { promise: sawLoss, resolve: lost } = Promise.withResolvers<undefined>();
    const client = await bench.client((stage) => {
      states.push(stage.state);
      if (stage.state === 'tor-unreachable') lost(undefined);
    });
    const leaving = await bench.client();
    await client.bootstrap();
    await client.allow(ONION, KEY);
    await leaving.allow(OTHER_ONION, KEY);
    await bench.tor.down();
    await sawLoss;

    await client.ping();
    await expect(client.version()).rejects.toThrow(failsWith('tor-unreachable'));
    await expect(client.path()).rejects.toThrow(failsWith('tor-unreachable'));
    await expect(client.allow(ONION, KEY)).rejects.toThrow(failsWith('tor-unreachable'));
    await expect((await bench.client()).allow(OTHER_ONION, KEY)).rejects.toThrow(failsWith('tor-unreachable'));
    await leaving.forget();

    bench.tor.commands.length = 0;
    await bench.tor.up();
    await bench.live();
    expect(bench.keyCommands()).toEqual([ADD]);
    await client.version();
    await client.allow(ONION, KEY);
    expect(states.slice(0, 2)).toEqual(['tor-unreachable', 'starting']);
    await client.forget();
    expect(bench.keyCommands()).toEqual([ADD, REMOVE]);
  });

  test('the gate connects again after pauses that grow to a bound', async () => {
    await using bench = await GateBench.start();
    using watcher = await bench.raw();
    await watcher.ask('{"op":"bootstrap"}');
    await bench.tor.down();
    while (!((await watcher.next()) ?? '').includes('tor-unreachable'));
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      while (bench.clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
      const [pause = 0] = bench.clock.waiting;
      pauses.push(pause);
      bench.clock.tick(pause);
    }
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
  });

  test('a Tor with other settings has a code, and no key goes to it', async () => {
    await using tor = await ScriptedTor.start({
      answer: (command) =>
        command.startsWith('GETCONF SocksPort') ? settingsReply({ SocksPort: ['9050'] }) : undefined,
    });
    const gate = await openGate({ socketPath: tor.path('gate'), control: tor.address, clock: new FakeClock() });
    using raw = await RawLineClient.connect(tor.path('gate'));
    const first = (await raw.ask('{"op":"bootstrap"}')) ?? '';
    const heard = first.includes('unprotected') ? first : ((await raw.next()) ?? '');
    expect(heard).toContain('"state":"tor-unprotected"');
    expect(await raw.ask(ALLOW)).toBe('{"ok":false,"code":"tor-unreachable"}');
    expect(tor.commands.filter((command) => !command.startsWith('GET'))).toEqual([]);
    await gate.close();
  });

  test('a Tor that is too old has a code, and no command goes to it', async () => {
    const tor = await ScriptedTor.start({
      answer: (command) => (command === 'GETINFO version' ? '250-version=0.4.8.10\r\n250 OK\r\n' : undefined),
    });
    const gate = await openGate({ socketPath: tor.path('gate'), control: tor.address, clock: new FakeClock() });
    using raw = await RawLineClient.connect(tor.path('gate'));
    const first = (await raw.ask('{"op":"bootstrap"}')) ?? '';
    const heard = first.includes('too-old') ? first : ((await raw.next()) ?? '');
    expect(heard).toContain('"state":"tor-too-old"');
    expect(await raw.ask(ALLOW)).toBe('{"ok":false,"code":"tor-unreachable"}');
    expect(tor.commands).toEqual(['GETINFO version']);
    await gate.close();
    await tor[Symbol.asyncDispose]();
  });
});

describe('bounds', () => {
  test('a line above the limit is refused and ends the connection; one at the limit does not', async () => {
    await using bench = await GateBench.start();
    using raw = await bench.raw();
    expect(await raw.ask('x'.repeat(MAX_GATE_LINE_BYTES))).toBe('{"ok":false,"code":"gate-malformed"}');
    raw.send('x'.repeat(MAX_GATE_LINE_BYTES + 1));
    expect(await raw.next()).toBe('{"ok":false,"code":"gate-line-too-long"}');
    expect(await raw.next()).toBeUndefined();
  });

  test('too many requests end the connection and give its key back', async () => {
    await using bench = await GateBench.start();
    using raw = await bench.raw();
    await raw.ask(ALLOW);
    raw.send('{"op":"ping"}\n'.repeat(GATE_REQUEST_BURST * 2));
    await raw.ended;
    expect(raw.lines.at(-1)).toBe('{"ok":false,"code":"gate-busy"}');
    await bench.tor.saw(REMOVE);
  });

  test('one connection too many is refused, and a closed one makes room again', async () => {
    await using bench = await GateBench.start();
    const clients: RawLineClient[] = [];
    for (let index = 0; index < MAX_GATE_CONNECTIONS; index += 1) clients.push(await bench.raw());
    await Promise.all(clients.map((client) => client.ask('{"op":"ping"}')));
    using refused = await bench.raw();
    expect(await refused.next()).toBe('{"ok":false,"code":"gate-full"}');
    for (const client of clients) client[Symbol.dispose]();
    let heard: string | undefined;
    do {
      // The gate sees the others go in its own time.
      using again = await bench.raw();
      heard = await again.ask('{"op":"ping"}');
    } while (heard === '{"ok":false,"code":"gate-full"}');
    expect(heard).toBe('{"ok":true}');
  });
});

describe('the socket', () => {
  test('a stale socket is replaced, a file is not', async () => {
    await using tor = await ScriptedTor.start();
    const path = tor.path('gate');
    const first = createServer();
    await new Promise<void>((resolve) => first.listen(path, resolve));
    const gate = await openGate({ socketPath: path, control: tor.address });
    const client = await connectGate({ socketPath: path });
    await client.ping();
    client.close();
    await gate.close();
    await new Promise((resolve) => first.close(resolve));
    await writeFile(path, 'precious');
    await expect(openGate({ socketPath: path, control: tor.address })).rejects.toThrow(
      failsWith('gate-socket-occupied'),
    );
  });
});

describe('the client of the gate', () => {
  async function answering(bytes: string, ask: (client: GateClient) => Promise<unknown>): Promise<unknown> {
    await using tor = await ScriptedTor.start();
    const server = createServer((socket) => socket.on('data', () => socket.write(bytes)));
    await new Promise<void>((resolve) => server.listen(tor.path('fake'), resolve));
    const client = await connectGate({ socketPath: tor.path('fake'), timeoutMs: 200 });
    const result = await ask(client).catch((error: unknown) => error);
    client.close();
    await new Promise((resolve) => server.close(resolve));
    return result;
  }

  test.each([
    ['junk', 'junk\n', 'gate-protocol'],
    ['an endless line', 'x'.repeat(5_000), 'gate-protocol'],
    ['silence', '', 'gate-timeout'],
    ['a field of the wrong form', '{"ok":true,"version":1,"network":"public"}\n', 'gate-protocol'],
    ['a code of its own', '{"ok":false,"code":"tor-unreachable"}\n', 'tor-unreachable'],
  ])('the client meets %s with a code', async (_name, bytes, code) => {
    expect(await answering(bytes, (client) => client.version())).toMatchObject({ code });
  });

  test('the client has a code for a missing gate', async () => {
    await using tor = await ScriptedTor.start();
    await expect(connectGate({ socketPath: tor.path('nothing') })).rejects.toThrow(failsWith('gate-unreachable'));
  });
});
