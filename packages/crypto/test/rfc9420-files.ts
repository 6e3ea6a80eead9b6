// The vectors of RFC 9420 as read from their files, and the damage that tests each check.

import { readFileSync } from 'node:fs';
import { fromHex } from '@sotto/protocol';

export interface CryptoBasics {
  readonly ref_hash: { readonly label: string; readonly value: string; readonly out: string };
  readonly expand_with_label: {
    readonly secret: string;
    readonly label: string;
    readonly context: string;
    readonly length: number;
    readonly out: string;
  };
  readonly derive_secret: { readonly secret: string; readonly label: string; readonly out: string };
  readonly derive_tree_secret: {
    readonly secret: string;
    readonly label: string;
    readonly generation: number;
    readonly length: number;
    readonly out: string;
  };
  readonly sign_with_label: {
    readonly priv: string;
    readonly pub: string;
    readonly label: string;
    readonly content: string;
    readonly signature: string;
  };
  readonly encrypt_with_label: {
    readonly priv: string;
    readonly pub: string;
    readonly label: string;
    readonly context: string;
    readonly plaintext: string;
    readonly kem_output: string;
    readonly ciphertext: string;
  };
}

export interface KeySchedule {
  readonly group_id: string;
  readonly initial_init_secret: string;
  readonly epochs: readonly Readonly<Record<EpochField, string>>[];
}
type EpochField = 'tree_hash' | 'commit_secret' | 'psk_secret' | 'confirmed_transcript_hash' | EpochSecret;
export type EpochSecret =
  | 'group_context'
  | 'joiner_secret'
  | 'welcome_secret'
  | 'init_secret'
  | 'sender_data_secret'
  | 'encryption_secret'
  | 'exporter_secret'
  | 'epoch_authenticator'
  | 'external_secret'
  | 'confirmation_key'
  | 'membership_key'
  | 'resumption_psk'
  | 'external_pub';

export interface SecretTree {
  readonly n_leaves: number;
  readonly encryption_secret: string;
  readonly sender_data: {
    readonly sender_data_secret: string;
    readonly ciphertext: string;
    readonly key: string;
    readonly nonce: string;
  };
  readonly leaves: readonly {
    readonly leaf: number;
    readonly generation: number;
    readonly application_key: string;
    readonly application_nonce: string;
    readonly handshake_key: string;
    readonly handshake_nonce: string;
  }[];
}

export interface Deserialization {
  readonly vlbytes_header: string;
  readonly length: number;
}

export interface TranscriptHashes {
  readonly confirmation_key: string;
  readonly authenticated_content: string;
  readonly interim_transcript_hash_before: string;
  readonly confirmed_transcript_hash_after: string;
  readonly interim_transcript_hash_after: string;
}

export interface MessageProtection {
  readonly group_id: string;
  readonly epoch: number;
  readonly tree_hash: string;
  readonly confirmed_transcript_hash: string;
  readonly signature_priv: string;
  readonly signature_pub: string;
  readonly encryption_secret: string;
  readonly sender_data_secret: string;
  readonly membership_key: string;
  readonly proposal: string;
  readonly proposal_priv: string;
  readonly proposal_pub: string;
  readonly commit: string;
  readonly commit_priv: string;
  readonly commit_pub: string;
  readonly application: string;
  readonly application_priv: string;
}

export interface WelcomeCase {
  readonly init_priv: string;
  readonly key_package: string;
  readonly welcome: string;
}

export interface PassiveWelcome {
  readonly key_package: string;
  readonly signature_priv: string;
  readonly encryption_priv: string;
  readonly init_priv: string;
  readonly welcome: string;
  readonly ratchet_tree: string;
  readonly initial_epoch_authenticator: string;
}

export type Messages = Readonly<
  Record<
    | 'mls_welcome'
    | 'mls_group_info'
    | 'mls_key_package'
    | 'ratchet_tree'
    | 'group_secrets'
    | 'commit'
    | 'public_message_commit'
    | 'private_message',
    string
  >
>;

interface Files {
  readonly 'crypto-basics': CryptoBasics;
  readonly 'key-schedule': KeySchedule;
  readonly 'secret-tree': SecretTree;
  readonly deserialization: Deserialization;
  readonly 'transcript-hashes': TranscriptHashes;
  readonly 'message-protection': MessageProtection;
  readonly welcome: WelcomeCase;
  readonly 'passive-client-welcome': PassiveWelcome;
  readonly messages: Messages;
}

export function casesOf<Name extends keyof Files>(name: Name): readonly Files[Name][] {
  const url = new URL(`../../../vectors/rfc9420/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { readonly cases: readonly Files[Name][] }).cases;
}

export function hex(text: string): Uint8Array {
  const bytes = fromHex(text, text.length / 2);
  if (bytes === undefined) throw new Error('a vector that is not hexadecimal');
  return bytes;
}

/** @returns every copy of the case in which one bit of one expected value differs. */
export function damaged<Case>(
  original: Case,
  expected: readonly string[],
): { readonly where: string; readonly one: Case }[] {
  return pathsTo(original, expected).map((path) => {
    const one = structuredClone(original);
    flipAt(one, path);
    return { where: path.join('.'), one };
  });
}

function pathsTo(value: unknown, expected: readonly string[]): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    expected.includes(name) && typeof inner !== 'object'
      ? [[name]]
      : pathsTo(inner, expected).map((path) => [name, ...path]),
  );
}

function flipAt(value: unknown, path: readonly string[]): void {
  const [name, ...rest] = path;
  if (name === undefined || typeof value !== 'object' || value === null) throw new Error('no such value');
  const holder = value as Record<string, unknown>;
  const inner = holder[name];
  if (rest.length > 0) flipAt(inner, rest);
  else if (typeof inner === 'number') holder[name] = inner ^ 1;
  else if (typeof inner === 'string') holder[name] = flippedHex(inner);
  else throw new Error('no such value');
}

/**
 * Flips the lowest bit of the middle byte, which is inside the value and not in the kinds and
 * lengths at its beginning.
 */
function flippedHex(text: string): string {
  const middle = 2 * Math.floor(text.length / 4) + 1;
  const digit = Number.parseInt(text.charAt(middle), 16) ^ 1;
  return `${text.slice(0, middle)}${digit.toString(16)}${text.slice(middle + 1)}`;
}
