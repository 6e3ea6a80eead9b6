// A terminal that is not there any more, in real time: what a killed `docker compose run` or a dead
// SSH connection looks like from inside.

import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { TERMINAL_ASK_EVERY_MS, TERMINAL_UNANSWERED_MAX } from '../../src/limits.ts';
import { INVITE, startProgram } from '../program.ts';
import type { Program } from '../program.ts';
import { MemoryRelay } from '../memory-relay.ts';
import { startClientOnPty } from '../pty-terminal.ts';
import type { PtyTerminal } from '../pty-terminal.ts';

const SECOND_MS = 1_000;
const SILENCE_MS = TERMINAL_UNANSWERED_MAX * TERMINAL_ASK_EVERY_MS;

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Anna on a terminal, and Bert, who sees whether she is there. */
async function withBoth(
  use: (terminal: PtyTerminal, bert: Program) => Promise<void>,
  prepare: (terminal: PtyTerminal) => void = () => undefined,
): Promise<void> {
  const relay = new MemoryRelay();
  const anna = await startClientOnPty(relay, [INVITE, '--name', 'anna'], { isJob: true });
  prepare(anna.terminal);
  const bert = startProgram([INVITE, '--name', 'bert'], relay);
  try {
    await anna.terminal.untilHas('-- joined as anna·');
    await bert.out.until((text) => /anna·[0-9a-f]{4}/.test(text));
    // The second answer proves that the terminal answers.
    await wait(3 * SECOND_MS);
    await use(anna.terminal, bert);
  } finally {
    bert.interrupt();
    await bert.ended;
    await anna.close();
  }
}

const hasLeft = (text: string): boolean => /-- anna·[0-9a-f]{4} has left/.test(text);

describe.runIf(process.platform === 'linux')('a member on a watched terminal', () => {
  test.concurrent(
    'leaves the room within two minutes, in order, if its terminal neither reads nor answers',
    async () => {
      await withBoth(async (terminal, bert) => {
        const from = performance.now();
        terminal.pause();
        // A busy room: what it shows fills all that a terminal's line holds.
        for (let index = 0; index < 60; index += 1) bert.stdin.write(`${'x'.repeat(2_000)}\n`);
        await bert.out.until(hasLeft);
        const seconds = (performance.now() - from) / SECOND_MS;
        expect(seconds).toBeGreaterThan(SILENCE_MS / SECOND_MS - 1);
        expect(seconds).toBeLessThan(125);
        terminal.resume();
        await terminal.untilHas(`code ${EXIT_CODES.failed}`);
      });
    },
  );

  test.concurrent('leaves with the reason on a terminal that reads and does not answer', async () => {
    await withBoth(async (terminal, bert) => {
      terminal.answersAfterMs = Infinity;
      await bert.out.until(hasLeft);
      await terminal.untilHas('(terminal-gone)');
      await terminal.untilHas(`code ${EXIT_CODES.failed}`);
    });
  });

  test.concurrent('stays if its terminal sleeps for a minute, and then answers all at once', async () => {
    await withBoth(async (terminal, bert) => {
      terminal.pause();
      await wait(60 * SECOND_MS);
      terminal.resume();
      await wait(SILENCE_MS);
      terminal.type('still here\r');
      await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}still here$/m.test(text));
      expect(hasLeft(bert.out.text)).toBe(false);
    });
  });

  test.concurrent('stays if its terminal has never answered', async () => {
    await withBoth(
      async (terminal, bert) => {
        await wait(SILENCE_MS + 2 * TERMINAL_ASK_EVERY_MS);
        terminal.type('still here\r');
        await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}still here$/m.test(text));
        expect(hasLeft(bert.out.text)).toBe(false);
      },
      (terminal) => (terminal.answersAfterMs = Infinity),
    );
  });
});
