// A host whose Tor hangs while it proves that its room can be reached: the string comes all the
// same, and soon.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Host } from '@sotto/host';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import { expect, test } from 'vitest';
import { TorStandIn } from './tor-stand-in.ts';

/** The first try is given up after 20 s; a try that is answered takes no time here. */
const LIMIT_MS = 30_000;

test('the host gives up a stream for which Tor waits in vain, and opens another', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-proof-'));
  const place = (name: string): string => join(directory, name);
  const relay = await startRelay({
    listen: { path: place('relay.sock') },
    admin: { path: place('admin.sock') },
    store: new MemoryRoomStore(),
  });
  const tor = await TorStandIn.start(place('relay.sock'));
  tor.unanswered = 1;
  const { promise: shown, resolve: show } = Promise.withResolvers<'shown'>();
  const host = new Host({
    config: {
      torControl: tor.tor.address.socketPath,
      torCookie: tor.tor.address.cookiePath,
      adminSocket: place('admin.sock'),
      gateSocket: tor.gatePath,
      relaySocket: place('relay.sock'),
      inviteSocket: place('invite.sock'),
      moderatorSocket: undefined,
      access: 'open',
      cover: 'off',
      patienceSeconds: 86_400,
      socks: tor.socks,
    },
    print: (text) => {
      if (text.includes('room: reachable after')) show('shown');
    },
  });
  host.start();
  const given = new AbortController();
  try {
    expect(await Promise.race([shown, delay(LIMIT_MS, 'not yet', { signal: given.signal })])).toBe('shown');
    expect(tor.unanswered).toBe(0);
  } finally {
    given.abort();
    host.stop();
    await host.ended;
    await tor[Symbol.asyncDispose]();
    await relay.close();
    await rm(directory, { recursive: true });
  }
});
