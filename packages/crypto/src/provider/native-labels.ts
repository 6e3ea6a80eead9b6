// The labelled extract and expand of HPKE (RFC 9180 §4), used by its key encapsulation and its key schedule alike.

import { concatBytes } from '@sotto/protocol';
import { ascii } from '../key-schedule.ts';
import type { NativeKdf } from './native-hkdf.ts';

const VERSION = ascii('HPKE-v1');

export function labeledExtract(
  kdf: NativeKdf,
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  ikm: Uint8Array,
): Uint8Array {
  return kdf.extract(salt, concatBytes(VERSION, suite, ascii(label), ikm));
}

export function labeledExpand(
  kdf: NativeKdf,
  suite: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const size = Uint8Array.of(length >> 8, length & 0xff);
  return kdf.expand(prk, concatBytes(size, VERSION, suite, ascii(label), info), length);
}
