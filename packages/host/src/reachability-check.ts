// The check that a room can be reached: joins as a guest does, through the second Tor, the onion
// and the relay's handshake. The first check founds the group.

import { proveAdmission } from '@sotto/client';
import type { RoomRegistration } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import type { Invite, SignedAccess } from '@sotto/protocol';
import { byteStreamOf, connectGate, openOnion, TorError } from '@sotto/tor';
import type { GateClient, SocksAddress } from '@sotto/tor';
import { ADMISSION_TIMEOUT_MS, CHECK_DIAL_TIMEOUTS_MS } from './limits.ts';
import { random } from './random.ts';
import type { ShownStage } from './screen.ts';
import type { StartupTimer } from './startup-timer.ts';

export interface ReachabilityCheck {
  readonly gateSocket: string;
  readonly socks: SocksAddress;
  /** 56 characters, without `.onion`. */
  readonly onion: string;
  readonly invite: Invite;
  readonly registration: RoomRegistration;
  /** The access that the room is founded with. */
  readonly access: SignedAccess;
  readonly startupTimer: StartupTimer;
  /** Gets each stage of the second Tor that follows its present one. */
  readonly onStage: (stage: ShownStage) => void;
  /** How many checks failed before this one. */
  readonly failures: number;
  readonly signal: AbortSignal;
}

/**
 * Resolves with the room's commit number when the room was reached. A failed check can be repeated. After `signal` it rejects
 * soon, and reads no secret any more.
 *
 * @throws TorError, DialError
 */
export async function checkReachability(check: ReachabilityCheck): Promise<number> {
  const gate = await connectGate({ socketPath: check.gateSocket });
  const giveUp = (): void => gate.close();
  check.signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await check.startupTimer.inTor(() => openAndProve(check, gate));
  } finally {
    check.signal.removeEventListener('abort', giveUp);
    gate.close();
  }
}

async function openAndProve(check: ReachabilityCheck, gate: GateClient): Promise<number> {
  const { socks, onion, invite, registration, access, failures, signal } = check;
  let isFirst = true;
  const socket = await openOnion({
    gate,
    socks,
    onion,
    clientAuthorisationSeed: registration.clientAuthorisationSeed,
    signal,
    timeoutMs: () => CHECK_DIAL_TIMEOUTS_MS[failures],
    onStage: (stage) => {
      if (!isFirst) check.onStage(stage);
      isFirst = false;
    },
  });
  const giveUp = (): void => void socket.destroy();
  const timer = setTimeout(giveUp, ADMISSION_TIMEOUT_MS);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal.aborted) throw new TorError('aborted');
    const founding = { crypto: nativeCrypto, suite: 'x-wing', access } as const;
    return await proveAdmission(invite, byteStreamOf(socket), random, founding);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    socket.destroy();
  }
}
