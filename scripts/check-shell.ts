// `npm run shell`: checks every shell file with ShellCheck and shfmt, every Dockerfile with a
// linter. A missing tool is a failure.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { validate } from 'dockerfile-utils';
import { readCommandLine } from './command-line.ts';
import { filesUnder, isDockerfile, isShell } from './repository-files.ts';

const SHELL_TOOLS: readonly (readonly [name: string, program: string, args: readonly string[], mend: string])[] = [
  ['ShellCheck', 'shellcheck', [], 'ShellCheck’s wiki explains each code'],
  ['shfmt', 'shfmt', ['-d', '-i', '2', '-ci'], 'shfmt -w -i 2 -ci FILE corrects it'],
];
const GET_THEM = `apt-get install shellcheck shfmt (Debian, Ubuntu), brew install shellcheck shfmt (macOS);
      ./scripts/test installs them on Debian and Ubuntu`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns whether all tools are there and find nothing. */
function checkShell(files: readonly string[]): boolean {
  const passed = SHELL_TOOLS.map(([name, program, args, mend]) => {
    const { error, status } = spawnSync(program, [...args, ...files], { stdio: ['ignore', 'inherit', 'inherit'] });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
      say(`${name} is missing: it has checked nothing.\nnext: ${GET_THEM}`);
      return false;
    }
    if (error !== undefined) throw error;
    say(status === 0 ? `${name}: ${files.length} files, nothing found` : `next: ${mend}`);
    return status === 0;
  });
  return !passed.includes(false);
}

function checkDockerfiles(files: readonly string[]): boolean {
  const findings = files.flatMap((file) =>
    validate(readFileSync(file, 'utf8')).map(({ range, message }) => {
      const text = typeof message === 'string' ? message : message.value;
      return `${file}:${range.start.line + 1}: ${text}`;
    }),
  );
  for (const finding of findings) say(finding);
  say(`Dockerfiles: ${files.length}, ${findings.length} findings`);
  return findings.length === 0;
}

const { operands } = readCommandLine({
  usage: `Usage: npm run shell -- [FOLDER]

Checks every shell file and every Dockerfile under FOLDER (this repository if none is given).`,
  operandsMax: 1,
  options: {},
});
const files = filesUnder(operands[0] ?? '.');
const shell = files.filter(isShell);
const passed = [shell.length === 0 || checkShell(shell), checkDockerfiles(files.filter(isDockerfile))];
process.exitCode = passed.includes(false) ? 1 : 0;
