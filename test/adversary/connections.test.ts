// A window counts only if it is certain whose connection was looked at.

import { expect, test } from 'vitest';
import { assignConnections } from './testbed/connections.ts';

test('a newcomer is given the connection that was no member’s', () => {
  expect(assignConnections([3, 0], new Set([3, 7]))).toEqual([3, 7]);
});

test('a member that connected again is found by the one free connection', () => {
  expect(assignConnections([3, 7, 8], new Set([7, 8, 9]))).toEqual([9, 7, 8]);
});

test('no member is given a connection where two lack one, or where two are free', () => {
  expect(assignConnections([3, 7], new Set([8, 9]))).toEqual([0, 0]);
  expect(assignConnections([3, 7], new Set([3, 8, 9]))).toEqual([3, 0]);
  expect(assignConnections([3, 7], new Set([3]))).toEqual([3, 0]);
});
