// A hash of 16 bytes over the log of an epoch as one member saw it. Members that saw different logs
// have different hashes. PROTOCOL.md §5.10.

import { sha256 } from '@noble/hashes/sha2.js';
import { ByteWriter, LOG_HASH_BYTES } from '@sotto/protocol';
import { truncatedHash } from './key-schedule.ts';
import { LABELS } from './labels.ts';

/** 16 bytes. */
export type LogHash = Uint8Array;

/** The point at which the log of an epoch begins. */
export interface LogStart {
  /** 32 or 64 bytes (RFC 9420 §8.7). */
  readonly epochAuthenticator: Uint8Array;
  /** The number of the last frame of the commit that begins the epoch. */
  readonly sequence: number;
}

/** @returns the hash at the beginning of an epoch. PROTOCOL.md §5.10. */
export function startLog({ epochAuthenticator, sequence }: LogStart): LogHash {
  return truncatedHash(LABELS.log, LOG_HASH_BYTES, epochAuthenticator, u64(sequence));
}

/** One further frame of the log. */
export interface LogEntry {
  /** The hash after the frame before. */
  readonly hash: LogHash;
  /** The sequence number of the frame, at most 2^53-1. */
  readonly sequence: number;
  /** The whole body: any length, in practice that of a frame size. */
  readonly body: Uint8Array;
}

/** @returns the hash after the frame with this sequence number and body. PROTOCOL.md §5.10. */
export function extendLog({ hash, sequence, body }: LogEntry): LogHash {
  return truncatedHash(LABELS.log, LOG_HASH_BYTES, hash, u64(sequence), sha256(body));
}

function u64(value: number): Uint8Array {
  return new ByteWriter(8).u64(value).bytes;
}
