import { decodeInvite, encodeInvite, INVITE_CHARACTERS } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { findInvite } from '../src/invite-finder.ts';
import { INVITE_BYTES_MAX } from '../src/limits.ts';
import { BAD_INVITES, withChecksum } from './bad-invites.ts';
import { INVITE } from './program.ts';

const OTHER = encodeInvite({ onionKey: new Uint8Array(32).fill(7), roomSecret: new Uint8Array(32).fill(9) });
const CAPITALISED = `S${INVITE.slice(1)}`;

function rowsOf(text: string, width: number): string[] {
  return Array.from({ length: Math.ceil(text.length / width) }, (_, row) => text.slice(row * width, (row + 1) * width));
}

/** The spelling of what was found, or the code. */
function found(pasted: string): string {
  const read = findInvite(pasted);
  return read.ok ? encodeInvite(read.value) : read.code;
}

describe('a connection string in a paste', () => {
  test.each([
    ['alone', INVITE],
    ['in upper case', INVITE.toUpperCase()],
    ['with a first letter that a keyboard made large', CAPITALISED],
    ['behind the name of a service', `host-1  | ${INVITE}`],
    ['behind the name of a service, in colour', `\x1b[36mhost-1  | \x1b[0m${INVITE}\x1b[0m`],
    ['behind a label', `Connection string: ${INVITE}`],
    ['behind a label without a blank', `invite=${INVITE}`],
    ['behind the name of a prompt', `$ client ${INVITE} --name bob`],
    ...["''", '""', '<>', '()', '[]', '{}', '``', '“”', '‘’', '„“', '«»', '‹›', '「」', '**', '__', '~~'].map(
      (pair) => [`between ${pair}`, `${pair.slice(0, 1)}${INVITE}${pair.slice(1)}`],
    ),
    ['in bold Markdown', `**${INVITE}**`],
    ['in a block of code', '```\n' + INVITE + '\n```'],
    ['as a link of Markdown', `[${INVITE}](${INVITE})`],
    ['in an address', `https://example.org/join?room=${INVITE}&name=bob#top`],
    ['in JSON', JSON.stringify({ type: 'moved', invite: INVITE })],
    ['in HTML', `<p><code>${INVITE}</code></p>`],
    ['in a quoted mail', `> Hello,\n> ${INVITE}\n> see you there\n`],
    ['in a twice quoted mail', `> > ${INVITE}\r\n`],
    ['before a full stop', `${INVITE}.`],
    ['before a comma and words', `${INVITE}, as you asked`],
    ['right before other letters', `${INVITE}and`],
    ['right behind other letters', `string${INVITE}`],
    ['twice', `${INVITE}\n${INVITE.toUpperCase()} ${CAPITALISED}`],
    ['beside a bad one', `${BAD_INVITES['invite-checksum']}\n${INVITE}`],
    ['behind one that was cut off', `${INVITE.slice(0, 70)}\n${INVITE}`],
    ['in a pasted block with markers', `\x1b[200~${INVITE}\x1b[201~`],
    ['behind a character set', `\x1b(B\x1b[m${INVITE}\x1b(B`],
    ['as a link of a terminal', `\x1b]8;;http://example.org\x1b\\${INVITE}\x1b]8;;\x1b\\`],
    ['with a colour within', `${INVITE.slice(0, 50)}\x1b[1;31m${INVITE.slice(50)}`],
    ['with bytes of another encoding before', `\ufffd\ufffd${INVITE}`],
    ['as UTF-16 that was read as UTF-8', Array.from(INVITE).join('\0')],
    ['behind much else', `${'words and 123 numbers\n'.repeat(2_000)}${INVITE}`],
  ])('is found %s', (_where, pasted) => {
    expect(found(pasted)).toBe(INVITE);
  });

  test.each(
    Object.entries({
      'U+200E LRM': '\u200e',
      'U+200F RLM': '\u200f',
      'U+202A embedding': '\u202a',
      'U+2066 isolate': '\u2066',
      'U+200B zero-width space': '\u200b',
      'U+200D joiner': '\u200d',
      'U+2060 word joiner': '\u2060',
      'U+FEFF BOM': '\ufeff',
      'U+00AD soft hyphen': '\u00ad',
      'U+00A0 no-break space': '\u00a0',
      'U+202F narrow space': '\u202f',
      'U+3000 wide space': '\u3000',
      'U+2028 line separator': '\u2028',
      'U+0085 next line': '\u0085',
      'U+034F joiner': '\u034f',
      'U+FE0F selector': '\ufe0f',
      'U+E0020 tag': '\u{e0020}',
      NUL: '\0',
      tab: '\t',
    }),
  )('is found with %s before, after and within it', (_name, character) => {
    expect(found(`${character}${INVITE}${character}`)).toBe(INVITE);
    expect(found(`so${character}tto1${INVITE.slice(6, 60)}${character}${character}${INVITE.slice(60)}`)).toBe(INVITE);
  });

  test.each([
    ['a line feed', '\n'],
    ['CR and LF', '\r\n'],
    ['CR alone', '\r'],
    ['an empty line', '\n\n'],
    ['a blank', ' '],
    ['an indent', '\n    '],
    ['blanks to the end of the row', `${' '.repeat(200)}\n`],
    ['a column of the service', '\nhost-1  | '],
    ['a coloured column of the service', '\x1b[0m\n\x1b[36mhost-1  | \x1b[0m'],
    ['a long column of the service', '\nmy_project-host-12 |'],
    ['a column of a service whose name could be a piece', '\nrelay  | '],
    ['a sign of quoting', '\n> '],
    ['signs of quoting', '\r\n>> > '],
    ['a backslash', '\\\n'],
    ['quotes', '" \\\n"'],
    ['a soft line end of a mail', '=\n'],
    ['borders of a box', ' │\n│ '],
    ['borders in ASCII', ' |\n| '],
    ['a border on the right', ' |\n'],
    ['a comment', '\n# '],
  ])('is found if %s wraps it, at any place', (_name, join) => {
    for (const width of [20, 38, 40, 59, 69, 78, 80, 117]) {
      expect(found(rowsOf(INVITE, width).join(join) + join)).toBe(INVITE);
      expect(found(`${rowsOf(`Connection string: ${INVITE}`, width).join(join)}${join}and words\n`)).toBe(INVITE);
    }
  });

  test('is found if it is wrapped once, at any place', () => {
    for (let at = 1; at < INVITE.length; at += 1) {
      expect(found(`${INVITE.slice(0, at)}\n${INVITE.slice(at)}`)).toBe(INVITE);
    }
  });
});

