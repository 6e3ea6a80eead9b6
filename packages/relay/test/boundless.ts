// A room in which every connection may say as much as it likes, as it was before there were shares:
// for tests of something else, and for controls.

import type { Allowances } from '../src/fair-share.ts';

const BYTES = 2 ** 40;

export const BOUNDLESS: Allowances = {
  ofRoom: () => ({ burst: BYTES, intervalMs: 1 / BYTES }),
  ofConnection: () => undefined,
};
