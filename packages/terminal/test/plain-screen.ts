// What line mode prints, row by row, of the events that it is told.

import type { ShownEvent } from '../src/front-end.ts';
import { PlainFrontEnd } from '../src/plain.ts';

export const SELF = { name: 'anna', fingerprint: 'aaaa000000000000' };

export function screenOf(columns?: number): {
  notify: (event: ShownEvent, network?: 'public' | 'private-test') => void;
  rows: () => string[];
  /** As printed: a line may have several rows. */
  lines: () => string[];
} {
  const printed: string[] = [];
  const screen = {
    print: (lines: string) => void printed.push(lines),
    close: () => Promise.resolve(),
    wipe: () => undefined,
  };
  const plain = new PlainFrontEnd(screen, () => columns);
  return {
    notify: (event, network = 'public') => plain.notify(event, { self: SELF, network }),
    lines: () => printed,
    rows: () => printed.flatMap((lines) => lines.split('\n')),
  };
}
