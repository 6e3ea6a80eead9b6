import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { deriveRoomKeys, Secret } from '../src/index.ts';

const BYTES = Uint8Array.from({ length: 32 }, (_, index) => 200 + index);
const SHOWN_NUMBERS_MIN = 8;

/** Whether a text has the bytes in it: as decimal numbers, hexadecimal, base64 or characters. */
function shows(text: string): boolean {
  const buffer = Buffer.from(BYTES);
  const numbers = new Set(text.match(/\b2[0-3]\d\b/g));
  const spaced = buffer.toString('hex').replace(/..(?=.)/g, '$& ');
  const forms = [buffer.toString('hex'), spaced, buffer.toString('base64'), buffer.toString('latin1')];
  return numbers.size >= SHOWN_NUMBERS_MIN || forms.some((form) => text.includes(form.slice(0, 12)));
}

function printed(print: (console: Console) => void): string {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString('utf8');
      done();
    },
  });
  print(new Console({ stdout: stream, stderr: stream, colorMode: false }));
  return text;
}

type Print = (value: unknown) => string;
const ways: readonly (readonly [string, Print])[] = [
  ['String()', (value) => String(value)],
  ['a template', (value) => `<${value as string}>`],
  ['adding to a string', (value) => '<' + (value as string)],
  ['toString', (value) => (value as Secret).toString()],
  ['toLocaleString', (value) => (value as Secret).toLocaleString()],
  ['JSON', (value) => JSON.stringify({ value })],
  ['inspect', (value) => inspect(value)],
  ['inspect with everything shown', (value) => inspect({ value }, { showHidden: true, depth: null, showProxy: true })],
  ['inspect without custom functions', (value) => inspect(value, { customInspect: false, showHidden: true })],
  ['%s', (value) => format('%s', value)],
  ['%o', (value) => format('%o', value)],
  ['%O', (value) => format('%O', value)],
  ['%j', (value) => format('%j', value)],
  ['%d', (value) => format('%d', value)],
  ['format without a pattern', (value) => format(value)],
  ['console.log', (value) => printed((console) => console.log('%o', value, { nested: [value] }))],
  ['console.dir', (value) => printed((console) => console.dir(value, { showHidden: true, depth: null }))],
  ['console.table', (value) => printed((console) => console.table([value]))],
  ["an error's cause", (value) => inspect(new Error('failed', { cause: value }))],
  ['its keys', (value) => JSON.stringify(Object.entries(value as object))],
  ['a spread copy', (value) => inspect({ ...(value as object) })],
  ['a structured clone', (value) => inspect(structuredClone(value))],
];

describe('a secret', () => {
  test.each(ways)('is not shown by %s', (_name, print) => {
    expect(shows(print(new Secret(BYTES.slice())))).toBe(false);
  });

  test('control: bytes that are not in one are shown by nearly all of these', () => {
    const showing = ways.filter(([, print]) => shows(print(BYTES)));
    // `%d` shows one number at most, whatever it is given.
    expect(showing.map(([name]) => name)).toEqual(ways.map(([name]) => name).filter((name) => name !== '%d'));
  });

  test('is not shown by the keys that hold it', () => {
    const keys = deriveRoomKeys(BYTES, BYTES);
    for (const [name, print] of ways) {
      if (name === 'a structured clone') continue;
      for (const secret of [keys.capabilitySecret, keys.clientAuthorisationSeed]) {
        const bytes = secret.use((own) => own.slice());
        const text = print(keys);
        expect(text).not.toContain(Buffer.from(bytes).toString('hex').slice(0, 12));
        expect(text).not.toContain([...bytes].slice(0, 6).join(','));
        expect(text).not.toContain([...bytes].slice(0, 6).join(', '));
      }
    }
  });

  test('lends its bytes, and gives back what the borrower returns', () => {
    expect(new Secret(BYTES.slice()).use((bytes) => bytes[0])).toBe(200);
  });

  test('zeroes its bytes at its end and is not usable after, twice if need be', () => {
    const bytes = BYTES.slice();
    const secret = new Secret(bytes);
    secret.destroy();
    secret.destroy();
    expect(bytes).toEqual(new Uint8Array(32));
    expect(() => secret.use(() => 0)).toThrow('after its end');
    expect(shows(inspect(secret))).toBe(false);
  });
});
