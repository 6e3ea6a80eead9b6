// What all operations of one room's group share: its primitives, its keys, its limits, and the one configuration of the library that we allow.

import type { Capabilities, CiphersuiteImpl, ClientConfig, Credential, Lifetime } from 'ts-mls';
import { describeSuite, openSuite } from '../provider/group-crypto.ts';
import type { GroupCrypto, GroupSuite, SuiteDescription } from '../provider/group-crypto.ts';
import { credentialMac } from './keys.ts';
import type { GroupIdentity } from './identity.ts';
import type { GroupKeys } from './keys.ts';
import { CREDENTIAL_MAC_BYTES, GROUP_SKIPPED_MESSAGES_MAX, MEMBER_ID_BYTES } from '../limits.ts';

/** Key packages do not run out: rules that must be equal for all members know no clock. */
export const LIFETIME: Lifetime = { notBefore: 0n, notAfter: 0xffff_ffff_ffff_ffffn };

export interface GroupContext {
  readonly primitives: CiphersuiteImpl;
  readonly suite: SuiteDescription;
  readonly keys: GroupKeys;
  readonly config: ClientConfig;
  /** The one set of capabilities that a leaf may have. */
  readonly capabilities: Capabilities;
  readonly membersMax: number;
}

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
 * `retainKeysForGenerations: 0`: the library would keep the ratchet's secret of a skipped message, from which all later keys follow.
 * `retainKeysForEpochs: 1`: 0 would keep every epoch; the one that is kept we drop ourselves (`purgePrevious`).
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
      validateCredential: (credential, key) => Promise.resolve(memberIdOf(keys, credential, key) !== undefined),
    },
  };
}

export function makeCredential(
  keys: GroupKeys,
  { memberId, memberKey }: Pick<GroupIdentity, 'memberId' | 'memberKey'>,
): Credential {
  const identity = new Uint8Array(MEMBER_ID_BYTES + CREDENTIAL_MAC_BYTES);
  identity.set(memberId);
  identity.set(credentialMac(keys, { memberId, memberKey }), MEMBER_ID_BYTES);
  return { credentialType: 'basic', identity };
}

/** @returns the member id of a credential that was made with the room secret for this very key. */
export function memberIdOf(keys: GroupKeys, credential: Credential, memberKey: Uint8Array): Uint8Array | undefined {
  if (credential.credentialType !== 'basic') return undefined;
  const { identity } = credential;
  if (identity.length !== MEMBER_ID_BYTES + CREDENTIAL_MAC_BYTES) return undefined;
  const memberId = identity.slice(0, MEMBER_ID_BYTES);
  return equalInConstantTime(identity.subarray(MEMBER_ID_BYTES), credentialMac(keys, { memberId, memberKey }))
    ? memberId
    : undefined;
}

/** Compares without stopping at the first difference; lengths are no secret. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}
