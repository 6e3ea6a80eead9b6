// The shared values of all operations on one group: primitives, keys, limits, and the one
// configuration of the library that Sotto allows.

import type { Capabilities, CiphersuiteImpl, ClientConfig, Credential, Lifetime } from 'ts-mls';
import { describeSuite, openSuite } from '../provider/group-crypto.ts';
import type { GroupCrypto, GroupSuite, SuiteDescription } from '../provider/group-crypto.ts';
import { credentialMac } from './keys.ts';
import type { GroupKeys } from './keys.ts';
import { GROUP_SKIPPED_MESSAGES_MAX } from '../limits.ts';

/** Key packages do not expire. The rules are equal for all members, so they know no clock. */
export const LIFETIME: Lifetime = { notBefore: 0n, notAfter: 0xffff_ffff_ffff_ffffn };

/** The values that every operation on one group needs. */
export interface GroupContext {
  readonly primitives: CiphersuiteImpl;
  readonly suite: SuiteDescription;
  readonly keys: GroupKeys;
  readonly config: ClientConfig;
  /** The one set of capabilities that a leaf may have. */
  readonly capabilities: Capabilities;
  readonly membersMax: number;
}

/** @throws TypeError if no entry of this package has made `crypto`. */
export async function openContext(
  crypto: GroupCrypto,
  suiteName: GroupSuite,
  keys: GroupKeys,
  membersMax: number,
): Promise<GroupContext> {
  const suite = describeSuite(suiteName);
  return {
    primitives: await openSuite(crypto, suiteName),
    suite,
    keys,
    config: makeConfig(keys),
    capabilities: {
      versions: ['mls10'],
      ciphersuites: [suite.name],
      extensions: [],
      proposals: [],
      credentials: ['basic'],
    },
    membersMax,
  };
}

/**
 * `retainKeysForGenerations: 0`: otherwise the library keeps the ratchet secret of a skipped
 * message, from which all later keys follow.
 * `retainKeysForEpochs: 1`: 0 would keep every epoch. `purgePrevious` drops the one that is kept.
 */
function makeConfig(keys: GroupKeys): ClientConfig {
  return {
    keyRetentionConfig: {
      retainKeysForGenerations: 0,
      retainKeysForEpochs: 1,
      maximumForwardRatchetSteps: GROUP_SKIPPED_MESSAGES_MAX,
    },
    lifetimeConfig: { maximumTotalLifetime: LIFETIME.notAfter, validateLifetimeOnReceive: false },
    keyPackageEqualityConfig: {
      compareKeyPackages: (a, b) => equalInConstantTime(a.leafNode.signaturePublicKey, b.leafNode.signaturePublicKey),
      compareKeyPackageToLeafNode: (a, b) => equalInConstantTime(a.leafNode.signaturePublicKey, b.signaturePublicKey),
    },
    paddingConfig: { kind: 'padUntilLength', padUntilLength: 0 },
    authService: {
      validateCredential: (credential, key) => Promise.resolve(isCredentialOf(keys, credential, key)),
    },
  };
}

/** @returns a basic credential of 32 bytes, HMAC-SHA256 of the member key. PROTOCOL.md §5.8. */
export function makeCredential(keys: GroupKeys, memberKey: Uint8Array): Credential {
  return { credentialType: 'basic', identity: credentialMac(keys, memberKey) };
}

/**
 * @returns whether the credential was made with the room secret for this very key. PROTOCOL.md
 * §5.8.
 */
export function isCredentialOf(keys: GroupKeys, credential: Credential, memberKey: Uint8Array): boolean {
  return (
    credential.credentialType === 'basic' && equalInConstantTime(credential.identity, credentialMac(keys, memberKey))
  );
}

/** Compares all bytes, even after a difference. Lengths are not secret. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}
