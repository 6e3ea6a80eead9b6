// What a member has seen of the log in this epoch, in 16 bytes: who has seen another log gets another value. PROTOCOL.md §5.10.

import { sha256 } from '@noble/hashes/sha2.js';
import { ByteWriter, LOG_HASH_BYTES } from '@sotto/protocol';
import { truncatedHash } from './key-schedule.ts';
import { LABELS } from './labels.ts';

/** 16 bytes. */
export type LogHash = Uint8Array;

/** The log of an epoch begins with the epoch: `sequence` is that of its commit's last frame. */
export function startLog(epochAuthenticator: Uint8Array, sequence: number): LogHash {
  return truncatedHash(LABELS.log, LOG_HASH_BYTES, epochAuthenticator, u64(sequence));
}

/** @returns the hash behind the frame with this number and body. */
export function extendLog(hash: LogHash, sequence: number, body: Uint8Array): LogHash {
  return truncatedHash(LABELS.log, LOG_HASH_BYTES, hash, u64(sequence), sha256(body));
}

function u64(value: number): Uint8Array {
  return new ByteWriter(8).u64(value).bytes;
}
