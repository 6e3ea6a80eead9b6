// What a check says: green, red or that it cannot tell, and what it saw. How single looks add up to a verdict is here and nowhere else.

import type { Seen } from './snapshot.ts';

export type State = 'green' | 'red' | 'cannot-tell';

export interface Verdict {
  readonly state: State;
  readonly evidence: readonly string[];
}

/** One look at one thing. */
export interface Look {
  readonly state: State;
  readonly saw: string;
}

export const right = (saw: string): Look => ({ state: 'green', saw });
export const wrong = (saw: string): Look => ({ state: 'red', saw });
export const unclear = (saw: string): Look => ({ state: 'cannot-tell', saw });

/**
 * One thing that is wrong makes a verdict red, one that could not be looked at leaves it open, and no look at all says nothing.
 * Evidence is of the worst kind only, or of all when all is well.
 */
export function verdictOf(looks: readonly Look[], nothing = 'there was nothing to look at'): Verdict {
  const of = (state: State): string[] => looks.filter((look) => look.state === state).map(({ saw }) => saw);
  const [red, open, green] = [of('red'), of('cannot-tell'), of('green')];
  if (red.length > 0) return { state: 'red', evidence: [...red, ...open] };
  if (open.length > 0) return { state: 'cannot-tell', evidence: open };
  return green.length > 0 ? { state: 'green', evidence: green } : { state: 'cannot-tell', evidence: [nothing] };
}

/** As `verdictOf`, for things of one kind that are alike when all is well: one line then says it for all of them. */
export function verdictOfAll<Thing>(
  things: readonly Thing[],
  fault: (thing: Thing) => string | undefined,
  allWell: string,
): Verdict {
  const faults = things.flatMap((thing) => fault(thing) ?? []);
  if (faults.length > 0) return { state: 'red', evidence: faults };
  if (things.length === 0) return { state: 'cannot-tell', evidence: ['there was nothing to look at'] };
  return { state: 'green', evidence: [`${allWell} (looked at ${things.length})`] };
}

/** Looks at what was seen, or says that it was not. */
export function lookAt<Value>(
  name: string,
  what: Seen<Value>,
  look: (value: Value) => readonly Look[],
): readonly Look[] {
  return what.seen ? look(what.value) : [unclear(`${name}: ${what.why}`)];
}
