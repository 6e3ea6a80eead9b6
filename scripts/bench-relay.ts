// `npm run bench -- relay`: what the slots of stealth rooms cost the relay, in a process of its own
// on a real socket, and how even they are.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { deriveRoomKeys, signCapability } from '@sotto/crypto';
import {
  bodyBytes,
  COVER_FRAME_BYTES,
  COVERS,
  decodeChallenge,
  decodeFrame,
  encodeAdminRequest,
  encodeAttach,
  encodeFrame,
  FrameSplitter,
  isStealth,
  PATIENCE_SECONDS_MOST,
  slotBytes,
  STEALTH_TICK_MS,
  stealthShape,
} from '@sotto/protocol';
import type { StealthCover } from '@sotto/protocol';
import { MemoryRoomStore, startRelay } from '@sotto/relay';

const SETTLE_MS = 2_000;

/** The relay's own process: reports when it listens, and its CPU time on request. */
async function serve(directory: string): Promise<void> {
  await startRelay({ ...sockets(directory), store: new MemoryRoomStore() });
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
  process.send?.('listening');
}

function sockets(directory: string): { listen: { path: string }; admin: { path: string } } {
  return { listen: { path: join(directory, 'relay.sock') }, admin: { path: join(directory, 'admin.sock') } };
}

async function cpuMs(relay: ChildProcess): Promise<number> {
  relay.send('cpu');
  const [{ user, system }] = (await once(relay, 'message')) as [NodeJS.CpuUsage];
  return (user + system) / 1_000;
}

/** A member's connection, and the times at which its slots came. */
interface BenchMember {
  readonly socket: Socket;
  readonly slots: number[];
}

async function attachMember(
  path: string,
  keys: ReturnType<typeof deriveRoomKeys>,
  cover: StealthCover,
): Promise<BenchMember> {
  const socket = connect(path);
  const slots: number[] = [];
  const splitter = new FrameSplitter();
  let bytes = 0;
  const attached = Promise.withResolvers<undefined>();
  socket.on('data', (chunk: Buffer) => {
    const frames = splitter.push(chunk);
    for (const raw of frames.ok ? frames.value : []) {
      const frame = decodeFrame(raw);
      if (!frame.ok) continue;
      if (frame.value.operation === 'challenge') {
        const challenge = decodeChallenge(frame.value);
        if (!challenge.ok) continue;
        socket.write(
          encodeAttach({
            roomId: keys.roomId,
            from: 0,
            signature: signCapability(keys, { challenge: challenge.value, from: 0 }),
          }),
        );
      } else if (frame.value.operation === 'attached') {
        attached.resolve(undefined);
      } else {
        bytes += raw.length;
        if (bytes % slotBytes(cover) === 0) slots.push(performance.now());
      }
    }
  });
  await attached.promise;
  return { socket, slots };
}

/** Sends a frame in each slot of a member. */
async function sendInEachSlot(socket: Socket, afterMs: number, everyMs: number, signal: AbortSignal): Promise<void> {
  const frame = encodeFrame({ operation: 'publish', number: 0, body: randomBytes(bodyBytes(COVER_FRAME_BYTES)) });
  const begun = performance.now() + afterMs;
  for (let slot = 0; ; slot += 1) {
    await delay(Math.max(0, begun + slot * everyMs - performance.now()));
    if (signal.aborted) return;
    socket.write(frame);
  }
}

/**
 * Measures one full room for `seconds`.
 * @returns the relay's CPU for a tick, and how far slots were from their grid.
 */
async function measure(cover: StealthCover, seconds: number): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-bench-'));
  const relay = fork(import.meta.filename, ['--serve', directory]);
  try {
    await once(relay, 'message');
    const keys = deriveRoomKeys({ roomSecret: randomBytes(32), onionKey: randomBytes(32), cover });
    const { listen, admin } = sockets(directory);
    const host = connect(admin.path);
    const { roomId, capabilityKey, roomTag } = keys;
    const terms = { roomId, capabilityKey, roomTag, cover, patienceSeconds: PATIENCE_SECONDS_MOST };
    host.write(encodeAdminRequest({ operation: 'create', ...terms }));
    await once(host, 'data');
    const { members, sendEveryMs } = stealthShape(cover);
    const attachedMembers: BenchMember[] = [];
    for (let index = 0; index < members; index += 1) attachedMembers.push(await attachMember(listen.path, keys, cover));
    const sending = new AbortController();
    for (const [index, { socket }] of attachedMembers.entries()) {
      void sendInEachSlot(socket, (index * sendEveryMs) / members, sendEveryMs, sending.signal);
    }
    await delay(SETTLE_MS);
    for (const { slots } of attachedMembers) slots.splice(0);
    const before = await cpuMs(relay);
    await delay(seconds * 1_000);
    const spent = (await cpuMs(relay)) - before;
    sending.abort();
    for (const { socket } of attachedMembers) socket.destroy();
    host.destroy();
    const late = attachedMembers.flatMap(({ slots }) => offGrid(slots)).sort((a, b) => a - b);
    const quantile = (part: number): string => (late[Math.floor(part * (late.length - 1))] ?? 0).toFixed(1);
    const ticks = (seconds * 1_000) / STEALTH_TICK_MS;
    return [cover, String(members), (spent / ticks).toFixed(2), quantile(0.5), quantile(0.99), quantile(1)];
  } finally {
    relay.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

/** @returns how far each slot was from the grid of the median one, in milliseconds. */
function offGrid(slots: readonly number[]): number[] {
  const phases = slots.map((at, index) => at - index * STEALTH_TICK_MS).sort((a, b) => a - b);
  const median = phases[Math.floor(phases.length / 2)] ?? 0;
  return phases.map((phase) => Math.abs(phase - median));
}

/** Measures a full room of each size, with every member sending in all its slots. */
export async function benchRelay(seconds: number): Promise<void> {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  const load = (): string =>
    loadavg()
      .map((average) => average.toFixed(2))
      .join(' ');
  print(
    `the relay's slots, full rooms, ${seconds} s each, Node ${process.version}, ${cpus().length} cores, load ${load()}`,
  );
  print('CPU of the relay, in ms for a tick of 1,000 ms; slots off their grid as the members see them, in ms\n');
  const rows = [['room', 'members', 'CPU/tick', 'off p50', 'off p99', 'off max']];
  for (const cover of COVERS.filter(isStealth)) rows.push([...(await measure(cover, seconds))]);
  for (const row of rows) print(row.map((cell, column) => cell.padStart(column === 0 ? 10 : 8)).join('  '));
  print(`\nload at the end ${load()}`);
}

if (process.argv[2] === '--serve') await serve(process.argv[3] ?? '');
