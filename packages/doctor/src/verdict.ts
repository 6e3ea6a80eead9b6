// What a check says: green, red or that it cannot tell, and what it saw. How single looks add up to a verdict is here and nowhere else.

import { message } from './messages.ts';
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

/** Evidence with the name of its subject. */
export function of(name: string, what: string): string {
  return message('evidence.of', { name, what });
}

/**
 * One thing that is wrong makes a verdict red, one that could not be looked at leaves it open, and no look at all says nothing.
 * Evidence is of the worst kind only, or of all when all is well.
 */
export function verdictOf(looks: readonly Look[], nothing = message('evidence.nothing-seen')): Verdict {
  const sawIn = (state: State): string[] => looks.filter((look) => look.state === state).map(({ saw }) => saw);
  const [red, open, green] = [sawIn('red'), sawIn('cannot-tell'), sawIn('green')];
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
  if (things.length === 0) return { state: 'cannot-tell', evidence: [message('evidence.nothing-seen')] };
  return { state: 'green', evidence: [message('evidence.all-well', { what: allWell, count: things.length })] };
}

/** Looks at what was seen, or says that it was not. */
export function lookAt<Value>(
  name: string,
  what: Seen<Value>,
  look: (value: Value) => readonly Look[],
): readonly Look[] {
  return what.seen
    ? look(what.value)
    : [unclear(message('evidence.unseen', { name, reason: message(`reason.${what.why}`) }))];
}
