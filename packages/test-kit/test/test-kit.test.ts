import { describe, expect, test } from 'vitest';
import {
  createStreamPair,
  damageText,
  FakeClock,
  fuzz,
  FUZZ_GROWTH_BYTES_MAX,
  SeededRandom,
  systemRandom,
} from '../src/index.ts';
import type { StreamConditions } from '../src/index.ts';

describe('the clock', () => {
  test('stands still until it is moved, and runs timers in the order of their times', async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push(`late ${clock.now()}`));
    clock.after(10, () => {
      ran.push(`early ${clock.now()}`);
      clock.after(0, () => ran.push('from within'));
    });
    const cancel = clock.after(15, () => ran.push('cancelled'));
    cancel();
    expect(ran).toEqual([]);
    await clock.advance(19);
    expect(ran).toEqual(['early 10', 'from within']);
    await clock.advance(1);
    expect(ran).toEqual(['early 10', 'from within', 'late 20']);
    expect([clock.now(), clock.pending]).toEqual([20, 0]);
  });

  test('lets promises settle between two timers', async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.after(1, () => void Promise.resolve().then(() => ran.push('promise')));
    clock.after(1, () => ran.push('timer'));
    await clock.advance(1);
    expect(ran).toEqual(['promise', 'timer']);
  });
});

