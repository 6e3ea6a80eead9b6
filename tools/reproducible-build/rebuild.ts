// One image built twice, and every difference between the two named.

import { build, hasImage, readImage, readLayerArchives, removeImage } from './docker-image.ts';
import type { BuildPlan, Image } from './docker-image.ts';
import { differencesBetween, ORDER_ALONE } from './layers.ts';
import { differencesOfLayers } from './released-digests.ts';

const SHOWN_DIFFERENCES_MAX = 20;

export interface Verdict {
  readonly differences: readonly string[];
  readonly remarks: readonly string[];
  /** What is to be said of the image that is here under the name that compose uses. */
  readonly here: readonly string[];
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
    const settings = one.settings === other.settings ? [] : [`image ${plan.name}: the settings of its containers`];
    const remarks =
      layers.length + settings.length === 0 && one.id !== other.id
        ? [`${plan.name}: only the image's own time of creation differs (this builder does not know SOURCE_DATE_EPOCH)`]
        : [];
    const here = plan.image === '' ? [] : compareHere(plan.image, first, one);
    return [one, { differences: [...layers, ...files, ...settings], remarks, here }];
  } finally {
    tags.forEach(removeImage);
  }
}

/**
 * An engine that stores a layer from its cache may order its files differently, which changes the
 * digest.
 */
function compareHere(image: string, rebuiltTag: string, rebuilt: Image): readonly string[] {
  if (!hasImage(image)) return [`${image}: is not here`];
  const layers = differencesOfLayers(image, rebuilt.layers, readImage(image).layers);
  if (layers.length === 0) return [`${image}: is what this commit gives`];
  const files = fileDifferences(rebuiltTag, image);
  if (files.every((line) => line.trim() === ORDER_ALONE))
    return [`${image}: has the files that this commit gives; this engine has stored them in another order`];
  return [...layers.map((line) => `${line} is not what this commit gives`), ...files];
}

function fileDifferences(first: string, second: string): readonly string[] {
  const [before, after] = [readLayerArchives(first), readLayerArchives(second)];
  const lines = before.flatMap((entries, index) => differencesBetween(entries, after[index] ?? []));
  const more = lines.length - SHOWN_DIFFERENCES_MAX;
  return [...lines.slice(0, SHOWN_DIFFERENCES_MAX), ...(more > 0 ? [`and ${more} more`] : [])].map(
    (line) => `    ${line}`,
  );
}
