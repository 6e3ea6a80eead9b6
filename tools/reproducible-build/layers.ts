// Compares two builds of an image: layer by layer, and where a layer differs, file by file.

import { createHash } from 'node:crypto';
import type { TarEntry } from './tar.ts';

export interface Layer {
  /**
   * What the Dockerfile does there: `rootfs`, `dependencies`, `code`, or the instruction itself.
   */
  readonly name: string;
  /** The digest of the layer's content, before any compression. */
  readonly digest: string;
}

/**
 * Names layers by their instructions. `instructions`: oldest first, with those that make no layer.
 */
export function nameLayers(digests: readonly string[], instructions: readonly string[]): readonly Layer[] {
  const made = instructions.filter((text) => /^(COPY|ADD|RUN|WORKDIR)\b/.test(text));
  return digests.map((digest, index) => {
    const instruction = made.length === digests.length ? (made[index] ?? '') : `layer ${index + 1}`;
    const folder = /^COPY \/(?:out\/)?([a-z]+)\/ /.exec(instruction)?.[1];
    return { name: folder ?? instruction.replace(/ # buildkit$/, ''), digest };
  });
}

/** One digest for all layers of an image. */
export function digestOfAll(layers: readonly Layer[]): string {
  return `sha256:${createHash('sha256')
    .update(layers.map((layer) => layer.digest).join('\n'))
    .digest('hex')}`;
}

/** The only difference of two archives that have the same files. */
export const ORDER_ALONE = 'the order of files';

/** How two archives of one layer differ, a line each, in the order of paths. */
export function differencesBetween(first: readonly TarEntry[], second: readonly TarEntry[]): readonly string[] {
  const [before, after] = [first, second].map((entries) => new Map(entries.map((entry) => [entry.path, entry])));
  const paths = [...new Set([...first, ...second].map((entry) => entry.path))].sort();
  const lines = paths.flatMap((path) => differencesOf(path, before?.get(path), after?.get(path)));
  const sameOrder = first.map((entry) => entry.path).join('\n') === second.map((entry) => entry.path).join('\n');
  return lines.length === 0 && !sameOrder ? [ORDER_ALONE] : lines;
}

function differencesOf(path: string, first: TarEntry | undefined, second: TarEntry | undefined): readonly string[] {
  if (first === undefined) return [`${path}: only in the second`];
  if (second === undefined) return [`${path}: only in the first`];
  const facts = [first, second].map((entry) => [
    ['kind', entry.kind],
    ['target', entry.target],
    ['mode', entry.mode.toString(8)],
    ['owner', `${entry.uid}:${entry.gid}`],
    ['time', new Date(entry.modified * 1000).toISOString()],
    ['content', createHash('sha256').update(entry.content).digest('hex').slice(0, 16)],
  ]);
  return (facts[0] ?? []).flatMap(([name, value], index) => {
    const other = facts[1]?.[index]?.[1];
    return value === other ? [] : [`${path}: ${name ?? ''} ${value ?? ''} and ${other ?? ''}`];
  });
}
