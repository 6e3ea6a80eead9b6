// Where in what is typed a terminal has announced a paste (bracketed paste): no byte of that is a
// key. Pure.

/** Of xterm's bracketed paste mode: before and behind what is pasted. */
const MARKERS = { begin: [...Buffer.from('\u001b[200~')], end: [...Buffer.from('\u001b[201~')] };
const ESCAPE = 0x1b;

export interface AnnouncedPaste {
  readonly phase: 'none' | 'open';
  /** Bytes of the next marker that have come: markers may be cut anywhere. */
  readonly matched: number;
}

export const NO_PASTE: AnnouncedPaste = { phase: 'none', matched: 0 };

/** Takes the next byte; a marker counts from its last byte on. */
export function stepPaste({ phase, matched }: AnnouncedPaste, byte: number): AnnouncedPaste {
  const marker = phase === 'open' ? MARKERS.end : MARKERS.begin;
  if (byte !== marker[matched]) return { phase, matched: byte === ESCAPE ? 1 : 0 };
  if (matched + 1 < marker.length) return { phase, matched: matched + 1 };
  return { phase: phase === 'open' ? 'none' : 'open', matched: 0 };
}
