// Who is not meant to get in gets nothing, and those in the middle know nothing.

import { randomBytes } from 'node:crypto';
import { decodeInvite, encodeInvite } from '@sotto/protocol';
import { onionAddressOf } from '@sotto/tor';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { runCompose } from '../../scripts/compose.ts';
import { countInMemory, runScript, VERSION } from './side-container.ts';
import { Stack } from './stack.ts';

const MESSAGE_LIMIT_MS = 60_000;
const REFUSAL_LIMIT_MS = 120_000;

const stack = new Stack(inject('project'));
afterAll(() => stack.dismiss());

async function openInvite(): Promise<{ invite: string; onionKey: Uint8Array; roomSecret: Uint8Array }> {
  const invite = await stack.inviteWithin();
  const decoded = decodeInvite(invite);
  if (!decoded.ok) throw new Error(decoded.code);
  return { invite, ...decoded.value };
}

describe('a connection string', () => {
  test.each([
    [
      'mistyped',
      (invite: string) => `${invite.slice(0, 60)}${invite[60] === 'q' ? 'p' : 'q'}${invite.slice(61)}`,
      'invite-checksum',
    ],
    ['cut off', (invite: string) => invite.slice(4), 'invite-prefix'],
    ['in mixed case', (invite: string) => invite.replace('sotto', 'SoTTo'), 'invite-case'],
  ])('that is %s is refused at once, saying what is wrong, with exit code 2', async (_what, spoil, code) => {
    const { invite } = await openInvite();
    const client = stack.client('typo', spoil(invite));
    expect(await client.ended).toBe(2);
    expect(JSON.stringify(client.lines) + client.stderr).toContain(code);
  });

  test('of the same onion with another secret does not lead to the onion, whose descriptor it cannot read', async () => {
    const { onionKey } = await openInvite();
    const wrong = encodeInvite({ onionKey, roomSecret: randomBytes(32) });
    const client = stack.client('stranger', wrong);
    const refusal = await client.until((line) => line.type === 'state' && line['code'] !== undefined, REFUSAL_LIMIT_MS);
    expect(refusal['code']).toBe('onion-client-auth-wrong');
    expect(client.lines.some((line) => line.type === 'state' && line['state'] === 'joined')).toBe(false);
  });
});

describe('a stranger', () => {
  /** Dials the onion from the clients' network, as a client would, but without any key. */
  const dialScript = (address: string): string => `
import { dialOnion } from '/app/node_modules/@sotto/tor/src/index.js';
const socks = { host: 'tor-client', port: 9050 };
try {
  const socket = await dialOnion({ socks, onion: '${address}', timeoutMs: 60000 });
  socket.destroy();
  process.stdout.write(JSON.stringify('connected'));
} catch (error) {
  process.stdout.write(JSON.stringify(error.code));
}
process.exit(0);`;

  test('who knows the onion address is not let through to the relay; a member at the same time is', async () => {
    const { invite, onionKey } = await openInvite();
    // The guests' Tor holds the key only while somebody who has it is here.
    await stack.dismiss();
    const address = onionAddressOf(onionKey);
    const outcome = runScript(['--network', `${stack.project}_socks`], `sotto-client:${VERSION}`, dialScript(address));
    expect(outcome).toBe('onion-client-auth-missing');
    const member = await stack.join('member', invite);
    expect(await member.quit()).toBe(0);
  });

  /** Speaks to relay.sock from beside the relay: what is answered, by operation and code of the last frame. */
  const relayScript = (send: string): string => `
import { connect } from 'node:net';
const socket = connect('/run/relay/relay.sock');
const chunks = [];
socket.on('data', (chunk) => chunks.push(chunk));
socket.on('error', () => {});
socket.once('data', () => { socket.write(Buffer.from('${send}', 'hex')); });
socket.on('close', () => {
  const bytes = Buffer.concat(chunks);
  const last = bytes.subarray(bytes.length - 512);
  process.stdout.write(JSON.stringify({ frames: bytes.length / 512, operation: last[1], code: last.readUInt16BE(2) }));
  process.exit(0);
});`;

  const relayBeside = (): string[] => [
    '--network',
    'none',
    '--user',
    '10001:10103',
    '-v',
    `${stack.project}_relay-socket:/run/relay`,
  ];

  const CLOSING = 0x86;
  const attach = `1001${'00'.repeat(14)}${'ab'.repeat(16)}${'cd'.repeat(64)}${'00'.repeat(416)}`;

  test.each([
    ['a signature of nobody', attach, 1],
    ['a publication before the handshake', `1002${'00'.repeat(14)}${'ee'.repeat(496)}`, 6],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.padEnd(512)).toString('hex'), 5],
    ['a frame with reserved bytes', `1001000000000001${'00'.repeat(504)}`, 5],
  ])('at the relay itself, with %s, gets one challenge and a refusal', (_what, send, code) => {
    const answer = runScript(relayBeside(), `sotto-relay:${VERSION}`, relayScript(send));
    expect(answer).toEqual({ frames: 2, operation: CLOSING, code });
  });

  test('who sent junk has disturbed nobody: the room goes on', async () => {
    const { invite } = await openInvite();
    const [one, two] = await Promise.all([stack.join('one', invite), stack.join('two', invite)]);
    runScript(relayBeside(), `sotto-relay:${VERSION}`, relayScript('ff'.repeat(512)));
    one.send('still here', 'still');
    await two.until((line) => line['text'] === 'still here', MESSAGE_LIMIT_MS);
    expect(two.lines.filter((line) => line.type === 'gap')).toEqual([]);
  });
});

describe('those in the middle', () => {
  test('relay and Redis hold no plaintext, no name and no room secret in memory; the client does hold them', async () => {
    const { invite } = await openInvite();
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const name = `n${randomBytes(6).toString('hex')}`;
    const [sender, receiver] = await Promise.all([stack.join(name, invite), stack.join('receiver', invite)]);
    for (let index = 0; index < 20; index += 1) sender.send(`${canary} ${index}`, `c${index}`);
    await receiver.until((line) => line['text'] === `${canary} 19`, MESSAGE_LIMIT_MS);
    const secrets = [canary, name, invite];
    expect(countInMemory(`${stack.project}-relay-1`, secrets)).toEqual([0, 0, 0]);
    expect(countInMemory(`${stack.project}-redis-1`, secrets)).toEqual([0, 0, 0]);
    // The control: the same examiner finds them where they have to be.
    const [client] = await stack.clientContainers();
    const found = countInMemory(client?.id ?? '', secrets);
    expect(found[0]).toBeGreaterThan(0);
  });

  test('Redis has written nothing to any disk, and cannot', () => {
    const container = `${stack.project}-redis-1`;
    const listed = runCompose(stack.project, [
      'exec',
      '-T',
      'redis',
      'sh',
      '-c',
      'find / -xdev -type f -newer /proc/1/stat 2>/dev/null; ls -A /data; touch /data/probe /probe 2>&1 || true',
    ]);
    expect(listed.stdout.replaceAll(/touch: .*(Read-only file system|Permission denied)\n/g, '')).toBe('');
    expect(container).toContain('redis');
    const config = runCompose(stack.project, ['exec', '-T', 'redis', 'redis-cli', 'config', 'set', 'save', '1 1']);
    expect(config.stdout + config.stderr).toContain('NOPERM');
  });
});