describe('a paste without one valid connection string', () => {
  test('is refused if it has two different strings, in any spelling', () => {
    expect(found(`${INVITE}\n${OTHER}`)).toBe('invite-several');
    expect(found(`${INVITE}${OTHER.toUpperCase()}`)).toBe('invite-several');
    expect(found(`${rowsOf(INVITE, 80).join('\n')}\n${rowsOf(OTHER, 80).join('\n')}`)).toBe('invite-several');
  });

  test.each(Object.entries(BAD_INVITES))('is refused with the code %s', (code, pasted) => {
    expect(found(pasted)).toBe(code);
    expect(found(`host-1  | "${pasted}".`)).toBe(code);
  });

  const put = (character: string): string => `${INVITE.slice(0, 40)}${character}${INVITE.slice(41)}`;
  test.each([
    ['b', 'character 41 is the letter b'],
    ['I', 'character 41 is the letter I'],
    ['1', 'character 41 is the digit 1'],
    ['а', 'character 41 is a Cyrillic letter (U+0430)'],
    ['ο', 'character 41 is a Greek letter (U+03BF)'],
    ['ｑ', 'character 41 is a fullwidth character (U+FF51)'],
    ['\u212a', 'character 41 is a letter of another script (U+212A)'],
    ['\u017f', 'character 41 is a letter of another script (U+017F)'],
    ['٣', 'character 41 is a digit of another script (U+0663)'],
    ['\u{1d42a}', 'character 41 is a letter of another script (U+1D42A)'],
    ['q\u0301', 'character 42 is a combining mark (U+0301)'],
    ['\ufffd', 'character 41 is a byte that is not UTF-8 (U+FFFD)'],
  ])('is refused with the position and the kind of a wrong character: %s', (character, detail) => {
    expect(findInvite(put(character))).toMatchObject({ ok: false, code: 'invite-character', detail });
    // In the second row, too.
    expect(findInvite(rowsOf(put(character), 38).join('\n  '))).toMatchObject({ code: 'invite-character', detail });
  });

  test.each([
    ['cut off', INVITE.slice(0, 80), '80 of 118 characters'],
    ['cut off, before words', `${INVITE.slice(0, 80)}\nmeet at seven, take the tram`, '80 of 118 characters'],
    ['cut off in the second row', `${INVITE.slice(0, 80)}\n${INVITE.slice(80, 110)}`, '110 of 118 characters'],
    ['shortened', `${INVITE.slice(0, 20)}…`, '20 of 118 characters'],
    ['only named', 'sotto1…', '6 of 118 characters'],
    ['without its middle', `${INVITE.slice(0, 40)}***${INVITE.slice(50)}`, '108 of 118 characters'],
    ['too long', `${INVITE.slice(0, 30)}qq${INVITE.slice(30)}`, 'more than 118 characters'],
    ['repeated without end', `sotto1${'q'.repeat(60_000)}`, 'more than 118 characters'],
  ])('is refused with the number of characters if the string is %s', (_name, pasted, detail) => {
    expect(findInvite(pasted)).toMatchObject({ ok: false, code: 'invite-length', detail });
  });

  test('has another code for a string of a later version than for one that is too long', () => {
    expect(found(withChecksum(`p${INVITE.slice(7)}qqqqqqqq`))).toBe('invite-version');
  });

  test('has another code for no string at all than for one without its beginning', () => {
    expect(findInvite('hello there')).toMatchObject({ code: 'invite-prefix', detail: 'nothing in it looks like one' });
    expect(findInvite(INVITE.slice(20))).toMatchObject({ code: 'invite-prefix', detail: '' });
    expect(found('\u200b\x1b[200~\x1b[201~\n')).toBe('invite-empty');
  });

  test('is refused for one mistyped character, at any place', () => {
    for (let at = PREFIX_CHARACTERS; at < INVITE.length; at += 1) {
      const wrong = `${INVITE.slice(0, at)}${INVITE[at] === 'q' ? 'p' : 'q'}${INVITE.slice(at + 1)}`;
      expect(found(wrong)).toBe('invite-checksum');
    }
  });
  const PREFIX_CHARACTERS = 6;
});

