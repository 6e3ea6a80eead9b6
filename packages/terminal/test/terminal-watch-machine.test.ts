import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  OPEN_PASTE_QUIET_MS,
  PASTE_QUIET_MS,
  TERMINAL_ANSWER_AWAIT_MS,
  TERMINAL_ASK_EVERY_MS,
  TERMINAL_CLOSE_LIMIT_MS,
  TERMINAL_PROOF_MS,
  TERMINAL_UNANSWERED_MAX,
} from '../src/limits.ts';
import { NEW_WATCH, stepWatch } from '../src/terminal-watch-machine.ts';
import type { TerminalWatch, WatchEffect, WatchEvent } from '../src/terminal-watch-machine.ts';

const ANSWER = '\x1b[0n';
/** Every answer in a text, as a terminal gives it. */
const ANSWERS = /\x1b\[[03]n/g;
const begin: WatchEvent = { type: 'begin' };
const tick: WatchEvent = { type: 'timer', timer: 'ask' };
const close: WatchEvent = { type: 'close' };

const bytes = (text: string): WatchEvent => ({ type: 'bytes', bytes: Buffer.from(text) });

function play(...events: readonly WatchEvent[]): { watch: TerminalWatch; effects: WatchEffect[]; last: WatchEffect[] } {
  let watch = NEW_WATCH;
  const effects: WatchEffect[] = [];
  let last: WatchEffect[] = [];
  for (const event of events) {
    const { state: next, effects: caused } = stepWatch(watch, event);
    watch = next;
    last = [...caused];
    effects.push(...caused);
  }
  return { watch, effects, last };
}

const typed = (effects: readonly WatchEffect[]): string =>
  Buffer.concat(effects.map((effect) => (effect.type === 'pass' ? effect.bytes : new Uint8Array()))).toString();
const types = (effects: readonly WatchEffect[]): string[] => effects.map(({ type }) => type);
const ticks = (count: number): WatchEvent[] => Array.from({ length: count }, () => tick);

const PROOF = [begin, bytes(ANSWER), tick, bytes(ANSWER)];

describe('a terminal that has answered', () => {
  test('is asked at once, again after the first answer, and then every 15 s', () => {
    const { effects } = play(...PROOF, tick);
    expect(effects).toEqual([
      { type: 'ask' },
      { type: 'set-timer', timer: 'ask', afterMs: TERMINAL_ASK_EVERY_MS },
      { type: 'set-timer', timer: 'ask', afterMs: TERMINAL_PROOF_MS },
      { type: 'ask' },
      { type: 'set-timer', timer: 'ask', afterMs: TERMINAL_ASK_EVERY_MS },
      { type: 'ask' },
      { type: 'set-timer', timer: 'ask', afterMs: TERMINAL_ASK_EVERY_MS },
    ]);
  });

  test('counts as gone after seven unanswered questions, reported once', () => {
    expect(types(play(...PROOF, ...ticks(TERMINAL_UNANSWERED_MAX)).effects)).not.toContain('gone');
    const { watch, last } = play(...PROOF, ...ticks(TERMINAL_UNANSWERED_MAX + 1));
    expect(types(last)).toEqual(['gone']);
    expect(watch.phase).toBe('gone');
    expect(play(...PROOF, ...ticks(TERMINAL_UNANSWERED_MAX + 1), tick, tick).last).toEqual([]);
  });

  test('does not count as gone while its laptop sleeps for four questions', () => {
    const slept = [...PROOF, ...ticks(5), bytes(ANSWER.repeat(5))];
    const { watch, effects } = play(...slept, ...ticks(TERMINAL_UNANSWERED_MAX), bytes(ANSWER), tick);
    expect(watch.phase).toBe('proven');
    expect(types(effects)).not.toContain('gone');
    expect(typed(effects)).toBe('');
  });

  test.each(['a key', '\x1b', '\xff'])('is still there after any byte: %j', (said) => {
    const silent = ticks(TERMINAL_UNANSWERED_MAX);
    const { effects } = play(...PROOF, ...silent, bytes(said), ...silent);
    expect(types(effects)).not.toContain('gone');
  });
});

describe('a terminal that never answers', () => {
  test('never counts as gone, and gets a bounded number of questions', () => {
    const { effects, watch } = play(begin, ...ticks(100), bytes('typed'), ...ticks(100));
    expect(types(effects)).not.toContain('gone');
    expect(effects.filter(({ type }) => type === 'ask')).toHaveLength(TERMINAL_UNANSWERED_MAX);
    expect(watch.phase).toBe('mute');
    expect(typed(effects)).toBe('typed');
  });

  test('is not proven by an answer that is pasted many times at once', () => {
    const { effects, watch } = play(begin, bytes(ANSWER.repeat(9)), ...ticks(0));
    expect(watch.phase).toBe('answered');
    expect(typed(effects)).toBe('');
  });

  test('control: is proven by two answers to two questions', () => {
    expect(play(...PROOF).watch.phase).toBe('proven');
  });
});

describe('answers among typed keys', () => {
  test('are removed at any place and in any pieces, and no key is lost or moved', () => {
    const key = fc.constantFrom(
      'a',
      'é',
      '漢',
      '\r',
      '\x1b[A',
      '\x1b[1;2R',
      '\x1b[0',
      '\x1b',
      '\x1b[',
      '0n',
      '[0n',
      'n',
    );
    const piece = fc.oneof(key, fc.constant(ANSWER));
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.integer({ min: 1, max: 5 })), (pieces, sizes) => {
        const text = pieces.join('');
        // Six questions were asked. Typed pieces can spell an answer, too: a seventh stays.
        fc.pre((text.match(ANSWERS)?.length ?? 0) <= 6);
        const all = Buffer.from(text);
        const events: WatchEvent[] = [];
        let from = 0;
        for (const size of sizes) {
          events.push({ type: 'bytes', bytes: all.subarray(from, from + size) });
          from += size;
        }
        events.push({ type: 'bytes', bytes: all.subarray(from) }, { type: 'timer', timer: 'part' });
        const { effects } = play(begin, ...ticks(5), ...events);
        // What a person would have to type by hand to look like an answer is one.
        expect(typed(effects)).toBe(text.replaceAll(ANSWERS, ''));
      }),
      { numRuns: 500 },
    );
  });

  test('are awaited in pieces only while one is expected; an Escape key waits a second at most', () => {
    expect(typed(play(...PROOF, bytes('\x1b')).effects)).toBe('\x1b');
    const { watch, last } = play(...PROOF, tick, bytes('x\x1b'));
    expect(typed(last)).toBe('x');
    expect(watch.held).toEqual([0x1b]);
    expect(typed(play(...PROOF, tick, bytes('x\x1b'), { type: 'timer', timer: 'part' }).last)).toBe('\x1b');
    expect(play(...PROOF, tick, bytes('\x1b'), bytes('[0'), bytes('n'), { type: 'timer', timer: 'part' }).last).toEqual(
      [],
    );
  });

  test('leave Ctrl-C, Ctrl-Z and Ctrl-\\ signals, in their place', () => {
    const { last } = play(begin, bytes(`ab\x1a${ANSWER}c\x03\x1c`));
    expect(last.map((effect) => (effect.type === 'key' ? effect.key : typed([effect])))).toEqual([
      'ab',
      'suspend',
      'c',
      'interrupt',
      'quit',
      '',
    ]);
  });
});

