// `npm run bench -- crypto`: what group keys cost, native and pure JavaScript side by side in one
// run. `--members 2,10,32` makes it shorter. `npm run bench -- relay`: what the slots of stealth
// rooms cost the relay; `--seconds 20`. `npm run bench -- idle`: what a hosted room costs the
// machine while nobody is in it; `--seconds 120`. `npm run bench -- commit`: what a commit costs
// member, relay and host, as ratios to an older commit of this repository; `--against d97a35e`.

import { cpus, loadavg } from 'node:os';
import { createGroupIdentity, deriveGroupKeys, GroupEngine } from '@sotto/crypto/mls';
import type { CommitAndBundle, Group, GroupCrypto, GroupSuite, PendingCommit } from '@sotto/crypto/mls';
import { nativeCrypto } from '@sotto/crypto/native';
import { pureCrypto } from '@sotto/crypto/pure';
import { benchCommit, readAgainst } from './bench-commit.ts';
import { benchIdle } from './bench-idle.ts';
import { benchRelay } from './bench-relay.ts';
import { readCommandLine, UsageError, wholeNumber } from './command-line.ts';

const USAGE = `Usage: npm run bench -- crypto [--members 2,10,32] [--suite x-wing|x25519]
       npm run bench -- relay [--seconds 20]
       npm run bench -- idle [--seconds 120]
       npm run bench -- commit [--against d97a35e] [--members 8,32] [--rounds 15]

crypto: what group keys cost, native and pure JavaScript side by side in one run. relay: what the slots of stealth rooms cost.
idle: what an empty room costs the machine, on a private Tor network, as a share of a core.
commit: what a commit costs member, relay and host, as ratios to another commit of this repository.
  --members   sizes of the room, growing
  --suite     the MLS cipher suite
  --seconds   how long each is measured
  --against   the commit that is compared with; HEAD itself shows how much the machine adds
  --rounds    how often each is measured
  --help      this text`;
const MEMBERS_MAX = 1_024;
const SECONDS_MAX = 3_600;
/** Below the limit of a room: one more member joins in each round. */
const COMMIT_MEMBERS_MAX = 63;
const ROUNDS_MAX = 1_000;
const MEMBERS = [2, 10, 32, 64, 128];
/** Above this the pure primitives would take minutes. */
const PURE_MEMBERS_MAX = 64;
const ROUNDS = 7;
const MESSAGES = 40;
const MESSAGE_BYTES = 300;
const JOINS_MEASURED = 3;

const OPERATIONS = [
  'create',
  'join',
  'process join',
  'commit',
  'process commit',
  'message seal',
  'message open',
] as const;
type Operation = (typeof OPERATIONS)[number];

/** Milliseconds of CPU of each time that an operation was done, for one number of members. */
class Samples {
  readonly #milliseconds = new Map<Operation, number[]>();

  async measure<Result>(operation: Operation, work: () => Promise<Result>, times = 1): Promise<Result> {
    const before = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(before);
    const list = this.#milliseconds.get(operation) ?? [];
    list.push((user + system) / 1000 / times);
    this.#milliseconds.set(operation, list);
    return result;
  }

