import { decodeInvite, encodeInvite } from '@sotto/protocol';
import { damageText, fuzz, FUZZ_CASES, FUZZ_GROWTH_BYTES_MAX, FUZZ_LIMIT_MS, FUZZ_SLOWEST_MS } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { newHiddenPrompt, stepHiddenPrompt } from '../src/hidden-prompt-machine.ts';
import { findInvite } from '../src/invite-finder.ts';
import { JsonFrontEnd } from '../src/json.ts';
import { SHOWN_CHARS_MAX } from '../src/limits.ts';
import { LineSplitter } from '../src/line-splitter.ts';
import { readTyped } from '../src/plain-command.ts';
import { safeDigits, safeFingerprint, safeLine, safeName, safeText } from '../src/safe-text.ts';
import { appendingScreen } from '../src/screen.ts';
import { INVITE } from './program.ts';

const LINE_BYTES_MAX = 60;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
/**
 * As bytes come from a peer's text: what is no UTF-8 never gets here, so that it is read as
 * something else.
 */
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function split(bytes: Uint8Array): boolean {
  const splitter = new LineSplitter(LINE_BYTES_MAX);
  const lines = [...splitter.push(bytes.subarray(0, 20)), ...splitter.push(bytes.subarray(20))];
  const last = splitter.finish();
  const all = last === undefined ? lines : [...lines, last];
  if (all.some((line) => line.ok && (line.text.includes('\n') || encode(line.text).length > LINE_BYTES_MAX))) {
    throw new Error('not a line of that length');
  }
  return all.every((line) => line.ok);
}

/** A screen of programs that prints into nothing: each refused line must be one line of JSON. */
const printed = { writableLength: 0, write: writeLine, on: (): undefined => undefined };
function writeLine(text: string): boolean {
  JSON.parse(text);
  if (text.indexOf('\n') !== text.length - 1) throw new Error('not one line');
  return true;
}
const programs = new JsonFrontEnd(appendingScreen(printed, () => undefined));

/** What moves, hides or ends a line: nothing of it is left in a text of a stranger. */
const HARMFUL = /[\0-\x09\x0b-\x1f\x7f-\x9f\p{Bidi_Control}\p{Cs}\p{Zl}\p{Zp}]/u;
function show(bytes: Uint8Array): boolean {
  const text = decode(bytes);
  const shown = safeText(text);
  if (HARMFUL.test(shown) || shown.length > 4 * SHOWN_CHARS_MAX) throw new Error('not harmless');
  for (const line of [safeLine(text), safeName(text), safeFingerprint(text), safeDigits(text)]) {
    if (HARMFUL.test(line) || line.includes('\n')) throw new Error('not one harmless line');
  }
  return shown.length > 0;
}

/**
 * What is found is what the protocol takes, and nobody but one string's owner is let in with it.
 */
function find(bytes: Uint8Array): boolean {
  const found = findInvite(decode(bytes));
  if (found.ok && !decodeInvite(encodeInvite(found.value)).ok) throw new Error('the protocol refuses it');
  if (found.ok && encodeInvite(found.value) !== INVITE) throw new Error('another string than was there');
  if (!found.ok && /[^ -~]/.test(found.detail)) throw new Error('not harmless');
  return found.ok;
}

/** The same keys in one piece and in two: one answer, and nothing of them is left. */
function ask(bytes: Uint8Array): boolean {
  const outcomes = [0, Math.floor(bytes.length / 2)].map((cut) => {
    let state = newHiddenPrompt();
    let outcome = '';
    const events = [bytes.slice(0, cut), bytes.slice(cut)].map((part) => ({ type: 'keys', bytes: part }) as const);
    const quiet = Array.from({ length: 40 }, () => ({ type: 'waited' }) as const);
    for (const event of [...events, ...quiet]) {
      const step = stepHiddenPrompt(state, event, (text) => findInvite(text).ok);
      state = step.state;
      for (const effect of step.effects) if (effect.type !== 'wait') outcome += JSON.stringify(effect);
    }
    return outcome;
  });
  if (outcomes[0] !== outcomes[1]) throw new Error('the pieces make a difference');
  return outcomes[0]?.includes('answer') === true;
}

const decoders: readonly (readonly [name: string, accepted: Uint8Array, decode: (bytes: Uint8Array) => boolean])[] = [
  ['lines', encode('hello\r\nthere, everybody\n{"cmd":"quit"}\n'), split],
  [
    'a text from a program',
    encode('{"cmd":"send","text":"hi \\u00e9","ref":"1"}'),
    (bytes) => programs.read({ ok: true, text: decode(bytes) }) !== undefined,
  ],
  [
    'a command from a program',
    encode('{"cmd":"verify","member":"4f2c000000000000"}'),
    (bytes) => programs.read({ ok: true, text: decode(bytes) }) !== undefined,
  ],
  ['a pasted connection string', encode(`host-1  | "${INVITE.slice(0, 60)}\r\nhost-1  | ${INVITE.slice(60)}".`), find],
  ['a typed line', encode('/verify anna'), (bytes) => readTyped(decode(bytes)).type === 'command'],
  ['a text that is shown', encode('a\u202eb \u{1f600}\u0301 <\u001b[31m> and\nanother line'), show],
];

async function expectSturdy(
  accepted: Uint8Array,
  read: (bytes: Uint8Array) => boolean,
  cases: number = FUZZ_CASES,
): Promise<void> {
  // Control: the thing itself is read.
  expect(read(accepted)).toBe(true);
  const report = await fuzz(accepted, read, { damage: damageText, cases });
  expect(report.accepted).toBeGreaterThan(0);
  expect(report.refused).toBeGreaterThan(0);
  expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
  expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
}

describe('input from users, programs and other members', { timeout: FUZZ_LIMIT_MS }, () => {
  test.each(decoders)('%s: no bytes make the reader throw, hang or grow', async (_name, accepted, read) => {
    await expectSturdy(accepted, read);
  });

  // Each case zeroes the memory of two prompts.
  test('keys at the hidden prompt: no bytes make the reader throw, hang or grow', async () => {
    await expectSturdy(encode(`\x1b[200~${INVITE}\x7f\x1b[201~\r`), ask, FUZZ_CASES / 10);
  });
});
