import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { answerUsage, findMistypedVariable, findQuestion, nameOption, nearest, VERSION } from '../src/usage.ts';

const GATE = { name: 'gate', help: 'Usage: gate\n' };
const STRING = `sotto1${'q'.repeat(112)}`;

describe('help and version', () => {
  test.each([
    [['--help'], 'help'],
    [['-h'], 'help'],
    [['--version'], 'version'],
    [['-V'], 'version'],
    [['--frob', '--help'], 'help'],
    [['sotto1abc', 'def', '-V'], 'version'],
    [['--name', '--help'], 'help'],
    [['--version', '--help'], 'version'],
    [['-hV'], 'help'],
    [['-Vh'], 'version'],
    [['-', '', '--help'], 'help'],
  ])('are asked for by %j', (args, question) => expect(findQuestion(args)).toBe(question));

  test.each([
    [['--', '--help']],
    [['help']],
    [['--name=--help']],
    [['--help=x']],
    [['-host']],
    [['-v']],
    [['--HELP']],
    [['—help']],
    [[]],
  ])('are not asked for by %j', (args) => expect(findQuestion(args)).toBeUndefined());

  test('print the version of the package, and the help of the program', () => {
    expect(VERSION).toBe(manifest.version);
    expect(answerUsage(GATE, ['x', '-V'])).toEqual({ next: 'end', exitCode: 0, out: `${VERSION}\n`, err: '' });
    expect(answerUsage(GATE, ['x', '-h'])).toEqual({ next: 'end', exitCode: 0, out: GATE.help, err: '' });
  });
});

describe('a program that takes no arguments', () => {
  test('starts without arguments', () => expect(answerUsage(GATE, [])).toEqual({ next: 'begin' }));

  test.each([
    ['--frob', 'unknown option --frob'],
    ['--frob=secret', 'unknown option --frob'],
    ['-x', 'unknown option -x'],
    [`--${STRING}`, 'unknown option'],
    [`--${'x'.repeat(40)}`, 'unknown option'],
    ['--\u001b[2J', 'unknown option'],
    ['extra', 'an argument too many: it takes none'],
    [STRING, 'an argument too many: it takes none'],
    ['', 'an argument too many: it takes none'],
    ['-', 'an argument too many: it takes none'],
    ['--', 'an argument too many: it takes none'],
  ])('refuses %j with one line, and repeats no value', (arg, problem) => {
    const err = `gate: ${problem}. See: gate --help\n`;
    expect(answerUsage(GATE, [arg])).toEqual({ next: 'end', exitCode: 2, out: '', err });
  });

  test('answers any arguments with one harmless line, or with nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (args) => {
        const answer = answerUsage(GATE, args);
        if (answer.next === 'begin') expect(args).toEqual([]);
        else if (answer.exitCode === 2) expect(answer.err).toMatch(/^gate: [\x20-\x7e]+\n$/);
      }),
    );
  });
});

describe('an option', () => {
  test.each([
    ['--name=bob', '--name'],
    ['--name=two\nlines', '--name'],
    ['-x', '-x'],
    ['--sotto1q', undefined],
    ['--söme', undefined],
    ['name', undefined],
    ['---name', undefined],
  ])('is named without its value: %j as %s', (arg, name) => expect(nameOption(arg)).toBe(name));
});

describe('the nearest word', () => {
  const WORDS = ['quit', 'members', 'verify', 'verified', 'who', 'code'];

  test.each([
    ['quitt', 'quit'],
    ['qiut', 'quit'],
    ['qut', 'quit'],
    ['QUIT', 'quit'],
    ['memebrs', 'members'],
    ['verfy', 'verify'],
    ['veryfied', 'verified'],
    ['wo', 'who'],
  ])('to %s is %s', (typed, meant) => expect(nearest(typed, WORDS)).toBe(meant));

  test.each(['', 'q', 'foo', 'etc/passwd', 'dance', 'x'.repeat(65_536)])('to %s is none', (typed) =>
    expect(nearest(typed, WORDS)).toBeUndefined(),
  );

  test('is never more than two mistakes away, and is the word itself if that is a candidate', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
    fc.assert(
      fc.property(word, fc.array(word), (typed, words) => {
        const found = nearest(typed, words);
        if (words.includes(typed)) expect(found).toBe(typed);
        if (found !== undefined) expect(Math.abs(found.length - typed.length)).toBeLessThanOrEqual(2);
      }),
    );
  });
});

describe('a variable', () => {
  const KNOWN = ['SOTTO_ROOM_COVER', 'SOTTO_ROOM_ACCESS'];

  test.each(['SOTTO_ROOM_COVERS', 'SOTTO_ROOM_COVR', 'SOTTO_ROM_COVER', 'sotto_room_cover'])(
    'is reported as a misspelt SOTTO_ROOM_COVER without its value: %s',
    (variable) => {
      expect(findMistypedVariable({ [variable]: 'stealth' }, KNOWN)).toBe(
        `${variable} is not a variable of this program: did you mean SOTTO_ROOM_COVER?`,
      );
    },
  );

  test.each(['SOTTO_ROOM_COVER', 'SOTTO_VERSION', 'ROOM_COVER', 'SOTTO_ROOM', 'PATH'])(
    'is not reported as misspelt: %s',
    (variable) => expect(findMistypedVariable({ [variable]: 'stealth' }, KNOWN)).toBeUndefined(),
  );

  test('is never taken for a misspelt other one if it is one of the project', () => {
    const files = ['docker-compose.yml', '.env', 'README.md', 'CONTRIBUTING.md', 'scripts/demo', 'scripts/test'];
    const names = new Set(files.flatMap((file) => readFileSync(file, 'utf8').match(/\bSOTTO_[A-Z_]+[A-Z]\b/g) ?? []));
    expect(names.size).toBeGreaterThan(15);
    for (const name of names) {
      const others = [...names].filter((other) => other !== name);
      expect([name, findMistypedVariable({ [name]: '' }, [...others, name])]).toEqual([name, undefined]);
      // The two of Redis are read by one program, and by no other.
      const near = nearest(name, others);
      if (!name.startsWith('SOTTO_REDIS_')) expect([name, near]).toEqual([name, undefined]);
    }
  });
});
