// HPKE in base mode (RFC 9180) with ChaCha20-Poly1305, one message a context: all that MLS needs of it.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concatBytes } from '@sotto/protocol';
import { ascii } from '../key-schedule.ts';
import type { NativeKdf } from './native-hkdf.ts';
import { copyBytes } from './native-hkdf.ts';
import type { Kem } from './native-kem.ts';
import { labeledExpand, labeledExtract } from './native-labels.ts';

export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
const TAG_BYTES = 16;
const AEAD_ID = 3;
const EMPTY = new Uint8Array(0);
const AUTH = { authTagLength: TAG_BYTES } as const;

export function sealAead(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, AUTH);
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  return concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

export function openAead(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < TAG_BYTES) throw new RangeError('a ciphertext shorter than its tag');
  const length = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, AUTH);
  decipher.setAAD(aad, { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = copyBytes(decipher.update(sealed.subarray(0, length)));
  decipher.final();
  return plaintext;
}

interface HpkeContext {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly exporter: Uint8Array;
}

export interface NativeHpke {
  readonly seal: (
    recipient: Uint8Array,
    info: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ) => { readonly enc: Uint8Array; readonly ct: Uint8Array };
  readonly open: (
    secret: Uint8Array,
    enc: Uint8Array,
    info: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ) => Uint8Array;
  readonly exportTo: (
    recipient: Uint8Array,
    info: Uint8Array,
    context: Uint8Array,
    length: number,
  ) => { readonly enc: Uint8Array; readonly secret: Uint8Array };
  readonly importFrom: (
    secret: Uint8Array,
    enc: Uint8Array,
    info: Uint8Array,
    context: Uint8Array,
    length: number,
  ) => Uint8Array;
}

/** `kdfId`: RFC 9180 §7.2 (1: HKDF-SHA256, 3: HKDF-SHA512). */
export function makeHpke(kem: Kem, kdf: NativeKdf, kdfId: number): NativeHpke {
  const suite = concatBytes(ascii('HPKE'), Uint8Array.of(kem.id >> 8, kem.id & 0xff, 0, kdfId, 0, AEAD_ID));

  function schedule(shared: Uint8Array, info: Uint8Array): HpkeContext {
    const pskIdHash = labeledExtract(kdf, suite, EMPTY, 'psk_id_hash', EMPTY);
    const infoHash = labeledExtract(kdf, suite, EMPTY, 'info_hash', info);
    const context = concatBytes(Uint8Array.of(0), pskIdHash, infoHash);
    const secret = labeledExtract(kdf, suite, shared, 'secret', EMPTY);
    shared.fill(0);
    const expand = (label: string, length: number) => labeledExpand(kdf, suite, secret, label, context, length);
    const result = {
      key: expand('key', AEAD_KEY_BYTES),
      nonce: expand('base_nonce', AEAD_NONCE_BYTES),
      exporter: expand('exp', kdf.size),
    };
    secret.fill(0);
    return result;
  }

  function end(context: HpkeContext): void {
    context.key.fill(0);
    context.exporter.fill(0);
  }

  return {
    seal: (recipient, info, aad, plaintext) => {
      const { enc, shared } = kem.encapsulate(recipient);
      const context = schedule(shared, info);
      const ct = sealAead(context.key, context.nonce, aad, plaintext);
      end(context);
      return { enc, ct };
    },
    open: (secret, enc, info, aad, sealed) => {
      const context = schedule(kem.decapsulate(secret, enc), info);
      try {
        return openAead(context.key, context.nonce, aad, sealed);
      } finally {
        end(context);
      }
    },
    exportTo: (recipient, info, exporterContext, length) => {
      const { enc, shared } = kem.encapsulate(recipient);
      const context = schedule(shared, info);
      const secret = labeledExpand(kdf, suite, context.exporter, 'sec', exporterContext, length);
      end(context);
      return { enc, secret };
    },
    importFrom: (secret, enc, info, exporterContext, length) => {
      const context = schedule(kem.decapsulate(secret, enc), info);
      const exported = labeledExpand(kdf, suite, context.exporter, 'sec', exporterContext, length);
      end(context);
      return exported;
    },
  };
}
