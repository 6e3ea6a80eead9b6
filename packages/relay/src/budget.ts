// How much of something may be had at once, and then how much with time: a token bucket that may be in debt.

/** `burst` at once, and then one more every `intervalMs`. */
export interface Allowance {
  readonly burst: number;
  readonly intervalMs: number;
}

/** What is left; below zero is debt. `at` is when that was true, in milliseconds. */
export interface Budget {
  readonly left: number;
  readonly at: number;
}

export function fullBudget(allowance: Allowance, now: number): Budget {
  return { left: allowance.burst, at: now };
}

export function spend(budget: Budget, allowance: Allowance, amount: number, now: number): Budget {
  return { left: left(budget, allowance, now) - amount, at: now };
}

/** @returns milliseconds until `amount` is there; 0 if it is. */
export function waitMs(budget: Budget, allowance: Allowance, amount: number, now: number): number {
  return Math.max(0, Math.ceil((amount - left(budget, allowance, now)) * allowance.intervalMs));
}

function left({ left: before, at }: Budget, { burst, intervalMs }: Allowance, now: number): number {
  return Math.min(burst, before + (now - at) / intervalMs);
}
