// A hash of 16 bytes over the log of an epoch as one member saw it. Members that saw different logs
// have different hashes. PROTOCOL.md §5.10.

import { sha256 } from '@noble/hashes/sha2.js';
import { ByteWriter, LOG_HASH_BYTES, OPERATIONS } from '@sotto/protocol';
import type { LogFrame } from '@sotto/protocol';
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

/** One further frame of the log. `body`: all behind the header, in practice of a frame size. */
export interface LogEntry extends LogFrame {
  /** The hash after the frame before. */
  readonly hash: LogHash;
  /** The sequence number of the frame, at most 2^53-1. */
  readonly sequence: number;
}

/**
 * @returns the hash after this frame. The body of a COMMITTED frame begins with its place in the
 *   commit, so the hash takes in commit number, index and count as well. PROTOCOL.md §5.10.
 */
export function extendLog({ hash, sequence, operation, body }: LogEntry): LogHash {
  const number = Uint8Array.of(OPERATIONS[operation]);
  return truncatedHash(LABELS.log, LOG_HASH_BYTES, hash, number, u64(sequence), sha256(body));
}

function u64(value: number): Uint8Array {
  return new ByteWriter(8).u64(value).bytes;
}
