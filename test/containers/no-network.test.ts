// Without a network the host says so, with the next step, and shows no string.

import { randomBytes } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { removeProject, runCompose } from '../../scripts/compose.ts';
import { eventually, Stack } from './stack.ts';
import { Watch } from './watch.ts';

/** Tor's silence is called a stall after 60 s. */
const STALL_LIMIT_MS = 120_000;
const FILES = ['docker-compose.yml', 'test/tornet/no-network.yml'];

const stack = new Stack(`sotto-test-${randomBytes(4).toString('hex')}`);
afterAll(() => removeProject(stack.project));

test('a host without a network names the cause and the next step, and shows no connection string', async () => {
  expect(runCompose(stack.project, ['create', '--no-build'], FILES).code).toBe(0);
  const watch = await Watch.over(stack.project, 'a start without a network');
  const screen = await stack.screen('host');
  expect(runCompose(stack.project, ['up', '--detach', '--no-build'], FILES).code).toBe(0);
  await eventually('the host says that Tor is stuck', () => screen.text.includes('tor: stuck'), STALL_LIMIT_MS);
  expect(screen.text).toMatch(/tor: stuck at \d+ % \((no-network|blocked|unknown)\); .*(check|connect|wait)/);
  expect(screen.text).not.toContain('sotto1');
  expect(stack.invite()).toBeUndefined();
  await watch.end();
});
