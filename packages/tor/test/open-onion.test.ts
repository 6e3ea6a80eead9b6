// The one dial sequence to an onion, between a gate with a scripted Tor and a scripted SOCKS port.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TorError } from '../src/errors.ts';
import { connectGate } from '../src/gate/client.ts';
import type { GateClient } from '../src/gate/client.ts';
import { openGate } from '../src/gate/gate.ts';
import type { Gate } from '../src/gate/gate.ts';
import { OnionKey } from '../src/onion/onion-key.ts';
import { openOnion } from '../src/onion/open-onion.ts';
import type { OpenOnionOptions } from '../src/onion/open-onion.ts';
import { FakeClock } from '@sotto/fixtures';
import { ScriptedTor } from '@sotto/fixtures/scripted-tor';
import { granted, refused, SocksStandIn } from './socks-stand-in.ts';

const ONION = new OnionKey().address;
const SEED = { use: <Value>(read: (seed: Uint8Array) => Value): Value => read(new Uint8Array(32).fill(3)) };
const DONE = '250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"\r\n250 OK\r\n';
const HALF = '250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=45 TAG=requesting_descriptors\r\n250 OK\r\n';

let tor: ScriptedTor;
let gate: Gate;
let client: GateClient;
let clock: FakeClock;

async function start(phase: string): Promise<void> {
  tor = await ScriptedTor.start({
    answer: (command) => (command === 'GETINFO status/bootstrap-phase' ? phase : undefined),
  });
  clock = new FakeClock();
  gate = await openGate({ socketPath: tor.path('gate'), control: tor.address, clock });
  client = await connectGate({ socketPath: tor.path('gate') });
  for (;;) {
    try {
      await client.version();
      return;
    } catch (error) {
      if (!(error instanceof TorError) || error.code !== 'tor-unreachable') throw error;
      clock.tick(5_000);
    }
  }
}

function options(socks: SocksStandIn, more: Partial<OpenOnionOptions> = {}): OpenOnionOptions {
  const { signal } = new AbortController();
  return { gate: client, socks: socks.address, onion: ONION, clientAuthorisationSeed: SEED, signal, ...more };
}

describe('an onion', () => {
  beforeEach(() => start(DONE));
  afterEach(stop);

  test('an onion is opened in one order: Tor is connected, the key is given, the stream comes', async () => {
    await using socks = await SocksStandIn.start({ reply: granted() });
    const steps: string[] = [];
    const socket = await openOnion(
      options(socks, {
        beforeFirstStage: async (stage) => Promise.resolve(void steps.push(`before ${stage.state}`)),
        onStage: (stage) => steps.push(stage.state),
        onConnected: async () => Promise.resolve(void steps.push('connected')),
        onStep: (step) => steps.push(step),
      }),
    );
    socket.destroy();
    expect(steps).toEqual(['before done', 'done', 'connected', 'key', 'dial']);
    expect(tor.commands.filter((command) => command.startsWith('ONION_CLIENT_AUTH_ADD'))).toHaveLength(1);
    expect(socks.requests).toMatchObject([{ host: `${ONION}.onion`, port: 80 }]);
  });

  test('an onion that cannot be reached fails with the code of the dial', async () => {
    await using socks = await SocksStandIn.start({ reply: refused(0xf0) });
    await expect(openOnion(options(socks))).rejects.toMatchObject({ code: 'onion-descriptor-not-found' });
  });

  test('an onion is not dialled when its key is refused', async () => {
    await using socks = await SocksStandIn.start({ reply: granted() });
    await client.allow(new OnionKey().address, new Uint8Array(32).fill(5));
    await expect(openOnion(options(socks))).rejects.toMatchObject({ code: 'gate-onion-taken' });
    expect(socks.requests).toEqual([]);
  });

  test('an onion is not dialled after an abort', async () => {
    await using socks = await SocksStandIn.start({ reply: granted() });
    const signal = AbortSignal.abort();
    await expect(openOnion(options(socks, { signal }))).rejects.toMatchObject({ code: 'aborted' });
    expect(socks.requests).toEqual([]);
  });
});

describe('a Tor that is not connected yet', () => {
  beforeEach(() => start(HALF));
  afterEach(stop);

  test('the wait for Tor ends with an abort', async () => {
    await using socks = await SocksStandIn.start({ reply: granted() });
    const abort = new AbortController();
    const opened = openOnion(options(socks, { signal: abort.signal, onStage: () => abort.abort() }));
    await expect(opened).rejects.toMatchObject({ code: 'aborted' });
    expect(tor.commands.some((command) => command.startsWith('ONION_CLIENT_AUTH_ADD'))).toBe(false);
  });

  test('the wait for Tor ends when the caller fails a stage', async () => {
    await using socks = await SocksStandIn.start({ reply: granted() });
    const onStage = (_stage: unknown, fail: (error: Error) => void): void => fail(new Error('stuck'));
    await expect(openOnion(options(socks, { onStage }))).rejects.toThrow('stuck');
  });

  test('the wait for Tor ends when the gate closes', async () => {
    await using socks = await SocksStandIn.start({ reply: granted() });
    const opened = openOnion(options(socks, { onStage: () => client.close() }));
    await expect(opened).rejects.toMatchObject({ code: 'gate-closed' });
  });
});

async function stop(): Promise<void> {
  client.close();
  await gate.close();
  await gate.ended;
  await tor[Symbol.asyncDispose]();
}
