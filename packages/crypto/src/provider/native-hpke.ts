// HPKE in base mode (RFC 9180) with ChaCha20-Poly1305, one message a context. MLS needs no more of
// it.

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

interface AeadInput {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes. */
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
}

/** @returns ciphertext and 16-byte tag: ChaCha20-Poly1305 (RFC 8439 §2.8). */
export function sealAead({ key, nonce, aad, plaintext }: AeadInput & { readonly plaintext: Uint8Array }): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, AUTH);
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  return concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** @throws Error if `sealed` does not open. */
export function openAead({ key, nonce, aad, sealed }: AeadInput & { readonly sealed: Uint8Array }): Uint8Array {
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

interface SealInput {
  /** The recipient's public key. */
  readonly recipient: Uint8Array;
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  readonly plaintext: Uint8Array;
}

interface OpenInput {
  /** The recipient's secret key. */
  readonly secret: Uint8Array;
  readonly enc: Uint8Array;
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  readonly sealed: Uint8Array;
}

interface ExportInput {
  /** The exporter context. */
  readonly context: Uint8Array;
  readonly info: Uint8Array;
  /** In bytes. */
  readonly length: number;
}

/**
 * HPKE for one recipient (RFC 9180 §6). `enc` is the encapsulated key. Each operation throws an
 * Error on a malformed key, `enc` or ciphertext.
 */
export interface NativeHpke {
  readonly seal: (input: SealInput) => { readonly enc: Uint8Array; readonly ct: Uint8Array };
  readonly open: (input: OpenInput) => Uint8Array;
  readonly exportTo: (input: ExportInput & Pick<SealInput, 'recipient'>) => {
    readonly enc: Uint8Array;
    readonly secret: Uint8Array;
  };
  readonly importFrom: (input: ExportInput & Pick<OpenInput, 'secret' | 'enc'>) => Uint8Array;
}

/** `kdfId`: RFC 9180 §7.2 (1: HKDF-SHA256, 3: HKDF-SHA512). */
export function makeHpke(kem: Kem, kdf: NativeKdf, kdfId: number): NativeHpke {
  const suite = concatBytes(ascii('HPKE'), Uint8Array.of(kem.id >> 8, kem.id & 0xff, 0, kdfId, 0, AEAD_ID));

  function schedule({ shared, info }: { readonly shared: Uint8Array; readonly info: Uint8Array }): HpkeContext {
    const pskIdHash = labeledExtract(kdf, { suite, salt: EMPTY, label: 'psk_id_hash', ikm: EMPTY });
    const infoHash = labeledExtract(kdf, { suite, salt: EMPTY, label: 'info_hash', ikm: info });
    const context = concatBytes(Uint8Array.of(0), pskIdHash, infoHash);
    const secret = labeledExtract(kdf, { suite, salt: shared, label: 'secret', ikm: EMPTY });
    shared.fill(0);
    const expand = (label: string, length: number) =>
      labeledExpand(kdf, { suite, prk: secret, label, info: context, length });
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
    seal: ({ recipient, info, aad, plaintext }) => {
      const { enc, shared } = kem.encapsulate(recipient);
      const context = schedule({ shared, info });
      const ct = sealAead({ key: context.key, nonce: context.nonce, aad, plaintext });
      end(context);
      return { enc, ct };
    },
    open: ({ secret, enc, info, aad, sealed }) => {
      const context = schedule({ shared: kem.decapsulate({ secretBytes: secret, enc }), info });
      try {
        return openAead({ key: context.key, nonce: context.nonce, aad, sealed });
      } finally {
        end(context);
      }
    },
    exportTo: ({ recipient, info, context: exporterContext, length }) => {
      const { enc, shared } = kem.encapsulate(recipient);
      const context = schedule({ shared, info });
      const secret = labeledExpand(kdf, { suite, prk: context.exporter, label: 'sec', info: exporterContext, length });
      end(context);
      return { enc, secret };
    },
    importFrom: ({ secret, enc, info, context: exporterContext, length }) => {
      const context = schedule({ shared: kem.decapsulate({ secretBytes: secret, enc }), info });
      const exported = labeledExpand(kdf, {
        suite,
        prk: context.exporter,
        label: 'sec',
        info: exporterContext,
        length,
      });
      end(context);
      return exported;
    },
  };
}
