import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DialError, registrationOf } from '@sotto/client';
import type { ByteStream, Clock, StateEvent } from '@sotto/client';
import { FakeClock } from '@sotto/fixtures';
import { decodeInvite } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { onionAddressOf } from '@sotto/tor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readEndpoints } from '../src/environment.ts';
import { GATE_POLL_MS, GATE_START_LIMIT_MS } from '../src/limits.ts';
import { createOnionDial } from '../src/onion-dial.ts';
import type { Dialer } from '../src/onion-dial.ts';
import { INVITE, REAL_CLOCK } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';
import { openGate, openSocks } from './scripted-gate-and-socks.ts';
import type { GateScript, ScriptedGate } from './scripted-gate-and-socks.ts';

const READY: GateScript = { network: 'private-test', stages: [{ state: 'done' }], descriptor: { state: 'received' } };
const STALLED = { state: 'stalled', percent: 10, tag: 'conn_done', cause: 'clock-skew', warning: 'CLOCK_SKEW' };

let directory = '';
let servers: Server[] = [];
let owner: Dialer | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sotto-dial-'));
});
afterEach(async () => {
  owner?.close();
  owner = undefined;
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  servers = [];
  await rm(directory, { recursive: true });
});

function invite(): Invite {
  const decoded = decodeInvite(INVITE);
  if (!decoded.ok) throw new Error('the invite of the tests is good');
  return decoded.value;
}

interface Dialled {
  readonly gate: ScriptedGate;
  readonly targets: string[];
  readonly networks: string[];
  /** For each stage, whether the network was known when it was told. */
  readonly known: boolean[];
  readonly stages: StateEvent[];
  readonly abort: AbortController;
  dial(): Promise<ByteStream>;
}

/** A dialler between a scripted gate and a scripted SOCKS port. */
async function prepare(
  script: GateScript,
  next: () => number | ByteStream,
  clock: Clock = REAL_CLOCK,
): Promise<Dialled> {
  const gateSocket = join(directory, 'gate.sock');
  const gate = await openGate(gateSocket, script);
  const socks = await openSocks(next);
  servers = [gate.server, socks.server];
  const networks: string[] = [];
  const known: boolean[] = [];
  const stages: StateEvent[] = [];
  const abort = new AbortController();
  const dialler = createOnionDial({
    invite: invite(),
    endpoints: { gateSocket, socks: { host: '127.0.0.1', port: socks.port } },
    clock,
    onNetwork: (network) => networks.push(network),
  });
  owner = dialler;
  const tell = (stage: StateEvent): void => {
    stages.push(stage);
    known.push(networks.length > 0);
  };
  const dial = (): Promise<ByteStream> => dialler.dial(tell, abort.signal);
  return { gate, targets: socks.targets, networks, known, stages, abort, dial };
}

async function failureOf(dialled: Promise<unknown>): Promise<DialError> {
  const error: unknown = await dialled.catch((thrown: unknown) => thrown);
  if (!(error instanceof DialError)) throw new Error('it was to fail with a DialError', { cause: error });
  return error;
}

