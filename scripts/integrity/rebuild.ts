// One image built twice, and every difference between the two named.

import { build, readImage, readLayerArchives, removeImage } from './docker-image.ts';
import type { BuildPlan, Image } from './docker-image.ts';
import { differencesBetween } from './layers.ts';
import { differencesOfLayers } from './released-digests.ts';

const SHOWN_DIFFERENCES_MAX = 20;

export interface Verdict {
  readonly differences: readonly string[];
  readonly remarks: readonly string[];
}

/** Builds one image from two folders and compares; of the first build it says what it is. */
export function verifyImage(
  plan: BuildPlan,
  clones: readonly [string, string],
  epochSeconds: number,
): readonly [Image, Verdict] {
  const tags = [0, 1].map((index) => `sotto-verify-${process.pid}-${index}/${plan.name}`);
  const [first = '', second = ''] = tags;
  try {
    build(plan, clones[0], first, epochSeconds);
    build(plan, clones[1], second, epochSeconds);
    const [one, other] = [readImage(first), readImage(second)];
    const layers = differencesOfLayers(plan.name, one.layers, other.layers);
    const files = layers.length === 0 ? [] : fileDifferences(first, second);
    const settings = one.settings === other.settings ? [] : [`image ${plan.name}: what a container of it is told`];
    const remarks =
      layers.length + settings.length === 0 && one.id !== other.id
        ? [`${plan.name}: only the image's own time of creation differs (this builder does not know SOURCE_DATE_EPOCH)`]
        : [];
    return [one, { differences: [...layers, ...files, ...settings], remarks }];
  } finally {
    tags.forEach(removeImage);
  }
}

function fileDifferences(first: string, second: string): readonly string[] {
  const [before, after] = [readLayerArchives(first), readLayerArchives(second)];
  const lines = before.flatMap((entries, index) => differencesBetween(entries, after[index] ?? []));
  const more = lines.length - SHOWN_DIFFERENCES_MAX;
  return [...lines.slice(0, SHOWN_DIFFERENCES_MAX), ...(more > 0 ? [`and ${more} more`] : [])].map(
    (line) => `    ${line}`,
  );
}
