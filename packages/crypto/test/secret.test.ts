// A secret is never printed, and is zero after its end.

import { deepStrictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { deriveRoomKeys, Secret } from '../src/index.ts';

const BYTES = Uint8Array.from({ length: 32 }, (_, index) => 200 + index);
const SHOWN_NUMBERS_MIN = 8;

/**
 * @returns whether a text has the bytes in it: as decimal numbers, hexadecimal, base64 or
 * characters.
 */
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
  ['%i', (value) => format('%i', value)],
  ['%f', (value) => format('%f', value)],
  ['format without a pattern', (value) => format(value)],
  ['console.log', (value) => printed((console) => console.log('%o', value, { nested: [value] }))],
  ['console.dir', (value) => printed((console) => console.dir(value, { showHidden: true, depth: null }))],
  ['console.error', (value) => printed((console) => console.error(value))],
  ['console.trace', (value) => printed((console) => console.trace(value))],
  ['console.assert', (value) => printed((console) => console.assert(false, value as string))],
  ['console.group', (value) => printed((console) => console.group(value))],
  ['console.table', (value) => printed((console) => console.table([value]))],
  ['inspect of its container', (value) => inspect([new Map([[value, new Set([value])]])], { depth: null })],
  ['inspect with getters', (value) => inspect({ value }, { getters: true, showHidden: true })],
  ['a joined list', (value) => [value].join()],
  ["an error's message", (value) => inspect(new Error(value as string))],
  ["an error's message and JSON", (value) => new Error(`failed: ${JSON.stringify(value)}`).message],
  ['an error of several', (value) => inspect(new AggregateError([value], 'failed'))],
  ["an assertion's message", (value) => messageOf(() => deepStrictEqual({ value }, { value: 'another' }))],
  ["an error's cause", (value) => inspect(new Error('failed', { cause: value }))],
  ['its keys', (value) => JSON.stringify(Object.entries(value as object))],
  ['a spread copy', (value) => inspect({ ...(value as object) })],
  [
    'all that it owns',
    (value) => inspect(Reflect.ownKeys(value as object).map((key): unknown => Reflect.get(value as object, key))),
  ],
  ['a structured clone', (value) => inspect(structuredClone(value))],
  ['a message to a thread', (value) => inspect(sent(value))],
  ['the serializer of V8', (value) => serialize(value).toString('latin1')],
  ['bytes made of it', (value) => Buffer.from(value as string).toString('hex')],
];

function messageOf(failing: () => void): string {
  try {
    failing();
  } catch (error) {
    return inspect(error, { depth: null });
  }
  throw new Error('nothing failed');
}

function sent(value: unknown): unknown {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value);
  const received: unknown = receiveMessageOnPort(port2);
  port1.close();
  return received;
}

describe('a secret', () => {
  test.each(ways)('is not shown by %s', (_name, print) => {
    expect(shows(print(new Secret(BYTES.slice())))).toBe(false);
  });

  test('control: nearly all of these show plain bytes', () => {
    const showing = ways.filter(([, print]) => shows(print(BYTES)));
    // These show one number at most, for any value.
    const meagre = ['%d', '%i', '%f'];
    expect(showing.map(([name]) => name)).toEqual(ways.map(([name]) => name).filter((name) => !meagre.includes(name)));
  });

  /** @returns the output of a program that prints `value`, warns of it, and crashes with it. */
  function lastWords(value: string): string {
    const program = `
      import { Secret } from './packages/crypto/src/secret.ts';
      const bytes = Uint8Array.from({ length: 32 }, (_, index) => 200 + index);
      const value = ${value};
      console.log(value);
      process.emitWarning(new Error(String(value)));
      Promise.reject(value);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
    expect(run.status).toBe(1);
    return run.stdout + run.stderr;
  }

  test('is not shown by a program that crashes with it', () => {
    const words = lastWords('new Secret(bytes.slice())');
    expect(words).toContain('[secret]');
    expect(shows(words)).toBe(false);
    expect(shows(lastWords('bytes'))).toBe(true);
  });

  test('is not shown by an object of keys that holds it', () => {
    const keys = deriveRoomKeys({ roomSecret: BYTES, onionKey: BYTES });
    for (const [name, print] of ways) {
      // The keys are an object of neither bytes nor text, so nothing makes bytes of them.
      if (name === 'bytes made of it') continue;
      for (const secret of [keys.capabilitySecret, keys.clientAuthorisationSeed]) {
        const bytes = secret.use((own) => own.slice());
        const text = print(keys);
        expect(text).not.toContain(Buffer.from(bytes).toString('hex').slice(0, 12));
        expect(text).not.toContain([...bytes].slice(0, 6).join(','));
        expect(text).not.toContain([...bytes].slice(0, 6).join(', '));
      }
    }
  });

  test('lends its bytes, and returns the borrower’s result', () => {
    expect(new Secret(BYTES.slice()).use((bytes) => bytes[0])).toBe(200);
  });

  test('moves its bytes: the caller’s array is zero from then on', () => {
    const bytes = BYTES.slice();
    const secret = new Secret(bytes);
    expect(bytes).toEqual(new Uint8Array(32));
    expect(secret.use((own) => Uint8Array.from(own))).toEqual(BYTES);
  });

  test('zeroes its bytes when destroyed, also twice, and refuses every later use', () => {
    const secret = new Secret(BYTES.slice());
    const kept = secret.use((own) => own);
    secret.destroy();
    secret.destroy();
    expect(kept).toEqual(new Uint8Array(32));
    expect(() => secret.use(() => 0)).toThrow('after its end');
    expect(shows(inspect(secret))).toBe(false);
  });
});