describe('seeded randomness', () => {
  test('repeats itself by its seed, differs between seeds, and is spread', () => {
    const draw = (seed: number): number[] => Array.from({ length: 6_000 }, () => new SeededRandom(seed).below(6));
    expect(new SeededRandom(1).bytes(100)).toEqual(new SeededRandom(1).bytes(100));
    expect(new SeededRandom(1).bytes(100)).not.toEqual(new SeededRandom(2).bytes(100));
    expect(new Set(draw(1)).size).toBe(1);
    const random = new SeededRandom(3);
    const counts = new Map<number, number>();
    for (let index = 0; index < 6_000; index += 1) {
      const value = random.below(6);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    expect(systemRandom(32)).not.toEqual(systemRandom(32));
  });
});

interface Heard {
  readonly bytes: number[];
  readonly pieces: number[];
  closed: number;
}

async function send(
  conditions: StreamConditions,
  act: (pair: ReturnType<typeof createStreamPair>) => void,
): Promise<{ near: Heard; far: Heard }> {
  const clock = new FakeClock();
  const pair = createStreamPair(clock, conditions);
  const near: Heard = { bytes: [], pieces: [], closed: 0 };
  const far: Heard = { bytes: [], pieces: [], closed: 0 };
  for (const [end, heard] of [
    [pair.near, near],
    [pair.far, far],
  ] as const) {
    end.onData((chunk) => {
      heard.bytes.push(...chunk);
      heard.pieces.push(chunk.length);
    });
    end.onClose(() => (heard.closed += 1));
  }
  act(pair);
  await clock.advance(1_000);
  return { near, far };
}

describe('a pair of streams', () => {
  const hello = Uint8Array.of(1, 2, 3, 4, 5);

  test('carries bytes both ways, in the pieces that were asked for', async () => {
    const { near, far } = await send({ chunkBytes: () => 2, latencyMs: () => 10 }, (pair) => {
      pair.near.write(hello);
      pair.far.write(hello);
      pair.near.write(Uint8Array.of(6));
    });
    expect(far).toEqual({ bytes: [1, 2, 3, 4, 5, 6], pieces: [2, 2, 2], closed: 0 });
    expect(near).toEqual({ bytes: [1, 2, 3, 4, 5], pieces: [2, 2, 1], closed: 0 });
  });

  test('delivers nothing while it is paused, and all of it after', async () => {
    const clock = new FakeClock();
    const { near, far } = createStreamPair(clock);
    const taken: number[] = [];
    near.onData((chunk) => taken.push(...chunk));
    near.pause();
    far.write(Uint8Array.of(1, 2));
    await clock.advance(10);
    expect(taken).toEqual([]);
    near.resume();
    await clock.advance(0);
    expect(taken).toEqual([1, 2]);
  });

  test('delivers what was written before a close, and tells both ends once', async () => {
    const { near, far } = await send({ chunkBytes: () => 2 }, (pair) => {
      pair.near.write(hello);
      pair.far.write(hello);
      pair.near.close();
      pair.near.close();
      pair.near.write(hello);
    });
    expect(far).toEqual({ bytes: [1, 2, 3, 4, 5], pieces: [2, 2, 1], closed: 1 });
    expect(near).toEqual({ bytes: [], pieces: [], closed: 1 });
  });

  test('breaks after exactly so many bytes, in either direction', async () => {
    const write = (pair: ReturnType<typeof createStreamPair>): void => {
      pair.near.write(hello);
      pair.far.write(hello);
    };
    const up = await send({ cutAfterBytes: { atFar: 3 }, latencyMs: () => 1 }, write);
    expect([up.far.bytes, up.far.closed, up.near.closed]).toEqual([[1, 2, 3], 1, 1]);
    const down = await send({ cutAfterBytes: { atNear: 2 }, latencyMs: () => 1 }, write);
    expect([down.near.bytes, down.far.closed, down.near.closed]).toEqual([[1, 2], 1, 1]);
  });

  test('loses what was under way when it breaks, or lets it arrive late', async () => {
    const act = (pair: ReturnType<typeof createStreamPair>): void => {
      pair.near.write(hello);
      pair.far.write(hello);
      pair.cut();
    };
    const lost = await send({}, act);
    expect([lost.far.bytes, lost.near.bytes, lost.far.closed, lost.near.closed]).toEqual([[], [], 1, 1]);
    const late = await send({ lateMs: 500 }, act);
    expect([late.far.bytes, late.near.bytes, late.far.closed, late.near.closed]).toEqual([[1, 2, 3, 4, 5], [], 1, 1]);
  });
});

describe('fuzzing', () => {
  const cases = 2_000;
  const sample = new TextEncoder().encode('{"ok":true,"code":"busy"}');
  const isSame = (bytes: Uint8Array): boolean => bytes.length === sample.length;

  test('counts what a decoder takes and refuses, the same in every run', async () => {
    const [first, second] = [await fuzz(sample, isSame, { cases }), await fuzz(sample, isSame, { cases })];
    expect(first.accepted + first.refused).toBe(cases);
    expect(first.accepted).toBeGreaterThan(cases / 10);
    expect(first.refused).toBeGreaterThan(cases / 10);
    expect([second.accepted, second.refused]).toEqual([first.accepted, first.refused]);
  });

  test('names the case that makes a decoder throw, whether at once or later', async () => {
    const throws = (bytes: Uint8Array): boolean => {
      if (bytes.length === 0) throw new RangeError('nothing');
      return true;
    };
    await expect(fuzz(sample, throws, { cases })).rejects.toThrow(/^case \d+ of SOTTO_FUZZ_SEED=/);
    const later = (bytes: Uint8Array): Promise<boolean> => Promise.resolve(bytes).then(throws);
    await expect(fuzz(sample, later, { cases })).rejects.toThrow(/^case \d+ of SOTTO_FUZZ_SEED=/);
  });

  test('sees a decoder that keeps what it was given, and one that is slow for one kind of bytes', async () => {
    const kept: number[][] = [];
    const keep = (): boolean => kept.push(Array.from({ length: 1_500 }, () => 0.5)) > 0;
    expect((await fuzz(sample, keep, { cases })).grownBytes).toBeGreaterThan(FUZZ_GROWTH_BYTES_MAX);
    const slow = (bytes: Uint8Array): boolean => {
      const until = performance.now() + (bytes.length === 3 ? 5 : 0);
      while (performance.now() < until);
      return true;
    };
    expect((await fuzz(sample, slow, { cases })).slowestMs).toBeGreaterThanOrEqual(5);
  });

  test('damages a text where it decides: JSON is still JSON now and then', async () => {
    const parses = (bytes: Uint8Array): boolean => {
      try {
        JSON.parse(new TextDecoder().decode(bytes));
        return true;
      } catch {
        // Not JSON is the other answer.
        return false;
      }
    };
    const report = await fuzz(sample, parses, { cases, damage: damageText });
    expect(report.accepted).toBeGreaterThan(cases / 50);
  });
});
