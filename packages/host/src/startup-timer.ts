// Measures where the time to a reachable room went: in Tor, or in Sotto itself.

/** A stretch of time in which the host waited for Tor, in ms of one clock. */
interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * @returns how much of the time the stretches cover together, in ms: those that lie over each other
 * count once.
 */
export function coveredMs(stretches: readonly Stretch[]): number {
  let covered = 0;
  let reached = -Infinity;
  for (const { fromMs, toMs } of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    covered += Math.max(0, toMs - Math.max(fromMs, reached));
    reached = Math.max(reached, toMs);
  }
  return covered;
}

/** Collects the stretches that were spent waiting for Tor. */
export class StartupTimer {
  readonly #now: () => number;
  readonly #startMs: number;
  readonly #stretches: Stretch[] = [];

  constructor(now: () => number) {
    this.#now = now;
    this.#startMs = now();
  }

  /** Runs `wait` and counts its time as Tor's. */
  async inTor<Value>(wait: () => Promise<Value>): Promise<Value> {
    const fromMs = this.#now();
    try {
      return await wait();
    } finally {
      this.#stretches.push({ fromMs, toMs: this.#now() });
    }
  }

  read(): { readonly totalMs: number; readonly torMs: number } {
    return { totalMs: this.#now() - this.#startMs, torMs: coveredMs(this.#stretches) };
  }
}
