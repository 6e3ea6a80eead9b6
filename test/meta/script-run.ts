// Runs our scripts as somebody would who has nothing else: an environment of their own, and
// programs that only leave a line.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** These read and print; every other program of a script's is recorded. */
const HARMLESS = [
  'awk',
  'bash',
  'cat',
  'cut',
  'dirname',
  'env',
  'grep',
  'head',
  'printenv',
  'sed',
  'sort',
  'tr',
  'uname',
];
const RECORDED = [
  ...['docker', 'dockerd', 'apt-get', 'apt-cache', 'dpkg', 'npm', 'npx', 'node', 'git', 'curl', 'wget', 'systemctl'],
  ...[
    'mmdebstrap',
    'install',
    'setsid',
    'ip',
    'iptables',
    'tar',
    'mkdir',
    'mktemp',
    'rm',
    'mv',
    'cp',
    'touch',
    'tee',
    'kill',
  ],
];
/** The files of a script, besides the sources of the programs. */
const OF_SCRIPTS = ['scripts', '.ci', '.env', 'package.json', 'test/adversary/usage.txt'];
/** For arguments that are judged at once. */
const LIMIT_MS = 50_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The recorded programs, with their arguments. */
  readonly calls: readonly string[];
}

/** Programs in a folder of their own, which is the whole PATH. */
export class Bench {
  readonly #folder: string;
  readonly #programs: string;
  readonly #log: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#programs = join(folder, 'programs');
    this.#log = join(folder, 'calls');
    mkdirSync(this.#programs, { recursive: true });
    for (const name of HARMLESS) symlinkSync(whereIs(name), join(this.#programs, name));
    for (const name of RECORDED) this.standIn(name, 'exit 1');
    this.standIn('id', 'if [ "$1" = -u ]; then echo 1000; else echo nobody-of-here; fi', false);
  }

  /** A program that leaves a line and then does `body` of bash. */
  standIn(name: string, body: string, isRecorded = true): void {
    const file = join(this.#programs, name);
    const record = isRecorded ? `printf '%s\\n' "\${0##*/} $*" >>'${this.#log}'\n` : '';
    writeFileSync(file, `#!${whereIs('bash')}\n${record}${body}\n`);
    chmodSync(file, 0o755);
  }

  /** The real program. */
  real(...names: readonly string[]): void {
    for (const name of names) this.standIn(name, `exec '${whereIs(name)}' "$@"`);
  }

  run(command: readonly string[], environment: Readonly<Record<string, string>> = {}, cwd = '.'): Ran {
    writeFileSync(this.#log, '');
    const [program = '', ...args] = command;
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd,
      env: { PATH: this.#programs, ...environment },
      encoding: 'utf8',
      // With a socket for its input, bash takes itself for a remote login.
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    });
    const calls = readFileSync(this.#log, 'utf8').split('\n').filter(Boolean);
    return { code: status, stdout, stderr, calls };
  }

  /** A copy of the scripts in a folder of that name. @returns the folder */
  copyScripts(name: string): string {
    const copy = join(this.#folder, name);
    for (const path of OF_SCRIPTS) {
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      cpSync(path, join(copy, path), { recursive: true });
    }
    return copy;
  }
}

/** Everything under scripts/ and .ci/ that is started, and not sourced or imported. */
export function startedScripts(): readonly string[] {
  return ['scripts', '.ci'].flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && readFileSync(join(folder, entry.name), 'utf8').startsWith('#!'))
      .map((entry) => `${folder}/${entry.name}`),
  );
}

function whereIs(name: string): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(existsSync);
  if (found === undefined) throw new Error(`${name} is not on this machine`);
  return found;
}
