// `npm run hardening`: what docker-compose.yml and its overlays promise, rule by rule, without an engine. --json for data, --rules for the list.

import { readFileSync } from 'node:fs';
import { readCommandLine } from './command-line.ts';
import { parseSettings } from './hardening/compose-variables.ts';
import { lintRepository, RULES } from './hardening/lint.ts';
import { STACKS } from './hardening/promises.ts';

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const { values } = readCommandLine({
  usage: `Usage: npm run hardening -- [--rules] [--json]

Says what docker-compose.yml and its overlays promise, and what they do not keep.
  --rules   the list of rules
  --json    the findings as one JSON list`,
  options: { rules: { type: 'boolean' }, json: { type: 'boolean' } },
});

if (values.rules === true) {
  for (const { code, cis, promise } of RULES) process.stdout.write(`${code.padEnd(27)} ${cis.padEnd(15)} ${promise}\n`);
} else {
  const findings = lintRepository(parseSettings(readFileSync('.env', 'utf8')), readText);
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(findings)}\n`);
  } else {
    for (const { stack, subject, code, evidence, next } of findings)
      process.stdout.write(`${subject} (${stack}): ${code}: ${evidence}\n    next: ${next}\n`);
    const stacks = STACKS.map((plan) => plan.name).join(', ');
    process.stdout.write(`${RULES.length} rules, ${findings.length} findings; stacks: ${stacks}\n`);
  }
  process.exitCode = findings.length === 0 ? 0 : 1;
}
