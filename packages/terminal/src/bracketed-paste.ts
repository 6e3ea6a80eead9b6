// Finds the pastes that a terminal announces among typed bytes (bracketed paste). No byte of a
// paste is a key. Pure.

/** xterm's bracketed paste mode writes these before and after a paste. */
const MARKERS = { begin: [...Buffer.from('\u001b[200~')], end: [...Buffer.from('\u001b[201~')] };
const ESCAPE = 0x1b;

export interface AnnouncedPaste {
  readonly phase: 'none' | 'open';
  /** Bytes of the next marker that have come; chunks may cut a marker anywhere. */
  readonly matched: number;
}

export const NO_PASTE: AnnouncedPaste = { phase: 'none', matched: 0 };

/** Processes the next byte. A marker counts from its last byte on. */
export function stepPaste({ phase, matched }: AnnouncedPaste, byte: number): AnnouncedPaste {
  const marker = phase === 'open' ? MARKERS.end : MARKERS.begin;
  if (byte !== marker[matched]) return { phase, matched: byte === ESCAPE ? 1 : 0 };
  if (matched + 1 < marker.length) return { phase, matched: matched + 1 };
  return { phase: phase === 'open' ? 'none' : 'open', matched: 0 };
}
