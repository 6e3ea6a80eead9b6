// The proof that a room can be reached: in as a guest, through the other Tor, the onion and the relay's handshake, founding the group on the first time.

import type { Socket } from 'node:net';
import { proveAdmission } from '@sotto/client';
import type { RoomRegistration } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import type { Invite, SignedAccess } from '@sotto/protocol';
import { byteStreamOf, connectGate, dialOnion, TorError } from '@sotto/tor';
import type { SocksAddress } from '@sotto/tor';
import { ADMISSION_TIMEOUT_MS, PROOF_DIAL_TIMEOUTS_MS } from './limits.ts';
import { random } from './random.ts';
import type { ShownStage } from './screen.ts';
import type { Stopwatch } from './startup-timer.ts';

export interface Way {
  readonly gateSocket: string;
  readonly socks: SocksAddress;
  /** 56 characters, without `.onion`. */
  readonly onion: string;
  readonly invite: Invite;
  readonly registration: RoomRegistration;
  /** The access that the room is founded with. */
  readonly access: SignedAccess;
  readonly stopwatch: Stopwatch;
  readonly onStage: (stage: ShownStage) => void;
  /** How often it was tried in vain. */
  readonly failures: number;
  readonly signal: AbortSignal;
}

/** Rejects with a TorError or a DialError; it can be tried again. After `signal` it rejects soon, and touches no secret any more. */
export async function walkIn(way: Way): Promise<void> {
  const bootstrapped = Promise.withResolvers<undefined>();
  // Closing the gate rejects it, and by then there may be nobody to hear it.
  bootstrapped.promise.catch(() => undefined);
  const onStage = (stage: ShownStage): void => {
    way.onStage(stage);
    if (stage.state === 'done') bootstrapped.resolve(undefined);
  };
  const gate = await connectGate({ socketPath: way.gateSocket, onStage });
  void gate.closed.then((code) => bootstrapped.reject(new TorError(code)));
  const giveUp = (): void => gate.close();
  way.signal.addEventListener('abort', giveUp, { once: true });
  try {
    refuseAborted(way.signal);
    const stage = await gate.bootstrap();
    if (stage.state === 'done') bootstrapped.resolve(undefined);
    await way.stopwatch.inTor(() => bootstrapped.promise);
    refuseAborted(way.signal);
    await way.registration.clientAuthorisationSeed.use((seed) => gate.allow(way.onion, seed));
    await way.stopwatch.inTor(() => dialAndProve(way));
  } finally {
    way.signal.removeEventListener('abort', giveUp);
    gate.close();
  }
}

async function dialAndProve({ socks, onion, invite, access, failures, signal }: Way): Promise<void> {
  const timeoutMs = PROOF_DIAL_TIMEOUTS_MS[failures];
  const socket = await dialOnion({ socks, onion, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  const giveUp = (): Socket => socket.destroy();
  const timer = setTimeout(giveUp, ADMISSION_TIMEOUT_MS);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    refuseAborted(signal);
    const founding = { crypto: nativeCrypto, suite: 'x-wing', access } as const;
    await proveAdmission(invite, byteStreamOf(socket), random, founding);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    socket.destroy();
  }
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new TorError('aborted');
}
