// Prints the leak table of all engines that `./scripts/test` has run the lab on. Argument: the file where the runs left their reports.

import { readFileSync } from 'node:fs';
import { renderReports } from './table.ts';
import type { LeakReport } from './table.ts';

const file = process.argv[2];
if (file === undefined) throw new TypeError('usage: print-table.ts FILE');
const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
if (lines.length === 0) throw new Error('no run of the leak lab has left a report');
process.stdout.write(renderReports(lines.map((line) => JSON.parse(line) as LeakReport)));
