import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  concatBytes,
  decodeCommittedBody,
  decodeContent,
  decodeFrame,
  decodeGroupPlaintext,
  decodeInvite,
  decodeSnapshotPlaintext,
  encodeCommittedBody,
  encodeContent,
  encodeFrame,
  encodeGroupPlaintext,
  encodeInvite,
  encodeSnapshotPlaintext,
  ENVELOPE_OVERHEAD_BYTES,
  FRAME_CODES,
  fromHex,
  toHex,
} from '../src/index.ts';

interface Filled {
  readonly begins: string;
  readonly bytes: number;
  readonly fill: string;
}

interface FrameCase {
  readonly name: string;
  readonly frame: Filled;
  readonly expect?: {
    readonly operation: string;
    readonly code: string | null;
    readonly number: number;
    readonly body: Filled;
  };
  readonly expectError?: string;
}

interface InviteCase {
  readonly name: string;
  readonly text: string;
  readonly expect?: { readonly onionKey: string; readonly roomSecret: string };
  readonly expectError?: string;
}

function casesOf(file: string): unknown {
  const url = new URL(`../../../vectors/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { readonly cases: unknown }).cases;
}

function filled({ begins, bytes, fill }: Filled): Uint8Array {
  const start = fromHex(begins, begins.length / 2);
  if (start === undefined) throw new Error('a vector that is not hexadecimal');
  return concatBytes(start, new Uint8Array(bytes - start.length).fill(Number.parseInt(fill, 16)));
}

describe('vectors/frame.json', () => {
  const cases = casesOf('frame') as readonly FrameCase[];

  test.each(cases)('matches our frame codec: $name', ({ frame, expect: expected, expectError }) => {
    const bytes = filled(frame);
    const decoded = decodeFrame(bytes);
    if (expected === undefined || !decoded.ok) {
      expect(decoded).toEqual({ ok: false, code: expectError });
      return;
    }
    const { operation, code, number, body } = decoded.value;
    expect({ operation, code: code ?? null, number }).toEqual({
      operation: expected.operation,
      code: expected.code,
      number: expected.number,
    });
    expect(toHex(body)).toBe(toHex(filled(expected.body)));
    expect(toHex(encodeFrame(decoded.value))).toBe(toHex(bytes));
  });

  test('cover every code with which a frame alone can be refused', () => {
    const codes = new Set(cases.flatMap((one) => one.expectError ?? []));
    // Padding, length and fields are the operations' own: frame.test.ts, group-commit.test.ts.
    const own = ['frame-padding', 'frame-length', 'frame-field'];
    expect(codes).toEqual(new Set(Object.keys(FRAME_CODES).filter((code) => !own.includes(code))));
  });
});

interface CommittedCase {
  readonly name: string;
  readonly body: Filled;
  readonly expect?: {
    readonly commitNumber: number;
    readonly index: number;
    readonly count: number;
    readonly envelope: Filled;
  };
  readonly expectError?: string;
}

describe('vectors/committed.json', () => {
  test.each(casesOf('committed') as readonly CommittedCase[])(
    'matches our codec of COMMITTED bodies: $name',
    ({ body, ...one }) => {
      const bytes = filled(body);
      const decoded = decodeCommittedBody(bytes);
      if (one.expect === undefined || !decoded.ok) {
        expect(decoded).toEqual({ ok: false, code: one.expectError });
        return;
      }
      expect(decoded.value).toEqual({ ...one.expect, envelope: filled(one.expect.envelope) });
      expect(toHex(encodeCommittedBody(decoded.value))).toBe(toHex(bytes));
    },
  );
});

interface PlaintextCase {
  readonly name: string;
  readonly plaintext: Filled;
  readonly expect?: Readonly<Record<string, unknown>>;
  readonly expectError?: string;
}

/** The same, with bytes in hexadecimal. */
function readable(value: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]: [string, unknown]) => {
      return [name, readableField(field)];
    }),
  );
}

function readableField(field: unknown): unknown {
  if (field instanceof Uint8Array) return toHex(field);
  if (Array.isArray(field)) return field.map(readableField);
  return typeof field === 'object' && field !== null ? readable(field) : field;
}

describe('vectors/group-plaintext.json', () => {
  test.each(casesOf('group-plaintext') as readonly PlaintextCase[])(
    'matches our plaintext codec: $name',
    ({ plaintext, ...one }) => {
      const bytes = filled(plaintext);
      const decoded = decodeGroupPlaintext(bytes);
      if (one.expect === undefined || !decoded.ok) {
        expect(decoded).toEqual({ ok: false, code: one.expectError });
        return;
      }
      expect(readable(decoded.value)).toEqual(one.expect);
      // A dummy says nothing, so that what stands behind it does not come back.
      if (decoded.value.kind !== 'dummy') {
        expect(toHex(encodeGroupPlaintext(decoded.value, bytes.length))).toBe(toHex(bytes));
      }
    },
  );
});

describe('vectors/join-snapshot.json', () => {
  test.each(casesOf('join-snapshot') as readonly PlaintextCase[])(
    'matches our snapshot codec: $name',
    ({ plaintext, ...one }) => {
      const bytes = filled(plaintext);
      const decoded = decodeSnapshotPlaintext(bytes);
      if (one.expect === undefined || !decoded.ok) {
        expect(decoded).toEqual({ ok: false, code: one.expectError });
        return;
      }
      const { proofs, access, ...rest } = decoded.value;
      const shown = { ...readable(rest), proofs: proofs.map(readable), access: access ? readable(access) : null };
      expect(shown).toEqual(one.expect);
      expect(toHex(encodeSnapshotPlaintext(decoded.value, ENVELOPE_OVERHEAD_BYTES, bytes.length))).toBe(toHex(bytes));
    },
  );
});

interface ContentCase {
  readonly name: string;
  readonly content: string;
  readonly expect?: Readonly<Record<string, unknown>>;
  readonly expectError?: string;
}

const encodeText = (text: string): Uint8Array => new TextEncoder().encode(text);
const decodeText = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

describe('vectors/content.json', () => {
  test.each(casesOf('content') as readonly ContentCase[])('matches our content codec: $name', ({ content, ...one }) => {
    const decoded = decodeContent(filled({ begins: content, bytes: content.length / 2, fill: '00' }), decodeText);
    if (one.expect === undefined || !decoded.ok) {
      expect(decoded).toEqual({ ok: false, code: one.expectError });
      return;
    }
    const { bytes: text, ...fields }: Readonly<Record<string, unknown>> = readable(decoded.value);
    expect(text === undefined ? fields : { ...fields, text }).toEqual(one.expect);
    // Each content has one encoding.
    expect(toHex(encodeContent(decoded.value, encodeText))).toBe(content);
  });
});

describe('vectors/invite.json', () => {
  test.each(casesOf('invite') as readonly InviteCase[])(
    'matches our connection string codec: $name',
    ({ text, expect: expected, expectError }) => {
      const decoded = decodeInvite(text);
      if (expected === undefined || !decoded.ok) {
        expect(decoded).toEqual({ ok: false, code: expectError });
        return;
      }
      const { onionKey, roomSecret } = decoded.value;
      expect({ onionKey: toHex(onionKey), roomSecret: toHex(roomSecret) }).toEqual(expected);
      expect(encodeInvite(decoded.value)).toBe(text.trim().toLowerCase());
    },
  );
});
