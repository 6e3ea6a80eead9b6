import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectAdmin } from '../src/admin-connection.ts';

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-'));
});
afterEach(() => {
  server?.close();
  rmSync(folder, { recursive: true });
});

function relayThatAnswers(answers: readonly string[]): Promise<string> {
  const path = join(folder, 'admin.sock');
  const left = [...answers];
  server = createServer((socket) => {
    socket.on('data', () => socket.write(left.shift() ?? ''));
  });
  return new Promise((resolve) => server?.listen(path, () => resolve(path)));
}

test('the connection to the relay gives answers in the order of the requests', async () => {
  const admin = await connectAdmin(await relayThatAnswers(['{"ok":true}\n{"ok":false,', '"code":"room-unknown"}\n']));
  const asked = [admin.ask({ operation: 'ping' }), admin.ask({ operation: 'resume', roomId: new Uint8Array(16) })];
  expect(await asked[0]).toEqual({ ok: true });
  void admin.ask({ operation: 'ping' }).catch(() => undefined);
  expect(await asked[1]).toEqual({ ok: false, code: 'room-unknown' });
  admin.close();
});

test.each([
  ['no JSON', 'hello\n'],
  ['an endless line', 'x'.repeat(5_000)],
])('the connection ends on %s from the relay', async (_what, answer) => {
  const admin = await connectAdmin(await relayThatAnswers([answer]));
  await expect(admin.ask({ operation: 'ping' })).rejects.toMatchObject({ code: 'relay-unreachable' });
  await admin.closed;
  await expect(admin.ask({ operation: 'ping' })).rejects.toMatchObject({ code: 'relay-unreachable' });
});

test('the connection fails with a code if no relay listens', async () => {
  await expect(connectAdmin(join(folder, 'nobody.sock'))).rejects.toMatchObject({ code: 'relay-unreachable' });
});
