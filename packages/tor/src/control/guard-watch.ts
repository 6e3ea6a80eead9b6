// Measures how long Tor has kept its first guard. Tor names its guards without a date, so the gate
// looks and counts.

import type { Clock } from '@sotto/machine';
import type { TorControl } from './control.ts';
import { torErrorCode } from '../errors.ts';

/**
 * `GETINFO entry-guards`: one line a guard, in the order in which Tor prefers them; `up` is one
 * that has worked.
 */
const GUARD_UP = /^\$([0-9A-F]{40})(?:[~=][A-Za-z0-9]{1,19})? up$/;

/**
 * The guard that was first when it was looked at last, and since when it has not been seen to
 * change.
 */
export interface GuardSeen {
  readonly guard: string;
  readonly sinceMs: number;
}

/** @returns the identity of the first guard that is up; undefined if none is */
export function readFirstGuard(entryGuards: string): string | undefined {
  for (const line of entryGuards.split('\n')) {
    const guard = GUARD_UP.exec(line.trimEnd())?.[1];
    if (guard !== undefined) return guard;
  }
  return undefined;
}

/** A look at the guard. One that is down for a while has not been changed yet. */
export function noteGuard(
  seen: GuardSeen | undefined,
  guard: string | undefined,
  nowMs: number,
): GuardSeen | undefined {
  if (guard === undefined || guard === seen?.guard) return seen;
  return { guard, sinceMs: nowMs };
}

/**
 * Remembers over the connections to Tor: guards outlive them. The identity stays in here; only a
 * span goes out.
 */
export class GuardWatch {
  readonly #clock: Clock;
  #seen: GuardSeen | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Looks at the guard now. @returns whole seconds for which it has been the same, as far as was
   * looked; null if none is up
   * @throws TorError if the connection ended
   */
  async look(control: TorControl): Promise<number | null> {
    const nowMs = this.#clock.now();
    const guard = await askFirstGuard(control);
    this.#seen = noteGuard(this.#seen, guard, nowMs);
    if (guard === undefined || this.#seen === undefined) return null;
    return Math.floor((nowMs - this.#seen.sinceMs) / 1_000);
  }
}

async function askFirstGuard(control: TorControl): Promise<string | undefined> {
  try {
    const info = await control.getInfo(['entry-guards']);
    return readFirstGuard(info.get('entry-guards') ?? '');
  } catch (error) {
    // After a refusal the age is shown as unknown, and nothing else depends on it. Any other error
    // is thrown.
    if (torErrorCode(error) === 'control-refused') return undefined;
    throw error;
  }
}
