import { FakeClock } from '@sotto/fixtures';
import { COVERS, isStealth, stealthShape, COVER_FRAME_BYTES, slotBytes, STEALTH_TICK_MS } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';
import { ALLOWANCES, FairShare } from '../src/fair-share.ts';

const FRAME = 4_096;
/** One frame each 10 ms, four at once. */
const ALLOWED = { burst: 4 * FRAME, intervalMs: 10 / FRAME };

interface Heard {
  readonly connection: number;
  readonly at: number;
}

function open(): {
  readonly clock: FakeClock;
  readonly share: FairShare;
  readonly heard: Heard[];
  readonly flood: (connection: number, cost?: number) => void;
} {
  const clock = new FakeClock();
  const share = new FairShare(ALLOWED, clock);
  const heard: Heard[] = [];
  const flood = (connection: number, cost = FRAME): void => {
    share.request(connection, {
      cost,
      process: () => {
        heard.push({ connection, at: clock.now() });
        flood(connection, cost);
      },
    });
  };
  return { clock, share, heard, flood };
}

function counts(heard: readonly Heard[]): number[] {
  const count = new Map<number, number>();
  for (const { connection } of heard) count.set(connection, (count.get(connection) ?? 0) + 1);
  return [...count.values()];
}

describe('a room’s share', () => {
  test('is one connection’s whole while nobody else says anything, up to what the room may say', () => {
    const { clock, heard, flood } = open();
    flood(1);
    clock.tick(1_000);
    expect(heard).toHaveLength(4 + 100 + 1);
  });

  test('is the same number of bytes for each, whatever the size of their frames', () => {
    const { clock, heard, flood } = open();
    flood(1);
    flood(2, 512);
    clock.tick(2_000);
    const late = heard.filter(({ at }) => at > 100);
    const [small, large] = [
      counts(late.filter(({ connection }) => connection === 2)),
      counts(late.filter(({ connection }) => connection === 1)),
    ];
    expect((small[0] ?? 0) / 8 / (large[0] ?? 1)).toBeCloseTo(1, 1);
  });

  test('goes first to a connection that has said little (control: behind all, to one that says much)', () => {
    const { clock, share, heard, flood } = open();
    for (let connection = 1; connection <= 100; connection += 1) flood(connection);
    clock.tick(5_000);
    const asked = clock.now();
    expect(share.request(200, { cost: 512, process: () => heard.push({ connection: 200, at: clock.now() }) })).toBe(
      'waits',
    );
    clock.tick(2_000);
    expect((heard.find(({ connection }) => connection === 200)?.at ?? Infinity) - asked).toBeLessThanOrEqual(10);
    const [first = 0, second = 0] = heard
      .filter(({ connection, at }) => connection === 1 && at > asked)
      .map(({ at }) => at);
    expect(second - first).toBeGreaterThanOrEqual(990);
  });

  test('gains nothing from stopping and beginning again', () => {
    const { clock, share, heard, flood } = open();
    for (let connection = 1; connection <= 9; connection += 1) flood(connection);
    const again = (): void => {
      share.request(10, {
        cost: FRAME,
        process: () => {
          heard.push({ connection: 10, at: clock.now() });
          clock.after(1, again);
        },
      });
    };
    again();
    clock.tick(10_000);
    const restless = heard.filter(({ connection }) => connection === 10).length;
    const steady = heard.filter(({ connection }) => connection === 1).length;
    expect(restless).toBeLessThanOrEqual(2 * steady);
  });

  test('waits for nobody that is gone, and holds one piece of each connection', () => {
    const { clock, share, heard, flood } = open();
    flood(1);
    let said = 0;
    for (let count = 0; count < 3; count += 1) share.request(2, { cost: FRAME, process: () => (said += 1) });
    share.request(3, { cost: FRAME, process: () => (said += 100) });
    share.drop(3);
    clock.tick(1_000);
    expect(said).toBe(1);
    expect(heard.length).toBeGreaterThan(90);
    share.close();
    expect(clock.pending).toBe(0);
  });

  test('pays for commits, which ask nobody', () => {
    const { clock, share, heard, flood } = open();
    flood(1);
    clock.tick(100);
    const before = heard.length;
    share.charge(10 * FRAME);
    clock.tick(90);
    expect(heard.length - before).toBeLessThanOrEqual(1);
  });
});

describe.each(COVERS.filter(isStealth))('in %s', (cover) => {
  test('a full room has what it says, and all connections together less than slots bring', () => {
    const { members, sendEveryMs } = stealthShape(cover);
    const { intervalMs, burst } = ALLOWANCES.ofRoom(cover);
    const perTick = STEALTH_TICK_MS / intervalMs;
    expect(perTick).toBeGreaterThan((members * COVER_FRAME_BYTES * STEALTH_TICK_MS) / sendEveryMs);
    expect(perTick).toBeLessThan(slotBytes(cover));
    expect(burst).toBeLessThanOrEqual(slotBytes(cover));
    const own = ALLOWANCES.ofConnection(cover);
    expect(sendEveryMs / (own?.intervalMs ?? 0)).toBe(1.25 * COVER_FRAME_BYTES);
  });
});
