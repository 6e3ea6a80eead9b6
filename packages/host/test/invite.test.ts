import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderInvite } from '../src/invite-card.ts';
import { askInvite, serveInvite } from '../src/invite-socket.ts';

const INVITE = `sotto1${'q'.repeat(112)}`;

describe('the card', () => {
  test('has the string alone on a line, and a code that fits a small terminal', () => {
    const lines = renderInvite(INVITE, 'a reminder').split('\n');
    expect(lines).toContain(INVITE);
    const code = lines.filter((line) => /[█▀▄]/.test(line));
    expect(code.length).toBeGreaterThan(15);
    expect(code.length).toBeLessThanOrEqual(24);
    expect(Math.max(...code.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});

describe('the socket', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('tells the invite once there is one, and takes the place of a stale socket', async () => {
    const path = join(folder, 'invite.sock');
    const room: { invite?: string } = {};
    const stale = await serveInvite(path, () => undefined);
    const server = await serveInvite(path, () => room.invite);
    expect(await askInvite(path)).toBeUndefined();
    room.invite = INVITE;
    expect(await askInvite(path)).toBe(INVITE);
    server.close();
    stale.close();
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'sotto1'],
    ['half of an answer', '{"invite":"sot'],
    ['no object', '"sotto1"'],
    ['null', 'null'],
    ['an object without an invite', '{}'],
    ['an invite that is no text', '{"invite":7}'],
    ['two answers', '{"invite":null}\n{"invite":null}\n'],
    ['more than an answer is long', JSON.stringify({ invite: 'q'.repeat(5_000) })],
  ])('that answers %s is an error with a code', async (_what, answer) => {
    const path = join(folder, 'other.sock');
    const server = createServer((socket) => void socket.end(answer)).listen(path);
    await once(server, 'listening');
    await expect(askInvite(path)).rejects.toMatchObject({ code: 'host-silent' });
    server.close();
  });

  test('that nobody serves is an error with a code', async () => {
    await expect(askInvite(join(folder, 'nobody.sock'))).rejects.toMatchObject({ code: 'host-silent' });
  });
});
