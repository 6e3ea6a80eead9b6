// Reads the list of released images that `./scripts/verify --digests` writes, docs/INTEGRITY.md.

import { readFile, stat } from 'node:fs/promises';
import { DoctorError } from './errors.ts';
import { RELEASE_BYTES_MAX } from './limits.ts';
import { seen, unseen } from './snapshot.ts';
import type { ReleaseFacts, Seen } from './snapshot.ts';
import { OWN_IMAGES } from './stack-plan.ts';

/** The list of the repository, beside the shipped compose file. */
export const RELEASE_FILE = 'docs/released-digests.txt';
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * @param path undefined for the file of the repository, which may be absent before the first
 * release.
 * @throws DoctorError `release-unreadable`
 */
export async function readRelease(path: string | undefined, ownPath: string): Promise<Seen<ReleaseFacts>> {
  const text = await readText(path ?? ownPath, path === undefined);
  if (text === undefined) return unseen('no-release');
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

/**
 * `image NAME PLATFORM LAYER=DIGEST…` for every image, `version V`, `commit C`, `base NAME DIGEST`;
 * `#` begins a comment.
 * @returns undefined for any other form: a list that is understood in part would mislead.
 */
export function parseRelease(text: string): ReleaseFacts | undefined {
  const images: Record<string, (readonly string[])[]> = {};
  const said = new Map<string, string>();
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const [kind = '', name = '', ...rest] = line.split(/ +/);
    if ((kind === 'version' || kind === 'commit') && name !== '' && rest.length === 0) said.set(kind, name);
    else if (kind === 'image' && rest.length > 1) {
      const layers = rest.slice(1).map((layer) => layer.slice(layer.lastIndexOf('=') + 1));
      if (!layers.every((digest) => DIGEST.test(digest))) return undefined;
      (images[`${OWN_IMAGES}${name}`] ??= []).push(layers);
    } else if (kind !== 'base' || !DIGEST.test(rest.join(' '))) return undefined;
  }
  const version = said.get('version');
  const isWhole = version !== undefined && said.has('commit') && Object.keys(images).length > 0;
  return isWhole ? { version, images } : undefined;
}
