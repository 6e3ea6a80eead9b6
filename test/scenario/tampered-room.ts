// A room behind a malicious relay, and those who come to it; all of it goes away with the test.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationOf } from '@sotto/client';
import { onTestFinished } from 'vitest';
import { gather, openBook } from './company.ts';
import type { Company } from './company.ts';
import { TamperingRelay } from './tampering-relay.ts';

export interface TamperedRoom extends Company {
  /** Has a view for each name. */
  readonly relay: TamperingRelay;
}

/** `speed`: how much faster the clients' clocks run than the wall's. `empty`: a room that nobody has founded, for who brings no keys. */
export async function openTamperedRoom({
  speed = 1,
  empty = false,
}: { readonly speed?: number; readonly empty?: boolean } = {}): Promise<TamperedRoom> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-tampered-'));
  const { invite, moderator } = openBook();
  const relay = await TamperingRelay.start({ directory, roomId: registrationOf(invite).roomId });
  const pathFor = async (name: string): Promise<string> => (await relay.open(name)).path;
  const { company, found, disperse } = gather({ invite, moderator, pathFor, speed });
  onTestFinished(async () => {
    await disperse();
    await relay.close();
    await rm(directory, { recursive: true });
  });
  if (!empty) await found();
  return { relay, ...company };
}
