// Starts the one stack that all container tests share, watches its bridges as long as they run, and removes it behind them.

import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { Capture, listed, strays } from '../leaks/capture.ts';
import { buildLabImage } from '../leaks/lab.ts';
import { examine } from '../leaks/machine.ts';
import { shareStack } from './shared-stack.ts';
import { STACK_NETWORKS } from './stack.ts';

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  buildLabImage();
  const stack = await shareStack(project);
  try {
    const { networks } = examine(STACK_NETWORKS.map((name) => `${stack.project}_${name}`));
    const capture = await Capture.onBridges(randomBytes(4).toString('hex'), networks);
    return async () => {
      try {
        const flows = await capture.flows();
        const text = listed(flows, networks).join('\n  ');
        process.stdout.write(`packets beside unicast during the container tests:\n  ${text}\n`);
        const out = strays(flows, networks);
        if (out.length > 0 || flows.length === 0)
          throw new Error(`packets that do not belong here: ${JSON.stringify(out)}`);
      } finally {
        await capture.end();
        stack.remove();
      }
    };
  } catch (error) {
    stack.remove();
    throw error;
  }
}