describe('the start of a paste', () => {
  test.each([
    ['nothing', '', true],
    ['blanks and line ends', ' \r\n\n', true],
    ['the first row', INVITE.slice(0, 80), true],
    ['two rows', `host-1  | ${INVITE.slice(0, 60)}\nhost-1  | ${INVITE.slice(60, 100)}\n`, true],
    ['the first row and words', `${INVITE.slice(0, 80)}\nhello`, false],
    ['a mistyped one', BAD_INVITES['invite-checksum'], false],
    ['words', 'hello', false],
    ['a command', '{"cmd":"members"}', false],
  ])('is unfinished only if the rest may still come: %s', (_name, pasted, unfinished) => {
    expect(findInvite(pasted)).toMatchObject({ ok: false, unfinished });
  });
});

/** Pasted by a person with bad luck: parts of strings, quotes, commands and signs in any order. */
function scramble(random: SeededRandom): string {
  const parts = [
    INVITE,
    OTHER,
    CAPITALISED,
    ...Object.values(BAD_INVITES),
    'sotto1',
    'host-1  | ',
    '\n',
    ' ',
    '\x1b[31m',
  ];
  const marks = ['\x1b]', '\x07', '\x1b[', '>', '|', 'é', '\u200b', '\ufffd', '\u{1f600}', 'q'.repeat(30), '\r\n', '"'];
  const all = [...parts, ...marks] as [string, ...string[]];
  return Array.from({ length: random.between(1, 12) }, () => {
    const part = random.pick(all);
    return random.onceIn(3) ? part.slice(random.below(part.length + 1)) : part;
  }).join('');
}

describe('a random paste', () => {
  test('gives only a valid string that it contains, and no refusal repeats a part of it', () => {
    const random = new SeededRandom(5);
    const outcomes = new Set<string>();
    for (let round = 0; round < 20_000; round += 1) {
      const pasted = scramble(random);
      const read = findInvite(pasted);
      outcomes.add(read.ok ? 'found' : read.code);
      if (read.ok) {
        const spelled = encodeInvite(read.value);
        expect(decodeInvite(spelled).ok).toBe(true);
        expect([INVITE, OTHER]).toContain(spelled);
      } else {
        expect(read.detail.length).toBeLessThan(60);
        expect(read.detail).not.toMatch(/[^ -~]|sotto1|[02-9ac-hj-np-z]{12}/);
      }
    }
    // Control: all outcomes were met.
    expect([...outcomes].sort()).toEqual([...Object.keys(BAD_INVITES), 'found', 'invite-several'].sort());
  });

  test.each([
    ['prefixes', 'sotto1'],
    ['prefixes in rows', 'sotto1\n'],
    ['prefixes as services', 'sotto1 |\n'],
    ['services', 'host-1  | \n'],
    ['pieces', `sotto1${'q'.repeat(111)} `],
    ['strings', `${BAD_INVITES['invite-checksum']}\n`],
    ['one letter', 's'],
    ['short words', 's q '],
    ['escapes', '\x1b['],
    ['open titles', '\x1b]'],
    ['parameters', '0'],
    ['blanks', ' '],
    ['dots', '.'],
    ['invisible characters', '\u200b'],
    ['marks', 'q\u0301'],
    ['capital letters that grow in lower case', 'İ'],
  ])('takes time that grows no faster than its length: %s', (_name, unit) => {
    // Of this thread's own: a busy machine does not count.
    const timeOf = (length: number): number => {
      const pasted = unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
      const times = Array.from({ length: 3 }, () => {
        const started = process.threadCpuUsage();
        findInvite(pasted);
        const { user, system } = process.threadCpuUsage(started);
        return (user + system) / 1_000;
      });
      return Math.min(...times);
    };
    timeOf(INVITE_BYTES_MAX);
    // Eight times the length; quadratic work would take sixty-four times as long.
    expect(timeOf(INVITE_BYTES_MAX)).toBeLessThan(24 * Math.max(1, timeOf(INVITE_BYTES_MAX / 8)));
  });

  test('is read up to a bounded number of characters', () => {
    const notes = 'x'.repeat(INVITE_BYTES_MAX - INVITE_CHARACTERS);
    expect(found(notes + INVITE)).toBe(INVITE);
    expect(found(`${notes}x${INVITE}`)).not.toBe(INVITE);
  });
});
