// `npm run test:real`: the tests that wait for most of their time run beside all others, because
// they compute next to nothing.
import { spawn } from 'node:child_process';
import { readCommandLine } from './command-line.ts';

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
}

/** `pipe` keeps the output until the end. */
function run(project: string, options: readonly string[], stdio: 'inherit' | 'pipe'): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const words = ['--no-install', 'vitest', 'run', '--project', project, ...options];
    const child = spawn('npx', words, { stdio: ['ignore', stdio, stdio] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ passed: code === 0, output }));
  });
}

const { operands: files } = readCommandLine({
  usage: `Usage: npm run test:real [-- FILE...]

Runs the tests that use Tor, Redis, sockets and terminals, against the real ones: all of them, or
those in files whose paths contain a FILE. Those of the project "waiting" run beside the others.
Exit code 0 only if all tests pass.`,
  options: {},
  operandsMax: Number.POSITIVE_INFINITY,
});
const [others, waiting] = await Promise.all([
  run('real', files, 'inherit'),
  // A FILE need not be among them.
  run('waiting', files.length === 0 ? [] : ['--passWithNoTests', ...files], 'pipe'),
]);
process.stdout.write(waiting.output);
process.exitCode = others.passed && waiting.passed ? 0 : 1;
