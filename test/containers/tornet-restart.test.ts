// The private Tor network starts as often as anybody likes: nothing of a former start stands in the
// way of the next one.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeProject, runCompose } from '../../scripts/compose.ts';
import { Stack } from './stack.ts';

const project = `sotto-test-${randomBytes(4).toString('hex')}`;
const stack = new Stack(project);

const compose = (...args: string[]): void => {
  const { code, stderr } = runCompose(project, args);
  expect(code, stderr).toBe(0);
};

async function hostRoom(): Promise<string> {
  compose('up', '--detach', '--no-build');
  return stack.inviteWithin();
}

let first = '';
beforeAll(async () => {
  first = await hostRoom();
});
afterAll(() => removeProject(project));

test('a room is reachable after Ctrl-C, `down` and another `up`', async () => {
  // Stops the stack as Ctrl-C on `docker compose up` does.
  compose('stop');
  compose('down');
  expect(await hostRoom()).not.toBe(first);
});

test('a room is reachable after Ctrl-C and another `up`', async () => {
  compose('stop');
  expect(await hostRoom()).not.toBe(first);
});
