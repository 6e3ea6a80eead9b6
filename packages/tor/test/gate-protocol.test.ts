// The gate's protocol reads exactly its seven requests, and no text of Tor fits into its answers.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GateStage } from '../src/gate/protocol.ts';
import {
  decodeFetch,
  decodeGateMessage,
  decodeGateRequest,
  decodeIdentity,
  decodePath,
  encodeGateRequest,
  encodeRefusal,
  encodeStageEvent,
  encodeSuccess,
} from '../src/gate/protocol.ts';
import { describeProgress, nextStepFor } from '../src/control/bootstrap-machine.ts';
import { MAX_GATE_LINE_BYTES } from '../src/limits.ts';
import { OnionKey } from '../src/onion/onion-key.ts';

const ONION = new OnionKey().address;
const KEY = Buffer.alloc(32, 9);
const KEY_TEXT = KEY.toString('base64');

function decode(line: string): ReturnType<typeof decodeGateRequest> {
  return decodeGateRequest(Buffer.from(line));
}

describe('requests', () => {
  test.each(['ping', 'version', 'bootstrap', 'forget', 'descriptor', 'path'] as const)(
    'the decoder reads the request %s',
    (op) => {
      expect(decode(`{"op":"${op}"}`)).toEqual({ ok: true, value: { op } });
      expect(decode(encodeGateRequest({ op }))).toEqual({ ok: true, value: { op } });
    },
  );

  test('the decoder reads allow, and its longest form fits in a line', () => {
    const line = encodeGateRequest({ op: 'allow', onion: ONION, key: KEY });
    expect(decode(line)).toEqual({ ok: true, value: { op: 'allow', onion: ONION, key: KEY } });
    expect(line.length).toBeLessThan(MAX_GATE_LINE_BYTES);
  });

  test.each(['', 'ping', '"ping"', '[]', 'null', '{"op":"ping"', '{"op":"ping"}{"op":"ping"}', 'GETINFO address'])(
    'the decoder refuses %j as malformed',
    (line) => {
      expect(decode(line)).toEqual({ ok: false, code: 'gate-malformed' });
    },
  );

  test('the decoder refuses bytes that are not UTF-8', () => {
    expect(decodeGateRequest(Buffer.from([0x22, 0xff, 0x22]))).toEqual({ ok: false, code: 'gate-malformed' });
  });

  test.each([
    '{}',
    '{"op":1}',
    '{"op":null}',
    '{"op":["ping"]}',
    '{"op":"PING"}',
    '{"op":"toString"}',
    '{"op":"__proto__"}',
    '{"op":"constructor"}',
    '{"op":"GETINFO address"}',
    '{"op":"ping\\r\\nSIGNAL NEWNYM"}',
    '{"OP":"ping"}',
    '{"op":"ping","op":"newnym"}',
  ])('the decoder refuses the operation of %j', (line) => {
    expect(decode(line)).toEqual({ ok: false, code: 'gate-operation' });
  });

  test.each([
    '{"op":"ping","extra":1}',
    '{"op":"path","onion":"x"}',
    '{"op":"ping","__proto__":{"a":1}}',
    '{"op":"allow"}',
    `{"op":"allow","onion":"${ONION}"}`,
    `{"op":"allow","key":"${KEY_TEXT}"}`,
    `{"op":"allow","onion":"${ONION}","key":"${KEY_TEXT}","flags":"Permanent"}`,
    `{"op":"allow","onion":"${ONION}","nickname":"${KEY_TEXT}"}`,
    `{"op":"allow","onion":"${ONION}.onion","key":"${KEY_TEXT}"}`,
    `{"op":"allow","onion":"${ONION.toUpperCase()}","key":"${KEY_TEXT}"}`,
    `{"op":"allow","onion":"${'a'.repeat(56)}","key":"${KEY_TEXT}"}`,
    `{"op":"allow","onion":"${ONION}\\r\\nGETINFO address","key":"${KEY_TEXT}"}`,
    `{"op":"allow","onion":"${ONION}","key":"${KEY_TEXT}\\r\\nGETINFO address"}`,
    `{"op":"allow","onion":"${ONION}","key":"${KEY_TEXT} Flags=Permanent"}`,
    `{"op":"allow","onion":"${ONION}","key":"${Buffer.alloc(31).toString('base64')}"}`,
    `{"op":"allow","onion":"${ONION}","key":"${Buffer.alloc(33).toString('base64')}"}`,
    `{"op":"allow","onion":["${ONION}"],"key":"${KEY_TEXT}"}`,
    `{"op":"allow","onion":"${ONION}","key":{"length":32}}`,
  ])('the decoder refuses the fields of %j', (line) => {
    expect(decode(line)).toEqual({ ok: false, code: 'gate-field' });
  });

  test('the decoder reads any bytes without throwing', () => {
    const near = fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text));
    fc.assert(
      fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        expect(typeof decodeGateRequest(bytes).ok).toBe('boolean');
        decodeGateMessage(bytes);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('answers', () => {
  const stages: GateStage[] = [
    { state: 'starting' },
    { state: 'done' },
    { state: 'tor-unreachable' },
    { state: 'tor-too-old' },
    { state: 'tor-unprotected' },
    { state: 'progressing', ...describeProgress(45, 'loading_descriptors') },
    { state: 'progressing', ...describeProgress(45, 'unknown') },
    {
      state: 'stalled',
      ...describeProgress(5, 'conn'),
      cause: 'blocked',
      nextStep: nextStepFor('blocked'),
      warning: 'TIMEOUT',
    },
    {
      state: 'stalled',
      ...describeProgress(0, 'starting'),
      cause: 'unknown',
      nextStep: nextStepFor('unknown'),
      warning: null,
    },
  ];

  test.each(stages)('an answer carries the stage %j', (stage) => {
    expect(decodeGateMessage(Buffer.from(encodeStageEvent(stage)))).toEqual({ kind: 'stage-event', stage });
  });

  test('an answer carries a success or a refusal', () => {
    expect(decodeGateMessage(Buffer.from(encodeSuccess({ a: 1 })))).toEqual({ kind: 'ok', fields: { ok: true, a: 1 } });
    expect(decodeGateMessage(Buffer.from(encodeRefusal('gate-busy')))).toEqual({ kind: 'refused', code: 'gate-busy' });
  });

  test.each(['{"ok":false,"code":"made-up"}', '{"ok":"true"}', '{"event":"bootstrap"}', '{"event":"x"}', '[]', 'x'])(
    'the client refuses %j',
    (line) => {
      expect(decodeGateMessage(Buffer.from(line))).toBeUndefined();
    },
  );

  test('the client refuses fields of the wrong form', () => {
    expect(decodeIdentity({ version: '0.4.9.11 (git)', network: 'public' })).toBeUndefined();
    expect(decodeIdentity({ version: '0.4.9.11', network: 'other' })).toBeUndefined();
    expect(decodeFetch({ state: 'failed', reason: 'because' })).toBeUndefined();
    expect(decodeFetch({ state: 'failed', reason: 'NOT_FOUND' })).toEqual({ state: 'failed', reason: 'NOT_FOUND' });
    const path = { guardSameSeconds: 2, vanguards: 'auto', network: 'public' };
    expect(decodePath(path)).toEqual(path);
    expect(decodePath({ ...path, guardSameSeconds: -1 })).toBeUndefined();
    expect(decodePath({ ...path, guardSameSeconds: '$AAAA' })).toBeUndefined();
    expect(decodePath({ ...path, vanguards: '$AAAA' })).toBeUndefined();
  });
});
