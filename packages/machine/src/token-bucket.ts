// How much of something is allowed at once, and how much with time: a token bucket that may be in
// debt.

/** `burst` tokens at once, and then one more every `intervalMs` milliseconds. */
export interface Allowance {
  readonly burst: number;
  readonly intervalMs: number;
}

/** The tokens that were left at `at`, in milliseconds of the caller's clock; below zero is debt. */
export interface TokenBucket {
  readonly tokens: number;
  readonly at: number;
}

export function fullBucket(allowance: Allowance, now: number): TokenBucket {
  return { tokens: allowance.burst, at: now };
}

/** Spends `amount` tokens, even if that leaves a debt. The caller pays a debt by waiting. */
export function spend(bucket: TokenBucket, allowance: Allowance, amount: number, now: number): TokenBucket {
  return { tokens: tokensAt(bucket, allowance, now) - amount, at: now };
}

/** @returns the bucket without `amount` tokens; undefined if fewer were there. */
export function trySpend(
  bucket: TokenBucket,
  allowance: Allowance,
  amount: number,
  now: number,
): TokenBucket | undefined {
  const spent = spend(bucket, allowance, amount, now);
  return spent.tokens < 0 ? undefined : spent;
}

/** @returns whole milliseconds until `amount` tokens are there; 0 if they are. */
export function waitMs(bucket: TokenBucket, allowance: Allowance, amount: number, now: number): number {
  return Math.max(0, Math.ceil((amount - tokensAt(bucket, allowance, now)) * allowance.intervalMs));
}

function tokensAt({ tokens, at }: TokenBucket, { burst, intervalMs }: Allowance, now: number): number {
  return Math.min(burst, tokens + Math.max(0, now - at) / intervalMs);
}
