// Takes one number out of `GETINFO circuit-status`, the age of an onion's newest circuit, and lets nothing else of that answer go further.

import { parseKeywordLine } from './keywords.ts';

const CREATED = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?$/;

/**
 * Whole seconds since the newest joined rendezvous circuit of `onion` was made; null if there is none. Tor dates no guard so: see
 * guard-watch.ts and docs/adr/0013-guard-age.md.
 */
export function readCircuitAge(circuitStatus: string, onion: string, wallMs: number): number | null {
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const line of circuitStatus.split('\n')) {
    const { keywords } = parseKeywordLine(line);
    const joined = keywords.get('PURPOSE') === 'HS_CLIENT_REND' && keywords.get('HS_STATE') === 'HSCR_JOINED';
    if (!joined || keywords.get('REND_QUERY') !== onion) continue;
    newestMs = Math.max(newestMs, readCreated(keywords.get('TIME_CREATED') ?? ''));
  }
  return Number.isFinite(newestMs) ? Math.max(0, Math.floor((wallMs - newestMs) / 1000)) : null;
}

function readCreated(text: string): number {
  const ms = CREATED.test(text) ? Date.parse(`${text}Z`) : Number.NaN;
  return Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
}
