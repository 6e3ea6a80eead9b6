// The label of a member on a screen: its claimed name, and enough of its fingerprint that no other
// member has the same label.

import type { Speaker } from '@sotto/client';
import { KNOWN_LABELS_MAX } from './limits.ts';
import { safeFingerprint, safely, safeName } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

const SHORT_DIGITS = 4;

/**
 * A search over keys quickly finds four digits, so they belong to the first key with them, whatever
 * its name. Any other key with the same four is shown with its whole fingerprint, for good.
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
