// A room that grows over the private Tor network, member by member, and how long it takes: a crowd in one container, newcomers who are measured in another.

import { ROOM_COMMIT_BURST, ROOM_COMMIT_INTERVAL_MS } from '@sotto/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import type { CrowdCommand, CrowdLine } from './crowd.ts';
import { VERSION } from './side-container.ts';
import { SideProgram } from './side-program.ts';

type Crowd = SideProgram<CrowdCommand, CrowdLine>;

const LIMIT_MS = 60_000;

/** Milliseconds. */
export interface Arrival {
  /** From the first byte towards Tor to `joined`: in the group, and answered by somebody. */
  readonly join: number;
  /** From the newcomer's new epoch to that of the last member. */
  readonly commit: number;
  /** From `say` to the last member's `message`. */
  readonly firstMessage: number;
}

export class Gathering {
  readonly #crowd: Crowd;
  readonly #newcomers: Crowd;
  readonly #names: string[] = [];
  readonly #where = new Map<string, Crowd>();
  /** What the relay lets the room commit at once, at least; the host has founded it. */
  #commitsLeft = ROOM_COMMIT_BURST - 1;
  #countedAt = performance.now();
  #epoch = 0;

  private constructor(crowd: Crowd, newcomers: Crowd) {
    this.#crowd = crowd;
    this.#newcomers = newcomers;
  }

  static async open(project: string, invite: string): Promise<Gathering> {
    const [crowd, newcomers] = [startCrowd(project), startCrowd(project)];
    for (const each of [crowd, newcomers]) {
      each.write({ cmd: 'invite', invite });
      await each.until(({ event }) => event.type === 'ready', LIMIT_MS);
    }
    return new Gathering(crowd, newcomers);
  }

  get size(): number {
    return this.#names.length;
  }

  /** Lets members join, one after another, until there are so many. */
  async growTo(size: number): Promise<void> {
    while (this.size < size) await this.#join(this.#crowd);
  }

  /** One more joins, whose times are taken, in a room in which nothing else happens. */
  async arrive(): Promise<Arrival> {
    await this.#calm();
    const others = [...this.#names];
    const { name, startedAt, joinedAt, epoch, epochAt } = await this.#join(this.#newcomers);
    const toldAt = await this.#lastOf(others, ({ event }) => event.type === 'epoch' && event.epoch >= epoch);
    await this.#calm();
    const text = `first of ${name}`;
    this.#newcomers.write({ cmd: 'say', name, text });
    const said = await this.#newcomers.until((line) => line.name === name && line.event.type === 'say', LIMIT_MS);
    const heardAt = await this.#lastOf(others, ({ event }) => event.type === 'message' && event.text === text);
    return { join: joinedAt - startedAt, commit: toldAt - epochAt, firstMessage: heardAt - said.at };
  }

  /** What somebody was told that should not have happened. */
  complaints(): string[] {
    const lines = [...this.#crowd.lines, ...this.#newcomers.lines];
    return lines.filter(isComplaint).map(({ name, event }) => `${name}: ${JSON.stringify(event)}`);
  }

  async close(): Promise<void> {
    await Promise.all([this.#crowd.end(), this.#newcomers.end()]);
  }

  async #join(
    crowd: Crowd,
  ): Promise<{ name: string; startedAt: number; joinedAt: number; epoch: number; epochAt: number }> {
    await this.#awaitCommit();
    const name = `member ${this.size}`;
    crowd.write({ cmd: 'join', name });
    const find = (type: string, state?: string): Promise<CrowdLine> =>
      crowd.until(
        ({ name: whose, event }) =>
          whose === name && event.type === type && (event.type !== 'state' || event.state === state),
        LIMIT_MS,
      );
    const [started, joined, entered] = await Promise.all([find('join'), find('state', 'joined'), find('epoch')]);
    if (entered.event.type !== 'epoch') throw new Error('no epoch');
    const { epoch } = entered.event;
    this.#commitsLeft -= this.#epoch === 0 ? 1 : epoch - this.#epoch;
    this.#epoch = epoch;
    this.#names.push(name);
    this.#where.set(name, crowd);
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

  async #calm(): Promise<void> {
    const crowds = [this.#crowd, this.#newcomers];
    await Promise.all(
      crowds.map((crowd) => {
        const since = crowd.lines.length;
        crowd.write({ cmd: 'calm' });
        return crowd.until(({ event }) => event.type === 'calm', LIMIT_MS, since);
      }),
    );
  }

  /** @returns when the last of these members was told something like this for the first time. */
  async #lastOf(names: readonly string[], matches: (line: CrowdLine) => boolean): Promise<number> {
    const lines = names.map((name) =>
      this.#where.get(name)?.until((line) => line.name === name && matches(line), LIMIT_MS),
    );
    return Math.max(...(await Promise.all(lines)).map((line) => line?.at ?? Number.NaN));
  }
}

function startCrowd(project: string): Crowd {
  const network = ['--network', `${project}_socks`, '--dns', '127.0.0.1'];
  const gate = ['-v', `${project}_gate-socket:/run/gate:ro`, '--user', '10007:10007', '--group-add', '10105'];
  return new SideProgram([...network, ...gate], `sotto-client:${VERSION}`, 'test/containers/crowd.ts');
}

function isComplaint({ event }: CrowdLine): boolean {
  if (event.type === 'state') return event.state === 'reconnecting' || event.state === 'closed';
  return ['warning', 'error', 'gap'].includes(event.type);
}
