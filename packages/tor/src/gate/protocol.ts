// The whole protocol of the gate's socket: seven requests, and answers of a few numbers and words.
// No field can hold a text from Tor.

import { isJsonObject, parseJsonObject } from '@sotto/json-socket';
import type { JsonObject } from '@sotto/json-socket';
import type { BootstrapStage } from '../control/bootstrap-machine.ts';
import {
  describeProgress,
  isBootstrapTag,
  isBootstrapWarning,
  isStallCause,
  nextStepFor,
} from '../control/bootstrap-machine.ts';
import type { FetchState } from '../onion/descriptor.ts';
import { DESCRIPTOR_FAILURES } from '../onion/descriptor.ts';
import { base64Decode } from '../control/encoding.ts';
import type { Decoded, TorErrorCode } from '../errors.ts';
import { isTorErrorCode } from '../errors.ts';
import { X25519_KEY_BYTES } from '../limits.ts';
import { isOnionAddress } from '../onion/onion-key.ts';
import type { NetworkKind, TorIdentity } from '../control/tor-version.ts';
import { readTorVersion } from '../control/tor-version.ts';

/** One request, one line of JSON. `key` is the 32-byte X25519 secret, base64 on the wire. */
export type GateRequest =
  | { readonly op: 'ping' }
  | { readonly op: 'version' }
  | { readonly op: 'bootstrap' }
  | { readonly op: 'allow'; readonly onion: string; readonly key: Uint8Array }
  | { readonly op: 'forget' }
  | { readonly op: 'descriptor' }
  | { readonly op: 'path' };

export type GateRefusal = 'gate-malformed' | 'gate-operation' | 'gate-field';

/** Why the gate has no usable Tor. */
type NoTor = 'tor-unreachable' | 'tor-too-old' | 'tor-unprotected';
export const NO_TOR: readonly string[] = ['tor-unreachable', 'tor-too-old', 'tor-unprotected'] satisfies NoTor[];

/** Tor's stage, or that the gate has no usable Tor at the moment. */
export type GateStage = BootstrapStage | { readonly state: NoTor };

/**
 * Whether second-layer guards are on, as Tor's own configuration answers. `auto`: the network's
 * consensus decides.
 */
export type Vanguards = 'on' | 'off' | 'auto';

/** A span and a word. `guardSameSeconds`: see `GuardWatch`; null while no guard is up. */
export interface OnionPath {
  readonly guardSameSeconds: number | null;
  readonly vanguards: Vanguards;
  readonly network: NetworkKind;
}

/** An answer as its client reads it: a refusal, an event, or the fields of a success. */
export type GateMessage =
  | { readonly kind: 'refused'; readonly code: TorErrorCode }
  | { readonly kind: 'stage-event'; readonly stage: GateStage }
  | { readonly kind: 'ok'; readonly fields: JsonObject };

const FIELDS: Readonly<Record<GateRequest['op'], readonly string[]>> = {
  ping: [],
  version: [],
  bootstrap: [],
  allow: ['onion', 'key'],
  forget: [],
  descriptor: [],
  path: [],
};

/** Reads one line of a client. Anything that is not exactly a request is refused with a code. */
export function decodeGateRequest(line: Uint8Array): Decoded<GateRequest, GateRefusal> {
  const object = parseJsonObject(line);
  if (object === undefined) return { ok: false, code: 'gate-malformed' };
  const op = object['op'];
  if (typeof op !== 'string' || !isOperation(op)) return { ok: false, code: 'gate-operation' };
  const expected = FIELDS[op];
  const given = Object.keys(object).filter((key) => key !== 'op');
  if (given.length !== expected.length || !given.every((key) => expected.includes(key))) {
    return { ok: false, code: 'gate-field' };
  }
  return op === 'allow' ? decodeAllow(object) : { ok: true, value: { op } };
}

/** One line for a request, with its newline. */
export function encodeGateRequest(request: GateRequest): string {
  const wire = request.op === 'allow' ? { ...request, key: Buffer.from(request.key).toString('base64') } : request;
  return `${JSON.stringify(wire)}\n`;
}

export function encodeSuccess(fields: JsonObject = {}): string {
  return `${JSON.stringify({ ok: true, ...fields })}\n`;
}

