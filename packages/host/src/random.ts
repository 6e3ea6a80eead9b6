// The host's random bytes. Plain ones: `slice` of a Buffer is no copy, and whoever zeroes what it takes for its own copy would zero ours.

import { randomBytes } from 'node:crypto';

export const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));
