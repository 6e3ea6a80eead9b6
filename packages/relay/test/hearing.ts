// What several tests of the relay do with members of a room: let many join, hear a commit, let time
// pass.

import { expect } from 'vitest';
import type { House } from './house.ts';
import { fingerprint, makeBody } from '@sotto/fixtures/relay-member';
import type { TestCommit, TestMember, TestRoom } from '@sotto/fixtures/relay-member';

export function makeBodies(count: number, size: 0 | 1 | 2 | 3 = 0): Uint8Array[] {
  return Array.from({ length: count }, () => makeBody(size));
}

/** @returns entries as members hear them, the first of them numbered `first`. */
export function numbered(bodies: readonly Uint8Array[], first = 1): string[] {
  return bodies.map((body, index) => `${first + index} ${fingerprint(body)}`);
}

export async function joinMany(house: House, room: TestRoom, count: number): Promise<TestMember[]> {
  const members: TestMember[] = [];
  while (members.length < count) members.push(await house.join(room));
  return members;
}

/**
 * @returns the commit number of the commit's notice as this member hears it, after the commit's
 *   entries.
 */
export async function hear(member: TestMember, made: TestCommit, first: number): Promise<number> {
  expect(await member.entries(made.bodies.length)).toEqual(numbered(made.bodies, first));
  const notice = await member.commitNumber();
  const last = first + made.bodies.length - 1;
  expect(notice).toEqual({ commitNumber: notice.commitNumber, first, last, snapshotBytes: made.snapshot.length });
  return notice.commitNumber;
}

/**
 * Lets the relay and the sockets come to rest, without a clock: so many turns of the event loop.
 */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass while everybody goes on beating. */
export async function pass(house: House, milliseconds: number, members: readonly TestMember[]): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 10_000) {
    house.clock.advance(Math.min(10_000, milliseconds - passed));
    for (const member of members) if ((await member.ping()).length > 0) throw new Error('something came meanwhile');
  }
}
