// Every failure of this package by its stable code. A message never holds an address, a key, a path
// or text from Tor.

export const TOR_ERROR_MEANINGS = {
  // The control connection
  'control-unreachable': "Tor's control socket cannot be reached",
  'control-cookie-unreadable': "Tor's control cookie is missing, unreadable or not 32 bytes long",
  'control-safecookie-missing': 'Tor does not offer SAFECOOKIE authentication',
  'control-impostor': 'whoever answers on the control socket does not know the cookie',
  'control-auth-refused': 'Tor refused our proof that we know the cookie',
  'control-malformed': 'the control socket sent something that is not a reply',
  'control-line-too-long': 'the control socket sent a line above the limit',
  'control-reply-too-large': 'the control socket sent a reply above the limit',
  'control-unexpected': 'Tor sent a reply of the wrong shape, or one that nobody asked for',
  'control-timeout': 'Tor did not answer a command in time',
  'control-queue-full': 'too many commands wait for Tor',
  'control-closed': 'the control connection is closed',
  'control-refused': 'Tor refused the command',
  'control-argument': 'an argument may not go on the control wire',
  'tor-too-old': 'this Tor is older than 0.4.9.11',
  'tor-unprotected': 'this Tor is set up so that Sotto’s promises do not hold: a way in or out, or guards turned off',
  // Onions
  'onion-address': 'not a v3 onion address',
  'onion-key': 'not a key of the right length',
  'onion-address-mismatch': 'Tor published another address than that of our key',
  'onion-limit': 'too many onions are published by this process',
  'onion-unknown': 'this onion is not ours',
  'onion-upload-timeout': 'no directory took the descriptor of the onion in time',
  aborted: 'the caller gave up',
  // Requests to the gate
  'gate-malformed': 'the request is not one JSON object',
  'gate-line-too-long': 'the request is longer than the limit',
  'gate-operation': 'the gate does not know this operation',
  'gate-field': 'a field of the request is unknown, missing or of the wrong form',
  'gate-busy': 'too many requests, or too many at once',
  'gate-full': 'too many connections are open',
  'gate-onion-taken': 'this connection already holds another onion or key',
  'gate-key-differs': 'this onion is in use with another key',
  'gate-onion-missing': 'this connection holds no onion',
  'tor-unreachable': 'the gate has no connection to Tor at the moment',
  'tor-refused': 'Tor refused what the gate asked',
  // The gate as its clients and its process see it
  'gate-unreachable': "the gate's socket cannot be reached",
  'gate-closed': 'the gate closed the connection',
  'gate-timeout': 'the gate did not answer in time',
  'gate-protocol': 'the gate sent something that is not an answer',
  'gate-environment': 'the environment of the gate lacks a path or holds a bad one',
  'gate-socket-occupied': "the path of the gate's socket is taken by something that is not a socket",
  // Dialling
  'dial-port': 'not a port between 1 and 65535',
  'socks-unreachable': "Tor's SOCKS port cannot be reached",
  'socks-protocol': 'the SOCKS port sent something that is not SOCKS 5',
  'socks-isolation-refused': 'the SOCKS port ignored our credentials, so circuits would be shared',
  'socks-closed': 'the SOCKS port closed the connection before it answered',
  'socks-unknown-reply': 'the SOCKS port failed with a number that is not in the tables',
  'dial-timeout': 'the onion was not reached in time',
  'tor-general-failure': 'Tor could not build the connection (0x01)',
  'tor-not-allowed': 'Tor is configured not to make this connection (0x02)',
  'tor-network-unreachable': 'Tor has no network (0x03)',
  'onion-unreachable': 'Tor found no way to the onion (0x04)',
  'onion-stream-refused': 'the onion answered, and nothing listens behind it (0x05)',
  'onion-circuit-expired': 'the circuit to the onion timed out (0x06)',
  'socks-command-refused': 'the SOCKS port does not know CONNECT (0x07)',
  'socks-address-refused': 'the SOCKS port does not take host names (0x08)',
  'onion-descriptor-not-found': 'no directory has the descriptor of this onion (0xF0)',
  'onion-descriptor-invalid': 'the descriptor of this onion is malformed or wrongly signed (0xF1)',
  'onion-introduction-failed': 'no introduction point of the onion answered (0xF2)',
  'onion-rendezvous-failed': 'the onion did not come to the rendezvous point (0xF3)',
  'onion-client-auth-missing': 'Tor has no client key for this onion (0xF4)',
  'onion-client-auth-wrong': 'the client key does not open the descriptor of this onion (0xF5)',
  'onion-address-refused': 'Tor does not accept the address of this onion (0xF6)',
  'onion-introduction-timed-out': 'the introduction points of the onion timed out (0xF7)',
} as const;

export type TorErrorCode = keyof typeof TOR_ERROR_MEANINGS;

/**
 * An operational failure. `status` is Tor's three-digit answer where there was one (control-spec
 * §4).
 */
export class TorError extends Error {
  override readonly name = 'TorError';
  readonly code: TorErrorCode;
  readonly status: number | undefined;

  constructor(code: TorErrorCode, status?: number) {
    super(TOR_ERROR_MEANINGS[code]);
    this.code = code;
    this.status = status;
  }
}

/** True for a string that is one of this package's codes. */
export function isTorErrorCode(text: string): text is TorErrorCode {
  return Object.hasOwn(TOR_ERROR_MEANINGS, text);
}

/** The code of a failure of this package. Anything else is a bug and is thrown again. */
export function torErrorCode(thrown: unknown): TorErrorCode {
  if (thrown instanceof TorError) return thrown.code;
  throw thrown;
}

/** What a decoder makes of input from a peer. */
export type Decoded<Value, Code = TorErrorCode> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly code: Code };
