// Every failure of this package by its stable code. A message never holds an address, a key, a path
// or text from Tor.

import { message } from '@sotto/messages';

export const TOR_ERROR_CODES = [
  // The control connection
  'control-unreachable',
  'control-cookie-unreadable',
  'control-safecookie-missing',
  'control-impostor',
  'control-auth-refused',
  'control-malformed',
  'control-line-too-long',
  'control-reply-too-large',
  'control-unexpected',
  'control-timeout',
  'control-queue-full',
  'control-closed',
  'control-refused',
  'control-argument',
  'tor-too-old',
  'tor-unprotected',
  // Onions
  'onion-address',
  'onion-key',
  'onion-address-mismatch',
  'onion-limit',
  'onion-unknown',
  'onion-upload-timeout',
  'aborted',
  // Requests to the gate
  'gate-malformed',
  'gate-line-too-long',
  'gate-operation',
  'gate-field',
  'gate-busy',
  'gate-full',
  'gate-onion-taken',
  'gate-key-differs',
  'gate-onion-missing',
  'tor-unreachable',
  'tor-refused',
  // The gate as its clients and its process see it
  'gate-unreachable',
  'gate-closed',
  'gate-timeout',
  'gate-protocol',
  'gate-environment',
  'gate-socket-occupied',
  // Dialling
  'dial-port',
  'socks-unreachable',
  'socks-protocol',
  'socks-isolation-refused',
  'socks-closed',
  'socks-unknown-reply',
  'dial-timeout',
  'tor-general-failure',
  'tor-not-allowed',
  'tor-network-unreachable',
  'onion-unreachable',
  'onion-stream-refused',
  'onion-circuit-expired',
  'socks-command-refused',
  'socks-address-refused',
  'onion-descriptor-not-found',
  'onion-descriptor-invalid',
  'onion-introduction-failed',
  'onion-rendezvous-failed',
  'onion-client-auth-missing',
  'onion-client-auth-wrong',
  'onion-address-refused',
  'onion-introduction-timed-out',
] as const;

export type TorErrorCode = (typeof TOR_ERROR_CODES)[number];

/**
 * An operational failure. `status` is Tor's three-digit answer where there was one (control-spec
 * §4).
 */
export class TorError extends Error {
  override readonly name = 'TorError';
  readonly code: TorErrorCode;
  readonly status: number | undefined;

  constructor(code: TorErrorCode, status?: number) {
    super(message(`error.tor.${code}`));
    this.code = code;
    this.status = status;
  }
}

/** True for a string that is one of this package's codes. */
export function isTorErrorCode(text: string): text is TorErrorCode {
  return TOR_ERROR_CODES.some((code) => code === text);
}

/** The code of a failure of this package. Anything else is a bug and is thrown again. */
export function torErrorCode(thrown: unknown): TorErrorCode {
  if (thrown instanceof TorError) return thrown.code;
  throw thrown;
}

/** The result of decoding input from another process. */
export type Decoded<Value, Code = TorErrorCode> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly code: Code };
