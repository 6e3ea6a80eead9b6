// Scenes for the tests of groups: rooms with people in them, and what all of them have to see alike.

import { deriveGroupKeys } from '@sotto/crypto/group';
import type { GroupKeys } from '@sotto/crypto/group';
import { expect } from 'vitest';
import type { AccessMode, RemovalReason } from '../src/group/membership.ts';
import { named, readAll, room, viewOf } from './group-log.ts';
import type { GroupLog, GroupReader } from './group-log.ts';
import { Rogue } from './group-rogue.ts';

export const refusedRemoval = { kind: 'refused', by: 'other', code: 'policy-remove', sealedBy: 'member' };

/** The founder's leaf is gone, so that whoever is in the group is somebody. */
export async function inhabited(
  seed: number,
  names: readonly string[],
): Promise<{ log: GroupLog; members: GroupReader[]; person: (name: string) => GroupReader }> {
  const { log, members } = await room(seed, names);
  await members[0]?.rotate();
  await readAll(members);
  return { log, members, person: (name) => named(members, name) };
}

/** The same, with somebody among them whose client keeps no rule. */
export async function withRogue(
  seed: number,
  names: readonly string[],
): Promise<{ log: GroupLog; members: GroupReader[]; person: (name: string) => GroupReader; rogue: Rogue }> {
  const scene = await inhabited(seed, names);
  const rogue = await Rogue.open(scene.log);
  await rogue.join();
  await readAll(scene.members);
  return { ...scene, rogue };
}

export function expectOneView(members: readonly GroupReader[]): void {
  const [first, ...others] = members.map(viewOf);
  for (const other of others) expect(other).toEqual(first);
}

export function removals(member: GroupReader): readonly (readonly [string, RemovalReason])[] {
  return member.opened.flatMap((opened) =>
    opened.kind === 'epoch' ? opened.removed.map((seat) => [idOf(seat), seat.reason] as const) : [],
  );
}

export function idOf({ memberId }: { readonly memberId: Uint8Array }): string {
  return Buffer.from(memberId).toString('hex');
}

export function without(members: readonly GroupReader[], ...gone: readonly GroupReader[]): GroupReader[] {
  return members.filter((member) => !gone.includes(member));
}

/** A room with anna and ben in it whose access the moderator has changed. */
export async function restricted(
  seed: number,
  mode: AccessMode,
): Promise<{ log: GroupLog; anna: GroupReader; ben: GroupReader; both: GroupReader[] }> {
  const { log, members: both } = await room(seed, ['anna', 'ben']);
  const [anna, ben] = [named(both, 'anna'), named(both, 'ben')];
  await anna.rotate();
  await ben.read();
  await ben.order(log.moderator.access(mode));
  await anna.read();
  return { log, anna, ben, both };
}

export function keysOf(log: GroupLog): GroupKeys {
  return deriveGroupKeys(log.roomSecret, log.roomId);
}

/** What a member's knock carries: the key package, taken out of the frame by somebody who has the connection string. */
export async function keyPackageOf(stranger: GroupReader): Promise<Uint8Array> {
  const { envelopes } = await Rogue.open(stranger.log);
  const { plaintext } = envelopes.open(await stranger.membership.knock(stranger.name), undefined);
  if (!plaintext.ok || plaintext.value.kind !== 'knock') throw new Error('not a knock');
  return plaintext.value.keyPackage.slice();
}
