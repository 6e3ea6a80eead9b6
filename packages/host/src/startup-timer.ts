// Measures how much of the startup time Tor took, and how much Sotto itself.

/** A span of time in which the host waited for Tor, in ms of one clock. */
interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** @returns how much time the spans cover together, in ms; overlapping spans count once */
export function coveredMs(stretches: readonly Stretch[]): number {
  let covered = 0;
  let reached = -Infinity;
  for (const { fromMs, toMs } of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    covered += Math.max(0, toMs - Math.max(fromMs, reached));
    reached = Math.max(reached, toMs);
  }
  return covered;
}

/** Collects the spans of waiting for Tor. */
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
