// `npm run bench -- commit`: the CPU of member, relay and host for a commit, as ratios to an older
// commit of this repository. Both trees run in one alternation, each in processes of its own.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './command-line.ts';
import { checkOut, commitNamed, differentModules, hasChanges } from './bench-commit/old-tree.ts';
import type { Bytes, Cpu, Round, RoundOrder } from './bench-commit/messages.ts';

const ROOT = join(import.meta.dirname, '..');
/** Rounds that are not counted: the engine of Node compiles what runs often. */
const WARM_UP_ROUNDS = 3;
/** Processes are started anew so often: each compiles and collects in its own way. */
const STARTS = 2;
const HASH_SHOWN_CHARS = 10;

export interface CommitBench {
  readonly against: string;
  readonly sizes: readonly number[];
  readonly rounds: number;
}

/** One round of one size, here and there. */
interface Pair {
  readonly here: Round;
  readonly there: Round;
}

/** The processes of both trees. */
interface Drivers {
  readonly here: ChildProcess;
  readonly there: ChildProcess;
}

/** Each operation, what it is divided by, and its name. */
const OPERATIONS: readonly (readonly [of: keyof Cpu, by: keyof Cpu, name: string])[] = [
  ['make', 'make', 'member: make a rotation'],
  ['process', 'process', "member: process another's"],
  ['join', 'join', 'member: join'],
  ['relay', 'relay', 'relay: store it, send it to all'],
  ['follow', 'process', 'host: follow it (1)'],
  ['seal', 'process', 'host: seal the snapshot (1)'],
];

const SIZES: readonly (readonly [of: keyof Bytes, name: string])[] = [
  ['upstream', 'a member writes'],
  ['log', 'the log grows by'],
  ['snapshot', 'the snapshot in its place'],
  ['downstream', 'each connection gets'],
];

/** Judges the name at once. @throws UsageError */
export function readAgainst(name: string): string {
  const commit = commitNamed(ROOT, name);
  if (commit === undefined) throw new UsageError('--against takes a commit that this checkout has');
  return commit;
}

/** The processes, and a folder. However this program ends, both go with it. */
class Trees {
  readonly folder = mkdtempSync(join(tmpdir(), 'sotto-bench-commit-'));
  #processes: ChildProcess[] = [];

  constructor() {
    process.once('exit', () => {
      this.stop();
      rmSync(this.folder, { recursive: true, force: true });
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => process.exit(128 + constants.signals[signal]));
    }
  }

  stop(): void {
    for (const child of this.#processes) child.removeAllListeners('exit').kill('SIGKILL');
    this.#processes = [];
  }

  async start(folder: string, sizes: readonly number[], isHereFirst: boolean): Promise<Drivers> {
    if (isHereFirst) {
      const here = await this.#start(ROOT, sizes);
      return { here, there: await this.#start(folder, sizes) };
    }
    const there = await this.#start(folder, sizes);
    return { here: await this.#start(ROOT, sizes), there };
  }

  async #start(root: string, sizes: readonly number[]): Promise<ChildProcess> {
    const args = ['--drive', this.folder, sizes.join(',')];
    const child = fork(join(root, 'scripts/bench-commit/driver.ts'), args, { execArgv: ['--expose-gc'] });
    this.#processes.push(child);
    child.once('exit', () => process.exit(1));
    await once(child, 'message');
    return child;
  }
}

/** Adds `rounds` pairs to each size. */
async function measureRounds(drivers: Drivers, rounds: number, pairs: ReadonlyMap<number, Pair[]>): Promise<void> {
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    for (const [members, measured] of pairs) {
      const pair = await measurePair(drivers, { members }, round % 2 === 0);
      if (round >= 0) measured.push(pair);
    }
  }
}

async function measure(driver: ChildProcess, order: RoundOrder): Promise<Round> {
  driver.send(order);
  const [round] = (await once(driver, 'message')) as [Round];
  return round;
}

/** Which tree goes first changes with each round. */
async function measurePair({ here, there }: Drivers, order: RoundOrder, isHereFirst: boolean): Promise<Pair> {
  if (isHereFirst) {
    const first = await measure(here, order);
    return { here: first, there: await measure(there, order) };
  }
  const first = await measure(there, order);
  return { here: await measure(here, order), there: first };
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const load = (): string =>
  loadavg()
    .map((average) => average.toFixed(2))
    .join(' ');

function table(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const cell = (text: string, column: number): string =>
    column === 1 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  for (const row of rows) say(row.map(cell).join('  ').trimEnd());
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** The ratio of the medians, and the least and the greatest ratio of one round. */
function ratiosOf(rounds: readonly Pair[], [of, by]: readonly [keyof Cpu, keyof Cpu]): readonly string[] {
  const pairs = rounds.map(({ here, there }) => [here.cpu[of], there.cpu[by]] as const);
  const middle = medianOf(pairs.map(([one]) => one)) / medianOf(pairs.map(([, other]) => other));
  const ratios = pairs.map(([one, other]) => one / other);
  return [middle, Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2));
}

function report(pairs: ReadonlyMap<number, readonly Pair[]>): void {
  const cpu = [['members', 'CPU', 'ratio', 'least', 'most']];
  const bytes = [['members', 'bytes', 'here', 'there', 'ratio']];
  for (const [members, rounds] of pairs) {
    for (const [of, by, name] of OPERATIONS) {
      cpu.push([String(members), name, ...ratiosOf(rounds, [of, by])]);
    }
    const last = rounds.at(-1);
    for (const [of, name] of SIZES) {
      const [here, there] = [last?.here.bytes[of] ?? 0, last?.there.bytes[of] ?? 0];
      bytes.push([String(members), name, String(here), String(there), (here / there).toFixed(2)]);
    }
  }
  table(cpu);
  say("(1) as a ratio to a member's processing there: the host there does nothing for a commit\n");
  table(bytes);
}

/** Measures this checkout as it is, changes included, against `against`. */
export async function benchCommit({ against, sizes, rounds }: CommitBench): Promise<void> {
  const trees = new Trees();
  const folder = join(trees.folder, 'there');
  mkdirSync(folder);
  checkOut(ROOT, against, folder);
  const different = differentModules(ROOT, folder);
  const hash = commitNamed(ROOT, 'HEAD')?.slice(0, HASH_SHOWN_CHARS);
  say(`here: ${hash}${hasChanges(ROOT) ? ' and changes' : ''}; there: ${against.slice(0, HASH_SHOWN_CHARS)}`);
  say(`Node ${process.version}, ${cpus().length} cores, load ${load()}`);
  say(
    different.length === 0
      ? 'modules: both lock files have the same versions of all that is needed there'
      : `modules: those of this checkout; otherwise in the other lock file:\n  ${different.join('\n  ')}`,
  );
  const pairs = new Map<number, Pair[]>(sizes.map((members) => [members, []]));
  for (let start = 0; start < STARTS; start += 1) {
    const part = Math.floor((rounds + start) / STARTS);
    await measureRounds(await trees.start(folder, sizes, start % 2 === 0), part, pairs);
    trees.stop();
  }
  say(
    `here to there, medians of ${rounds} rounds, and the ratios of single rounds; CPU of all threads, x-wing, cover off, store in memory\n`,
  );
  report(pairs);
  say(`\nload at the end ${load()}`);
  say(`again: npm run bench -- commit --against ${against} --members ${sizes.join(',')} --rounds ${rounds}`);
  process.exit();
}
