// Every decoder of bytes from Tor and the gate survives any input.

import { damageText, fuzz, FUZZ_GROWTH_BYTES_MAX, FUZZ_LIMIT_MS, FUZZ_SLOWEST_MS } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { readBootstrapEvent, readBootstrapPhase } from '../src/control/bootstrap-machine.ts';
import { readDescriptorEvent } from '../src/onion/descriptor.ts';
import { readFirstGuard } from '../src/control/guard-watch.ts';
import {
  decodeFetch,
  decodeGateMessage,
  decodeGateRequest,
  decodeIdentity,
  decodePath,
  decodeStage,
  encodeGateRequest,
} from '../src/gate/protocol.ts';
import { parseKeywordLine } from '../src/control/keywords.ts';
import { MAX_GATE_LINE_BYTES } from '../src/limits.ts';
import { decodeOnionAddress, onionAddressOf } from '../src/onion/onion-key.ts';
import { REPLY_LIMITS, ReplyParser } from '../src/control/reply-parser.ts';
import { SocksReplyReader } from '../src/onion/socks-reply.ts';
import { readTorVersion } from '../src/control/tor-version.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const ONION = onionAddressOf(new Uint8Array(32).fill(9));
const PHASE = 'NOTICE BOOTSTRAP PROGRESS=45 TAG=requesting_descriptors SUMMARY="Asking for \\"descriptors\\""';
const GUARD = `$${'B'.repeat(40)}~b up`;
const GUARDS = `$${'A'.repeat(40)}~a never-connected\n${GUARD}\n`;
const RETAINED_BYTES_MAX = REPLY_LIMITS.maxLineBytes + 2 + 2 * REPLY_LIMITS.maxReplyBytes;

/** Replies and events, multi-line and with a block, as a conversation with Tor holds them. */
const CONTROL = encode(
  [
    '250-version=0.4.9.11',
    `250+entry-guards=`,
    GUARD,
    '..a line with a dot',
    '.',
    `650 HS_DESC FAILED ${ONION} NO_AUTH $AA~a REASON=NOT_FOUND`,
    `650 STATUS_CLIENT ${PHASE}`,
    '650 STATUS_GENERAL WARN CLOCK_SKEW SKEW=3600 SOURCE=OR',
    '250 OK',
    '',
  ].join('\r\n'),
);

function readControl(bytes: Uint8Array): boolean {
  const parser = new ReplyParser();
  const messages = parser.push(bytes);
  if (parser.retainedBytes > RETAINED_BYTES_MAX) throw new Error('held more than it may');
  if (!messages.ok) return false;
  for (const message of messages.value) {
    readDescriptorEvent(message);
    readBootstrapEvent(message, 0);
  }
  return messages.value.length > 0;
}

function readGateAnswer(line: Uint8Array): boolean {
  const message = decodeGateMessage(line);
  if (message?.kind !== 'ok') return message !== undefined;
  const { fields } = message;
  // Each answer is read for what was asked; a gate that answers something else is refused.
  return [
    decodeStage(fields['stage']),
    decodeIdentity(fields),
    decodeFetch(fields['descriptor']),
    decodePath(fields),
  ].some((one) => one !== undefined);
}

function readGuard(bytes: Uint8Array): boolean {
  const guard = readFirstGuard(latin(bytes));
  if (guard !== undefined && !/^[0-9A-F]{40}$/.test(guard)) throw new Error('not an identity');
  return guard !== undefined;
}

const gateRequest = encode(encodeGateRequest({ op: 'allow', onion: ONION, key: new Uint8Array(32).fill(3) }).trimEnd());
const gateStage = encode(
  '{"event":"bootstrap","stage":{"state":"progressing","percent":45,"tag":"requesting_descriptors"}}',
);

const decoders: readonly (readonly [name: string, accepted: Uint8Array, decode: (bytes: Uint8Array) => boolean])[] = [
  ['the control port’s replies and events', CONTROL, readControl],
  ['a bootstrap phase', encode(PHASE), (bytes) => readBootstrapPhase(latin(bytes), 0) !== undefined],
  ['guards', encode(GUARDS), readGuard],
  ['a line of keywords', encode(PHASE), (bytes) => parseKeywordLine(latin(bytes)).words.length > 1],
  ['Tor’s version', encode('0.4.9.11 (git-abcdef)'), (bytes) => readTorVersion(latin(bytes)) !== undefined],
  ['an onion address', encode(ONION), (bytes) => decodeOnionAddress(latin(bytes)).ok],
  [
    'a SOCKS reply',
    Uint8Array.of(5, 2, 1, 0, 5, 0, 0, 1),
    (bytes) => new SocksReplyReader().push(bytes).state === 'granted',
  ],
  ['a request to the gate', gateRequest, (bytes) => decodeGateRequest(bytes).ok],
  ['a stage that the gate tells', gateStage, readGateAnswer],
  ['an identity', encode('{"ok":true,"version":"0.4.9.11","network":"public"}'), readGateAnswer],
  ['a fetch', encode('{"ok":true,"descriptor":{"state":"failed","reason":"NOT_FOUND"}}'), readGateAnswer],
  ['a path', encode('{"ok":true,"guardSameSeconds":7,"vanguards":"on","network":"public"}'), readGateAnswer],
  ['a refusal of the gate', encode('{"ok":false,"code":"tor-unreachable"}'), readGateAnswer],
];

describe('bytes of Tor, its SOCKS port and the gate', { timeout: FUZZ_LIMIT_MS }, () => {
  test.each(decoders)('%s: no bytes make the reader throw, hang or grow', async (_name, accepted, decode) => {
    // Control: the thing itself is read.
    expect(decode(accepted)).toBe(true);
    const report = await fuzz(accepted, decode, { damage: damageText });
    expect(report.accepted).toBeGreaterThan(0);
    expect(report.refused).toBeGreaterThan(0);
    expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
    expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
  });

  test('the gate reads its longest line as quickly as a short one', async () => {
    const long = encode(`{"op":"ping","x":"${'\\'.repeat(MAX_GATE_LINE_BYTES)}`).subarray(0, MAX_GATE_LINE_BYTES);
    const keywords = encode(`650 STATUS_CLIENT NOTICE ${'A="\\'.repeat(REPLY_LIMITS.maxLineBytes / 4 - 8)}\r\n`);
    for (const [bytes, decode] of [
      [long, (one: Uint8Array) => decodeGateRequest(one).ok],
      [keywords, readControl],
    ] as const) {
      const report = await fuzz(bytes, decode, { cases: 200, damage: damageText });
      expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
    }
  });
});
