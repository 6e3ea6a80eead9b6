// One table of what the lab found: probe x engine x service.

import { PROBES } from './plan.ts';
import type { ProbeId } from './plan.ts';

export type Cell = 'held' | 'LEAK' | 'machine*' | 'caught' | 'MISSED' | 'not allowed';

const NOTES = [
  'held: tried, nothing got out or was reached. caught: the same probe, seen on a network without isolation. -: not a probe of that column.',
  'user: the service’s own. filtered: root with CAP_NET_RAW and CAP_NET_ADMIN under the service’s profile of system calls, the most that a',
  'program in it could become. root: the same without the profile, from beside the service, which only the machine’s root can be.',
  'not allowed: the kernel refuses the means (L11 wants CAP_NET_RAW, which no user has, and a packet socket, which the profile refuses).',
  'machine*: the machine’s end of the bridge answers frames made by hand: by the machine’s root alone (adr/0010). Nothing else does.',
].join('\n');
const UNTRIED = '-';

/** What one run of the lab found, on one engine. It is a line of JSON where several runs are collected. */
export interface LeakReport {
  readonly engine: string;
  readonly minutes: number;
  readonly columns: readonly string[];
  /** By `probe column`. */
  readonly cells: Readonly<Record<string, Cell>>;
}

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

  report(engine: string, minutes: number): LeakReport {
    return { engine, minutes, columns: this.#columns, cells: Object.fromEntries(this.#cells) };
  }
}

/** The reports of all engines as one table, a row for each probe and engine. */
export function renderReports(reports: readonly LeakReport[]): string {
  const columns = reports[0]?.columns ?? [];
  const rows = (Object.keys(PROBES) as ProbeId[]).flatMap((probe) =>
    reports.map(({ engine, cells }, index) => [
      index === 0 ? `${probe} ${PROBES[probe]}` : '',
      engine,
      ...columns.map((column) => cells[`${probe} ${column}`] ?? UNTRIED),
    ]),
  );
  const table = [['Leaks', 'engine', ...columns], ...rows];
  const widths = table[0]?.map((_, index) => Math.max(...table.map((row) => row[index]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const times = reports.map(({ engine, minutes }) => `engine ${engine}: ${minutes.toFixed(1)} min`);
  return `${lines.join('\n')}\n${NOTES}\n${times.join('; ')}\n`;
}