describe('the dial of the onion', () => {
  test('waits for Tor, gives it the key of this onion, and reaches the relay', async () => {
    const relay = new MemoryRelay();
    const progress = { state: 'progressing', percent: 45, tag: 'loading_status' };
    const way = await prepare({ ...READY, stages: [progress] }, () => relay.open());
    const dialled = way.dial();
    await expect.poll(() => way.stages.length).toBe(1);
    way.gate.announce({ state: 'done' });
    const stream = await dialled;
    const first = await new Promise<Uint8Array>((resolve) => stream.onData(resolve));
    expect(first.length).toBe(512);
    stream.close();
    expect(new Set(way.networks)).toEqual(new Set(['private-test']));
    expect(way.known).not.toContain(false);
    expect(way.targets).toEqual([`${onionAddressOf(invite().onionKey)}.onion`]);
    expect(way.stages.slice(0, 3)).toEqual([
      { type: 'state', state: 'bootstrapping', percent: 45, detail: 'loading the list of the network' },
      { type: 'state', state: 'bootstrapping', percent: 100, detail: 'connected to the Tor network' },
      { type: 'state', state: 'descriptor' },
    ]);
    const key = registrationOf(invite()).clientAuthorisationSeed.use((seed) => Buffer.from(seed).toString('base64'));
    const onion = onionAddressOf(invite().onionKey);
    expect(way.gate.asked.find((request) => request['op'] === 'allow')).toEqual({ op: 'allow', onion, key });
  });

  test('reads a stage correctly that arrives together with an older answer', async () => {
    const relay = new MemoryRelay();
    const way = await prepare({ ...READY, stages: [{ state: 'starting' }, { state: 'done' }] }, () => relay.open());
    (await way.dial()).close();
    expect(way.stages.map((stage) => stage.percent)).toEqual([100, undefined]);
  });

  test('does not use SOCKS before Tor is ready and has the key', async () => {
    const relay = new MemoryRelay();
    const way = await prepare({ ...READY, stages: [{ state: 'tor-unreachable' }] }, () => relay.open());
    const dialled = way.dial();
    await new Promise((resolve) => setImmediate(resolve));
    expect(way.targets).toEqual([]);
    while (!way.gate.asked.some((request) => request['op'] === 'bootstrap')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    way.gate.announce({ state: 'done' });
    (await dialled).close();
    expect(way.gate.asked.at(-1)).toMatchObject({ op: 'allow' });
    expect(way.targets).toHaveLength(1);
  });

  test('gives Tor the key again after a restart of the gate', async () => {
    const relay = new MemoryRelay();
    const way = await prepare(READY, () => relay.open());
    (await way.dial()).close();
    (await way.dial()).close();
    way.gate.drop();
    await expect.poll(() => failureOrStream(way.dial())).toBe('stream');
    expect(way.gate.asked.filter((request) => request['op'] === 'allow').length).toBeGreaterThanOrEqual(3);
  });

  test.each([
    [0x01, 'tor-general-failure', false],
    [0x04, 'onion-unreachable', false],
    [0xf0, 'onion-descriptor-not-found', false],
    [0xf2, 'onion-introduction-failed', false],
    [0xf4, 'onion-client-auth-missing', false],
    [0xf5, 'onion-client-auth-wrong', true],
    [0xf6, 'onion-address-refused', true],
    [0xf7, 'onion-introduction-timed-out', false],
  ])('fails on SOCKS reply 0x%s with the code %s', async (reply, code, final) => {
    const way = await prepare(READY, () => reply);
    const error = await failureOf(way.dial());
    expect(error).toMatchObject({ code, final });
    expect(error.message).toMatch(/.: ./);
  });

  test('fails with the code of a gate that is missing or refuses', async () => {
    const way = await prepare({ ...READY, refusal: 'gate-key-differs' }, () => 0x01);
    expect(await failureOf(way.dial())).toMatchObject({ code: 'gate-key-differs', final: false });
  });

  /** A dialler whose gate is not there, on a clock that the test moves. */
  function absentGate(): { clock: FakeClock; stages: StateEvent[]; dialled: Promise<ByteStream> } {
    const clock = new FakeClock();
    const stages: StateEvent[] = [];
    owner = createOnionDial({
      invite: invite(),
      endpoints: { gateSocket: join(directory, 'gate.sock'), socks: { host: '127.0.0.1', port: 1 } },
      clock,
      onNetwork: () => undefined,
    });
    const dialled = owner.dial((stage) => stages.push(stage), new AbortController().signal);
    return { clock, stages, dialled };
  }

  const WAITING = { type: 'state', state: 'bootstrapping', percent: 0, detail: 'waiting for the gate to start' };

  test('waits for a late gate, and reports that once', async () => {
    const { clock, stages, dialled } = absentGate();
    for (let tries = 0; tries < 3; tries += 1) {
      await expect.poll(() => clock.waiting).toEqual([GATE_POLL_MS]);
      clock.tick(GATE_POLL_MS);
    }
    await expect.poll(() => clock.waiting).toEqual([GATE_POLL_MS]);
    expect(stages).toEqual([WAITING]);
    const gate = await openGate(join(directory, 'gate.sock'), { ...READY, refusal: 'gate-key-differs' });
    servers = [gate.server];
    clock.tick(GATE_POLL_MS);
    expect(await failureOf(dialled)).toMatchObject({ code: 'gate-key-differs' });
  });

  test('gives up on a gate that never comes, with its code and the next step', async () => {
    const { clock, dialled } = absentGate();
    await expect.poll(() => clock.waiting).toEqual([GATE_POLL_MS]);
    clock.tick(GATE_START_LIMIT_MS);
    const error = await failureOf(dialled);
    expect(error).toMatchObject({ code: 'gate-unreachable', final: false });
    expect(error.message).toContain('docker compose ps gate');
  });

  test('reports a stuck Tor with cause and next step, and fails only if it stays stuck', async () => {
    const held = new FakeClock();
    const way = await prepare({ ...READY, stages: [STALLED] }, () => 0x01, held);
    const failed = failureOf(way.dial());
    await expect.poll(() => held.waiting).toEqual([30_000]);
    expect(way.stages).toEqual([
      {
        type: 'state',
        state: 'bootstrapping',
        percent: 10,
        detail: expect.stringMatching(/^connected to a relay; stuck \(clock-skew\): set the date/) as string,
      },
    ]);
    way.gate.announce({ state: 'progressing', percent: 20, tag: 'conn_done' });
    await expect.poll(() => held.waiting).toEqual([]);
    way.gate.announce(STALLED);
    await expect.poll(() => held.waiting).toEqual([30_000]);
    held.tick(30_000);
    expect(await failed).toMatchObject({ code: 'tor-stalled-clock-skew', final: false });
  });

  test('leaves nothing open if the client ends while Tor starts', async () => {
    const held = new FakeClock();
    const way = await prepare({ ...READY, stages: [{ state: 'tor-unreachable' }] }, () => 0x01, held);
    const failed = failureOf(way.dial());
    await expect.poll(() => held.waiting).toEqual([30_000]);
    way.abort.abort();
    expect(await failed).toMatchObject({ code: 'aborted' });
    expect(held.waiting).toEqual([]);
    expect(await failureOf(way.dial())).toMatchObject({ code: 'aborted' });
  });

  test('fails for good if Tor is too old', async () => {
    const way = await prepare({ ...READY, stages: [{ state: 'tor-too-old' }] }, () => 0x01);
    expect(await failureOf(way.dial())).toMatchObject({ code: 'tor-too-old', final: true });
  });
});

async function failureOrStream(dialled: Promise<ByteStream>): Promise<string> {
  try {
    (await dialled).close();
    return 'stream';
  } catch (error) {
    return error instanceof DialError ? error.code : 'bug';
  }
}

describe('the environment of the client', () => {
  test('names both endpoints: SOCKS and the gate', () => {
    expect(readEndpoints({ SOTTO_SOCKS: 'tor-client:9050', SOTTO_GATE_SOCKET: '/run/gate/gate.sock' })).toEqual({
      ok: true,
      value: { socks: { host: 'tor-client', port: 9050 }, gateSocket: '/run/gate/gate.sock' },
    });
  });

  test.each([
    [undefined, '/run/gate.sock', 'SOTTO_SOCKS'],
    ['', '/run/gate.sock', 'SOTTO_SOCKS'],
    ['tor-client', '/run/gate.sock', 'SOTTO_SOCKS'],
    ['tor-client:0', '/run/gate.sock', 'SOTTO_SOCKS'],
    ['tor-client:65536', '/run/gate.sock', 'SOTTO_SOCKS'],
    ['tor client:9050', '/run/gate.sock', 'SOTTO_SOCKS'],
    ['tor-client:9050', undefined, 'SOTTO_GATE_SOCKET'],
    ['tor-client:9050', '', 'SOTTO_GATE_SOCKET'],
    ['tor-client:9050', 'gate.sock', 'SOTTO_GATE_SOCKET'],
    ['tor-client:9050', `/${'g'.repeat(107)}`, 'SOTTO_GATE_SOCKET'],
  ])('is refused with SOTTO_SOCKS=%s and SOTTO_GATE_SOCKET=%s, and the problem names %s', (socks, gate, variable) => {
    expect(readEndpoints({ SOTTO_SOCKS: socks, SOTTO_GATE_SOCKET: gate })).toEqual({
      ok: false,
      code: 'environment-invalid',
      problem: expect.stringMatching(
        new RegExp(`^${variable} is (missing|not .*): start the client with docker compose$`),
      ) as string,
    });
  });
});
