// The host's random bytes, as plain arrays: `slice` of a Buffer is no copy, and zeroing one would
// zero ours.

import { randomFillSync } from 'node:crypto';

/** Filled where they stay: there is no second copy of what becomes a secret. */
export const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
