// The search itself: it finds what there is to find, by a shortest trace, and nothing else.

import { describe, expect, test } from 'vitest';
import { search } from './search.ts';
import type { Model, Property } from './search.ts';

/** Steps by name: from where, to where; one that begins with `!` is not orderly. */
function graph(edges: Readonly<Record<string, readonly [number, number]>>): Model<number> {
  return {
    initial: 0,
    *steps(state) {
      for (const [name, [from, next]] of Object.entries(edges)) {
        if (from === state) yield { name, orderly: !name.startsWith('!'), next };
      }
    },
  };
}

const reaches = (good: number): Property<number> => ({
  kind: 'recovers',
  title: 'recovers',
  from: () => true,
  good: (state) => state === good,
});

describe('a search of all states', () => {
  const model = graph({ a: [0, 1], b: [1, 2], c: [0, 3], d: [3, 2], e: [2, 4], f: [1, 3], short: [0, 2] });

  test('a search counts each state once, and every step', () => {
    expect(search(model, [])).toEqual({ states: 5, transitions: 7, depth: 2 });
  });

  test('a violation comes with the shortest list of steps', () => {
    const never4: Property<number> = { kind: 'always', title: 'never 4', holds: (state) => state !== 4 };
    expect(search(model, [never4]).violation).toEqual({ title: 'never 4', trace: ['short', 'e'] });
  });

  test('a rule about steps sees both ends of each', () => {
    const rises: Property<number> = { kind: 'step', title: 'rises', holds: (before, after) => after !== before + 2 };
    expect(search(model, [rises]).violation).toEqual({ title: 'rises', trace: ['short'] });
  });

  test('a search that needs too many states is an error', () => {
    const counter: Model<number> = {
      initial: 0,
      *steps(state) {
        yield { name: 'more', orderly: true, next: state + 1 };
      },
    };
    expect(() => search(counter, [], 1_000)).toThrow('more than 1000 states');
  });
});

describe('recovery by orderly steps', () => {
  test('a state recovers if all orderly ways lead to a good one', () => {
    expect(search(graph({ a: [0, 1], b: [0, 2], c: [1, 3], d: [2, 3] }), [reaches(3)]).violation).toBeUndefined();
  });

  test('an end outside of the good states is found', () => {
    const { violation } = search(graph({ a: [0, 1], b: [0, 2], d: [2, 3] }), [reaches(3)]);
    expect(violation?.trace).toEqual(['from here on, orderly:', 'a', '(nothing orderly is left to do)']);
  });

  test('a circle outside of the good states is found', () => {
    const { violation } = search(graph({ a: [0, 1], b: [1, 0], c: [1, 2] }), [reaches(2)]);
    expect(violation?.trace).toEqual(['from here on, orderly:', 'a', 'b', '(and so on, in a circle)']);
  });

  test('an attacker’s step is no way to recover, but a place to recover from', () => {
    const { violation } = search(graph({ a: [0, 2], '!b': [0, 1], '!c': [1, 2] }), [reaches(2)]);
    expect(violation?.trace).toEqual(['!b', 'from here on, orderly:', '(nothing orderly is left to do)']);
  });
});
