// Starts the one stack that all container tests share, and removes it behind them.

import type { TestProject } from 'vitest/node';
import { startStack } from './stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    project: string;
    secondsToString: number;
  }
}

export async function setup(project: TestProject): Promise<() => void> {
  const fromMs = performance.now();
  const stack = await startStack();
  try {
    await stack.inviteWithin();
  } catch (error) {
    stack.remove();
    throw error;
  }
  project.provide('project', stack.project);
  project.provide('secondsToString', (performance.now() - fromMs) / 1000);
  return () => stack.remove();
}