export function encodeRefusal(code: TorErrorCode): string {
  return `${JSON.stringify({ ok: false, code })}\n`;
}

export function encodeStageEvent(stage: GateStage): string {
  return `${JSON.stringify({ event: 'bootstrap', stage: stageFields(stage) })}\n`;
}

/**
 * Words and numbers of a stage. The client makes the sentences from them, so none crosses the
 * socket.
 */
export function stageFields(stage: GateStage): JsonObject {
  switch (stage.state) {
    case 'progressing':
      return { state: stage.state, percent: stage.percent, tag: stage.tag };
    case 'stalled':
      return {
        state: stage.state,
        percent: stage.percent,
        tag: stage.tag,
        cause: stage.cause,
        warning: stage.warning,
      };
    case 'starting':
    case 'done':
    case 'tor-unreachable':
    case 'tor-too-old':
    case 'tor-unprotected':
      return { state: stage.state };
  }
}

/** Reads one line of a gate; undefined if it is none. */
export function decodeGateMessage(line: Uint8Array): GateMessage | undefined {
  const object = parseJsonObject(line);
  if (object === undefined) return undefined;
  if (object['event'] === 'bootstrap') {
    const stage = decodeStage(object['stage']);
    return stage === undefined ? undefined : { kind: 'stage-event', stage };
  }
  const code = object['code'];
  if (object['ok'] === true) return { kind: 'ok', fields: object };
  return object['ok'] === false && typeof code === 'string' && isTorErrorCode(code)
    ? { kind: 'refused', code }
    : undefined;
}

export function decodeStage(wire: unknown): GateStage | undefined {
  if (!isJsonObject(wire)) return undefined;
  const { state, percent, tag, cause, warning } = wire;
  if (state === 'starting' || state === 'done') return { state };
  if (state === 'tor-unreachable' || state === 'tor-too-old' || state === 'tor-unprotected') return { state };
  if (typeof tag !== 'string' || !isBootstrapTag(tag) || !isAge(percent) || percent > 100) return undefined;
  const progress = describeProgress(percent, tag);
  if (state === 'progressing') return { state, ...progress };
  if (state !== 'stalled' || typeof cause !== 'string' || !isStallCause(cause)) return undefined;
  const known = typeof warning === 'string' && isBootstrapWarning(warning) ? warning : null;
  return { state, ...progress, cause, nextStep: nextStepFor(cause), warning: known };
}

export function decodeIdentity(fields: JsonObject): TorIdentity | undefined {
  const { version, network } = fields;
  if (typeof version !== 'string' || readTorVersion(version) !== version || !isNetwork(network)) return undefined;
  return { version, network };
}

export function decodeFetch(wire: unknown): FetchState | undefined {
  if (!isJsonObject(wire)) return undefined;
  const { state, reason } = wire;
  if (state === 'unknown' || state === 'requested' || state === 'received') return { state };
  const known = DESCRIPTOR_FAILURES.find((candidate) => candidate === reason);
  return state === 'failed' && known !== undefined ? { state, reason: known } : undefined;
}

export function decodePath(fields: JsonObject): OnionPath | undefined {
  const { guardSameSeconds, vanguards, network } = fields;
  if (guardSameSeconds !== null && !isAge(guardSameSeconds)) return undefined;
  if (!isVanguards(vanguards) || !isNetwork(network)) return undefined;
  return { guardSameSeconds, vanguards, network };
}

function decodeAllow(object: JsonObject): Decoded<GateRequest, GateRefusal> {
  const { onion, key } = object;
  if (typeof onion !== 'string' || !isOnionAddress(onion) || typeof key !== 'string') {
    return { ok: false, code: 'gate-field' };
  }
  const bytes = base64Decode(key);
  if (bytes?.length !== X25519_KEY_BYTES) return { ok: false, code: 'gate-field' };
  return { ok: true, value: { op: 'allow', onion, key: bytes } };
}

function isOperation(op: string): op is GateRequest['op'] {
  return Object.hasOwn(FIELDS, op);
}

function isAge(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isVanguards(value: unknown): value is Vanguards {
  return value === 'on' || value === 'off' || value === 'auto';
}

function isNetwork(value: unknown): value is NetworkKind {
  return value === 'public' || value === 'private-test';
}
