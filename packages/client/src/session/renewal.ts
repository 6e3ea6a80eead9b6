// Where the renewal of the circuit stands, and what of it everybody has to know: whether anything may leave. PROTOCOL.md §4.9.

/** Who wants it: only who has asked is told what became of it. */
export type Asked = 'by-user' | 'by-clock';

/**
 * The way to another circuit. `dialling`, `greeting`: a standby connection is being opened, until its CHALLENGE has come; the first one goes on as ever.
 * `draining`: nothing departs on the first any more, and its echoes are awaited. `handover`: ATTACH has left on the second, and the first is not
 * heard any more. `arriving`: ATTACHED has come, the first is closed, and the log is read up to where it stands.
 */
export type Renewal =
  | { readonly phase: 'none' }
  | { readonly phase: 'dialling'; readonly asked: Asked }
  | { readonly phase: 'greeting'; readonly asked: Asked; readonly connection: number }
  | { readonly phase: 'draining'; readonly asked: Asked; readonly connection: number; readonly challenge: Uint8Array }
  | { readonly phase: 'handover'; readonly asked: Asked; readonly connection: number }
  | { readonly phase: 'arriving'; readonly asked: Asked };

export const NO_RENEWAL: Renewal = { phase: 'none' };

/** @returns whether frames stay here: between the last one on the old connection and the first one on the new */
export function holdsFrames({ phase }: Renewal): boolean {
  return phase === 'draining' || phase === 'handover';
}

/** @returns whether a user waits to be told what becomes of it */
export function isAwaited(renewal: Renewal): boolean {
  return renewal.phase !== 'none' && renewal.asked === 'by-user';
}
