// The host's random bytes, as plain arrays. `slice` of a Buffer is no copy, so zeroing a slice
// would zero the original.

import { randomFillSync } from 'node:crypto';

/** Filled in place: a later secret has no second copy. */
export const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