describe('the end of the terminal watch', () => {
  const quiet: WatchEvent = { type: 'timer', timer: 'close' };
  const limit: WatchEvent = { type: 'timer', timer: 'close-limit' };
  const awaits = (effects: readonly WatchEffect[]): number[] =>
    effects.flatMap((effect) => (effect.type === 'set-timer' && effect.timer === 'close' ? [effect.afterMs] : []));

  test('awaits and drops an answer on its way, with keys that are typed meanwhile', () => {
    const { effects, last } = play(...PROOF, tick, close, bytes('typed\x1b[0'), bytes('n'));
    expect(awaits(effects)).toEqual([TERMINAL_ANSWER_AWAIT_MS, TERMINAL_ANSWER_AWAIT_MS, PASTE_QUIET_MS]);
    expect(typed(effects)).toBe('');
    expect(types(last)).toEqual(['set-timer']);
    expect(types(play(...PROOF, tick, close, quiet).last)).toEqual(['closed']);
  });

  test.each([
    ['no answer is expected', PROOF],
    ['the terminal never answers', [begin, ...ticks(TERMINAL_UNANSWERED_MAX)]],
  ])('drops the rest of a paste until the input is quiet if %s', (_what, events) => {
    const { effects, watch } = play(...events, close, bytes('rest\x03\x1c of a paste'), bytes(' and more'));
    expect(awaits(effects)).toEqual([PASTE_QUIET_MS, PASTE_QUIET_MS, PASTE_QUIET_MS]);
    expect(typed(effects)).toBe('');
    expect(types(effects)).not.toContain('key');
    expect(types(stepWatch(watch, quiet).effects)).toEqual(['closed']);
  });

  test('awaits an announced paste for longer, until its end has come', () => {
    const { effects } = play(...PROOF, bytes('\x1b[200~text'), close, bytes('more'), bytes('\x1b[201~'));
    expect(awaits(effects)).toEqual([OPEN_PASTE_QUIET_MS, OPEN_PASTE_QUIET_MS, PASTE_QUIET_MS]);
  });

  test('awaits an endless paste for a bounded time', () => {
    const { effects, last } = play(...PROOF, close, bytes('x'), bytes('x'), limit);
    expect(effects).toContainEqual({ type: 'set-timer', timer: 'close-limit', afterMs: TERMINAL_CLOSE_LIMIT_MS });
    expect(types(last)).toEqual(['closed']);
  });

  test.each([
    ['the terminal is gone', [...PROOF, ...ticks(TERMINAL_UNANSWERED_MAX + 1)]],
    ['its input has ended', [...PROOF, tick, { type: 'ended' } as const]],
  ])('awaits nothing if %s', (_what, events) => {
    expect(types(play(...events, close).last)).toEqual(['closed']);
  });
});

