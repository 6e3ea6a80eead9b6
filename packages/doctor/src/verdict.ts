// The verdict of a check: green, red or cannot tell, with its evidence. Only this file adds single
// looks up to a verdict.

import { message } from './messages.ts';
import type { Seen } from './snapshot.ts';

export type State = 'green' | 'red' | 'cannot-tell';

export interface Verdict {
  readonly state: State;
  readonly evidence: readonly string[];
}

/** The result of one look at one subject. */
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
 * One red look makes the verdict red; otherwise one that cannot tell, or no look at all, makes it
 * `cannot-tell`. The evidence is that of the worst state.
 */
export function verdictOf(looks: readonly Look[], nothing = message('evidence.nothing-seen')): Verdict {
  const sawIn = (state: State): string[] => looks.filter((look) => look.state === state).map(({ saw }) => saw);
  const [red, open, green] = [sawIn('red'), sawIn('cannot-tell'), sawIn('green')];
  if (red.length > 0) return { state: 'red', evidence: [...red, ...open] };
  if (open.length > 0) return { state: 'cannot-tell', evidence: open };
  return green.length > 0 ? { state: 'green', evidence: green } : { state: 'cannot-tell', evidence: [nothing] };
}

/** As `verdictOf`, for things of one kind: if all are well, one line of evidence stands for all. */
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

/** @returns the looks at a value that was seen, or the reason why it was not. */
export function lookAt<Value>(
  name: string,
  what: Seen<Value>,
  look: (value: Value) => readonly Look[],
): readonly Look[] {
  return what.seen
    ? look(what.value)
    : [unclear(message('evidence.unseen', { name, reason: message(`reason.${what.why}`) }))];
}
