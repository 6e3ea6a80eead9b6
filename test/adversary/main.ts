// `npm run adversary`: the short run, or with --long the one whose tables are in docs/ANONYMITY.md, without and with a busy machine.

import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { readCommandLine, UsageError, wholeNumber } from '../../scripts/command-line.ts';
import { renderCircumstances, renderCost, renderSlots, renderTable, renderVerdict, shortcomings } from './findings.ts';
import type { Findings } from './findings.ts';
import { buildTestbed, observe } from './observe.ts';
import { makePlan } from './plan.ts';
import type { PlanOptions } from './plan.ts';
import { longRun, shortRun } from './runs.ts';

const TESTBED_LIMIT_MS = 4 * 3_600_000;
const WINDOWS = '80';
const BUSY_BURNERS = 2;
const SEEDS = 1_000_000;
const WINDOWS_MAX = 10_000;
const BURNERS_MAX = 64;

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

const { values, refuse } = readCommandLine({
  usage: readFileSync(new URL('usage.txt', import.meta.url), 'utf8'),
  options: {
    long: { type: 'boolean' },
    windows: { type: 'string', default: WINDOWS },
    burners: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'string' },
    report: { type: 'string' },
  },
});

function readRuns(): { readonly seed: number; readonly runs: readonly PlanOptions[] } {
  try {
    const seed = wholeNumber('--seed', values.seed ?? String(randomInt(SEEDS)), 0, SEEDS);
    const windows = wholeNumber('--windows', values.windows, 2, WINDOWS_MAX);
    if (windows % 2 !== 0) throw new UsageError('--windows takes an even number');
    const burners =
      values.burners === undefined ? [0, BUSY_BURNERS] : [wholeNumber('--burners', values.burners, 0, BURNERS_MAX)];
    return { seed, runs: isLong ? burners.map((count) => longRun(seed, windows, count)) : [shortRun(seed)] };
  } catch (error) {
    if (error instanceof UsageError) return refuse(error.message);
    throw error;
  }
}

const isLong = values.long === true;
const { seed, runs } = readRuns();
process.stderr.write(`seed ${seed}\n`);
buildTestbed();
const reports: string[] = [];
for (const [index, run] of runs.entries()) {
  const keep = values.keep === undefined ? undefined : `${values.keep}/${index}`;
  if (keep !== undefined) mkdirSync(keep, { recursive: true });
  const findings = await observe(makePlan(run), TESTBED_LIMIT_MS, keep);
  if (keep !== undefined) writeFileSync(`${keep}/findings.json`, JSON.stringify(findings));
  const report = render(findings, isLong);
  process.stdout.write(`${report}\n\n`);
  reports.push(report);
  if (values.report !== undefined) writeFileSync(values.report, `${reports.join('\n\n')}\n`);
  if (isLong && shortcomings(findings).length > 0) process.exitCode = 1;
}
