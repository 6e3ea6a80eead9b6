// Patience: what a member has missed is there when it comes back, for as long as the room says, and
// however slowly it reads. PROTOCOL.md §6.2, §6.4.

import { LOG_BYTES_MAX, LOGS_BYTES_MAX, PATIENCE_SECONDS_LEAST } from '@sotto/protocol';
import type { Frame } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { fingerprint, makeBody, makeCommit, makeRoom, publishFrame } from '@sotto/fixtures/relay-member';
import type { TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { PROGRESS_LIMIT_MS } from '../src/limits.ts';
import { BOUNDLESS } from './boundless.ts';
import { fullRoom, iterations, openRelay } from './relay-fixture.ts';
import type { RelayFixture } from './relay-fixture.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const MEMBERS = 8;

async function openRoom(fixture: RelayFixture, patienceSeconds: number): Promise<TestRoom> {
  const room = { ...makeRoom(), patienceSeconds };
  expect(await fixture.host.create(room)).toEqual({ ok: true });
  return room;
}

/** Two half minutes, so that a member that pings is never silent. */
async function passMinute({ clock }: RelayFixture, member: TestMember): Promise<void> {
  for (let half = 0; half < 2; half += 1) {
    clock.tick(MINUTE_MS / 2);
    expect(await member.ping()).toEqual([]);
  }
}

function outline({ number, body }: Frame): string {
  return `${number} ${fingerprint(body)}`;
}

/**
 * The minutes of a room of eight in which one says a text a minute: a presence of each every 67.5 s,
 * a receipt of each that hears the text, and a commit each second minute.
 *
 * @returns the entries, and the numbers of the texts.
 */
async function passMinutes(
  fixture: RelayFixture,
  member: TestMember,
  minutes: number,
): Promise<{ readonly entries: string[]; readonly texts: number[] }> {
  const entries: string[] = [];
  const texts: number[] = [];
  let [commitNumber, presences] = [0, 0];
  for (let minute = 1; minute <= minutes; minute += 1) {
    const due = Math.floor((minute * MEMBERS * MINUTE_MS) / 67_500);
    const small = due - presences + MEMBERS - 1;
    presences = due;
    const bodies = [makeBody(1), ...Array.from({ length: small }, () => makeBody())];
    member.send(...bodies.map((body) => publishFrame(body, commitNumber)));
    const said = await member.entries(bodies.length);
    texts.push(Number(said[0]?.split(' ')[0]));
    entries.push(...said);
    if (minute % 2 === 0) {
      member.commit(makeCommit({ frames: 4, size: 3 }), commitNumber);
      for (let index = 0; index < 4; index += 1) entries.push(outline(await member.expect('committed')));
      commitNumber += 1;
    }
    await passMinute(fixture, member);
  }
  return { entries, texts };
}

/** @returns all entries that it gets when it comes back. */
async function readUp(member: TestMember, next: number): Promise<string[]> {
  const entries: string[] = [];
  for (let number = 0; number < next - 1;) {
    const frame = await member.next();
    if (frame === undefined || frame.operation === 'closing') throw new Error(frame?.code ?? 'closed');
    number = frame.number;
    entries.push(outline(frame));
  }
  return entries;
}

describe('a member that was away', () => {
  test('for 24 h in a room of eight with a text a minute gets every frame: none is lost, none comes twice', async () => {
    const fixture = await openRelay();
    const room = await openRoom(fixture, 86_400);
    const [awake, sleeper] = [await fixture.join(room), await fixture.join(room)];
    await sleeper.leave();
    const { entries, texts } = await passMinutes(fixture, awake, DAY_MINUTES);
    expect(texts.length).toBe(DAY_MINUTES);
    const back = fixture.member();
    const attached = await back.attach(room, 1);
    expect(attached.oldest).toBe(1);
    expect(await readUp(back, attached.next)).toEqual(entries);
    const stored = await fixture.store.read(room.roomId, 1, Number.MAX_SAFE_INTEGER);
    const bytes = stored.reduce((sum, { body }) => sum + body.length, 0);
    process.stdout.write(`   a day of eight members: ${entries.length} frames, ${(bytes / 1e6).toFixed(1)} MB\n`);
    expect(bytes).toBeLessThan(LOG_BYTES_MAX);
  });

  test('for longer than the patience of its room sees what it missed, and gets all that is younger (the control)', async () => {
    const fixture = await openRelay();
    const room = await openRoom(fixture, PATIENCE_SECONDS_LEAST);
    const awake = await fixture.join(room);
    const patienceMinutes = PATIENCE_SECONDS_LEAST / 60;
    const { entries, texts } = await passMinutes(fixture, awake, 3 * patienceMinutes);
    const back = fixture.member();
    const attached = await back.attach(room, 1);
    expect(attached.oldest).toBeGreaterThan(texts[patienceMinutes] ?? 0);
    // All of the last ten minutes are there, and at most the minute before them.
    expect(attached.oldest).toBeLessThanOrEqual(texts.at(-patienceMinutes) ?? 0);
    expect(attached.oldest).toBeGreaterThan(texts.at(-patienceMinutes - 2) ?? 0);
    expect(await readUp(back, attached.next)).toEqual(entries.slice(attached.oldest - 1));
  });

  test('finds nothing that is older than the patience in the store either, if nobody has said anything since', async () => {
    const fixture = await openRelay();
    const room = await openRoom(fixture, PATIENCE_SECONDS_LEAST);
    const awake = await fixture.join(room);
    awake.publish(makeBody(), makeBody());
    await awake.entries(2);
    for (let minute = 1; minute < PATIENCE_SECONDS_LEAST / 60; minute += 1) await passMinute(fixture, awake);
    expect((await fixture.store.read(room.roomId, 1, 10_000)).length).toBe(2);
    await passMinute(fixture, awake);
    await passMinute(fixture, awake);
    expect(await fixture.store.read(room.roomId, 1, 10_000)).toEqual([]);
    awake.publish(makeBody());
    expect((await awake.entries(1))[0]).toMatch(/^3 /);
  });
});

describe('a member that reads a long log slowly', () => {
  const LOG_BYTES = 4_194_304;
  const FRAMES = Math.floor(LOG_BYTES / 4_080);

  /** Reads a chunk each 20 s, pinging in between, until it has so many entries or is closed. */
  async function readSlowly(
    fixture: RelayFixture,
    member: TestMember,
    entries: number,
  ): Promise<{ readonly numbers: number[]; readonly passedMs: number; readonly end: string | undefined }> {
    member.socket.on('data', () => member.socket.pause());
    const of = (operation: Frame['operation']): Frame[] =>
      member.received.filter((frame) => frame.operation === operation);
    const heard = (): number => of('entry').length + of('committed').length;
    let passedMs = 0;
    for (; heard() < entries && !member.closed; passedMs += 20_000) {
      fixture.clock.tick(20_000);
      member.socket.resume();
      await iterations(6);
    }
    const numbers = [...of('committed'), ...of('entry')].map(({ number }) => number);
    return { numbers, passedMs, end: of('closing')[0]?.code };
  }

  test('gets through it, though that takes many times as long as it may take nothing at all', async () => {
    const fixture = await openRelay();
    const { room, mirror } = await fullRoom(fixture, LOG_BYTES);
    const slow = await fixture.join(room, mirror.oldest);
    const pings = setPings(fixture, slow);
    const { numbers, passedMs, end } = await readSlowly(fixture, slow, FRAMES);
    pings();
    expect(end).toBeUndefined();
    expect(numbers).toEqual(Array.from({ length: FRAMES }, (_, index) => mirror.oldest + index));
    expect(passedMs).toBeGreaterThan(5 * PROGRESS_LIMIT_MS);
  });

  test('is closed when it takes one byte now and then, two minutes after its last step, and the relay holds nothing more for it', async () => {
    const fixture = await openRelay();
    const { room, mirror } = await fullRoom(fixture, LOG_BYTES);
    const slow = await fixture.join(room, mirror.oldest);
    const pings = setPings(fixture, slow);
    const { numbers } = await readSlowly(fixture, slow, FRAMES / 2);
    expect(numbers.length).toBeGreaterThanOrEqual(FRAMES / 2);
    // From now on it takes one byte now and then.
    let passedMs = 0;
    for (; Math.max(...fixture.relay.outboundBytes()) > 0; passedMs += MINUTE_MS / 2) {
      fixture.clock.tick(MINUTE_MS / 2);
      slow.socket.read(1);
      await iterations(6);
    }
    pings();
    // Its last step was before: what Node and the kernel had taken ahead of it was read since then.
    expect(passedMs).toBeGreaterThanOrEqual(PROGRESS_LIMIT_MS / 2);
    expect(passedMs).toBeLessThanOrEqual(3 * PROGRESS_LIMIT_MS);
    while (!slow.closed) {
      slow.socket.resume();
      await iterations(1);
    }
    const entries = slow.received.filter(({ operation }) => operation === 'entry');
    expect(entries.length).toBeLessThan(FRAMES - 2);
  });

  /** A ping each 20 s of the relay's time, whose answers are read like everything else. */
  function setPings({ clock }: RelayFixture, member: TestMember): () => void {
    let isOver = false;
    const ping = (): void => {
      if (isOver || member.closed) return;
      void member.ping().catch(() => undefined);
      clock.after(20_000, ping);
    };
    ping();
    return () => {
      isOver = true;
    };
  }
});

test('rooms whose logs do not fit together give up the oldest frames of the longest, in relay and store', async () => {
  const fixture = await openRelay({ allowances: BOUNDLESS });
  const [first, second] = [await fullRoom(fixture), await fullRoom(fixture)];
  const third = await fixture.room();
  const writer = await fixture.join(third);
  const bodies = Array.from({ length: 240 }, () => makeBody(3));
  writer.publish(...bodies);
  await writer.entries(bodies.length);
  await iterations(10);
  const held: number[] = [];
  for (const room of [first.room, second.room, third]) {
    const record = await fixture.store.load(room.roomId);
    const stored = await fixture.store.read(room.roomId, 1, Number.MAX_SAFE_INTEGER);
    const attached = await fixture.member().attach(room);
    expect(record?.oldest).toBe(attached.oldest);
    held.push(stored.reduce((sum, { body }) => sum + body.length, 0));
  }
  const [one = 0, other = 0, small = 0] = held;
  expect(small).toBe(240 * 4_080);
  expect(one + other + small).toBeLessThanOrEqual(LOGS_BYTES_MAX);
  expect(one + other + small).toBeGreaterThan(LOGS_BYTES_MAX - 200_000);
  // Both have given up alike.
  expect(Math.abs(one - other)).toBeLessThan(150_000);
});
