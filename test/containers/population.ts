// A room that grows over the private Tor network, member by member, and how long each join takes. Two containers hold
// the population; each measured member has a container of its own.

import { ROOM_COMMIT_BURST, ROOM_COMMIT_INTERVAL_MS } from '@sotto/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import type { PopulationCommand, PopulationLine } from './population-program.ts';
import { VERSION } from './side-container.ts';
import { SideProgram } from './side-program.ts';

type Program = SideProgram<PopulationCommand, PopulationLine>;

const LIMIT_MS = 120_000;
const PROGRAMS = 2;

/** Times in milliseconds. */
export interface Arrival {
  readonly name: string;
  /** From the first byte towards Tor to `joined`: in the group, and answered by somebody. */
  readonly join: number;
  /** From the newcomer's new epoch to that of whoever has it last. */
  readonly commit: number;
}

export class Population {
  readonly #project: string;
  readonly #invite: string;
  /** The two for everybody, then those of whoever was measured. */
  readonly #programs: Program[] = [];
  readonly #members = new Map<string, Program>();
  /** What the relay lets the room commit at once, at least; the host has founded it. */
  #commitsLeft = ROOM_COMMIT_BURST - 1;
  #countedAt = performance.now();
  #epoch = 0;

  private constructor(project: string, invite: string) {
    this.#project = project;
    this.#invite = invite;
  }

  static async open(project: string, invite: string): Promise<Population> {
    const room = new Population(project, invite);
    await Promise.all([room.#open(), room.#open()]);
    return room;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Lets members join, one after another, until there are so many. */
  async growTo(size: number): Promise<void> {
    while (this.size < size) await this.#join(this.#programs[this.size % PROGRAMS] ?? (await this.#open()));
  }

  /** One more joins a room in which nothing else happens. */
  async joinMeasured(): Promise<Arrival> {
    const others = [...this.#members.keys()];
    const own = await this.#open();
    await this.#awaitIdle();
    const { name, startedAt, joinedAt, epoch, epochAt } = await this.#join(own);
    const lastAt = await this.#lastOf([...others, name], ({ event }) => event.type === 'epoch' && event.epoch >= epoch);
    return { name, join: joinedAt - startedAt, commit: lastAt - epochAt };
  }

  /** @returns milliseconds from `send` to the last member's `message`. */
  async send(name: string): Promise<number> {
    await this.#awaitIdle();
    const others = [...this.#members.keys()].filter((other) => other !== name);
    const text = `first of ${name}`;
    const own = this.#of(name);
    own.write({ cmd: 'send', name, text });
    const said = await own.until((line) => line.name === name && line.event.type === 'send', LIMIT_MS);
    return (await this.#lastOf(others, ({ event }) => event.type === 'message' && event.text === text)) - said.at;
  }

  /** What somebody was told that should not have happened. */
  complaints(): string[] {
    const lines = this.#programs.flatMap((program) => program.lines);
    return lines.filter(isComplaint).map(({ name, event }) => `${name}: ${JSON.stringify(event)}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.end()));
  }

  async #open(): Promise<Program> {
    const program = startProgram(this.#project);
    this.#programs.push(program);
    program.write({ cmd: 'invite', invite: this.#invite });
    await program.until(({ event }) => event.type === 'ready', LIMIT_MS);
    return program;
  }

  #of(name: string): Program {
    const program = this.#members.get(name);
    if (program === undefined) throw new Error(`${name} is not here`);
    return program;
  }

  async #join(
    program: Program,
  ): Promise<{ name: string; startedAt: number; joinedAt: number; epoch: number; epochAt: number }> {
    await this.#awaitCommit();
    const name = `member ${this.size}`;
    program.write({ cmd: 'join', name });
    const find = (type: string, state?: string): Promise<PopulationLine> =>
      program.until(
        ({ name: whose, event }) =>
          whose === name && event.type === type && (event.type !== 'state' || event.state === state),
        LIMIT_MS,
      );
    const [started, joined, entered] = await Promise.all([find('join'), find('state', 'joined'), find('epoch')]);
    if (entered.event.type !== 'epoch') throw new Error('no epoch');
    const { epoch } = entered.event;
    this.#commitsLeft -= this.#epoch === 0 ? 1 : epoch - this.#epoch;
    this.#epoch = epoch;
    this.#members.set(name, program);
    return { name, startedAt: started.at, joinedAt: joined.at, epoch, epochAt: entered.at };
  }

  /** The relay would make whoever commits wait, which is no part of any figure. */
  async #awaitCommit(): Promise<void> {
    const now = performance.now();
    const earned = (now - this.#countedAt) / ROOM_COMMIT_INTERVAL_MS;
    this.#commitsLeft = Math.min(ROOM_COMMIT_BURST, this.#commitsLeft + earned);
    this.#countedAt = now;
    if (this.#commitsLeft < 1) await delay((1 - this.#commitsLeft) * ROOM_COMMIT_INTERVAL_MS);
  }

  async #awaitIdle(): Promise<void> {
    await Promise.all(
      this.#programs.map((program) => {
        const since = program.lines.length;
        program.write({ cmd: 'await-idle' });
        return program.until(({ event }) => event.type === 'idle', LIMIT_MS, since);
      }),
    );
  }

  /** @returns when the last of these members was told something like this for the first time. */
  async #lastOf(names: readonly string[], matches: (line: PopulationLine) => boolean): Promise<number> {
    const lines = names.map((name) => this.#of(name).until((line) => line.name === name && matches(line), LIMIT_MS));
    return Math.max(...(await Promise.all(lines)).map(({ at }) => at));
  }
}

function startProgram(project: string): Program {
  const network = ['--network', `${project}_socks`, '--dns', '127.0.0.1'];
  const gate = ['-v', `${project}_gate-socket:/run/gate:ro`, '--user', '10007:10007', '--group-add', '10105'];
  return new SideProgram([...network, ...gate], `sotto-client:${VERSION}`, 'test/containers/population-program.ts');
}

function isComplaint({ event }: PopulationLine): boolean {
  if (event.type === 'state') return event.state === 'reconnecting' || event.state === 'closed';
  return ['warning', 'error', 'gap'].includes(event.type);
}
