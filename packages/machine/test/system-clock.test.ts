// The operating system's clock keeps the contract of `Clock`.

import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { backgroundClock, systemClock } from '../src/system-clock.ts';

describe.each([
  ['systemClock', systemClock],
  ['backgroundClock', backgroundClock],
])('%s', (_name, clock) => {
  test('calls a timer back once, after its delay and not before', async () => {
    const start = clock.now();
    const passed = await new Promise<number>((resolve) => {
      clock.after(20, () => resolve(clock.now() - start));
    });
    // A timer of Node may run up to one millisecond early against performance.now().
    expect(passed).toBeGreaterThanOrEqual(19);
  });

  test('never calls a cancelled timer back', async () => {
    let calls = 0;
    const cancel = clock.after(5, () => calls++);
    cancel();
    cancel();
    await delay(30);
    expect(calls).toBe(0);
  });
});

test.each([
  ['systemClock', 'ended'],
  ['backgroundClock', ''],
])('a process waits only for timers of systemClock (%s)', async (name, output) => {
  const source = new URL('../src/system-clock.ts', import.meta.url).href;
  const program = `import { ${name} } from '${source}'; ${name}.after(50, () => process.stdout.write('ended'));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(stdout).toBe(output);
});
