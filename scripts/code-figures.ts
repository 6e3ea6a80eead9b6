// `node scripts/code-figures.ts`: figures of the code: its size, its tests, its retired words,
// and the way of one message.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { proveAdmission, registrationOf } from '@sotto/client';
import type { ByteStream } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { encodeAdminRequest, encodeInvite, PATIENCE_SECONDS_MOST } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { MemoryRoomStore } from '../packages/relay/src/store/memory-room-store.ts';
import { startRelay } from '../packages/relay/src/relay.ts';
import { run } from '../packages/terminal/src/run.ts';
import { byteStreamOf } from '../packages/tor/src/onion/byte-stream.ts';
import { allNames, checkWords } from '../test/meta/words.ts';
import { readCommandLine } from './command-line.ts';
import { filesUnder } from './repository-files.ts';

const USAGE = `Usage: node scripts/code-figures.ts

Prints figures of the code: source files and lines, test and harness files, retired words left, and
which files and functions run while one message goes from one terminal to another.
  --help   this text`;
const SETTLE_MS = 3_000;
/** A file in which so many functions run has a part of the way: it has to be opened. */
const FUNCTIONS_OF_A_PART = 3;

interface Program {
  readonly stdin: PassThrough;
  /** Resolves when this was printed. */
  printed(text: RegExp): Promise<void>;
}

const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));
const print = (name: string, figure: number): void => void process.stdout.write(`${name}: ${figure}\n`);

async function dialSocket(path: string): Promise<ByteStream> {
  const socket = connect(path);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.pause();
  return byteStreamOf(socket);
}

function startProgram(name: string, invite: Invite, path: string): Program {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let text = '';
  stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  run({
    args: [encodeInvite(invite), '--name', name],
    environment: {},
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr.resume(),
    clock: {
      now: () => performance.now(),
      after: (milliseconds, call) => {
        const timer = setTimeout(call, milliseconds);
        return () => clearTimeout(timer);
      },
    },
    random,
    crypto: nativeCrypto,
    hideArguments: () => undefined,
    prepare: () => Promise.resolve('locked'),
    openDial: (_invite, onNetwork) => {
      onNetwork('public');
      return { dial: () => dialSocket(path), close: () => undefined };
    },
  }).ended.catch((error: unknown) => {
    throw error;
  });
  return {
    stdin,
    printed: async (sought) => {
      while (!sought.test(text)) await new Promise((resolve) => stdout.once('data', resolve));
    },
  };
}

/**
 * Two programs, and a relay on real sockets with its store in memory.
 * @returns source file -> how many of its functions ran for one message
 */
async function wayOfOneMessage(folder: string): Promise<ReadonlyMap<string, number>> {
  const [members, admins] = [join(folder, 'relay.sock'), join(folder, 'admin.sock')];
  await startRelay({ listen: { path: members }, admin: { path: admins }, store: new MemoryRoomStore() });
  const invite = { onionKey: random(32), roomSecret: random(32) };
  const { roomId, capabilityKey, roomTag } = registrationOf(invite);
  const admin = connect(admins);
  const terms = { roomId, capabilityKey, roomTag, cover: 'off', patienceSeconds: PATIENCE_SECONDS_MOST } as const;
  admin.write(encodeAdminRequest({ operation: 'create', ...terms }));
  await new Promise((resolve) => admin.once('data', resolve));
  await proveAdmission(invite, await dialSocket(members), random, { crypto: nativeCrypto, suite: 'x-wing' });
  const anna = startProgram('anna', invite, members);
  await anna.printed(/joined as anna/);
  const bert = startProgram('bert', invite, members);
  await anna.printed(/bert·\w+ is here/);
  // The first message each way may still have a part of joining with it.
  anna.stdin.write('first\n');
  await bert.printed(/first/);
  bert.stdin.write('second\n');
  await anna.printed(/second/);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  anna.stdin.write('third\n');
  await bert.printed(/third/);
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const ran = result
    .filter(({ url }) => /\/packages\/[^/]+\/src\//.test(url))
    .map(({ url, functions }): [string, number] => [
      url,
      functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0).length,
    ]);
  return new Map(ran.filter(([, count]) => count > 0));
}

readCommandLine({ usage: USAGE, options: {} });
const files = ['packages', 'test', 'scripts', 'tools'].flatMap(filesUnder).filter((path) => path.endsWith('.ts'));
const isTest = (path: string): boolean => path.endsWith('.test.ts');
const sources = files.filter((path) => /^packages\/[^/]+\/src\//.test(path));
const ofTests = files.filter((path) => /^test\/|^packages\/[^/]+\/test\//.test(path));
const texts = await Promise.all(sources.map((path) => readFile(path, 'utf8')));
print('source files', sources.length);
print(
  'source lines',
  texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0),
);
print('test files', ofTests.filter(isTest).length);
print('harness files', ofTests.filter((path) => !isTest(path)).length);
print('retired words left', checkWords(allNames()).left.length);

const folder = await mkdtemp(join(tmpdir(), 'sotto-figures-'));
const way = await wayOfOneMessage(folder);
await rm(folder, { recursive: true });
const counts = [...way.values()];
print('files that run for one message', counts.length);
print(
  'functions that run for one message',
  counts.reduce((sum, count) => sum + count, 0),
);
print('files to open for one message', counts.filter((count) => count >= FUNCTIONS_OF_A_PART).length);
process.exit(0);
