// The attacks, in a process of their own: what they cost their maker is not the relay's business
// and must not be measured with it.

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  bodyBytes,
  encodePing,
  encodeFetch,
  encodeFrame,
  encodeStage,
  FRAME_BYTES,
  STAGE_DATA_BYTES,
} from '@sotto/protocol';
import { makeCommit } from '@sotto/fixtures/relay-member';
import { Attacker } from './attacker.ts';
import type { RoomKey } from './attacker.ts';
import type { Attack } from './attacked-relay.ts';

const [path = '', keys = '[]', number = '0'] = process.argv.slice(2);
const rooms = JSON.parse(keys) as RoomKey[];
/** The relay takes frames under this number. */
const commitNumber = Number(number);
/** No room has this number. */
const STALE_COMMIT_NUMBER = 9;
const attackers: Attacker[] = [];
let isOver = false;

/** So many connections attach at a time: fewer than the relay lets be half open. */
const ATTACHING_AT_ONCE = 16;

/** Attached connections, the same number in each room. `deaf` ones read nothing after ATTACHED. */
async function attachAll(perRoom: number, { from = 0, deaf = false } = {}): Promise<Attacker[]> {
  const attached: Attacker[] = [];
  const attachOne = async (room: RoomKey): Promise<void> => {
    const attacker = new Attacker(path);
    attackers.push(attacker);
    if (!(await attacker.attach(room, from))) return;
    if (deaf) attacker.socket.pause();
    attached.push(attacker);
  };
  for (const room of rooms) {
    for (let count = 0; count < perRoom; count += ATTACHING_AT_ONCE) {
      const next = Array.from({ length: Math.min(ATTACHING_AT_ONCE, perRoom - count) }, () => attachOne(room));
      await Promise.all(next);
    }
  }
  return attached;
}

async function readAgain(room: RoomKey): Promise<void> {
  while (!isOver) {
    const attacker = new Attacker(path);
    if (!(await attacker.attach(room, 1))) continue;
    for (let before = -1; before < attacker.received && !attacker.isClosed;) {
      before = attacker.received;
      await pause(20);
    }
    attacker.socket.destroy();
  }
}

function frames(count: number, size: 0 | 1 | 2 | 3, number: number = commitNumber): Uint8Array[] {
  const length = bodyBytes(FRAME_BYTES[size]);
  const make = (): Uint8Array => new Uint8Array(randomBytes(length));
  return Array.from({ length: count }, () => encodeFrame({ operation: 'publish', number, body: make() }));
}

const ATTACKS: Readonly<Record<Attack, () => Promise<void>>> = {
  /** Frames of 512 bytes from all, as fast as the relay reads them; all are read. */
  'frame flood': async () => {
    for (const attacker of await attachAll(80)) attacker.pour(frames(128, 0));
  },
  /** All go back in the log, ask for snapshots and ping without end, and read nothing. */
  'slow readers': async () => {
    const readers = await attachAll(79, { from: 1, deaf: true });
    for (const room of rooms) {
      const writer = new Attacker(path);
      attackers.push(writer);
      await writer.attach(room);
      writer.pour(frames(64, 3));
    }
    await pause(500);
    for (const attacker of readers) {
      attacker.send(encodeFetch({ what: 'log', from: 1 }), encodeFetch({ what: 'snapshot' }));
      attacker.pour(Array.from({ length: 128 }, (_, token) => encodePing('ping', token)));
    }
  },
  /**
   * All read the whole log, as fast as it comes, and attach anew when they have it: more of them
   * than a room has members.
   */
  'catch-ups': async () => {
    const readers = rooms.flatMap((room) => Array.from({ length: 60 }, () => room));
    for (const room of readers) void readAgain(room);
    await pause(500);
  },
  /** Stale frames, each of which is answered, from connections that do not listen. */
  'unheard answers': async () => {
    for (const attacker of await attachAll(80, { deaf: true })) {
      attacker.pour(frames(128, 0, STALE_COMMIT_NUMBER));
    }
  },
  /** Half a frame, then one byte now and then: half of them attached, the others not. */
  slowloris: async () => {
    const attached = await attachAll(60);
    for (let count = 0; count < 60; count += 1) attackers.push(new Attacker(path));
    const half = new Uint8Array([0x13, ...randomBytes(2_000)]);
    for (const attacker of attackers) attacker.send(half);
    while (!isOver) {
      for (const attacker of attached) attacker.send(new Uint8Array(1));
      await pause(20);
    }
  },
  /** Strangers that never answer their challenge, thirty a second. */
  silence: async () => {
    const begun = performance.now();
    let count = 0;
    while (!isOver) {
      // On a busy machine a pause is longer: those that are due then come together.
      for (; count < ((performance.now() - begun) * 30) / 1_000; count += 1) attackers.push(new Attacker(path));
      await pause(1_000 / 30);
    }
  },
  /** Connections that come, some to say rubbish, and go or are left. */
  'connection flood': async () => {
    while (!isOver) {
      for (let count = 0; count < 10; count += 1) {
        const attacker = new Attacker(path);
        if (count % 2 === 0) attacker.send(new Uint8Array(randomBytes(600)));
        setTimeout(() => attacker.socket.destroy(), 200);
      }
      await pause(20);
    }
  },
  /**
   * The largest uploads from all that find a place, and commits that wait behind what the room may
   * make.
   */
  uploads: async () => {
    const attached = await attachAll(24);
    const data = new Uint8Array(randomBytes(STAGE_DATA_BYTES));
    for (const [index, attacker] of attached.entries()) {
      if (index % 2 === 0) {
        const made = makeCommit({ snapshotBytes: 500_000, frames: 16, size: 3 });
        attacker.send(...made.stages, made.commit(commitNumber));
      } else {
        const uploadId = new Uint8Array(randomBytes(16));
        attacker.send(...Array.from({ length: 145 }, (_, piece) => encodeStage({ uploadId, index: piece, data })));
      }
    }
  },
};

process.on('message', (message: { readonly attack: Attack } | 'stop') => {
  if (message === 'stop') {
    isOver = true;
    for (const attacker of attackers) attacker.socket.destroy();
    process.exit(0);
  }
  void ATTACKS[message.attack]().then(() => process.send?.('begun'));
  // What never ends by itself has begun as well.
  if (['slowloris', 'silence', 'connection flood'].includes(message.attack))
    setTimeout(() => process.send?.('begun'), 500);
});
process.send?.('ready');
