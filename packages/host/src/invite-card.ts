// The printed connection string: the string itself, and the same in upper case as a QR code.

import { renderUnicodeCompact } from 'uqr';

const QUIET_ZONE = 2;
/**
 * White blocks on black, by number and not by name. On a light terminal the code would be inverted,
 * and themes change the named colours. A reader needs dark on light.
 */
const WHITE_ON_BLACK = '\u001b[38;5;231;48;5;16m';
const AS_BEFORE = '\u001b[0m';

/**
 * @returns lines of at most 120 columns, each with its own colours and none that lasts. The string
 * stands alone on its line, so that a double click selects it.
 */
export function renderInvite(invite: string, reminder: string): string {
  const rows = renderUnicodeCompact(invite.toUpperCase(), { ecc: 'L', border: QUIET_ZONE }).split('\n');
  const code = rows.map((row) => `${WHITE_ON_BLACK}${row}${AS_BEFORE}`).join('\n');
  return ['', reminder, '', invite, '', code, ''].join('\n');
}
