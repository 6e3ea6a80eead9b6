// The testbed: takes a plan from its input, builds the rooms, lets happen what the plan says, watches, and prints what the adversary makes of it.

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Plan, Room, Window } from '../plan.ts';
import { Member } from './members.ts';
import { assignConnections } from './connections.ts';
import {
  burn,
  onLine,
  relaySocket,
  start,
  startGuestTor,
  startHost,
  startOnionTor,
  startRedis,
  startRelay,
  startTorNetwork,
  stop,
  stopAll,
  tapSocket,
  log,
  until,
} from './programs.ts';
import type { Endpoints } from './programs.ts';

const DATA = '/data';
/** What one relay holds. */
const ROOMS_PER_RELAY = 4;
const START_LIMIT_MS = 90_000;
const ROOM_LIMIT_MS = 240_000;
const JOIN_LIMIT_MS = 120_000;
/** What was said in a window has to have left before the next begins; what has not then is still there in it. */
const DRAIN_LIMIT_MS = 30_000;
/** Hosts that open their rooms at a time, and rooms that people come to. */
const SIDE_BY_SIDE = 6;

/** A window as it was: seconds since 1970. `torn`: a connection was lost in it. */
interface Happened {
  readonly startS: number;
  readonly endS: number;
  readonly label: Window['label'];
  readonly torn: boolean;
  readonly drained: boolean;
  readonly texts: number;
  /** The observed member's, by the tap's count; 0 if it cannot be told. */
  readonly connection: number;
}

/** A room in which everybody is. */
interface OpenRoom {
  readonly room: Room;
  readonly index: number;
  readonly members: readonly Member[];
  /** Each member's connection, by the tap's count; the observed member's is the first. */
  readonly connections: number[];
}

const openConnections = new Map<number, Set<number>>();
let tapsListening = 0;

const openIn = (room: number): ReadonlySet<number> => openConnections.get(room) ?? new Set();

async function build(plan: Plan): Promise<Endpoints> {
  for (const folder of ['/run/testbed', '/run/tornet', '/run/nodes', DATA]) mkdirSync(folder, { recursive: true });
  await startTorNetwork(START_LIMIT_MS);
  log('the Tor network is there');
  startRedis();
  const relays = Math.ceil(plan.rooms.length / ROOMS_PER_RELAY);
  for (let relay = 0; relay < relays; relay += 1) await startRelay(relay, START_LIMIT_MS);
  startOnionTor();
  return startGuestTor('others', undefined);
}

function startTap(plan: Plan): ReturnType<typeof start> {
  const ways = plan.rooms.flatMap((_, room) => [tapSocket(room), relaySocket(Math.floor(room / ROOMS_PER_RELAY))]);
  const tap = start('tap', ['/usr/local/bin/node', '/adversary/testbed/tap.ts', `${DATA}/relay.bin`, ...ways]);
  onLine(tap, (line) => {
    const { room, connection, event } = JSON.parse(line) as { room: number; connection: number; event: string };
    if (connection === 0) tapsListening += 1;
    const open = openConnections.get(room) ?? new Set();
    openConnections.set(room, open);
    if (event === 'closed') open.delete(connection);
    else if (connection > 0) open.add(connection);
  });
  return tap;
}

/** One room, from its host to its last member. @returns undefined if it did not come about: it is missing in the figures, and printed. */
async function openRoom(room: Room, index: number, others: Endpoints): Promise<OpenRoom | undefined> {
  try {
    const own = startGuestTor(`observed-${index}`, index);
    const host = startHost(index, Math.floor(index / ROOMS_PER_RELAY), room.cover, others);
    let invite: string | undefined;
    onLine(host, (line) => (invite ??= /\bsotto1[a-z0-9]{112}\b/.exec(line)?.[0]));
    await until(`room ${index}`, () => invite !== undefined, ROOM_LIMIT_MS);
    const members: Member[] = [];
    let connections: readonly number[] = [];
    for (let number = 0; number < room.members; number += 1) {
      const member = new Member(`m${index}-${number}`, invite ?? '', number === 0 ? own : others);
      members.push(member);
      await until(`member ${number} of room ${index}`, () => member.isIn, JOIN_LIMIT_MS);
      // The newcomer has the one connection that was no member's; the host's proof is over by then, or soon.
      await until(
        `the connection of member ${number} of room ${index}`,
        () => openIn(index).size === number + 1,
        JOIN_LIMIT_MS,
      );
      connections = assignConnections([...connections, 0], openIn(index));
    }
    return { room, index, members, connections: [...connections] };
  } catch (error) {
    log(`room ${index} (${room.cover}, ${room.members}) is missing: ${String(error)}`);
    return undefined;
  }
}

