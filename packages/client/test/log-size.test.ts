// A log of a day: what a room without cover says fits, also a full one. PROTOCOL.md §5.5, §12.6.

import { bodyBytes, COMMIT_PLACE_BYTES, LOG_BYTES_MAX } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { useNativeEd25519 } from '@sotto/fixtures/native-ed25519';
import { Room } from '@sotto/fixtures/room';
import type { RoomMember } from '@sotto/fixtures/room';
import { GroupLog } from './group-room.ts';

useNativeEd25519();

const MINUTE_MS = 60_000;
/** For rotations and removals behind the joins. */
const COMING_MS = 60_000;

describe('a log of a day', () => {
  const MEMBERS = 32;
  /** Of a rotation in a full group; the first test measures it. */
  const ROTATION_MOST_BYTES = 32_640;
  const TEXT_BYTES = 600;

  /** Bytes of bodies of half an hour with a text a minute, and of half an hour without. */
  async function halfAnHour(count: number): Promise<{ texts: number; commits: number; idle: number }> {
    const room = new Room({ seed: 5 });
    const members: RoomMember[] = [];
    for (let index = 0; index < count; index += 1) members.push(await room.join(`member ${index}`));
    await room.clock.advance(COMING_MS);
    const bytesOf = (operation: 'entry' | 'committed'): number =>
      room.relay.log.reduce((sum, entry) => sum + (entry.operation === operation ? entry.body.length : 0), 0);
    const [quiet, before] = [bytesOf('entry') + bytesOf('committed'), room.relay.commits.length];
    await room.clock.advance(30 * MINUTE_MS);
    const idle = bytesOf('entry') + bytesOf('committed') - quiet;
    const entries = bytesOf('entry');
    for (let minute = 0; minute < 30; minute += 1) {
      members[minute % count]?.client.send('x'.repeat(TEXT_BYTES));
      await room.clock.advance(MINUTE_MS);
    }
    const texts = bytesOf('entry') - entries;
    await room.clock.advance(MINUTE_MS);
    for (const { client } of members) client.panic();
    return { texts, commits: room.relay.commits.length - before, idle };
  }

  /** Bytes of the bodies of a rotation in a full group. */
  async function rotationBytes(): Promise<number> {
    const log = await new GroupLog(9, 'x-wing').founded();
    let last = await log.member('member 0');
    await last.join();
    for (let index = 1; index < MEMBERS; index += 1) {
      last = await log.member(`member ${index}`);
      await last.join();
    }
    const before = log.entries.length;
    await last.rotate();
    return log.entries.slice(before).reduce((sum, envelope) => sum + envelope.length + COMMIT_PLACE_BYTES, 0);
  }

  const perText = (count: number): number => bodyBytes(1_024) + (count - 1) * bodyBytes(512);

  test('holds in off what 32 members say with a text a minute', async () => {
    const { texts, commits, idle } = await halfAnHour(5);
    // A text, and a receipt of each other member; one commit; and nothing where nobody says anything.
    expect(texts).toBe(30 * perText(5));
    expect(commits).toBe(1);
    expect(idle).toBe(0);
    const rotation = await rotationBytes();
    expect(rotation).toBeLessThanOrEqual(ROTATION_MOST_BYTES);
    const day = 24 * 60 * perText(MEMBERS) + 48 * rotation;
    process.stdout.write(
      `   a day of 32 members with a text a minute: ${(day / 1e6).toFixed(1)} MB, rotations of ${rotation} bytes\n`,
    );
    expect(day).toBeLessThan(LOG_BYTES_MAX);
    // Control: with presences in the log, every 67.5 s, it would not fit.
    expect(day + MEMBERS * (86_400 / 67.5) * bodyBytes(512)).toBeGreaterThan(LOG_BYTES_MAX);
  });

  /** Frames that members of a room in jitter say of themselves, a minute and a member. */
  async function noise(): Promise<number> {
    const [minutes, count] = [10, 3];
    const room = new Room({ seed: 5, cover: 'jitter' });
    const members: RoomMember[] = [];
    for (let index = 0; index < count; index += 1) members.push(await room.join(`member ${index}`));
    await room.clock.advance(COMING_MS);
    const before = room.relay.log.length;
    await room.clock.advance(minutes * MINUTE_MS);
    const said = room.relay.log.slice(before);
    expect(said.every(({ operation = 'entry', body }) => operation === 'entry' && body.length === bodyBytes(512))).toBe(
      true,
    );
    for (const { client } of members) client.panic();
    return said.length / (minutes * count);
  }

  test('in jitter holds more than ten hours of 32 members with a text a minute, and of 20 that say nothing a day', async () => {
    const measured = await noise();
    // A receipt each 30 to 60 s, and a presence each 60 to 75 s.
    expect(measured).toBeGreaterThan(60 / 60 + 60 / 75 - 0.2);
    expect(measured).toBeLessThan(60 / 30 + 60 / 60 + 0.2);
    const mean = 60 / 45 + 60 / 67.5;
    const day = (members: number, texts: number): number =>
      24 * 60 * (members * mean * bodyBytes(512) + texts * perText(members)) + 48 * texts * ROTATION_MOST_BYTES;
    const [talk, quiet, few] = [day(MEMBERS, 1), day(MEMBERS, 0), day(20, 0)];
    const hours = (bytes: number): string => ((24 * LOG_BYTES_MAX) / bytes).toFixed(1);
    process.stdout.write(
      `   in jitter ${measured.toFixed(2)} frames a member and minute; a day of 32 is ${(quiet / 1e6).toFixed(1)} MB, ` +
        `${(talk / 1e6).toFixed(1)} MB with a text a minute: the log lasts ${hours(quiet)} and ${hours(talk)} h\n`,
    );
    expect(talk).toBeLessThan(2.4 * LOG_BYTES_MAX);
    expect(few).toBeLessThan(LOG_BYTES_MAX);
    // Control: of a full room it holds no day.
    expect(quiet).toBeGreaterThan(LOG_BYTES_MAX);
  });
});
