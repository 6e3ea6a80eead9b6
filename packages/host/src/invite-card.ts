// The connection string as it is handed over: the word itself, and the same in upper case as a QR code.

import { renderUnicodeCompact } from 'uqr';

const QUIET_ZONE = 2;

/** @returns lines of at most 120 columns; the string stands alone on its line, so that a double click selects it. */
export function renderInvite(invite: string, reminder: string): string {
  const code = renderUnicodeCompact(invite.toUpperCase(), { ecc: 'L', border: QUIET_ZONE });
  return ['', reminder, '', invite, '', code, ''].join('\n');
}