async function openRooms(plan: Plan, others: Endpoints): Promise<OpenRoom[]> {
  const waiting = [...plan.rooms.entries()];
  const opened: OpenRoom[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const found = await openRoom(next[1], next[0], others);
      if (found !== undefined) opened.push(found);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  return opened;
}

async function live(opened: OpenRoom, plan: Plan): Promise<Happened[]> {
  const happened: Happened[] = [];
  for (const window of opened.room.windows) {
    await delay(window.gapMs);
    happened.push(await liveThrough(opened, window, plan.windowMs));
  }
  return happened;
}

async function liveThrough(
  { members, index, connections }: OpenRoom,
  window: Window,
  windowMs: number,
): Promise<Happened> {
  connections.splice(0, connections.length, ...assignConnections(connections, openIn(index)));
  const [connection = 0] = connections;
  const cuts = (): number => members.reduce((sum, member) => sum + member.cuts, 0);
  const cutsBefore = cuts();
  const startS = Date.now() / 1_000;
  const timers = window.sends.map(({ afterMs, member, bytes }) =>
    setTimeout(() => members[member]?.send(bytes), afterMs),
  );
  await delay(windowMs);
  for (const timer of timers) clearTimeout(timer);
  const endS = Date.now() / 1_000;
  const isWhole = openIn(index).has(connection) && members.every(({ isIn }) => isIn);
  const torn = cuts() !== cutsBefore || !isWhole;
  const drained = await drain(members);
  return { startS, endS, label: window.label, torn, drained, texts: window.sends.length, connection };
}

async function drain(members: readonly Member[]): Promise<boolean> {
  try {
    await until('every text has left', () => members.every(({ unsent }) => unsent.size === 0), DRAIN_LIMIT_MS);
    return true;
  } catch {
    // Said in the labels, and counted.
    return false;
  }
}

async function run(plan: Plan): Promise<void> {
  const others = await build(plan);
  const tap = startTap(plan);
  await until('the taps', () => tapsListening === plan.rooms.length, START_LIMIT_MS);
  const opened = await openRooms(plan, others);
  log(`${opened.length} of ${plan.rooms.length} rooms are there`);
  await delay(plan.settleMs);
  const sniffer = start('sniff', ['/usr/bin/python3', '-u', '/adversary/image/sniff.py', `${DATA}/guard.bin`]);
  const printed: string[] = [];
  onLine(sniffer, (line) => printed.push(line));
  await until('the observer', () => printed.includes('ready'), START_LIMIT_MS);
  const cool = burn(plan.burners);
  const rooms = await Promise.all(
    opened.map(async (one) => {
      const { mode, cover, members, fold } = one.room;
      const windows = await live(one, plan);
      return { index: one.index, mode, cover, members, fold, windows };
    }),
  );
  await cool();
  await Promise.all([stop(sniffer), stop(tap)]);
  const lost = Number(printed.at(-1));
  writeFileSync(`${DATA}/labels.json`, JSON.stringify({ plan: { ...plan, rooms: plan.rooms.length }, lost, rooms }));
  // The analysis has the machine to itself.
  stopAll();
  log(`${rooms.reduce((sum, { windows }) => sum + windows.length, 0)} windows seen; ${lost} frames lost`);
}

const [line = ''] = await createInterface({ input: process.stdin })
  [Symbol.asyncIterator]()
  .next()
  .then(({ value }) => [String(value)]);
try {
  await run(JSON.parse(line) as Plan);
} catch (error) {
  log(String(error));
  process.exit(1);
}
// Its own words go to our output: the result, for whoever ran the testbed.
const analyst = spawn('/usr/bin/python3', ['/adversary/image/analyse.py', DATA], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
analyst.on('close', (code) => process.exit(code ?? 1));
