// Reads and writes the list of a release's images (docs/released-digests.txt), and compares a
// rebuild with it.

import type { Layer } from './layers.ts';

export interface Build {
  readonly version: string;
  readonly commit: string;
  /** Base images by name: which one it was, as the digest of its content. */
  readonly bases: ReadonlyMap<string, string>;
  /** `relay linux/amd64` to layers. */
  readonly images: ReadonlyMap<string, readonly Layer[]>;
}

export class ReleasedDigestsError extends Error {
  override readonly name = 'ReleasedDigestsError';
  readonly code = 'released-digests-malformed';
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * One release a list: `version V`, `commit C`, `base NAME DIGEST`, `image NAME PLATFORM
 * LAYER=DIGEST…`; `#` begins a comment.
 */
export function renderBuild(build: Build): string {
  const bases = [...build.bases].map(([name, digest]) => `base ${name} ${digest}`);
  const images = [...build.images].map(
    ([name, layers]) =>
      `image ${name} ${layers.map((layer) => `${layer.name.replaceAll(' ', '_')}=${layer.digest}`).join(' ')}`,
  );
  return [`version ${build.version}`, `commit ${build.commit}`, ...bases.sort(), ...images.sort(), ''].join('\n');
}

/** @throws ReleasedDigestsError: a list that is half understood would say less than it seems to. */
export function parseBuild(text: string): Build {
  const bases = new Map<string, string>();
  const images = new Map<string, readonly Layer[]>();
  let [version, commit] = ['', ''];
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const [kind, name = '', platform = '', ...layers] = line.split(/ +/);
    if (kind === 'version') version = name;
    else if (kind === 'commit') commit = name;
    else if (kind === 'base' && DIGEST.test(platform)) bases.set(name, platform);
    else if (kind === 'image' && layers.length > 0) images.set(`${name} ${platform}`, layers.map(parseLayer));
    else throw new ReleasedDigestsError(`not understood: ${line}`);
  }
  if (version === '' || commit === '' || images.size === 0)
    throw new ReleasedDigestsError('version, commit or images are missing');
  return { version, commit, bases, images };
}

function parseLayer(text: string): Layer {
  const equals = text.lastIndexOf('=');
  const layer = { name: text.slice(0, equals).replaceAll('_', ' '), digest: text.slice(equals + 1) };
  if (equals < 1 || !DIGEST.test(layer.digest)) throw new ReleasedDigestsError(`not a layer: ${text}`);
  return layer;
}

/**
 * @returns the differences of a rebuild of the released commit from the release, one a line. Base
 * images do not matter if all layers are the same; otherwise their differences come first, because
 * they may explain the others.
 */
export function differencesFromRelease(release: Build, rebuilt: Build): readonly string[] {
  const layers = [...rebuilt.images].flatMap(([name, here]) => {
    const released = release.images.get(name);
    return released === undefined ? [`image ${name}: not in the release`] : differencesOfLayers(name, released, here);
  });
  const bases = [...release.bases]
    .filter(([name, digest]) => rebuilt.bases.get(name) !== digest)
    .map(([name, digest]) => `base ${name}: released ${digest}, here ${rebuilt.bases.get(name) ?? 'none'}`);
  return layers.length === 0 ? [] : [...bases, ...layers];
}

export function differencesOfLayers(
  name: string,
  first: readonly Layer[],
  second: readonly Layer[],
): readonly string[] {
  const names = Array.from({ length: Math.max(first.length, second.length) }, (_, index) => index);
  return names
    .filter((index) => first[index]?.digest !== second[index]?.digest)
    .map((index) => `image ${name}: layer ${(first[index] ?? second[index])?.name ?? ''}`);
}
