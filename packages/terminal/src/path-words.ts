// What the plain screen says of the way through Tor: its circuit, its guard, and what became of a circuit that was to be renewed.

import type { Vanguards } from '@sotto/tor';
import type { ShownEvent } from './front-end.ts';
import { safeLine, safely } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

const VANGUARD_WORDS: Readonly<Record<Vanguards, SafeText>> = {
  on: safely`on`,
  auto: safely`as the network's directory says`,
  off: safely`OFF`,
};

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

export function describePath(status: Extract<ShownEvent, { type: 'status' }>): SafeText {
  const { circuitAgeSeconds, guardSameSeconds, vanguards } = status;
  const circuit = circuitAgeSeconds === null ? safely`none` : safely`in use for ${circuitAgeSeconds} s`;
  const guard =
    guardSameSeconds === null ? safely`unknown` : safely`the same for ${describeSpan(guardSameSeconds)} at least`;
  const layers = vanguards === null ? safely`unknown` : VANGUARD_WORDS[vanguards];
  return safely`Tor: circuit ${circuit}; guard ${guard}; vanguards ${layers}`;
}

export function describeCircuit(event: Extract<ShownEvent, { type: 'circuit' }>): SafeText {
  if (event.state === 'kept') return safely`the circuit is the same as before: ${safeLine(event.message)}`;
  return safely`another circuit: everything goes over it from now on`;
}

/** In the largest unit that it fills. */
function describeSpan(seconds: number): SafeText {
  if (seconds < MINUTE_S) return safely`${seconds} s`;
  if (seconds < HOUR_S) return safely`${Math.floor(seconds / MINUTE_S)} min`;
  return seconds < DAY_S ? safely`${Math.floor(seconds / HOUR_S)} h` : safely`${Math.floor(seconds / DAY_S)} days`;
}
