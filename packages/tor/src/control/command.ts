// The few commands that Sotto sends to Tor, each built from checked parts, so that no argument can
// end a line and start another (tor control-spec §3).

import { TorError } from '../errors.ts';
import { MAX_SOCKET_PATH_BYTES, ONION_VIRTUAL_PORT } from '../limits.ts';
import type { ClientAuthKey, OnionKey } from '../onion/onion-key.ts';
import { encodeClientAuthPublicKey, isOnionAddress } from '../onion/onion-key.ts';
import { SETTING_NAMES } from './tor-settings.ts';

const INFO_KEYS = ['version', 'status/bootstrap-phase', 'entry-guards', 'onions/current'] as const;
const CONF_KEYS = ['TestingTorNetwork', ...SETTING_NAMES] as const;
const EVENT_NAMES = ['STATUS_CLIENT', 'STATUS_GENERAL', 'NETWORK_LIVENESS', 'HS_DESC'] as const;

export type InfoKey = (typeof INFO_KEYS)[number];
export type ConfKey = (typeof CONF_KEYS)[number];
export type EventName = (typeof EVENT_NAMES)[number];

/**
 * Proof-of-work defence: introductions a second that the queue lets through, and how many at once.
 */
export interface ProofOfWork {
  readonly queueRate: number;
  readonly queueBurst: number;
}

/**
 * An ephemeral onion. It belongs to the control connection and ends with it: there is no `Detach`.
 */
export interface OnionRequest {
  readonly key: OnionKey;
  /** X25519 public key (32 bytes) of the one client that may read the descriptor. */
  readonly clientAuthPublicKey?: Uint8Array;
  /** Absolute path of the Unix socket that Tor hands streams of port 80 to. */
  readonly targetSocketPath: string;
  /** Streams per rendezvous circuit; one more closes the circuit. */
  readonly maxStreams?: number;
  readonly proofOfWork?: ProofOfWork;
}

const SOCKET_PATH = /^\/[A-Za-z0-9._/-]+$/;
const LINE_END = Buffer.from('\r\n');
const MAX_STREAMS = 65_535;
const MAX_POW_NUMBER = 65_535;

export function protocolInfoCommand(): Buffer {
  return encodeCommand(['PROTOCOLINFO 1']);
}

export function authChallengeCommand(nonce: Uint8Array): Buffer {
  return encodeCommand(['AUTHCHALLENGE SAFECOOKIE ', hex(nonce)]);
}

export function authenticateCommand(proof: Uint8Array): Buffer {
  return encodeCommand(['AUTHENTICATE ', hex(proof)]);
}

export function getInfoCommand(keys: readonly InfoKey[]): Buffer {
  return encodeCommand(['GETINFO ', onlyKnown(keys, INFO_KEYS)]);
}

export function getConfCommand(keys: readonly ConfKey[]): Buffer {
  return encodeCommand(['GETCONF ', onlyKnown(keys, CONF_KEYS)]);
}

export function setEventsCommand(names: readonly EventName[]): Buffer {
  return encodeCommand(['SETEVENTS ', onlyKnown(names, EVENT_NAMES)]);
}

/** The result holds the secret key: the caller wipes it after sending. */
export function addOnionCommand(request: OnionRequest): Buffer {
  const path = request.targetSocketPath;
  if (!SOCKET_PATH.test(path) || path.length > MAX_SOCKET_PATH_BYTES) throw new TorError('control-argument');
  const flags = ['DiscardPK'];
  const options: string[] = [` Port=${ONION_VIRTUAL_PORT},unix:${path}`];
  if (request.maxStreams !== undefined) {
    flags.push('MaxStreamsCloseCircuit');
    options.push(` MaxStreams=${wholeNumber(request.maxStreams, MAX_STREAMS)}`);
  }
  if (request.proofOfWork !== undefined) {
    const { queueRate, queueBurst } = request.proofOfWork;
    options.push(' PoWDefensesEnabled=1');
    options.push(` PoWQueueRate=${wholeNumber(queueRate, MAX_POW_NUMBER)}`);
    options.push(` PoWQueueBurst=${wholeNumber(queueBurst, MAX_POW_NUMBER)}`);
  }
  if (request.clientAuthPublicKey !== undefined) {
    flags.push('V3Auth');
    options.push(` ClientAuthV3=${encodeClientAuthPublicKey(request.clientAuthPublicKey)}`);
  }
  return encodeSecret(
    'ADD_ONION ED25519-V3:',
    request.key.encodeForTor(),
    ` Flags=${flags.join(',')}${options.join('')}`,
  );
}

export function delOnionCommand(address: string): Buffer {
  return encodeCommand(['DEL_ONION ', checkedAddress(address)]);
}

/**
 * Never permanent: Tor keeps the key in memory. The caller wipes the result after sending.
 */
export function clientAuthAddCommand(address: string, key: ClientAuthKey): Buffer {
  return encodeSecret(`ONION_CLIENT_AUTH_ADD ${checkedAddress(address)} x25519:`, key.encodeForTor(), '');
}

export function clientAuthRemoveCommand(address: string): Buffer {
  return encodeCommand(['ONION_CLIENT_AUTH_REMOVE ', checkedAddress(address)]);
}

export function clientAuthViewCommand(): Buffer {
  return encodeCommand(['ONION_CLIENT_AUTH_VIEW']);
}

function encodeCommand(parts: readonly string[]): Buffer {
  return Buffer.concat([Buffer.from(parts.join(''), 'latin1'), LINE_END]);
}

function encodeSecret(before: string, secret: Uint8Array, after: string): Buffer {
  try {
    return Buffer.concat([Buffer.from(before, 'latin1'), secret, Buffer.from(after, 'latin1'), LINE_END]);
  } finally {
    secret.fill(0);
  }
}

function onlyKnown<Name extends string>(names: readonly Name[], known: readonly Name[]): string {
  // Checked at run time as well: the types end where a caller parses text.
  if (names.length === 0 || !names.every((name) => known.includes(name))) throw new TorError('control-argument');
  return names.join(' ');
}

function checkedAddress(address: string): string {
  if (!isOnionAddress(address)) throw new TorError('onion-address');
  return address;
}

function wholeNumber(value: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) throw new TorError('control-argument');
  return value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
