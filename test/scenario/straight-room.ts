// A room on a real relay with nothing in between, and those who come to it; all of it goes away with the test.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationOf } from '@sotto/client';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import { onTestFinished } from 'vitest';
import { TestHost } from '../../packages/relay/test/test-host.ts';
import { gather, openBook } from './company.ts';
import type { Company } from './company.ts';
import { SpedUpClock } from './sped-up-clock.ts';

export interface StraightRoom extends Company {
  /** The relay's socket. */
  readonly path: string;
}

/** `speed`, `relaySpeed`: how much faster the clients' clocks, and the relay's, run than the wall's. */
export async function openStraightRoom({
  speed = 1,
  relaySpeed = 1,
}: { readonly speed?: number; readonly relaySpeed?: number } = {}): Promise<StraightRoom> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-straight-'));
  const path = join(directory, 'relay.sock');
  const admin = { path: join(directory, 'admin.sock') };
  const clock = new SpedUpClock(relaySpeed);
  const relay = await startRelay({ listen: { path }, admin, store: new MemoryRoomStore(), clock });
  const host = new TestHost(admin);
  const { invite, moderator } = openBook();
  const { company, found, disperse } = gather({ invite, moderator, pathFor: () => Promise.resolve(path), speed });
  onTestFinished(async () => {
    await disperse();
    await host.leave();
    await relay.close();
    await rm(directory, { recursive: true });
  });
  const { roomId, capabilityKey, roomTag } = registrationOf(invite);
  const reply = await host.ask({ operation: 'create', roomId, capabilityKey, roomTag, cover: 'off' });
  if (reply?.ok !== true) throw new Error('the room was not made');
  await found();
  return { path, ...company };
}
