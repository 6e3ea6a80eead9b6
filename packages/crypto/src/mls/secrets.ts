// The secret buffers of a group's state. The library never zeroes them; we do, once a newer state
// no longer needs them.

import type { ClientState, SecretTree } from 'ts-mls';

function* treeSecrets(tree: SecretTree): Generator<Uint8Array> {
  for (const node of tree) {
    for (const ratchet of [node.handshake, node.application]) {
      yield ratchet.secret;
      yield* Object.values(ratchet.unusedGenerations);
    }
  }
}

/** @returns every secret buffer of `state`, as the buffers themselves. */
export function secretsOf(state: ClientState): Set<Uint8Array> {
  const secrets = new Set<Uint8Array>(Object.values(state.keySchedule) as Uint8Array[]);
  for (const secret of treeSecrets(state.secretTree)) secrets.add(secret);
  for (const key of Object.values(state.privatePath.privateKeys)) secrets.add(key);
  secrets.add(state.signaturePrivateKey);
  for (const past of state.historicalReceiverData.values()) {
    secrets.add(past.senderDataSecret);
    secrets.add(past.resumptionPsk);
    for (const secret of treeSecrets(past.secretTree)) secrets.add(secret);
  }
  return secrets;
}

/** Zeroes each secret of `old` that `kept` does not hold. */
export function zeroSecrets(old: ClientState, kept: ClientState | undefined): void {
  const stillNeeded = kept === undefined ? new Set<Uint8Array>() : secretsOf(kept);
  for (const secret of secretsOf(old)) if (!stillNeeded.has(secret)) secret.fill(0);
}

/**
 * Zeroes the buffers that the library reports as consumed, except those that `kept` still holds.
 */
export function zeroConsumed(consumed: readonly Uint8Array[], kept: ClientState): void {
  const stillNeeded = secretsOf(kept);
  for (const buffer of consumed) if (!stillNeeded.has(buffer)) buffer.fill(0);
}

/**
 * @returns the state without any past epoch. `zeroSecrets` then zeroes the secrets of that epoch.
 */
export function withoutPastEpochs(state: ClientState): ClientState {
  return { ...state, historicalReceiverData: new Map() };
}

/**
 * @returns `next` with the present keys of `current` for the epoch that it closes. Messages may
 * have been opened since the commit was made, and the keys that they used must not come back.
 */
export function withLatestPastEpoch(next: ClientState, current: ClientState): ClientState {
  const past = next.historicalReceiverData.get(current.groupContext.epoch);
  if (past === undefined) return next;
  return {
    ...next,
    historicalReceiverData: new Map([[current.groupContext.epoch, { ...past, secretTree: current.secretTree }]]),
  };
}
