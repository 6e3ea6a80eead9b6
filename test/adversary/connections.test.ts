// A window counts only if it is certain whose connection was looked at.

import { expect, test } from 'vitest';
import { assignConnections } from './testbed/members.ts';

test('a newcomer is assigned the connection that belonged to no member', () => {
  expect(assignConnections([3, 0], new Set([3, 7]))).toEqual([3, 7]);
});

test('a member that reconnected is found by the one free connection', () => {
  expect(assignConnections([3, 7, 8], new Set([7, 8, 9]))).toEqual([9, 7, 8]);
});

test('no member is assigned a connection if two lack one, or if two are free', () => {
  expect(assignConnections([3, 7], new Set([8, 9]))).toEqual([0, 0]);
  expect(assignConnections([3, 7], new Set([3, 8, 9]))).toEqual([3, 0]);
  expect(assignConnections([3, 7], new Set([3]))).toEqual([3, 0]);
});
