// The edge of usage.ts: prints its answers on this process's streams, and ends it unless the
// program starts.

import process from 'node:process';
import { answerUsage, EXIT_USAGE, findMistypedVariable } from './usage.ts';
import type { UsageOfProgram } from './usage.ts';

/**
 * Answers `--help`, `--version` or a refusal, and ends the process, if the command line has any
 * argument: this program takes none.
 */
export function requireNoArguments(program: UsageOfProgram): void {
  const answer = answerUsage(program, process.argv.slice(2));
  if (answer.next === 'begin') return;
  process.stdout.write(answer.out);
  process.stderr.write(answer.err);
  process.exit(answer.exitCode);
}

/**
 * Ends the process if the name of a variable is nearly one of `known`: its value would be ignored.
 * Every program knows SOTTO_UNPROTECTED.
 */
export function requireKnownVariables({ name }: Pick<UsageOfProgram, 'name'>, known: readonly string[]): void {
  const problem = findMistypedVariable(process.env, [...known, 'SOTTO_UNPROTECTED']);
  if (problem !== undefined) refuseVariable(name, problem);
}

/** Ends the process with one line: the wrong variable, and the next step. */
export function refuseVariable(name: string, problem: string, code?: string): never {
  process.stderr.write(`${name}: ${problem}${code === undefined ? '' : ` (${code})`}\n`);
  process.exit(EXIT_USAGE);
}
