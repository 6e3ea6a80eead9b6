// Starts the one stack that all container tests share, watches its bridges as long as they run, and
// removes it behind them.

import type { TestProject } from 'vitest/node';
import { shareStack } from './stack.ts';
import { Watch } from './watch.ts';

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = await shareStack(project);
  try {
    const watch = await Watch.over(stack.project, 'the container tests');
    return () => watch.end().finally(() => stack.remove());
  } catch (error) {
    stack.remove();
    throw error;
  }
}
