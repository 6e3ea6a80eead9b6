// What a member has seen of the log in this epoch, in 16 bytes: who has seen another log gets another value. PROTOCOL.md §5.10.

import { sha256 } from '@noble/hashes/sha2.js';
import { ByteWriter, LOG_HASH_BYTES } from '@sotto/protocol';
import { truncatedHash } from './key-schedule.ts';
import { LABELS } from './labels.ts';

/** 16 bytes. */
export type LogHash = Uint8Array;

export interface LogStart {
  /** 32 or 64 bytes (RFC 9420 §8.7). */
  readonly epochAuthenticator: Uint8Array;
  /** The number of the last frame of the commit that begins the epoch. */
  readonly sequence: number;
}

/** @returns the hash at the beginning of an epoch, which is the beginning of its log. */
export function startLog({ epochAuthenticator, sequence }: LogStart): LogHash {
  return truncatedHash(LABELS.log, LOG_HASH_BYTES, epochAuthenticator, u64(sequence));
}

export interface LogEntry {
  /** The hash after the frame before. */
  readonly hash: LogHash;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** @returns the hash after the frame with this number and body. */
export function extendLog({ hash, sequence, body }: LogEntry): LogHash {
  return truncatedHash(LABELS.log, LOG_HASH_BYTES, hash, u64(sequence), sha256(body));
}

function u64(value: number): Uint8Array {
  return new ByteWriter(8).u64(value).bytes;
}
