// How people talk, as a stated model: when the next text comes, who says it, how long it is. A seed repeats it.

import type { SeededRandom } from '@sotto/fixtures';

/** `short`: a line as people type it. `long`: a paragraph or a page that is pasted. */
export type TextLength = 'short' | 'long';

/** Something that a member says, after the window's begin. */
export interface PlannedText {
  readonly afterMs: number;
  /** 0 is the observed member. */
  readonly member: number;
  readonly bytes: number;
}

/** A log-normal distribution, by its median and the standard deviation of its logarithm. */
interface LogNormal {
  readonly median: number;
  readonly sigma: number;
}

/**
 * The model. It is ours, not fitted to a body of chats: pauses and lengths are log-normal, for people's are skewed like that, and texts come
 * in bursts. It talks more than people do, which is in the adversary's favour.
 */
export const MODEL: {
  readonly pauseMs: Readonly<Record<TextLength, LogNormal>>;
  readonly inBurstMs: LogNormal;
  readonly burstGoesOn: number;
  readonly bytes: Readonly<Record<TextLength, LogNormal>>;
  readonly bytesMost: Readonly<Record<TextLength, number>>;
  readonly firstAfterMostMs: number;
} = {
  pauseMs: { short: { median: 4_000, sigma: 0.8 }, long: { median: 8_000, sigma: 0.6 } },
  inBurstMs: { median: 1_200, sigma: 0.5 },
  /** Of 100 texts so many are followed by another of the same person at once: bursts of 1.5 texts on average. */
  burstGoesOn: 35,
  bytes: { short: { median: 35, sigma: 0.9 }, long: { median: 1_800, sigma: 0.5 } },
  bytesMost: { short: 400, long: 6_000 },
  /** A window of talking begins in the middle of it. */
  firstAfterMostMs: 3_000,
};

/** What is said in a window of talking: at least one text, the last one before `lastMs`. `senders` are members by their number. */
export function talk(
  random: SeededRandom,
  lastMs: number,
  length: TextLength,
  senders: readonly [number, ...number[]],
): PlannedText[] {
  const texts: PlannedText[] = [];
  let sender = random.pick(senders);
  let afterMs = random.below(Math.min(MODEL.firstAfterMostMs, lastMs));
  do {
    const bytes = Math.min(MODEL.bytesMost[length], Math.max(1, draw(random, MODEL.bytes[length])));
    texts.push({ afterMs, member: sender, bytes });
    if (length === 'short' && random.below(100) < MODEL.burstGoesOn) {
      afterMs += draw(random, MODEL.inBurstMs);
    } else {
      afterMs += draw(random, MODEL.pauseMs[length]);
      sender = random.pick(senders);
    }
  } while (afterMs < lastMs);
  return texts;
}

/** A whole number, from two uniform ones (Box and Muller, 1958). */
function draw(random: SeededRandom, { median, sigma }: LogNormal): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.word() / 2 ** 32));
  const normal = radius * Math.cos(2 * Math.PI * (random.word() / 2 ** 32));
  return Math.round(median * Math.exp(sigma * normal));
}
