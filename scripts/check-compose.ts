// `npm run hardening`: what docker-compose.yml and its overlays promise, rule by rule, without an engine. --json for data, --rules for the list.

import { readFileSync } from 'node:fs';
import { readCommandLine } from './command-line.ts';
import { parseSettings } from '../tools/compose-lint/compose-variables.ts';
import { lintOverride, lintRepository, RULES } from '../tools/compose-lint/lint.ts';
import { STACKS } from '../tools/compose-lint/requirements.ts';
import type { Finding } from '../tools/compose-lint/rule.ts';

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function printFinding({ stack, subject, code, evidence, next }: Finding): void {
  process.stdout.write(`${subject} (${stack}): ${code}: ${evidence}\n    next: ${next}\n`);
}

const { values } = readCommandLine({
  usage: `Usage: npm run hardening -- [--rules] [--json]

Says what docker-compose.yml and its overlays promise, and what they do not keep.
  --rules   the list of rules
  --json    the findings as one JSON list

An override file of your own is read, too: what it takes away is told, and is not a failure.`,
  options: { rules: { type: 'boolean' }, json: { type: 'boolean' } },
});

if (values.rules === true) {
  for (const { code, cis, promise } of RULES) process.stdout.write(`${code.padEnd(27)} ${cis.padEnd(15)} ${promise}\n`);
} else {
  const settings = parseSettings(readFileSync('.env', 'utf8'));
  const findings = lintRepository(settings, readText);
  const override = lintOverride(settings, readText);
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(findings)}\n`);
  } else {
    for (const finding of [...findings, ...(override?.findings ?? [])]) printFinding(finding);
    const stacks = STACKS.map((plan) => plan.name).join(', ');
    process.stdout.write(`${RULES.length} rules, ${findings.length} findings; stacks: ${stacks}\n`);
    // Yours alone, and no part of the repository: told, and not a failure.
    if (override !== undefined)
      process.stdout.write(
        `${override.file} (yours): ${override.findings.length} promises that your stack does not keep\n`,
      );
  }
  process.exitCode = findings.length === 0 ? 0 : 1;
}
