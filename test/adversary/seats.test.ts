// A window counts only if it is certain whose connection was looked at.

import { expect, test } from 'vitest';
import { seatAnew } from './range/seats.ts';

test('whoever comes has the connection that nobody had', () => {
  expect(seatAnew([3, 0], new Set([3, 7]))).toEqual([3, 7]);
});

test('who connected anew is found again', () => {
  expect(seatAnew([3, 7, 8], new Set([7, 8, 9]))).toEqual([9, 7, 8]);
});

test('where two lack a connection, or two are free, nobody guesses', () => {
  expect(seatAnew([3, 7], new Set([8, 9]))).toEqual([0, 0]);
  expect(seatAnew([3, 7], new Set([3, 8, 9]))).toEqual([3, 0]);
  expect(seatAnew([3, 7], new Set([3]))).toEqual([3, 0]);
});
