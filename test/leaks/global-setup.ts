// Starts the one stack of the leak lab, on the private Tor network, and removes it behind the
// tests.

import type { TestProject } from 'vitest/node';
import { shareStack } from '../containers/stack.ts';

export async function setup(project: TestProject): Promise<() => void> {
  const stack = await shareStack(project);
  return () => stack.remove();
}
