// `npm run adversary`: the short run, or with --long the one whose tables are in docs/ANONYMITY.md, without and with a busy machine.

import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import {
  LONG_WINDOWS_LEAST,
  renderCircumstances,
  renderCost,
  renderSlots,
  renderTable,
  renderVerdict,
  shortcomings,
} from './findings.ts';
import type { Findings } from './findings.ts';
import { buildRange, observe } from './observe.ts';
import { makePlan } from './plan.ts';
import type { PlanOptions } from './plan.ts';
import { longRun, shortRun } from './runs.ts';

const USAGE = `Usage: npm run adversary -- [--long] [--windows N] [--burners N] [--seed N] [--keep FOLDER] [--report FILE]

Trains classifiers on what is seen of rooms on a private Tor network and says how well they guess. Without --long: about 5 minutes.
  --long       72 stealth rooms and 10 others, ${LONG_WINDOWS_LEAST} test windows a class and more; then the same on a busy machine
  --windows    windows of each connection of a long run, an even number (80: about an hour a run)
  --burners    only one long run, with so many processes that keep a core busy each
  --seed       of the plan; a random one is printed
  --keep       a folder for the captures, their labels, and all figures
  --report     a file for the tables, in Markdown
Exit code 1 if a long run does not show what it has to.`;
const RANGE_LIMIT_MS = 4 * 3_600_000;
const WINDOWS = '80';
const BUSY_BURNERS = 2;
const SEEDS = 1_000_000;

function render(findings: Findings, isLong: boolean): string {
  return [
    `### ${findings.plan.burners === 0 ? 'As it is' : `With ${findings.plan.burners} processes that keep a core busy each`}`,
    `${renderCircumstances(findings)}.`,
    renderTable(findings),
    renderSlots(findings),
    renderCost(findings),
    ...(isLong ? [renderVerdict(findings)] : []),
  ].join('\n\n');
}

const { values } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    windows: { type: 'string', default: WINDOWS },
    burners: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'string' },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
const seed = Number(values.seed ?? randomInt(SEEDS));
const windows = Number(values.windows);
const burners = values.burners === undefined ? [0, BUSY_BURNERS] : [Number(values.burners)];
const runs: PlanOptions[] = values.long ? burners.map((count) => longRun(seed, windows, count)) : [shortRun(seed)];
process.stderr.write(`seed ${seed}\n`);
buildRange();
const reports: string[] = [];
for (const [index, run] of runs.entries()) {
  const keep = values.keep === undefined ? undefined : `${values.keep}/${index}`;
  if (keep !== undefined) mkdirSync(keep, { recursive: true });
  const findings = await observe(makePlan(run), RANGE_LIMIT_MS, keep);
  if (keep !== undefined) writeFileSync(`${keep}/findings.json`, JSON.stringify(findings));
  const report = render(findings, values.long);
  process.stdout.write(`${report}\n\n`);
  reports.push(report);
  if (values.report !== undefined) writeFileSync(values.report, `${reports.join('\n\n')}\n`);
  if (values.long && shortcomings(findings).length > 0) process.exitCode = 1;
}
