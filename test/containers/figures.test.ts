// How long joining, a commit and a first message take in rooms of 2, 8, 32 and 64 members over the private Tor network.

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { printFigure } from './figure.ts';
import { Population } from './population.ts';
import type { Arrival } from './population.ts';
import { Stack } from './stack.ts';

const JOINS_MEASURED = 20;
const JOIN_P95_MAX_MS = 10_000;
/** All of them together; what is asserted has limits of its own. */
const LIMIT_MS = 600_000;

let room: Population;
beforeAll(async () => {
  const stack = new Stack(inject('project'));
  room = await Population.open(stack.project, await stack.inviteWithin());
});
afterAll(() => room.close());

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(2)} s`;
}

/** The smallest of these that so many per cent of them do not exceed. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN;
}

async function printArrival({ name, join, commit }: Arrival): Promise<void> {
  const text = await room.send(name);
  const parts = [`join ${seconds(join)}`, `commit ${seconds(commit)}`, `first message ${seconds(text)}`];
  printFigure(`${room.size} members: ${parts.join(', ')}`);
}

async function arriveAt(size: number): Promise<void> {
  await room.growTo(size - 1);
  await printArrival(await room.joinMeasured());
  expect(room.size).toBe(size);
}

describe('the figures of a room', { timeout: LIMIT_MS }, () => {
  test.each([2, 8])('of %i members', arriveAt);

  test('of about 32 members: 95 of 100 joins are done within 10 s', async () => {
    await room.growTo(32 - JOINS_MEASURED / 2);
    const joins: number[] = [];
    while (joins.length < JOINS_MEASURED) {
      const arrival = await room.joinMeasured();
      joins.push(arrival.join);
      if (room.size === 32) await printArrival(arrival);
    }
    const [p50, p95, most] = [50, 95, 100].map((percent) => percentile(joins, percent)) as [number, number, number];
    const range = `${room.size - JOINS_MEASURED + 1} to ${room.size} members`;
    printFigure(
      `${joins.length} joins at ${range}: half within ${seconds(p50)}, 95 of 100 within ${seconds(p95)}, all within ${seconds(most)}`,
    );
    expect(p95).toBeLessThan(JOIN_P95_MAX_MS);
  });

  test('of 64 members', () => arriveAt(64));

  test('in which nobody lost anything, or was warned', () => {
    expect(room.complaints()).toEqual([]);
  });
});
