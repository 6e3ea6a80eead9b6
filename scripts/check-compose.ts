// `npm run hardening`: what docker-compose.yml and its overlays promise, rule by rule, without an engine. --json for data, --rules for the list.

import { readFileSync } from 'node:fs';
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

if (process.argv.includes('--rules')) {
  for (const { code, cis, promise } of RULES) process.stdout.write(`${code.padEnd(27)} ${cis.padEnd(15)} ${promise}\n`);
} else {
  const findings = lintRepository(parseSettings(readFileSync('.env', 'utf8')), readText);
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify(findings)}\n`);
  } else {
    for (const { stack, subject, code, evidence, next } of findings)
      process.stdout.write(`${subject} (${stack}): ${code}: ${evidence}\n    next: ${next}\n`);
    const stacks = STACKS.map((plan) => plan.name).join(', ');
    process.stdout.write(`${RULES.length} rules, ${findings.length} findings; stacks: ${stacks}\n`);
  }
  process.exitCode = findings.length === 0 ? 0 : 1;
}
