// The labelled extract and expand of HPKE (RFC 9180 §4). Its key encapsulation and its key schedule
// both use them.

import { concatBytes } from '@sotto/protocol';
import { ascii } from '../key-schedule.ts';
import type { NativeKdf } from './native-hkdf.ts';

const VERSION = ascii('HPKE-v1');

interface Labeled {
  /** The suite id: `KEM` and 2 bytes, or `HPKE` and 6 (RFC 9180 §4.1, §5.1). */
  readonly suite: Uint8Array;
  readonly label: string;
}

/** @returns LabeledExtract of RFC 9180 §4, as long as the hash. */
export function labeledExtract(
  kdf: NativeKdf,
  { suite, salt, label, ikm }: Labeled & { readonly salt: Uint8Array; readonly ikm: Uint8Array },
): Uint8Array {
  return kdf.extract({ salt, ikm: concatBytes(VERSION, suite, ascii(label), ikm) });
}

/** @returns LabeledExpand of RFC 9180 §4, `length` bytes. */
export function labeledExpand(
  kdf: NativeKdf,
  {
    suite,
    prk,
    label,
    info,
    length,
  }: Labeled & { readonly prk: Uint8Array; readonly info: Uint8Array; readonly length: number },
): Uint8Array {
  const size = Uint8Array.of(length >> 8, length & 0xff);
  return kdf.expand({ prk, info: concatBytes(size, VERSION, suite, ascii(label), info), length });
}
