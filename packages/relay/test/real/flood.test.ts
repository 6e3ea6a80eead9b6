// Ten strangers and one member flood a room over real sockets, and the others have lines of Tor's
// speed: they are heard as before.

import { setTimeout as pause } from 'node:timers/promises';
import { bodyBytes, COVER_FRAME_BYTES, encodeFrame, LARGEST_FRAME_BYTES } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { expect, test } from 'vitest';
import { fingerprint, makeBody, makeRoom, publishFrame, TestMember } from '@sotto/fixtures/relay-member';
import { openAttackedRelay } from './attacked-relay.ts';
import { Attacker } from './attacker.ts';
import { openThrottled } from './throttled-connection.ts';

const LINE_BYTES_PER_MS = 150;
const MEMBERS = 3;
/** The latency of Tor and its onion, both ways; the lines here have none of their own. */
const TOR_MS = 360;

interface Course {
  readonly program?: string;
  readonly cover: Cover;
  readonly flooders: number;
  readonly texts: number;
  /** No multiple of a slot's time: the texts come at other moments of a slot each. */
  readonly everyMs: number;
}

/** A text of the control is late by far more than texts differ by. */
const CONTROL_TEXTS = 5;

/** @returns the median time (ms) until all members have a text; those that some do not have count. */
async function medianDelay({ program, cover, flooders, texts, everyMs }: Course): Promise<number> {
  const relay = await openAttackedRelay(program);
  const room = makeRoom();
  await relay.host.create({ ...room, cover });
  const heard = new Map<string, { readonly at: number; count: number; last: number }>();
  const members: TestMember[] = [];
  for (let index = 0; index < MEMBERS; index += 1) {
    const member = new TestMember({ path: await openThrottled(relay.path, `line-${index}`, LINE_BYTES_PER_MS) });
    await member.attach(room);
    members.push(member);
    void listen(member, heard);
  }
  const privateKey = room.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
  const key = { roomId: base64(room.roomId), roomTag: base64(room.roomTag), privateKey };
  const stops: (() => void)[] = [];
  for (let index = 0; index < flooders; index += 1) {
    const attacker = new Attacker(relay.path);
    await attacker.attach(key);
    const size = cover === 'off' ? LARGEST_FRAME_BYTES : COVER_FRAME_BYTES;
    const frame = encodeFrame({ operation: 'publish', number: 0, body: new Uint8Array(bodyBytes(size)) });
    const stop = attacker.pour([frame, frame, frame, frame]);
    stops.push(() => {
      stop();
      attacker.socket.destroy();
    });
  }
  for (let text = 0; text < texts; text += 1) {
    const body = makeBody(1);
    heard.set(fingerprint(body), { at: performance.now(), count: 0, last: 0 });
    members[text % MEMBERS]?.send(publishFrame(body));
    await pause(everyMs);
  }
  for (const stop of stops) stop();
  for (const member of members) member.socket.destroy();
  const delays = [...heard.values()].map(({ at, count, last }) => (count === MEMBERS ? last - at : Infinity));
  return TOR_MS + (delays.sort((one, other) => one - other)[texts >> 1] ?? Infinity);
}

async function listen(
  member: TestMember,
  heard: Map<string, { readonly at: number; count: number; last: number }>,
): Promise<void> {
  for (let frame = await member.next(); frame !== undefined; frame = await member.next()) {
    const text = frame.operation === 'entry' ? heard.get(fingerprint(frame.body)) : undefined;
    if (text !== undefined) Object.assign(text, { count: text.count + 1, last: performance.now() });
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

test.each([
  { cover: 'off', flooders: 11, texts: 31, everyMs: 150 },
  { cover: 'stealth-8', flooders: 1, texts: 15, everyMs: 700 },
] as const)(
  'in $cover members on lines of 150 KB/s are heard as before while $flooders connections flood',
  async (course) => {
    const quiet = await medianDelay({ ...course, flooders: 0 });
    const loud = await medianDelay(course);
    const unshared = await medianDelay({ ...course, texts: CONTROL_TEXTS, program: 'unshared-relay-process.ts' });
    process.stdout.write(
      `   ${course.cover}: median ${quiet.toFixed(0)} ms without a flood, ${loud.toFixed(0)} ms with it, ${unshared.toFixed(0)} ms where nothing is shared\n`,
    );
    expect(loud).toBeLessThanOrEqual(2 * quiet);
    // Control: without shares the same flood is noticed.
    expect(unshared).toBeGreaterThan(3 * quiet);
  },
);
