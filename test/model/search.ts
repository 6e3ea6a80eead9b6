// Searches all states that a model can reach, so that a fault of the protocol's design is found as
// the shortest list of steps that leads to it.

/** A state is plain JSON: two states are the same if they are written alike. */
export interface Step<S> {
  readonly name: string;
  /** The protocol does it if nobody disturbs it: by such steps alone a room has to recover. */
  readonly orderly: boolean;
  readonly next: S;
}

export interface Model<S> {
  readonly initial: S;
  readonly steps: (state: S) => Iterable<Step<S>>;
}

export type Property<S> =
  /** Holds in every state. */
  | { readonly kind: 'always'; readonly title: string; readonly holds: (state: S) => boolean }
  /** Holds for every step. */
  | {
      readonly kind: 'step';
      readonly title: string;
      readonly holds: (before: S, after: S, name: string) => boolean;
    }
  /**
   * From every state of `from`, orderly steps alone lead to a good state, whichever of them are
   * done: there is neither an end nor a circle outside of the good states.
   */
  | {
      readonly kind: 'recovers';
      readonly title: string;
      readonly from: (state: S) => boolean;
      readonly good: (state: S) => boolean;
    };

interface Violation {
  readonly title: string;
  readonly trace: readonly string[];
}

export interface Result {
  readonly states: number;
  readonly transitions: number;
  /** The longest of the shortest ways to a state. */
  readonly depth: number;
  readonly violation?: Violation;
}

interface Explored<S> {
  readonly states: S[];
  readonly parents: number[];
  readonly names: string[];
  /** For each state where its orderly steps lead. */
  readonly orderly: { readonly to: number; readonly name: string }[][];
}

/** A search that needs more is an error of the model's bounds, never a result. */
const STATES_MAX = 4_000_000;

function traceTo<S>({ parents, names }: Explored<S>, index: number): readonly string[] {
  const trace: string[] = [];
  for (let at = index; at > 0; at = parents[at] ?? 0) trace.unshift(names[at] ?? '');
  return trace;
}

/** Which states recover: good ones, and those of which all orderly steps lead to such, one at least. */
function findRecovering<S>({ states, orderly }: Explored<S>, good: (state: S) => boolean): readonly boolean[] {
  const missing = orderly.map((next) => next.length);
  const before: number[][] = states.map(() => []);
  for (const [index, next] of orderly.entries()) for (const { to } of next) before[to]?.push(index);
  const recovers = states.map((state) => good(state));
  const queue = [...recovers.keys()].filter((index) => recovers[index] === true);
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const index of before[at] ?? []) {
      missing[index] = (missing[index] ?? 0) - 1;
      if (missing[index] !== 0 || recovers[index] === true) continue;
      recovers[index] = true;
      queue.push(index);
    }
  }
  return recovers;
}

/** From a state that need not recover, by orderly steps, into the nearest end or else into a circle. */
function traceOn<S>({ orderly }: Explored<S>, trap: number, recovers: readonly boolean[]): readonly string[] {
  const ways = new Map<number, readonly string[]>([[trap, []]]);
  for (const [at, way] of ways) {
    const next = orderly[at] ?? [];
    if (next.length === 0) return [...way, '(nothing orderly is left to do)'];
    for (const { to, name } of next) if (recovers[to] !== true && !ways.has(to)) ways.set(to, [...way, name]);
  }
  const circle: string[] = [];
  const visited = new Set<number>();
  for (let at = trap; !visited.has(at);) {
    visited.add(at);
    const step = orderly[at]?.find(({ to }) => recovers[to] !== true);
    if (step === undefined) break;
    circle.push(step.name);
    at = step.to;
  }
  return [...circle, '(and so on, in a circle)'];
}

/** Breadth first, so that a trace is a shortest one. Stops at the first violation. */
export function search<S>(model: Model<S>, properties: readonly Property<S>[], statesMax = STATES_MAX): Result {
  const explored: Explored<S> = { states: [model.initial], parents: [0], names: [''], orderly: [[]] };
  const { states, parents, names, orderly } = explored;
  const seen = new Map<string, number>([[JSON.stringify(model.initial), 0]]);
  const depths: number[] = [0];
  let transitions = 0;
  const stateRules = properties.filter((property) => property.kind === 'always');
  const stepRules = properties.filter((property) => property.kind === 'step');
  const report = (violation?: Violation): Result => ({
    states: states.length,
    transitions,
    depth: depths.at(-1) ?? 0,
    ...(violation !== undefined && { violation }),
  });
  for (const [index, state] of states.entries()) {
    for (const { title, holds } of stateRules) {
      if (!holds(state)) return report({ title, trace: traceTo(explored, index) });
    }
    const next: { to: number; name: string }[] = [];
    for (const step of model.steps(state)) {
      transitions += 1;
      for (const { title, holds } of stepRules) {
        if (!holds(state, step.next, step.name)) {
          return report({ title, trace: [...traceTo(explored, index), step.name] });
        }
      }
      const key = JSON.stringify(step.next);
      let found = seen.get(key);
      if (found === undefined) {
        if (states.length >= statesMax) throw new Error(`more than ${statesMax} states: the bounds are too wide`);
        found = states.length;
        seen.set(key, found);
        states.push(step.next);
        parents.push(index);
        names.push(step.name);
        depths.push((depths[index] ?? 0) + 1);
        orderly.push([]);
      }
      if (step.orderly && found !== index) next.push({ to: found, name: step.name });
    }
    orderly[index] = next;
  }
  for (const property of properties) {
    if (property.kind !== 'recovers') continue;
    const recovers = findRecovering(explored, property.good);
    const trap = states.findIndex((state, index) => recovers[index] !== true && property.from(state));
    if (trap === -1) continue;
    const trace = [...traceTo(explored, trap), 'from here on, orderly:', ...traceOn(explored, trap, recovers)];
    return report({ title: property.title, trace });
  }
  return report();
}