describe('a paste that the terminal announces', () => {
  const [BEGIN, END] = ['\x1b[200~', '\x1b[201~'];
  const KEYS = '\x03\x1a\x1c';
  const keys = (effects: readonly WatchEffect[]): number => effects.filter(({ type }) => type === 'key').length;
  const paste: WatchEvent = { type: 'timer', timer: 'paste' };

  test('contains no signal, however it is cut, and gets through whole', () => {
    const pasted = `${BEGIN}before${KEYS}behind${END}`;
    fc.assert(
      fc.property(fc.array(fc.nat(pasted.length)), (cuts) => {
        const at = [0, ...cuts.sort((one, other) => one - other), pasted.length];
        const pieces = at.slice(1).map((end, index) => bytes(pasted.slice(at[index], end)));
        const { effects } = play(...pieces);
        expect(keys(effects)).toBe(0);
        expect(typed(effects)).toBe(pasted);
      }),
    );
  });

  test('control: the same bytes are three signals without the announcement, and after its end', () => {
    expect(keys(play(bytes(`before${KEYS}behind`)).effects)).toBe(3);
    expect(keys(play(bytes(`${BEGIN}text${END}${KEYS}`)).effects)).toBe(3);
  });

  test('without an end is over after a while, even if the user keeps pressing Ctrl-C', () => {
    const { effects, last } = play(bytes(`${BEGIN}text`), bytes('\x03'), bytes('\x03'), paste, bytes('\x03'));
    expect(effects.filter((effect) => effect.type === 'set-timer')).toEqual([
      { type: 'set-timer', timer: 'paste', afterMs: OPEN_PASTE_QUIET_MS },
    ]);
    expect(keys(last)).toBe(1);
    expect(keys(effects)).toBe(1);
  });
});
