// Repeats failed tests, and the number of skipped ones, at the end of `./scripts/test`: the end of
// a long log is what people read.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { readCommandLine } from './command-line.ts';

/** Repeated lines of a failure's message; the log has all of them. */
const MESSAGE_LINES = 14;

interface Assertion {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages?: readonly string[];
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly Assertion[];
  }[];
}

function head(message: string): string {
  const lines = message.split('\n').slice(0, MESSAGE_LINES);
  return lines.map((line) => `     ${line}`).join('\n');
}

function failuresOf({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, status, message = '', assertionResults }) => {
    const file = path.relative(process.cwd(), name);
    const failed = assertionResults.filter((assertion) => assertion.status === 'failed');
    if (failed.length === 0) return status === 'failed' ? [`${file}: the file itself\n${head(message)}`] : [];
    return failed.map(
      ({ fullName, failureMessages = [] }) => `${file}: ${fullName}\n${head(failureMessages.join('\n'))}`,
    );
  });
}

const { operands, refuse } = readCommandLine({
  usage: 'Usage: node scripts/failures.ts DIRECTORY',
  operandsMax: 1,
  options: {},
});
const directory = operands[0] ?? refuse('a DIRECTORY is needed');
const files = (await readdir(directory)).filter((name) => name.endsWith('.json'));
const reports = await Promise.all(
  files.map(async (name) => JSON.parse(await readFile(path.join(directory, name), 'utf8')) as Report),
);
const failures = reports.flatMap(failuresOf);
const statuses = reports.flatMap(({ testResults }) =>
  testResults.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status)),
);
const count = (...wanted: readonly string[]): number => statuses.filter((status) => wanted.includes(status)).length;
process.stdout.write(
  `${count('passed')} tests passed, ${failures.length} failed, ${count('pending', 'skipped', 'todo', 'disabled')} were skipped\n`,
);
for (const failure of failures) process.stdout.write(`FAILED ${failure}\n`);
