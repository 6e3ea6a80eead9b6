// The one stack that all tests of a project share, started before them.

import type { TestProject } from 'vitest/node';
import { startStack } from './stack.ts';
import type { Stack } from './stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    project: string;
    secondsToString: number;
  }
}

/** Starts it, waits until its room can be joined, and tells the tests its name. */
export async function shareStack(project: TestProject): Promise<Stack> {
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
  return stack;
}
