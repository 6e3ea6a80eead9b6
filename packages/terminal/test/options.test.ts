import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RENEW_EVERY_S, RENEW_LEAST_S, RENEW_MOST_S } from '../src/limits.ts';
import { readOptions } from '../src/options.ts';

describe('the option --renew', () => {
  const everyMs = (args: readonly string[], environment: NodeJS.ProcessEnv = {}): unknown => {
    const read = readOptions(args, environment);
    return read.ok ? read.value.renewEveryMs : read.code;
  };

  test('is five minutes, unless another time is given', () => {
    expect(RENEW_EVERY_S).toBe(300);
    expect(everyMs([])).toBe(300_000);
    expect(everyMs([], { SOTTO_RENEW: '' })).toBe(300_000);
    expect(everyMs(['--renew', '900'])).toBe(900_000);
    expect(everyMs([], { SOTTO_RENEW: '60' })).toBe(60_000);
    expect(everyMs(['--renew', '900'], { SOTTO_RENEW: '60' })).toBe(900_000);
  });

  test('can be turned off', () => {
    expect(everyMs(['--renew', 'off'])).toBeUndefined();
    expect(everyMs([], { SOTTO_RENEW: 'off' })).toBeUndefined();
    expect(everyMs(['--renew', '60'], { SOTTO_RENEW: 'off' })).toBe(60_000);
  });

  test('takes half a minute to a day', () => {
    expect(everyMs(['--renew', String(RENEW_LEAST_S)])).toBe(RENEW_LEAST_S * 1_000);
    expect(everyMs(['--renew', String(RENEW_MOST_S)])).toBe(RENEW_MOST_S * 1_000);
  });

  test.each([
    String(RENEW_LEAST_S - 1),
    String(RENEW_MOST_S + 1),
    '0',
    '-300',
    '3e2',
    ' 300',
    '300s',
    'OFF',
    'on',
    '0x99',
  ])('does not take %j', (text) => {
    expect(everyMs(['--renew', text])).toBe('usage');
    expect(everyMs([], { SOTTO_RENEW: text })).toBe('usage');
  });

  test('names its range, and whether the option or the variable is wrong', () => {
    const takes = `takes ${RENEW_LEAST_S} to ${RENEW_MOST_S} seconds, or "off"`;
    expect(readOptions(['--renew', 'soon'], {})).toMatchObject({ problem: `--renew ${takes}` });
    expect(readOptions(['--renew', 'soon'], { SOTTO_RENEW: '60' })).toMatchObject({ problem: `--renew ${takes}` });
    expect(readOptions([], { SOTTO_RENEW: 'soon' })).toMatchObject({ problem: `SOTTO_RENEW ${takes}` });
  });
});

const STRING = `sotto1${'q'.repeat(112)}`;
const problemOf = (args: readonly string[], environment: NodeJS.ProcessEnv = {}): string => {
  const read = readOptions(args, environment);
  return read.ok || read.code === 'shown' ? '' : read.problem;
};

