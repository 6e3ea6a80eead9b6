// Reads the numbers of a SOCKS 5 handshake as they pass (RFC 1928 §3, §6, RFC 1929 §2), because the
// `socks` library reports Tor's extended errors 0xF0 to 0xF7 as "undefined".

import type { TorErrorCode } from '../errors.ts';

const VERSION = 0x05;
const METHOD_USER_PASSWORD = 0x02;
const METHOD_REPLY_BYTES = 2;
const AUTHENTICATION_REPLY_BYTES = 2;
const NEEDED_BYTES = METHOD_REPLY_BYTES + AUTHENTICATION_REPLY_BYTES + 2;

/** The code of each failure number: RFC 1928 §6, then Tor's `ExtendedErrors` (tor(1)). */
export const SOCKS_REPLY_CODES: Readonly<Record<number, TorErrorCode>> = {
  0x01: 'tor-general-failure',
  0x02: 'tor-not-allowed',
  0x03: 'tor-network-unreachable',
  0x04: 'onion-unreachable',
  0x05: 'onion-stream-refused',
  0x06: 'onion-circuit-expired',
  0x07: 'socks-command-refused',
  0x08: 'socks-address-refused',
  0xf0: 'onion-descriptor-not-found',
  0xf1: 'onion-descriptor-invalid',
  0xf2: 'onion-introduction-failed',
  0xf3: 'onion-rendezvous-failed',
  0xf4: 'onion-client-auth-missing',
  0xf5: 'onion-client-auth-wrong',
  0xf6: 'onion-address-refused',
  0xf7: 'onion-introduction-timed-out',
};

/** `waiting`: the reply has not come yet. `granted`: the stream is open. */
export type SocksOutcome =
  | { readonly state: 'waiting' }
  | { readonly state: 'granted' }
  | { readonly state: 'failed'; readonly code: TorErrorCode };

/** Keeps the first six bytes that the proxy sends, and no more: they hold all three answers. */
export class SocksReplyReader {
  #head: readonly number[] = [];

  push(chunk: Uint8Array): SocksOutcome {
    const missing = NEEDED_BYTES - this.#head.length;
    if (missing > 0) this.#head = [...this.#head, ...chunk.subarray(0, missing)];
    return readSocksHead(this.#head);
  }
}

/** The outcome so far, from the first bytes of a proxy, at most six. */
export function readSocksHead(head: readonly number[]): SocksOutcome {
  const [methodVersion, method, , authentication, replyVersion, reply] = head;
  if (methodVersion !== undefined && methodVersion !== VERSION) return { state: 'failed', code: 'socks-protocol' };
  // Without user and password Tor would put this stream on a shared circuit: worse than no
  // connection.
  if (method !== undefined && method !== METHOD_USER_PASSWORD)
    return { state: 'failed', code: 'socks-isolation-refused' };
  if (authentication !== undefined && authentication !== 0) return { state: 'failed', code: 'socks-isolation-refused' };
  if (replyVersion !== undefined && replyVersion !== VERSION) return { state: 'failed', code: 'socks-protocol' };
  if (reply === undefined) return { state: 'waiting' };
  if (reply === 0) return { state: 'granted' };
  return { state: 'failed', code: SOCKS_REPLY_CODES[reply] ?? 'socks-unknown-reply' };
}
