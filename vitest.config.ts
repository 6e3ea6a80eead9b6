import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/test/*.test.ts', 'test/meta/*.test.ts', 'test/scenario/*.test.ts'],
          testTimeout: MINUTE_MS,
        },
      },
      {
        test: {
          name: 'containers',
          include: ['packages/*/test/real/*.test.ts', 'test/containers/*.test.ts'],
          fileParallelism: false,
          pool: 'forks',
          testTimeout: 10 * MINUTE_MS,
          hookTimeout: 15 * MINUTE_MS,
        },
      },
    ],
  },
});
