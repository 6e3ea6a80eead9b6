import { expect, test } from 'vitest';
import { WorkerQueue } from '../src/group/worker-queue.ts';
import { KEY_WORK_MAX } from '../src/limits.ts';

interface Bench {
  readonly queue: WorkerQueue;
  readonly told: string[];
  readonly done: number[];
  /** Finishes the oldest work that has begun. */
  readonly finishNext: () => Promise<void>;
  readonly push: (count: number) => void;
}

function bench(): Bench {
  const told: string[] = [];
  const done: number[] = [];
  const begun: (() => void)[] = [];
  const queue = new WorkerQueue({ full: () => told.push('full'), ready: () => told.push('ready') });
  let pushed = 0;
  const push = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      const number = pushed;
      pushed += 1;
      queue.push(async () => {
        await new Promise<void>((resolve) => begun.push(resolve));
        done.push(number);
      });
    }
  };
  const finishNext = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    begun.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, told, done, finishNext, push };
}

test('the queue does one piece of work after another, in order, however long each takes', async () => {
  const { push, finishNext, done } = bench();
  push(3);
  await finishNext();
  expect(done).toEqual([0]);
  await finishNext();
  await finishNext();
  expect(done).toEqual([0, 1, 2]);
});

test('the queue reports full once too much work waits, and ready once half is done', async () => {
  const { queue, push, finishNext, told } = bench();
  push(KEY_WORK_MAX);
  expect(told).toEqual([]);
  push(10);
  expect(told).toEqual(['full']);
  expect(queue.isFull).toBe(true);
  for (let index = 0; index < KEY_WORK_MAX / 2 + 9; index += 1) await finishNext();
  expect(told).toEqual(['full']);
  await finishNext();
  expect(told).toEqual(['full', 'ready']);
  expect(queue.isFull).toBe(false);
  push(KEY_WORK_MAX);
  expect(told).toEqual(['full', 'ready', 'full']);
});
