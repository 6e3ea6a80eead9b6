// The edge of usage: answers on the streams of this process, and ends it unless the program is to begin.

import process from 'node:process';
import { answerUsage, EXIT_USAGE, findMistypedVariable } from './usage.ts';
import type { UsageOfProgram } from './usage.ts';

/** Ends the process after an answer to `--help`, `--version`, or anything else in its command line: this program takes no arguments. */
export function requireNoArguments(program: UsageOfProgram): void {
  const answer = answerUsage(program, process.argv.slice(2));
  if (answer.next === 'begin') return;
  process.stdout.write(answer.out);
  process.stderr.write(answer.err);
  process.exit(answer.exitCode);
}

/** Ends the process if a variable is nearly one of `known`: what it was meant to say would be passed over. SOTTO_UNPROTECTED is known to all. */
export function requireKnownVariables({ name }: Pick<UsageOfProgram, 'name'>, known: readonly string[]): void {
  const problem = findMistypedVariable(process.env, [...known, 'SOTTO_UNPROTECTED']);
  if (problem !== undefined) refuseVariable(name, problem);
}

/** Ends the process with the one line that says which variable is wrong, and what to do. */
export function refuseVariable(name: string, problem: string, code?: string): never {
  process.stderr.write(`${name}: ${problem}${code === undefined ? '' : ` (${code})`}\n`);
  process.exit(EXIT_USAGE);
}
