// Changes that a malicious relay makes to the entries on their way to one member, as shapes for a
// view.

import type { LogFrame } from '@sotto/protocol';
import { entryOf } from './member-view.ts';
import type { Passing, Shape, Shaped } from './member-view.ts';

/** Which entries. */
export type Matches = (entry: Passing) => boolean;

export const everything: Matches = () => true;

/** Matches frames published by this member; with `bodyBytes` only frames of that size. */
export function publishedBy(author: string, bodyBytes?: number): Matches {
  return ({ origin, frame }) =>
    origin?.author === author &&
    origin.kind === 'publish' &&
    (bodyBytes === undefined || frame.body.length === bodyBytes);
}

export function committedBy(author: string): Matches {
  return ({ origin }) => origin?.author === author && origin.kind === 'commit';
}

/**
 * The first `count` of them are lost. `renumbered`: what follows has their numbers. `gap`: their
 * numbers are left out.
 */
export function drop(matches: Matches, trace: 'renumbered' | 'gap', count = 1): Shape {
  return onFirst(count, matches, () => (trace === 'gap' ? ['gap'] : []));
}

/** In the place of the first `count` of them stands something that nobody has said. */
export function replace(matches: Matches, make: (entry: Passing) => Uint8Array, count = 1): Shape {
  return onFirst(count, matches, (entry) => [entryOf(make(entry))]);
}

/** The first `count` of them come twice. */
export function repeat(matches: Matches, count = 1): Shape {
  return onFirst(count, matches, ({ frame }) => [frame, frame]);
}

/** The first of them comes behind the next entry that `before` matches. */
export function swap(matches: Matches, before: Matches = everything): Shape {
  let held: LogFrame | undefined;
  let isDone = false;
  return (entry) => {
    if (isDone) return [entry.frame];
    if (held === undefined) {
      if (!matches(entry)) return [entry.frame];
      held = entry.frame;
      return [];
    }
    if (!before(entry)) return [entry.frame];
    isDone = true;
    return [entry.frame, held];
  };
}

function onFirst(count: number, matches: Matches, change: (entry: Passing) => readonly Shaped[]): Shape {
  let left = count;
  return (entry) => {
    if (left === 0 || !matches(entry)) return [entry.frame];
    left -= 1;
    return change(entry);
  };
}
