// Reads which images were released: {"version":"0.1.0","images":{"sotto-relay":["sha256:…"],…}}.

import { readFile, stat } from 'node:fs/promises';
import { DoctorError } from './errors.ts';
import { RELEASE_BYTES_MAX } from './limits.ts';
import { seen, unseen } from './snapshot.ts';
import type { ReleaseFacts, Seen } from './snapshot.ts';

/** Where a release writes it, beside the shipped compose file. */
export const RELEASE_FILE = 'docs/release.json';
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * @param path undefined for the file of the repository, which need not be there: nothing may have been released yet.
 * @throws DoctorError `release-unreadable`
 */
export async function readRelease(path: string | undefined, ownPath: string): Promise<Seen<ReleaseFacts>> {
  const text = await readText(path ?? ownPath, path === undefined);
  if (text === undefined) return unseen('nothing has been released yet');
  const release = parseRelease(text);
  if (release === undefined) throw new DoctorError('release-unreadable');
  return seen(release);
}

async function readText(path: string, mayBeMissing: boolean): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > RELEASE_BYTES_MAX) throw new Error('too long');
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (mayBeMissing && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DoctorError('release-unreadable', { cause });
  }
}

/** @returns undefined if it has another form. */
export function parseRelease(text: string): ReleaseFacts | undefined {
  const value = parseObject(text);
  const images = value?.['images'];
  const version = value?.['version'];
  if (typeof version !== 'string' || typeof images !== 'object' || images === null) return undefined;
  const entries = Object.entries(images as Record<string, unknown>);
  const isWell = entries.every(
    ([, digests]) => Array.isArray(digests) && digests.every((digest) => DIGEST.test(String(digest))),
  );
  return isWell && entries.length > 0
    ? { version, images: Object.fromEntries(entries) as ReleaseFacts['images'] }
    : undefined;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
