// Prints the leak table of all engines that `./scripts/test` has run the lab on. Argument: the file
// where the runs left their reports.

import { readFileSync } from 'node:fs';
import { readCommandLine } from '../../scripts/command-line.ts';
import { renderReports } from './table.ts';
import type { LeakReport } from './table.ts';

const { operands, refuse } = readCommandLine({
  usage: 'Usage: node test/leaks/print-table.ts FILE',
  operandsMax: 1,
  options: {},
});
const file = operands[0] ?? refuse('a FILE is needed');
const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
if (lines.length === 0) throw new Error('no run of the leak lab has left a report');
process.stdout.write(renderReports(lines.map((line) => JSON.parse(line) as LeakReport)));
