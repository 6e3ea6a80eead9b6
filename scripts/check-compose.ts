// `npm run hardening`: checks docker-compose.yml and its overlays rule by rule, without an engine.
// --json prints data, --rules the list of rules.

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

Checks docker-compose.yml and its overlays against the requirements.
  --rules   list the rules
  --json    print the findings as one JSON list

An override file of your own is checked, too: its findings are shown, and are no failure.`,
  options: { rules: { type: 'boolean' }, json: { type: 'boolean' } },
});

if (values.rules === true) {
  for (const { code, cis, requirement } of RULES)
    process.stdout.write(`${code.padEnd(27)} ${cis.padEnd(15)} ${requirement}\n`);
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
    // The user's own file is no part of the repository: its findings are no failure.
    if (override !== undefined)
      process.stdout.write(
        `${override.file} (yours): ${override.findings.length} requirements that your stack does not meet\n`,
      );
  }
  process.exitCode = findings.length === 0 ? 0 : 1;
}
