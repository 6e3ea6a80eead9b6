// What the adversary's testbed does: which rooms there are, what happens in each window of theirs, and which connections are for training.

import { SeededRandom } from '@sotto/fixtures';
import { talk } from './talk.ts';
import type { PlannedText, TextLength } from './talk.ts';

/** Folds of the cross-validation: every connection is tested once, by a classifier that was trained without it. */
export const FOLDS = 5;

/** Rooms of one kind. `cover` is the host's word for the mode; the first member of a room is the observed one. */
export interface RoomKind {
  readonly mode: 'off' | 'jitter' | 'stealth';
  readonly cover: string;
  readonly members: number;
  readonly rooms: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly kinds: readonly RoomKind[];
  /** Windows of a room: a multiple of 2, half of them idle. */
  readonly windows: number;
  readonly windowMs: number;
  /** From the last join on. Nobody who has just come talks at once: stealth holds first texts back for up to 20 s. */
  readonly settleMs: number;
  readonly gapLeastMs: number;
  readonly gapMostMs: number;
  /** Processes that burn a core each while the windows run. */
  readonly burners: number;
}

/** `who` and `length` of a window of talking; idle windows have neither. */
type Label =
  | { readonly activity: 'idle' }
  | { readonly activity: 'talking'; readonly who: 'observed' | 'another'; readonly length: TextLength };

export interface Window {
  readonly label: Label;
  /** Between the end of the window before, when all that was said in it has left, and this one. */
  readonly gapMs: number;
  readonly sends: readonly PlannedText[];
}

export interface Room {
  readonly mode: RoomKind['mode'];
  readonly cover: string;
  readonly members: number;
  /** All windows of a connection are in one fold. */
  readonly fold: number;
  readonly windows: readonly Window[];
}

export interface Plan {
  readonly seed: number;
  readonly windowMs: number;
  readonly settleMs: number;
  readonly burners: number;
  readonly rooms: readonly Room[];
}

/** Texts end so long before their window does. */
const TAIL_MS = 4_000;

/** The same options give the same plan. */
export function makePlan(options: PlanOptions): Plan {
  const random = new SeededRandom(options.seed);
  const rooms = options.kinds.flatMap((kind) =>
    Array.from({ length: kind.rooms }, (_, index) => planRoom(random, kind, index, options)),
  );
  const { seed, windowMs, settleMs, burners } = options;
  return { seed, windowMs, settleMs, burners, rooms: spread(rooms) };
}

/** Folds go round within a kind, so that each has rooms of every kind, as far as there are enough. */
function planRoom(random: SeededRandom, kind: RoomKind, index: number, options: PlanOptions): Room {
  const { mode, cover, members } = kind;
  const windows = labelsFor(random, members, options.windows).map((label): Window => {
    const gapMs = random.between(options.gapLeastMs, options.gapMostMs);
    return { label, gapMs, sends: textsFor(random, label, members, options.windowMs) };
  });
  return { mode, cover, members, fold: index % FOLDS, windows };
}

/** Pairs of an idle and a talking window, in either order, so that time since joining tells nothing. */
function labelsFor(random: SeededRandom, members: number, windows: number): Label[] {
  const labels: Label[] = [];
  let kinds: Label[] = [];
  while (labels.length < windows) {
    if (kinds.length === 0) kinds = shuffled(random, talkingLabels(members));
    const talking = kinds.pop();
    if (talking === undefined) throw new Error('no label');
    labels.push(...shuffled<Label>(random, [{ activity: 'idle' }, talking]));
  }
  return labels.slice(0, windows);
}

function talkingLabels(members: number): Label[] {
  const senders = members === 1 ? (['observed'] as const) : (['observed', 'another'] as const);
  return senders.flatMap((who) =>
    (['short', 'long'] as const).map((length): Label => ({ activity: 'talking', who, length })),
  );
}

function textsFor(random: SeededRandom, label: Label, members: number, windowMs: number): PlannedText[] {
  if (label.activity === 'idle') return [];
  const others = Array.from({ length: members - 2 }, (_, index) => index + 2);
  const senders: readonly [number, ...number[]] = label.who === 'observed' ? [0] : [1, ...others];
  return talk(random, windowMs - TAIL_MS, label.length, senders);
}

function shuffled<Value>(random: SeededRandom, values: readonly Value[]): Value[] {
  const left = [...values];
  const taken: Value[] = [];
  while (left.length > 0) taken.push(...left.splice(random.below(left.length), 1));
  return taken;
}

/** Rooms of different kinds side by side, whatever order they start in. */
function spread(rooms: readonly Room[]): Room[] {
  const byKind = Map.groupBy(rooms, ({ cover, members }) => `${cover} ${members}`);
  const kinds = [...byKind.values()].map((group) => [...group]);
  const mixed: Room[] = [];
  while (mixed.length < rooms.length) for (const group of kinds) mixed.push(...group.splice(0, 1));
  return mixed;
}
