import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { OUTPUT_BYTES_MAX } from '../src/limits.ts';
import { safely, safeText } from '../src/safe-text.ts';
import { appendingScreen } from '../src/screen.ts';
import type { Output } from '../src/screen.ts';
import { INVITE, startProgram } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';

/** An output whose reader takes nothing. */
class StandingOutput extends EventEmitter implements Output {
  writableLength = 0;
  readonly writes: string[] = [];

  write(text: string): boolean {
    this.writes.push(text);
    this.writableLength += text.length;
    return false;
  }
}

test('the screen prints each line in one write', () => {
  const output = new StandingOutput();
  appendingScreen(output, () => expect.fail('nothing failed')).print(safely`one`);
  expect(output.writes).toEqual(['one\n']);
});

test('an output that is not read fails once, at the limit, and gets no more writes', () => {
  const output = new StandingOutput();
  const failures: string[] = [];
  const screen = appendingScreen(output, (code) => failures.push(code));
  const line = safeText('x'.repeat(65_536));
  for (let count = 0; count < 1_000; count += 1) screen.print(line);
  expect(failures).toEqual(['output-stalled']);
  expect(output.writableLength).toBeLessThan(OUTPUT_BYTES_MAX + 2 * 65_536);
});

test('an output that is closed makes the program leave, with exit code 1', async () => {
  const program = startProgram([INVITE, '--json'], new MemoryRelay());
  await program.out.untilHas('"joined"');
  program.stdout.emit('error', new Error('EPIPE'));
  expect(await program.ended).toBe(1);
});
