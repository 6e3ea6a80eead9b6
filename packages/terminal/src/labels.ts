// What a member is called on a screen: the name it claims and enough of its fingerprint that no
// other member looks the same.

import type { Speaker } from '@sotto/client';
import { KNOWN_LABELS_MAX } from './limits.ts';
import { safeFingerprint, safely, safeName } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

const SHORT_DIGITS = 4;

/**
 * Four digits are quickly found by trying keys, so they belong to the first key that came with
 * them, whatever its name:
 * any other key with the same four is shown with its whole fingerprint, for good.
 */
export class Labels {
  readonly #owners = new Map<string, string>();

  of(speaker: Speaker): SafeText {
    const whole = safeFingerprint(speaker.fingerprint);
    const short = safeFingerprint(whole.slice(0, SHORT_DIGITS));
    if (!this.#owners.has(short) && this.#owners.size < KNOWN_LABELS_MAX) this.#owners.set(short, whole);
    return safely`${safeName(speaker.name)}·${this.#owners.get(short) === whole ? short : whole}`;
  }
}
