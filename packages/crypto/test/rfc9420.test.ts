// The vectors of RFC 9420 hold on both sets of primitives, and fail with one bit changed.

import { equalBytes } from '@sotto/protocol';
import { nativeCrypto } from '@sotto/crypto/native';
import type { CiphersuiteImpl } from 'ts-mls';
import { decodeProposal, encodeProposal } from 'ts-mls/proposal.js';
import { describe, expect, test } from 'vitest';
import { decodeCommit as readCommit, decodeGroupInfo, decodeWelcome } from '../src/mls/bytes.ts';
import { openSuite } from '../src/provider/group-crypto.ts';
import { readKeyPackage } from '../src/mls/key-package.ts';
import { pureCrypto } from '../src/provider/pure-provider.ts';
import type { GroupCrypto } from '../src/mls/index.ts';
import { at } from './group-room.ts';
import {
  basicsHold,
  EPOCH_SECRETS,
  lengthHolds,
  messagesHold,
  passiveHolds,
  protectionHolds,
  roomOf,
  scheduleHolds,
  secretTreeHolds,
  transcriptHolds,
  welcomeHolds,
  whole,
} from './rfc9420-checks.ts';
import { casesOf, damaged, hex } from './rfc9420-files.ts';

type Check<Case> = (suite: CiphersuiteImpl, one: Case) => Promise<boolean>;
/** @returns whether the check holds. An input that does not open or decode does not hold. */
const holds = async <Case>(check: Check<Case>, suite: CiphersuiteImpl, one: Case): Promise<boolean> => {
  try {
    return await check(suite, one);
  } catch {
    // The library and our own `value` throw for bytes that they refuse.
    return false;
  }
};

function family<Case>(name: string, cases: readonly Case[], expected: readonly string[], check: Check<Case>): void {
  test.each<readonly [string, GroupCrypto]>([
    ['native', nativeCrypto],
    ['pure', pureCrypto],
  ])(`${name} holds, and fails with one bit changed (%s)`, async (_name, crypto) => {
    const suite = await openSuite(crypto, 'x25519');
    expect(cases.length).toBeGreaterThan(0);
    for (const one of cases) {
      expect(await holds(check, suite, one)).toBe(true);
      const changed = damaged(one, expected);
      expect(changed.length).toBeGreaterThanOrEqual(expected.length);
      const unnoticed = [];
      for (const { where, one: wrong } of changed) if (await holds(check, suite, wrong)) unnoticed.push(where);
      expect(unnoticed).toEqual([]);
    }
  });
}

describe('the vectors of RFC 9420, suite 3', () => {
  family('crypto-basics', casesOf('crypto-basics'), ['out', 'signature', 'plaintext', 'ciphertext'], basicsHold);
  family('key-schedule', casesOf('key-schedule'), EPOCH_SECRETS, scheduleHolds);
  family(
    'secret-tree',
    casesOf('secret-tree'),
    ['key', 'nonce', 'application_key', 'application_nonce', 'handshake_key', 'handshake_nonce'],
    secretTreeHolds,
  );
  family('deserialization', casesOf('deserialization'), ['vlbytes_header', 'length'], lengthHolds);
  family(
    'transcript-hashes',
    casesOf('transcript-hashes'),
    ['confirmation_key', 'confirmed_transcript_hash_after', 'interim_transcript_hash_after'],
    transcriptHolds,
  );
  family(
    'message-protection',
    casesOf('message-protection'),
    [
      'proposal',
      'commit',
      'application',
      'proposal_priv',
      'commit_priv',
      'application_priv',
      'proposal_pub',
      'commit_pub',
    ],
    protectionHolds,
  );
  family('welcome', casesOf('welcome'), ['key_package', 'welcome', 'init_priv'], welcomeHolds);
  family(
    'passive-client-welcome',
    casesOf('passive-client-welcome'),
    ['initial_epoch_authenticator', 'key_package', 'welcome', 'ratchet_tree', 'init_priv'],
    passiveHolds,
  );
  family(
    'messages',
    casesOf('messages'),
    ['mls_group_info', 'mls_key_package', 'ratchet_tree', 'commit'],
    messagesHold,
  );
});

describe('our own rules over the vectors of RFC 9420', () => {
  test('refuse a sender outside the room, even if it is well-formed', async () => {
    const room = await roomOf(await openSuite(nativeCrypto, 'x25519'));
    const { key_package: keyPackage } = at(casesOf('passive-client-welcome'), 0);
    const messages = at(casesOf('messages'), 0);
    expect(await readKeyPackage(room, hex(keyPackage))).toMatchObject({ ok: false });
    expect(await readKeyPackage(room, hex(messages.mls_key_package))).toEqual({ ok: false, code: 'group-foreign' });
    expect(await decodeWelcome(room, hex(messages.mls_welcome))).toEqual({ ok: false, code: 'group-foreign' });
    expect(await decodeGroupInfo(room, hex(messages.mls_group_info))).toEqual({ ok: false, code: 'group-foreign' });
  });

  test('refuse a message with one byte more or less', async () => {
    for (const text of Object.values(at(casesOf('messages'), 0)).filter((one) => one.startsWith('0001000'))) {
      const bytes = hex(text);
      expect((await readCommit(bytes)).ok).toBe(true);
      const refused = { ok: false, code: 'group-bytes-malformed' };
      expect(await readCommit(Uint8Array.from([...bytes, 0]))).toEqual(refused);
      expect(await readCommit(bytes.subarray(0, -1))).toEqual(refused);
    }
  });

  test('write a proposal back as it was read', () => {
    const bytes = hex(at(casesOf('message-protection'), 0).proposal);
    expect(equalBytes(encodeProposal(whole(decodeProposal(bytes, 0), bytes)), bytes)).toBe(true);
  });
});
