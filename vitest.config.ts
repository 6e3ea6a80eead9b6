import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;
// No image of Testcontainers' own can be had everywhere; the suites clean up after themselves. Here, so that the global set-up has it too.
process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
// The images that are tested are those that have been built before.
process.env['SOTTO_PULL_POLICY'] ??= 'never';
/** A condition is awaited for longer than a busy machine takes; Vitest's own limit is a second. */
const expect = { poll: { timeout: MINUTE_MS } };
/** They wait and compute next to nothing: `scripts/test-real.ts` runs them beside the others. */
const WAITING = ['packages/terminal/test/real/closed-window.test.ts', 'test/scenario/host-proof.test.ts'];
// What tests start loads each module as the first program has compiled it.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url));
/** Where `scripts/test` wants what failed, to say it again at its end. */
const reports = process.env['SOTTO_TEST_REPORTS'];

export default defineConfig({
  // Suites that run beside each other share no file that they write.
  ...(reports !== undefined && { cacheDir: `${reports}/cache-${process.pid}` }),
  test: {
    ...(reports !== undefined && {
      reporters: ['default', ['json', { outputFile: `${reports}/${process.pid}.json` }]],
    }),
    projects: [
      {
        test: {
          name: 'unit',
          expect,
          include: [
            'packages/*/test/*.test.ts',
            'test/fixtures/test/*.test.ts',
            'test/meta/*.test.ts',
            'test/cover/*.test.ts',
            'test/model/*.test.ts',
            'test/adversary/*.test.ts',
          ],
          exclude: ['test/adversary/adversary.test.ts'],
          // A busy machine is slow; a limit only ends what hangs.
          testTimeout: 3 * MINUTE_MS,
          hookTimeout: 3 * MINUTE_MS,
        },
      },
      {
        test: {
          name: 'real',
          expect,
          include: ['packages/*/test/real/*.test.ts', 'test/scenario/*.test.ts'],
          exclude: WAITING,
          fileParallelism: false,
          testTimeout: 5 * MINUTE_MS,
          hookTimeout: 5 * MINUTE_MS,
        },
      },
      {
        test: {
          name: 'waiting',
          expect,
          include: WAITING,
          testTimeout: 5 * MINUTE_MS,
          hookTimeout: 5 * MINUTE_MS,
        },
      },
      {
        test: {
          name: 'containers',
          expect,
          include: ['test/containers/*.test.ts'],
          exclude: ['test/containers/figures.test.ts'],
          globalSetup: ['test/containers/global-setup.ts'],
          fileParallelism: false,
          pool: 'forks',
          testTimeout: 10 * MINUTE_MS,
          hookTimeout: 5 * MINUTE_MS,
        },
      },
      {
        test: {
          // A stack of its own: what the other tests leave behind would be in the figures.
          name: 'figures',
          expect,
          include: ['test/containers/figures.test.ts'],
          globalSetup: ['test/containers/global-setup.ts'],
          pool: 'forks',
          hookTimeout: 5 * MINUTE_MS,
        },
      },
      {
        test: {
          name: 'leaks',
          expect,
          include: ['test/leaks/*.test.ts'],
          globalSetup: ['test/leaks/global-setup.ts'],
          fileParallelism: false,
          pool: 'forks',
          testTimeout: 5 * MINUTE_MS,
          hookTimeout: 5 * MINUTE_MS,
        },
      },
      {
        test: {
          name: 'adversary',
          expect,
          include: ['test/adversary/adversary.test.ts'],
          hookTimeout: 30 * MINUTE_MS,
        },
      },
    ],
  },
});
