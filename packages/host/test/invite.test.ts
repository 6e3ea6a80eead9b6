import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import headless from '@xterm/headless';
import { encode } from 'uqr';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderInvite } from '../src/invite-card.ts';
import { askInvite, serveInvite } from '../src/invite-socket.ts';
import type { ShownInvite } from '../src/invite-socket.ts';

/** Of the 256 colours, the one that no theme changes. */
const BLACK = 16;
const INVITE = `sotto1${'q'.repeat(112)}`;

describe('the invite card', () => {
  test('has the connection string alone on a line, and a code that fits a small terminal', () => {
    const lines = renderInvite(INVITE, 'a reminder').split('\n');
    expect(lines).toContain(INVITE);
    const code = lines.filter((line) => /[█▀▄]/.test(line));
    expect(code.length).toBeGreaterThan(15);
    expect(code.length).toBeLessThanOrEqual(24);
    const columns = code.map((line) => stripVTControlCharacters(line).length);
    expect(Math.max(...columns)).toBeLessThanOrEqual(60);
  });

  /**
   * The code as a camera sees it: true for black. Cells are half blocks, the upper half in the
   * foreground's colour.
   */
  async function seen(card: string): Promise<boolean[][]> {
    const terminal = new headless.Terminal({ cols: 80, rows: 60, convertEol: true, allowProposedApi: true });
    await new Promise<void>((resolve) => terminal.write(card, resolve));
    const modules: boolean[][] = [];
    for (let row = 0; row < 60; row += 1) {
      const line = terminal.buffer.active.getLine(row);
      const cells = Array.from({ length: 80 }, (_, column) => line?.getCell(column) ?? []).flat();
      const drawn = cells.filter((cell) => cell.isBgPalette());
      if (drawn.length === 0) continue;
      const half = (glyphs: string): boolean[] =>
        drawn.map((cell) => (glyphs.includes(cell.getChars()) ? cell.getFgColor() : cell.getBgColor()) === BLACK);
      modules.push(half('█▀'), half('█▄'));
    }
    return modules;
  }

  test('draws the code black on white in every terminal', async () => {
    const { data } = encode(INVITE.toUpperCase(), { ecc: 'L', border: 2 });
    expect((await seen(renderInvite(INVITE, 'a reminder'))).slice(0, data.length)).toEqual(data);
  });

  test('control: a code in the colours of the terminal has no colours of its own', async () => {
    expect(await seen(stripVTControlCharacters(renderInvite(INVITE, 'a reminder')))).toEqual([]);
  });

  test('resets the terminal, and shows the string without colour', () => {
    const lines = renderInvite(INVITE, 'a reminder').split('\n');
    const coloured = lines.filter((line) => line.includes('\u001b'));
    expect(coloured.every((line) => line.endsWith('\u001b[0m'))).toBe(true);
    expect(coloured.join('')).not.toContain('sotto1');
  });
});

describe('the invite socket', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('sends the invite once there is one, and replaces a stale socket', async () => {
    const path = join(folder, 'invite.sock');
    const room: { shown?: ShownInvite } = {};
    const stale = await serveInvite(path, () => undefined);
    const server = await serveInvite(path, () => room.shown);
    expect(await askInvite(path)).toBeUndefined();
    for (const network of ['private-test', 'public', undefined] as const) {
      room.shown = { invite: INVITE, network };
      expect(await askInvite(path)).toEqual({ invite: INVITE, network });
    }
    await server.close();
    await stale.close();
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'sotto1'],
    ['half of an answer', '{"invite":"sot'],
    ['no object', '"sotto1"'],
    ['null', 'null'],
    ['an object without an invite', '{}'],
    ['an invite that is no text', '{"invite":7}'],
    ['a network that nobody knows', '{"invite":"sotto1","network":"other"}'],
    ['two answers', '{"invite":null}\n{"invite":null}\n'],
    ['more than an answer is long', JSON.stringify({ invite: 'q'.repeat(5_000) })],
  ])('gives an error with a code if it answers %s', async (_what, answer) => {
    const path = join(folder, 'other.sock');
    const server = createServer((socket) => void socket.end(answer)).listen(path);
    await once(server, 'listening');
    await expect(askInvite(path)).rejects.toMatchObject({ code: 'host-silent' });
    server.close();
  });

  test('gives an error with a code if no server listens', async () => {
    await expect(askInvite(join(folder, 'nobody.sock'))).rejects.toMatchObject({ code: 'host-silent' });
  });
});