  median(operation: Operation): number | undefined {
    const sorted = [...(this.#milliseconds.get(operation) ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }
}

interface Row {
  readonly members: number;
  readonly samples: Samples;
  readonly snapshotBytes: number;
  readonly joinBytes: number;
  readonly commitBytes: number;
}

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

function value<Value>(answer: { ok: true; value: Value } | { ok: false; code: string }): Value {
  if (!answer.ok) throw new Error(`refused: ${answer.code}`);
  return answer.value;
}

/**
 * A room that grows to each size in turn. Two members stay and are measured, the others join and go
 * silent.
 */
async function measureRoom(primitives: GroupCrypto, suite: GroupSuite, sizes: readonly number[]): Promise<Row[]> {
  const keys = deriveGroupKeys({ roomSecret: random(32), roomId: random(16) });
  const membersMax = Math.max(...sizes);
  const engine = await GroupEngine.open({ crypto: primitives, suite, keys, policy: () => 'accept', membersMax });
  // Who only fills the room joins natively: the bytes are the same, and it is quicker.
  const filler = await GroupEngine.open({ crypto: nativeCrypto, suite, keys, policy: () => 'accept', membersMax });
  await engine.createGroup(createGroupIdentity(random));
  const first = new Samples();
  const one = await first.measure('create', () => engine.createGroup(createGroupIdentity(random)));
  let [two, count, joinBytes] = [one, 1, 0];
  const rows: Row[] = [];
  for (const members of sizes) {
    const samples = rows.length === 0 ? first : new Samples();
    for (; count < members; count += 1) {
      const measured = members - count <= JOINS_MEASURED;
      const snapshot = await one.exportSnapshot();
      const identity = createGroupIdentity(random);
      const join = async (): Promise<PendingCommit> =>
        value(await (measured ? engine : filler).joinGroup(snapshot, identity));
      const pending = measured ? await samples.measure('join', join) : await join();
      joinBytes = pending.commit.length;
      for (const group of new Set([one, two])) {
        const work = async (): Promise<unknown> => value(await group.processCommit(sent(pending)));
        await (measured ? samples.measure('process join', work) : work());
      }
      if (count === 1) two = await pending.merge();
      else pending.clear();
    }
    const commitBytes = await measureEpochs(samples, one, two);
    await measureMessages(samples, one, two);
    const { groupInfo, tree } = await one.exportSnapshot();
    const snapshotBytes = groupInfo.length + tree.length;
    rows.push({ members, samples, snapshotBytes, joinBytes, commitBytes });
  }
  return rows;
}

/** A commit as the log has it. */
function sent({ commit, snapshot }: PendingCommit): CommitAndBundle {
  return { commit, groupInfo: snapshot.groupInfo };
}

/** @returns the size of the largest commit. */
async function measureEpochs(samples: Samples, one: Group, two: Group): Promise<number> {
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const [maker, other] = round % 2 === 0 ? [one, two] : [two, one];
    const pending = await samples.measure('commit', async () => {
      const made = value(await maker.rotate());
      await made.merge();
      return made;
    });
    await samples.measure('process commit', async () => value(await other.processCommit(sent(pending))));
    bytes = Math.max(bytes, pending.commit.length);
    await Promise.all([one.purgePrevious(), two.purgePrevious()]);
  }
  return bytes;
}

async function measureMessages(samples: Samples, one: Group, two: Group): Promise<void> {
  const content = random(MESSAGE_BYTES);
  for (let round = 0; round < ROUNDS; round += 1) {
    const messages: Uint8Array[] = [];
    await samples.measure(
      'message seal',
      async () => {
        for (let index = 0; index < MESSAGES; index += 1) messages.push(await one.sealMessage(content));
      },
      MESSAGES,
    );
    await samples.measure(
      'message open',
      async () => {
        for (const message of messages) value(await two.openMessage(message));
      },
      MESSAGES,
    );
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const load = (): string =>
  loadavg()
    .map((average) => average.toFixed(2))
    .join(' ');

function table(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  for (const row of rows) say(row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '));
}

function report(native: readonly Row[], pure: readonly Row[]): void {
  const shown = (number: number | undefined): string =>
    number === undefined ? '-' : number.toFixed(number < 10 ? 2 : 0);
  const rows = [['members', 'operation', 'native', 'pure', 'ratio']];
  for (const row of native) {
    const other = pure.find(({ members }) => members === row.members);
    for (const operation of OPERATIONS) {
      const [fast, slow] = [row.samples.median(operation), other?.samples.median(operation)];
      if (fast === undefined) continue;
      const ratio = slow === undefined ? '-' : `1 : ${(slow / fast).toFixed(1)}`;
      rows.push([String(row.members), operation, shown(fast), shown(slow), ratio]);
    }
  }
  table(rows);
  say('');
  table([
    ['members', 'snapshot bytes', 'join bytes', 'commit bytes'],
    ...native.map((row) => [row.members, row.snapshotBytes, row.joinBytes, row.commitBytes].map(String)),
  ]);
}

async function benchCrypto(sizes: readonly number[], suite: GroupSuite): Promise<void> {
  say(`group keys, suite ${suite}, Node ${process.version}, ${cpus().length} cores, load ${load()}`);
  say(`milliseconds of CPU, median of ${ROUNDS} (joins: the last ${JOINS_MEASURED} up to the number of members)\n`);
  await measureRoom(nativeCrypto, suite, [4]);
  await measureRoom(pureCrypto, suite, [4]);
  const native = await measureRoom(nativeCrypto, suite, sizes);
  const pureSizes = sizes.filter((members) => members <= PURE_MEMBERS_MAX);
  const pure = pureSizes.length === 0 ? [] : await measureRoom(pureCrypto, suite, pureSizes);
  report(native, pure);
  if (pureSizes.length < sizes.length)
    say(`\npure JavaScript is not measured above ${PURE_MEMBERS_MAX} members: it would take minutes`);
  say(`load at the end ${load()}`);
}

const { values, operands, refuse } = readCommandLine({
  usage: USAGE,
  operandsMax: 1,
  options: {
    members: { type: 'string' },
    suite: { type: 'string', default: 'x-wing' },
    seconds: { type: 'string' },
    against: { type: 'string', default: 'd97a35e' },
    rounds: { type: 'string', default: '15' },
  },
});

function readSizes(text: string, most: number): readonly number[] {
  const sizes = text.split(',').map((size) => wholeNumber('--members', size, 2, most));
  if (sizes.every((size, index) => size > (sizes[index - 1] ?? 1))) return sizes;
  throw new UsageError('--members takes numbers that grow');
}

function readSuite(text: string): GroupSuite {
  if (text === 'x-wing' || text === 'x25519') return text;
  throw new UsageError('--suite takes x-wing or x25519');
}

/** Judges everything before anything is measured. */
function readBench(): () => Promise<void> {
  const [what] = operands;
  if (what === 'commit') {
    const sizes = readSizes(values.members ?? '8,32', COMMIT_MEMBERS_MAX);
    const rounds = wholeNumber('--rounds', values.rounds, 2, ROUNDS_MAX);
    const against = readAgainst(values.against);
    return () => benchCommit({ against, sizes, rounds });
  }
  const sizes = readSizes(values.members ?? MEMBERS.join(','), MEMBERS_MAX);
  const suite = readSuite(values.suite);
  const seconds = wholeNumber('--seconds', values.seconds ?? (what === 'idle' ? '120' : '20'), 1, SECONDS_MAX);
  if (what === 'relay') return () => benchRelay(seconds);
  if (what === 'idle') return () => benchIdle(seconds);
  if (what === 'crypto') return () => benchCrypto(sizes, suite);
  throw new UsageError(
    what === undefined ? 'crypto, relay, idle or commit?' : 'there are four benches: crypto, relay, idle, commit',
  );
}

function readBenchOrRefuse(): () => Promise<void> {
  try {
    return readBench();
  } catch (error) {
    if (error instanceof UsageError) return refuse(error.message);
    throw error;
  }
}

await readBenchOrRefuse()();
