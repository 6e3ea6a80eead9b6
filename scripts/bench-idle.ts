// `npm run bench -- idle`: what a hosted room costs the machine while nobody is in it, the engine's
// own work included.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { COMPOSE_FILES, removeProject, runCompose } from './compose.ts';

/** `getconf CLK_TCK` on every Linux that runs Docker. */
const TICKS_A_SECOND = 100;
const SHARES_SHOWN = 6;
const STRING_LIMIT_MS = 300_000;
const ASK_EVERY_MS = 500;
/** After the string, Tor still fetches and publishes for a while. */
const SETTLE_MS = 60_000;
/**
 * The engine's processes: each starts the health checks of its containers and waits for their end.
 */
const ENGINE = /^(dockerd|containerd|containerd-shim)/;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** Its own and that of its children that have ended, in clock ticks. */
  readonly ticks: number;
}

/**
 * `/proc/PID/stat` (proc(5)): fields 14 to 17 are user and system time, own and of children that
 * were waited for.
 */
function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return { pid, parent: Number(fields[1]), name, ticks };
  } catch {
    // It ended between the listing and the reading: its parent has its time.
    return undefined;
  }
}

function readProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((entry) => /^[0-9]+$/.test(entry))
    .flatMap((entry) => readProcess(Number(entry)) ?? []);
}

/**
 * The engine and everything below it. A process that has ended is in its parent's ticks, so nothing
 * counts twice.
 */
function engineProcesses(): Map<number, Process> {
  const all = readProcesses();
  const found = new Map(all.filter(({ name }) => ENGINE.test(name)).map((process) => [process.pid, process]));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const process of all) if (found.has(process.parent)) found.set(process.pid, process);
  }
  return found;
}

interface Share {
  readonly name: string;
  readonly ticks: number;
}

/** Ticks between two looks, for each name of a process that lived through both. */
function sharesOf(before: ReadonlyMap<number, Process>, after: ReadonlyMap<number, Process>): Share[] {
  const shares = new Map<string, number>();
  for (const [pid, { name, ticks }] of after) {
    const earlier = before.get(pid);
    if (earlier !== undefined) shares.set(name, (shares.get(name) ?? 0) + ticks - earlier.ticks);
  }
  return [...shares].map(([name, ticks]) => ({ name, ticks })).sort((a, b) => b.ticks - a.ticks);
}

async function awaitString(project: string): Promise<void> {
  const untilMs = performance.now() + STRING_LIMIT_MS;
  while (runCompose(project, ['exec', '-T', 'host', 'invite']).code !== 0) {
    if (performance.now() > untilMs) throw new Error('no connection string in time');
    await delay(ASK_EVERY_MS);
  }
}

/**
 * Prints the share of one core with the private Tor network alone (the control), then with a room
 * beside it; the room's own share is the difference. Health is asked as often as in the shipped
 * file.
 */
export async function benchIdle(seconds: number): Promise<void> {
  const project = `sotto-idle-${randomBytes(4).toString('hex')}`;
  const directory = mkdtempSync(join(tmpdir(), 'sotto-idle-'));
  const overlay = join(directory, 'as-shipped.yml');
  writeFileSync(overlay, JSON.stringify({ services: shippedIntervals() }));
  const files = [...COMPOSE_FILES, overlay];
  try {
    start(project, ['tornet'], files);
    await delay(SETTLE_MS);
    const alone = await measure('the private Tor network alone', seconds);
    const startedMs = performance.now();
    start(project, [], files);
    print(`docker compose up returns after ${secondsFrom(startedMs)} s`);
    await awaitString(project);
    print(`connection string after ${secondsFrom(startedMs)} s`);
    await delay(SETTLE_MS);
    const beside = await measure('with one empty room', seconds);
    print(`the room: ${(beside - alone).toFixed(2)} % of a core`);
  } finally {
    removeProject(project);
    rmSync(directory, { recursive: true });
  }
}

/** What the private network's overlay has made shorter, as it was. */
function shippedIntervals(): Record<string, { readonly healthcheck: { readonly interval: string } }> {
  const shipped = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
    readonly services: Readonly<Record<string, { readonly healthcheck?: { readonly interval?: string } }>>;
  };
  const asked = Object.entries(shipped.services).flatMap(([service, { healthcheck }]) =>
    healthcheck?.interval === undefined
      ? []
      : [[service, { healthcheck: { interval: healthcheck.interval } }] as const],
  );
  return Object.fromEntries(asked);
}

function start(project: string, services: readonly string[], files: readonly string[]): void {
  const up = runCompose(project, ['up', '--detach', '--no-build', ...services], files);
  if (up.code !== 0) throw new Error(up.stderr);
}

/** @returns the percentage of one core. */
async function measure(what: string, seconds: number): Promise<number> {
  const before = engineProcesses();
  await delay(seconds * 1_000);
  const shares = sharesOf(before, engineProcesses());
  const percent = (ticks: number): number => (100 * ticks) / (TICKS_A_SECOND * seconds);
  const sum = percent(shares.reduce((total, { ticks }) => total + ticks, 0));
  const parts = shares.slice(0, SHARES_SHOWN).map(({ name, ticks }) => `${name} ${percent(ticks).toFixed(2)}`);
  print(`${what}: ${sum.toFixed(2)} % of a core in ${seconds} s (${parts.join(', ')})`);
  return sum;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const secondsFrom = (startedMs: number): string => ((performance.now() - startedMs) / 1_000).toFixed(1);
