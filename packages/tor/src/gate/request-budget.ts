// How much one gate connection may ask: a burst, and a steady rate after it. Pure; the clock comes with each request.

/** `tokens` is what may still be asked at `atMs`. */
export interface RequestBudget {
  readonly tokens: number;
  readonly atMs: number;
}

/** The budget after one more request; undefined if there was none left for it. */
export function spendRequest(
  budget: RequestBudget,
  nowMs: number,
  burst: number,
  perSecond: number,
): RequestBudget | undefined {
  const earned = (Math.max(0, nowMs - budget.atMs) / 1000) * perSecond;
  const tokens = Math.min(burst, budget.tokens + earned) - 1;
  return tokens < 0 ? undefined : { tokens, atMs: nowMs };
}
