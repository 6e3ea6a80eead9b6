// `npm run check`: runs every check that needs no Docker, and prints its time. All stages run, so
// that one run shows all faults.
import { spawn } from 'node:child_process';
import { readCommandLine } from './command-line.ts';

type Stage = readonly [name: string, script: string];

/** Two cores: the stages of one list run one after another, both lists at once. */
const LISTS: readonly (readonly Stage[])[] = [
  [
    ['format', 'format:check'],
    ['types', 'types'],
    ['lint', 'lint'],
    ['boundaries', 'boundaries'],
    ['unused', 'unused'],
    ['shell', 'shell'],
    ['hardening', 'hardening'],
    ['dependencies', 'dependencies'],
  ],
  [['tests', 'test']],
];
/** The output of these is worth reading if they pass, too. */
const SHOWN: readonly string[] = ['shell', 'hardening', 'dependencies', 'test'];

interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
}

function run(name: string, script: string): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('close', (code) => {
      const seconds = (performance.now() - started) / 1000;
      const passed = code === 0;
      process.stdout.write(`\n== ${name}: ${passed ? 'passed' : 'FAILED'} in ${seconds.toFixed(1)} s\n`);
      if (!passed || SHOWN.includes(script)) process.stdout.write(output);
      resolve({ name, passed, seconds });
    });
  });
}

async function runList(stages: readonly Stage[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, script] of stages) outcomes.push(await run(name, script));
  return outcomes;
}

readCommandLine({
  usage: `Usage: npm run check

Runs every check that needs no Docker: ${LISTS.flat()
    .map(([name]) => name)
    .join(', ')}.
Exit code 0 only if all checks pass.`,
  options: {},
});
const outcomes = (await Promise.all(LISTS.map(runList))).flat();
const failed = outcomes.filter((outcome) => !outcome.passed).map((outcome) => outcome.name);
const minutes = outcomes.reduce((sum, outcome) => sum + outcome.seconds, 0) / 60;
process.stdout.write(
  `\ncheck: ${failed.length === 0 ? 'all passed' : `failed: ${failed.join(', ')}`} (${minutes.toFixed(1)} CPU-shared min)\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
