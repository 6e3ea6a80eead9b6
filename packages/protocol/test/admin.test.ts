import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ADMIN_CODES,
  ADMIN_LINE_BYTES_MAX,
  COVERS,
  decodeAdminReply,
  decodeAdminRequest,
  encodeAdminReply,
  encodeAdminRequest,
  PATIENCE_SECONDS_LEAST,
  PATIENCE_SECONDS_MOST,
} from '../src/index.ts';
import type { AdminCode, AdminRequest } from '../src/index.ts';

const fixed = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

const requests: fc.Arbitrary<AdminRequest> = fc.oneof(
  fc.record({
    operation: fc.constant('create' as const),
    roomId: fixed(16),
    capabilityKey: fixed(32),
    roomTag: fixed(16),
    cover: fc.constantFrom(...COVERS),
    patienceSeconds: fc.integer({ min: PATIENCE_SECONDS_LEAST, max: PATIENCE_SECONDS_MOST }),
  }),
  fc.record({ operation: fc.constantFrom('resume' as const, 'close' as const), roomId: fixed(16) }),
  fc.constant({ operation: 'ping' as const }),
);

const create = JSON.stringify({
  operation: 'create',
  room: '00'.repeat(16),
  capability: '11'.repeat(32),
  tag: '22'.repeat(16),
  cover: 'stealth-8',
  patience: PATIENCE_SECONDS_LEAST,
});

describe('admin lines', () => {
  test('encode a request in one line, which decodes to the same request', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const line = encodeAdminRequest(request);
        expect(line).toMatch(/^[^\n]+\n$/);
        expect(decodeAdminRequest(line)).toEqual({ ok: true, value: request });
      }),
    );
  });

  test('encode a reply, which decodes to the same reply', () => {
    expect(decodeAdminReply(encodeAdminReply({ ok: true }))).toEqual({ ok: true, value: { ok: true } });
    for (const code of Object.keys(ADMIN_CODES) as AdminCode[]) {
      const reply = { ok: false, code } as const;
      expect(decodeAdminReply(encodeAdminReply(reply))).toEqual({ ok: true, value: reply });
    }
  });

  const wrong: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['text that is not JSON', '{'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '7'],
    ['an unknown operation', '{"operation":"delete"}'],
    ['an operation that is not a string', '{"operation":["ping"]}'],
    ['the name of an inherited property', '{"operation":"toString"}'],
    ['a field too many', '{"operation":"ping","room":"00"}'],
    ['a field too few', '{"operation":"close"}'],
    ['a room id one byte short', `{"operation":"close","room":"${'00'.repeat(15)}"}`],
    ['a room id in upper case', `{"operation":"close","room":"${'AA'.repeat(16)}"}`],
    ['a room id that is not a string', '{"operation":"close","room":0}'],
    ['a short capability key', create.replace('1111', '')],
    ['a tag that is not hexadecimal', create.replace('2222', '22zz')],
    ['no patience', create.replace(/,"patience":600/, '')],
    ['a patience below the bounds', create.replace('600', '599')],
    ['a patience above the bounds', create.replace('600', '86401')],
    ['a patience that is not whole', create.replace('600', '600.5')],
    ['a patience that is no number', create.replace('600', '"600"')],
    ['an own field named __proto__', create.replace('{', '{"__proto__":{},')],
    ['a line above the limit', `{"operation":"ping"${' '.repeat(ADMIN_LINE_BYTES_MAX)}}`],
  ];

  test.each(wrong)('are refused as a request: %s', (_name, line) => {
    expect(decodeAdminRequest(line)).toEqual({ ok: false, code: 'admin-malformed' });
  });

  test('control: the lines from which these were made are accepted', () => {
    expect(decodeAdminRequest(create).ok).toBe(true);
    expect(decodeAdminRequest('{"operation":"ping"}').ok).toBe(true);
  });

  test.each(['', '{}', '{"ok":1}', '{"ok":false}', '{"ok":false,"code":"toString"}', '{"ok":false,"code":3}'])(
    'are refused as a reply: %s',
    (line) => {
      expect(decodeAdminReply(line)).toEqual({ ok: false, code: 'admin-malformed' });
    },
  );
});
