// One table of what the lab found: probe x service, for one engine.

import { PROBES } from './plan.ts';
import type { ProbeId } from './plan.ts';

export type Cell = 'held' | 'LEAK' | 'machine*' | 'caught' | 'MISSED' | 'not allowed';

const NOTES = [
  'held: tried, nothing got out or was reached. caught: the same probe, seen on a network without walls. -: not a probe of that column.',
  'not allowed: the kernel refuses the means to the service’s user, who has no capability at all (L11 wants CAP_NET_RAW).',
  'machine*: the machine’s end of the bridge answers frames made by hand with CAP_NET_RAW, which no service has. Nothing else does.',
].join('\n');
const UNTRIED = '-';

/** Cells by probe and column; a cell that has once been bad stays bad. */
export class LeakTable {
  readonly #cells = new Map<string, Cell>();
  readonly #columns: readonly string[];

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  set(probe: ProbeId, column: string, cell: Cell): void {
    if (!this.#columns.includes(column)) throw new Error(`no column ${column}`);
    const key = `${probe} ${column}`;
    const before = this.#cells.get(key);
    if (before !== 'LEAK' && before !== 'MISSED') this.#cells.set(key, cell);
  }

  render(title: string): string {
    const columns = this.#columns;
    const rows = (Object.keys(PROBES) as ProbeId[]).map((probe) => [
      `${probe} ${PROBES[probe]}`,
      ...columns.map((column) => this.#cells.get(`${probe} ${column}`) ?? UNTRIED),
    ]);
    const table = [['', ...columns], ...rows];
    const widths = table[0]?.map((_, index) => Math.max(...table.map((row) => row[index]?.length ?? 0))) ?? [];
    const lines = table.map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    );
    return `${title}\n${lines.join('\n')}\n${NOTES}\n`;
  }
}