describe('a command line', () => {
  test.each([
    [['--nmae', 'x'], 'unknown option --nmae: did you mean --name?'],
    [['--NAME', 'x'], 'unknown option --NAME: did you mean --name?'],
    [['--inviteFile', 'x'], 'unknown option --inviteFile: did you mean --invite-file?'],
    [['--frob=secret'], 'unknown option --frob'],
    [['-j'], 'unknown option -j: did you mean --json?'],
    [['-n', 'bob'], 'unknown option -n: did you mean --name?'],
    [['-jp'], 'unknown option -jp'],
    [['-1'], 'unknown option'],
    [['--no-json'], 'unknown option --no-json'],
    [['--constructor=2'], 'unknown option --constructor'],
    [['--__proto__', 'x'], 'unknown option'],
    [['--_', 'x'], 'unknown option'],
    [['--$0', 'x'], 'unknown option'],
    [[`--${STRING}`], 'unknown option'],
    [
      ['--connection-string', STRING],
      'unknown option --connection-string: the connection string stands by itself; the client asks if it is absent',
    ],
    [['—help'], 'an option begins with hyphens, not with dashes: did you mean --help?'],
    [['–name', 'bob'], 'an option begins with hyphens, not with dashes: did you mean --name?'],
    [['--json=yes'], '--json takes no value'],
    [['--help=no'], '--help takes no value'],
    [['--name'], '--name needs a value'],
    [['--name', '--json'], '--name needs a value'],
    [['--renew='], '--renew needs a value'],
    [['--invite-file='], '--invite-file needs a value'],
    [['--host='], '--host needs a value'],
    [['--json', '--plain'], '--json and --plain exclude each other'],
    [['help'], 'there are no commands: did you mean --help?'],
    [['version'], 'there are no commands: did you mean --version?'],
    [
      ['--', '--help'],
      'the argument is no connection string: one begins with sotto1; leave it out, and the client asks',
    ],
    [['bob'], 'the argument is no connection string: one begins with sotto1; leave it out, and the client asks'],
    [[''], 'the argument is empty: leave it out, and the client asks'],
    [[' ', '\t'], 'the argument is empty: leave it out, and the client asks'],
    [[`--host=/${'h'.repeat(107)}`], '--host is not the path of a socket: it is longer than 107 bytes'],
  ])('%j is refused: %s', (args, problem) => {
    expect(readOptions(args, {})).toEqual({ ok: false, code: 'usage', problem });
  });

  test.each([
    [[STRING, '--invite-file', 'b']],
    [['-', '--invite-file', 'b']],
    [['-', STRING]],
    [['-', '-']],
    [[STRING, STRING.toUpperCase()]],
  ])('%j is refused, because it gives the connection string twice', (args) => {
    expect(readOptions(args, {})).toMatchObject({ ok: false, code: 'invite-ambiguous' });
  });

  test.each([
    [[STRING], STRING],
    [[STRING.slice(0, 80), STRING.slice(80)], `${STRING.slice(0, 80)} ${STRING.slice(80)}`],
    [['Connection', 'string:', STRING], `Connection string: ${STRING}`],
    [['--', STRING], STRING],
    [[STRING.slice(0, 70), '--', STRING.slice(70)], `${STRING.slice(0, 70)} ${STRING.slice(70)}`],
    [['--json', STRING.slice(4)], STRING.slice(4)],
  ])('%j gives all its words as the connection string', (args, text) => {
    expect(readOptions(args, {})).toMatchObject({ ok: true, value: { invite: { from: 'argument', text } } });
  });

  test.each([
    [{ SOTTO_RENWE: '60' }, 'SOTTO_RENWE is not a variable of this program: did you mean SOTTO_RENEW?'],
    [
      { SOTTO_INVITE_FLIE: 'x' },
      'SOTTO_INVITE_FLIE is not a variable of this program: did you mean SOTTO_INVITE_FILE?',
    ],
    [
      { SOTTO_MODERATOR_SOCKET: `/${'m'.repeat(107)}` },
      'SOTTO_MODERATOR_SOCKET is not the path of a socket: it is longer than 107 bytes',
    ],
  ])('with %j in the environment is refused: %s', (environment, problem) => {
    expect(problemOf([], environment)).toBe(problem);
  });

  test.each([[['--frob', '--help']], [[STRING, STRING, '-h']], [['--name', '-h']], [['--json=x', '-hV']]])(
    '%j is answered with the help, which fits 80 columns and is English',
    (args) => {
      const read = readOptions(args, { LANG: 'de_DE.UTF-8' });
      const text = !read.ok && read.code === 'shown' ? read.text : '';
      expect(text).toMatch(
        /^Usage: client \[options\] \[connection string\]\n\nJoins a Sotto room and talks there\.\n/,
      );
      for (const option of [
        '--name',
        '--json',
        '--plain',
        '--invite-file',
        '--host',
        '--renew',
        '-V, --version',
        '-h, --help',
      ])
        expect(text).toContain(option);
      for (const line of text.split('\n')) expect(line.length).toBeLessThan(80);
      // No description is so long that it goes on in another line.
      expect(text.match(/\[(string|boolean)\]$/gm)).toHaveLength(8);
      expect(text.match(/^ {2}(-., | {4})--[a-z-]+ +\S.*\[(string|boolean)\]$/gm)).toHaveLength(8);
    },
  );

  test('with any words is accepted, answered, or refused in one line that repeats only an option', () => {
    const pieces = [
      '--',
      '-',
      '-x',
      '--name',
      '--name=',
      '--json',
      '--renew',
      '--constructor',
      '--toString=1',
      '__proto__',
    ];
    const words = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' }), fc.constant(STRING)));
    fc.assert(
      fc.property(words, (args) => {
        const problem = problemOf(args);
        expect(problem).toMatch(/^[\x20-\x7e]*$/);
        expect(problem).not.toContain('sotto1q');
      }),
      { numRuns: 300 },
    );
  });
});
