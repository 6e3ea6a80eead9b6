import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { FakeClock } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { SIGNAL_AWAIT_MS } from '../src/limits.ts';
import { otherThreadRuns } from '../src/other-threads.ts';
import { WatchedTerminal } from '../src/terminal-watch.ts';

class Stdin extends PassThrough {
  setRawMode(): this {
    return this;
  }
}

/** A terminal with a thread beside the main one. */
function watched(): {
  stdin: Stdin;
  clock: FakeClock;
  thread: { runs: boolean };
  terminal: WatchedTerminal;
  read: string[];
} {
  const stdin = new Stdin();
  const clock = new FakeClock();
  const thread = { runs: false };
  const read: string[] = [];
  const terminal = new WatchedTerminal({
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: new PassThrough() as unknown as NodeJS.WriteStream,
    clock,
    onKey: () => undefined,
    onGone: () => undefined,
    otherThreadRuns: () => thread.runs,
  });
  terminal.input.on('data', (bytes: Buffer) => read.push(bytes.toString()));
  return { stdin, clock, thread, terminal, read };
}

const turns = async (): Promise<void> => {
  for (let count = 0; count < 5; count += 1) await turn();
};

describe('a watched terminal', () => {
  test('reads no keys while another thread may hold the signal that it was continued', async () => {
    const { stdin, clock, thread, terminal, read } = watched();
    thread.runs = true;
    stdin.write('meant for a shell\r');
    await turns();
    await clock.advance(SIGNAL_AWAIT_MS / 2);
    terminal.resume();
    thread.runs = false;
    await clock.advance(1);
    await turns();
    expect(read).toEqual([]);
  });

  test('control: reads the same keys if no thread runs, as none holds a signal then', async () => {
    const { stdin, terminal, read } = watched();
    stdin.write('typed\r');
    await turns();
    terminal.resume();
    expect(read).toEqual(['typed\r']);
  });

  test('reads keys in their order after SIGNAL_AWAIT_MS, even if a thread runs for ever', async () => {
    const { stdin, clock, thread, read } = watched();
    thread.runs = true;
    stdin.write('one');
    await turns();
    stdin.write('two');
    await clock.advance(SIGNAL_AWAIT_MS - 1);
    await turns();
    expect(read).toEqual([]);
    await clock.advance(1);
    await turns();
    expect(read.join('')).toBe('onetwo');
  });
});

describe.runIf(process.platform === 'linux')('the other threads of a process', () => {
  test('are seen while one of them runs, and are quiet when it has ended', async () => {
    const worker = new Worker('for (;;);', { eval: true });
    while (!otherThreadRuns()) await turn();
    await worker.terminate();
    while (otherThreadRuns()) await turn();
  });
});
