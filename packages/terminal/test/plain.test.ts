import { describe, expect, test } from 'vitest';
import { columnsOf } from '../src/columns.ts';
import type { ShownEvent } from '../src/front-end.ts';
import { Labels } from '../src/labels.ts';
import { everyEvent } from './every-event.ts';
import { harmOf, HOSTILE_SAMPLES } from './hostile-samples.ts';
import { screenOf, SELF } from './plain-screen.ts';
import { INVITE, startProgram } from './program.ts';
import { MemoryRelay } from './memory-relay.ts';

const ALICE = { name: 'alice', fingerprint: '4f2c000000000000' };
const BOB = { name: 'bob', fingerprint: '1234000000000000' };
/** A notice, an alarm, or somebody's label. */
const OUR_LINES = /^(?:¶-- |¶!! (?:WARNING|Next): |[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d_-]*·[0-9a-f]* {2})/u;

function message(text: string, from: { name: string; fingerprint: string } = ALICE): ShownEvent {
  return { type: 'message', id: 'x', from, text };
}

describe('the plain screen', () => {
  test('shows one line for each event, in words', () => {
    const { notify, rows } = screenOf();
    notify({ type: 'state', state: 'bootstrapping', percent: 45, detail: 'loading the list of the network' });
    notify({ type: 'state', state: 'bootstrapping', percent: 45, detail: 'loading the list of the network' });
    notify({ type: 'state', state: 'descriptor' });
    notify({ type: 'state', state: 'rendezvous' });
    notify({ type: 'state', state: 'joining' });
    notify({ type: 'queued' });
    notify({ type: 'queued' });
    notify({ type: 'state', state: 'joined' });
    notify({ type: 'arrived', member: BOB });
    notify(message('hello', BOB));
    notify({ type: 'sent', ref: undefined, id: 'y', text: 'hi bob' });
    notify({ type: 'gap', count: 3 });
    notify({ type: 'gap', count: 1, from: BOB });
    notify({
      type: 'listing',
      members: [
        { ...SELF, self: true, present: true, verified: false },
        { ...BOB, self: false, present: true, verified: true },
        { ...ALICE, self: false, present: false, verified: false },
      ],
      waiting: [{ name: 'dora', fingerprint: '9abc000000000000' }],
    });
    notify({
      type: 'state',
      state: 'reconnecting',
      code: 'relay-unreachable',
      detail: 'the relay cannot be reached now: trying again',
    });
    notify({
      type: 'state',
      state: 'reconnecting',
      code: 'relay-unreachable',
      detail: 'the relay cannot be reached now: trying again',
    });
    notify({ type: 'state', state: 'joined' });
    notify({ type: 'left', member: BOB });
    notify({ type: 'unsent', refs: [undefined, undefined] });
    notify({ type: 'error', code: 'room-closed', message: 'the host has closed the room' });
    notify({ type: 'state', state: 'closed', code: 'room-closed' });
    expect(rows()).toMatchInlineSnapshot(`
      [
        "¶-- Tor 45 %: loading the list of the network",
        "¶-- looking up the room's onion",
        "¶-- found it; meeting it at a rendezvous point",
        "¶-- reached it; joining the room",
        "¶-- not connected yet: your text is kept, and sent once you are",
        "¶-- joined as anna·aaaa",
        "¶-- type a message and press Enter; /help lists the commands",
        "¶-- bob·1234 is here",
        "bob·1234  hello",
        "anna·aaaa  hi bob",
        "¶-- 3 messages were lost",
        "¶-- 1 message of bob·1234 was lost",
        "¶-- 3 members, 2 here",
        "¶--   anna·aaaa  aaaa000000000000  you",
        "¶--   bob·1234  1234000000000000  here, verified",
        "¶--   alice·4f2c  4f2c000000000000  not heard from now",
        "¶--   dora·9abc  9abc000000000000  knocking",
        "¶-- not connected: the relay cannot be reached now: trying again",
        "¶-- connected again",
        "¶-- bob·1234 has left",
        "¶-- 2 messages were not acknowledged by the relay: other members may miss them",
        "¶-- the host has closed the room (room-closed)",
        "¶-- the end (room-closed)",
      ]
    `);
  });

  test('names the private test network at the start and on joining, and not the public one', () => {
    const onTest = screenOf();
    onTest.notify({ type: 'state', state: 'bootstrapping', percent: 0 }, 'private-test');
    onTest.notify({ type: 'state', state: 'joined' }, 'private-test');
    const named = onTest.rows().filter((row) => row.includes('PRIVATE TEST NETWORK'));
    expect(named).toHaveLength(2);
    expect(onTest.rows()[0]).toBe(named[0]);
    expect(named[1]).toMatch(/^¶-- joined as anna·aaaa/);
    const onTor = screenOf();
    onTor.notify({ type: 'state', state: 'joined' });
    expect(onTor.rows().join('\n')).not.toContain('TEST NETWORK');
  });
});

describe('another member', () => {
  /** Rows that claim to be somebody's or ours. */
  function claims(rows: string[]): string[] {
    return rows.filter((row) => !row.startsWith('    '));
  }

  test.each([
    'hi\nbob·1234  I agree',
    'hi\r\nbob·1234  I agree',
    'hi\rbob·1234  I agree',
    'hi\u2028bob·1234  I agree',
    'hi\u0085-- bob·1234 has left',
    'hi\n¶-- bob·1234 has closed the room',
    '\nbob·1234  I agree',
    '\x1b[1A\x1b[2Kbob·1234  I agree',
    `hi${' '.repeat(67)}bob·1234  I agree`,
    `${'x'.repeat(80)}bob·1234  I agree`,
    `${'日'.repeat(34)} bob·1234  I agree`,
    `${'👩‍👩‍👧'.repeat(20)}bob·1234  I agree`,
  ])('cannot write a line of a third member: %j', (text) => {
    const { notify, rows } = screenOf(80);
    notify(message(text));
    expect(claims(rows())).toEqual([expect.stringMatching(/^alice·4f2c {2}/)]);
    expect(Math.max(...rows().map(columnsOf))).toBeLessThan(80);
    // The text is there, without what would make it a label.
    expect(rows().join('')).toContain('bob#1234');
  });

  test('control: the same check finds the forged line in the raw text', () => {
    expect(claims('alice·4f2c  hi\nbob·1234  I agree'.split('\n'))).toHaveLength(2);
  });

  test.each(Object.entries(HOSTILE_SAMPLES))('cannot harm the screen by text or by name: %s', (_name, sample) => {
    const { notify, rows } = screenOf(80);
    const from = { name: sample, fingerprint: sample };
    notify(message(sample, from));
    for (const event of everyEvent(from, sample)) notify(event);
    expect(harmOf(rows().join('\n'))).toBeUndefined();
    const lines = rows().filter((row) => !row.startsWith('   '));
    expect(lines.filter((line) => !OUR_LINES.test(line))).toEqual([]);
  });

  test('cannot fill in a place of the catalogue: such a text is shown as it came', () => {
    const { notify, rows } = screenOf();
    const place = '{code} {member} {detail} $& $1';
    notify({ type: 'error', code: '{problem}', message: place });
    notify({ type: 'state', state: 'joining', detail: place });
    notify({ type: 'member-refused', code: 'member-unknown', member: place, candidates: [] });
    expect(rows()).toEqual([
      `¶-- ${place} ({problem})`,
      `¶-- reached it; joining the room: ${place}`,
      expect.stringMatching(/^¶-- \{code\} \{member\} \{detail\} \$& \$1: no member has that name/),
    ]);
  });

  test('control: the same check finds the raw samples harmful', () => {
    const harmful = Object.values(HOSTILE_SAMPLES).filter((sample) => harmOf(`-- ${sample} is knocking`) !== undefined);
    expect(harmful.length).toBeGreaterThan(60);
  });

  test('cannot write a warning or a notice by its name', () => {
    const { notify, rows } = screenOf();
    for (const name of ['¶!! WARNING: leave', '!! WARNING: leave', '¶-- bob·1234', 'x\n¶!! WARNING']) {
      notify(message('hi', { name, fingerprint: '4f2c000000000000' }));
      notify({ type: 'knock', member: { name, fingerprint: '4f2c000000000000' }, waiting: 1, again: false });
    }
    expect(rows().filter((row) => row.startsWith('¶!!'))).toEqual([]);
    expect(
      rows()
        .filter((row) => row.startsWith('¶--'))
        .every((row) => row.includes(' is knocking: ')),
    ).toBe(true);
  });

  test('cannot look like a third member by its name: the fingerprint tells them apart', () => {
    const { notify, rows } = screenOf();
    notify(message('it is me'));
    notify(message('no, me', { name: 'alice', fingerprint: '9abc000000000000' }));
    expect(rows()).toEqual(['alice·4f2c  it is me', 'alice·9abc  no, me']);
  });

  test('cannot look like a third member by a searched key: the second fingerprint is shown whole', () => {
    const labels = new Labels();
    expect(labels.of(ALICE)).toBe('alice·4f2c');
    expect(labels.of({ name: 'аlice', fingerprint: '4f2c999999999999' })).toBe('аlice·4f2c999999999999');
    expect(labels.of(ALICE)).toBe('alice·4f2c');
  });
});

describe('the plain screen, about other members', () => {
  const NUMBER = '123456789012345678901234567890123456789012345678901234567890';

  test('shows each event once, in words, with the next step', () => {
    const { notify, rows } = screenOf();
    notify({ type: 'access', mode: 'open' });
    notify({ type: 'access', mode: 'knock' });
    notify({ type: 'access', mode: 'knock' });
    notify({ type: 'knock', member: BOB, waiting: 1, again: false });
    notify({ type: 'knock', member: BOB, waiting: 1, again: true });
    notify({ type: 'asked', action: 'admit', member: BOB });
    notify({ type: 'arrived', member: BOB });
    notify({ type: 'safety-number', member: BOB, number: NUMBER });
    notify({ type: 'verified', member: BOB });
    notify({ type: 'epoch', epoch: 12 });
    notify({
      type: 'code',
      epoch: 12,
      code: ['abandon', 'ability', 'able', 'about', 'above', 'absent', 'absorb', 'abstract'],
    });
    notify({ type: 'left', member: BOB });
    notify({ type: 'removed', member: BOB, reason: 'left' });
    notify({ type: 'removed', member: ALICE, reason: 'silent' });
    notify({ type: 'asked', action: 'evict', member: ALICE });
    notify({ type: 'removed', member: ALICE, reason: 'evicted' });
    notify({ type: 'moderated', what: 'evicted' });
    notify({ type: 'moved', invite: INVITE });
    notify({ type: 'state', state: 'descriptor' });
    notify({ type: 'state', state: 'joined' });
    notify({ type: 'access', mode: 'locked' });
    notify({ type: 'deferred', what: 'access', seconds: 118 });
    notify({ type: 'moderated', what: 'access' });
    notify({
      type: 'member-refused',
      code: 'member-ambiguous',
      member: 'alice',
      candidates: [ALICE, { name: 'alice', fingerprint: '9abc000000000000' }],
    });
    notify({ type: 'member-refused', code: 'member-unknown', member: 'carl', candidates: [] });
    expect(rows()).toMatchInlineSnapshot(`
      [
        "¶-- newcomers have to be admitted from now on: any member can, with /admit",
        "¶-- bob·1234 is knocking: /admit 1234",
        "¶-- admitting bob·1234",
        "¶-- bob·1234 is here",
        "¶-- safety number of you and bob·1234 (1234000000000000):",
        "¶--   12345 67890 12345 67890",
        "¶--   12345 67890 12345 67890",
        "¶--   12345 67890 12345 67890",
        "¶-- the other member types /verify with your name. Read the digits to each other over another channel: by voice, or face to face",
        "¶-- if all 60 digits are equal, you have the real keys of each other: type /verified 1234",
        "¶-- if any digit differs, this is not the member that it claims to be: send nothing that matters, and tell the host",
        "¶-- bob·1234 is verified, until you leave",
        "¶-- room code (epoch 12):",
        "¶-- abandon ability able about",
        "¶-- above absent absorb abstract",
        "¶-- all members have these eight words until the keys change: compare them over another channel, at the same moment",
        "¶-- if they differ, the relay has forked the room: leave, and ask the host for a new room",
        "¶-- bob·1234 has left",
        "¶-- alice·4f2c was removed: nothing was heard from it any more",
        "¶-- removing alice·4f2c: the host opens the room at another onion, which takes a minute or two",
        "¶-- the host has removed alice·4f2c",
        "¶-- done: the room goes on without that member. Its new connection string: docker compose exec host invite",
        "¶-- the room moves to another onion; the client follows, and you need to do nothing",
        "¶-- looking up the room's onion",
        "¶-- in the room again",
        "¶-- the room is locked: nobody can join, not even with the connection string",
        "¶-- signed: it takes effect with the room's next keys, in about 118 s; so an observer cannot see when you ordered it",
        "¶-- done: the host has signed it",
        "¶-- alice: several members fit: give the fingerprint, or more of it (member-ambiguous)",
        "¶--   alice·4f2c  4f2c000000000000",
        "¶--   alice·9abc  9abc000000000000",
        "¶-- carl: no member has that name or fingerprint: /members lists names and fingerprints (member-unknown)",
      ]
    `);
    expect(rows().join('')).not.toContain('sotto1');
  });

  test('makes a warning loud, with the next step', () => {
    const { notify, rows } = screenOf();
    const from = { name: 'alice', fingerprint: '9abc000000000000' };
    const namesakes = [{ ...ALICE, verified: true }];
    notify({ type: 'warning', code: 'key-changed', message: 'm', from, namesakes });
    notify({
      type: 'warning',
      code: 'name-taken',
      message: 'm',
      from: { ...from, name: 'anna' },
      namesakes: [{ ...SELF, verified: false }],
    });
    notify({ type: 'warning', code: 'log-differs', message: 'm', from, namesakes: [] });
    notify({ type: 'warning', code: 'junk-commit', message: 'm', namesakes: [] });
    expect(rows()).toMatchInlineSnapshot(`
      [
        "¶!! WARNING: alice·9abc000000000000 has another key than alice·4f2c000000000000 (verified by you), and a name that looks the same: it has joined anew, or it is another person (key-changed)",
        "¶!! Next: compare the digits behind the names, and /verify the member before you trust a name",
        "¶!! WARNING: anna·9abc000000000000 has a name that looks like the one of anna·aaaa000000000000 (you): two keys, two members (name-taken)",
        "¶!! Next: compare the digits behind the names, and /verify the member before you trust a name",
        "¶!! WARNING: the relay did not show alice·9abc000000000000 the same messages as you: it drops or reorders messages, or has forked the room (log-differs)",
        "¶!! Next: compare /code with the other members over another channel; if the codes differ, the relay has forked the room",
        "¶!! WARNING: someone with the connection string, or the relay, sent keys that no member made: they were refused, and the room goes on (junk-commit)",
        "¶!! Next: if it happens again, ask the host to lock the room (/lock) or to open another one",
      ]
    `);
    expect(rows().every((row) => row.startsWith('¶!! '))).toBe(true);
  });

  test('gives knocking strangers a line each, up to eight, and one for all others', () => {
    const { notify, rows } = screenOf();
    for (let waiting = 1; waiting <= 64; waiting += 1) {
      const member = { name: 'dora', fingerprint: String(waiting).padStart(16, '0') };
      notify({ type: 'knock', member, waiting, again: false });
    }
    expect(rows()).toHaveLength(9);
    expect(rows().at(-1)).toBe('¶-- more are knocking than have a line each: /members lists them');
  });

  test('shows that a silent member has left when it is removed', () => {
    const { notify, rows } = screenOf();
    notify({ type: 'removed', member: BOB, reason: 'left' });
    notify({ type: 'left', member: ALICE });
    notify({ type: 'arrived', member: ALICE });
    notify({ type: 'removed', member: ALICE, reason: 'left' });
    expect(rows()).toEqual([
      '¶-- bob·1234 has left',
      '¶-- alice·4f2c has left',
      '¶-- alice·4f2c is here',
      '¶-- alice·4f2c has left',
    ]);
  });

  test('shows the own removal as such', () => {
    const { notify, rows } = screenOf();
    notify({ type: 'removed', member: SELF, reason: 'evicted' });
    expect(rows()).toEqual(['¶-- the host has removed you']);
  });

  test('shows the room code with its own epoch, whatever epoch has begun meanwhile', () => {
    const { notify, rows } = screenOf();
    notify({ type: 'epoch', epoch: 13 });
    notify({ type: 'code', epoch: 12, code: ['ability'] });
    expect(rows().slice(0, 2)).toEqual(['¶-- room code (epoch 12):', '¶-- ability']);
  });

  test.each([40, 80, undefined])('shows the longest room code in two rows of whole words in %s columns', (columns) => {
    const { notify, rows } = screenOf(columns);
    // No word of the list is longer than these.
    const code = ['abstract', 'accident', 'announce', 'attitude', 'autumnal', 'business', 'campaign', 'category'];
    notify({ type: 'code', epoch: 1_234, code });
    expect(rows().slice(0, 3)).toEqual([
      '¶-- room code (epoch 1234):',
      '¶-- abstract accident announce attitude',
      '¶-- autumnal business campaign category',
    ]);
    expect(Math.max(...rows().map(columnsOf))).toBeLessThan(columns ?? Infinity);
  });
});

describe('line mode as a program', () => {
  test.each(['quit', 'exit', '/quit', '/exit'])('leaves cleanly on %s', async (word) => {
    const program = startProgram([INVITE, '--name', 'anna'], new MemoryRelay());
    await program.out.untilHas('-- joined as anna·');
    program.stdin.write(`${word}\n`);
    expect(await program.ended).toBe(0);
    expect(program.out.lines.at(-1)).toBe('¶-- left the room');
  });

  test('lets two members talk', async () => {
    const relay = new MemoryRelay();
    const anna = startProgram([INVITE, '--name', 'anna'], relay, { network: 'private-test' });
    await anna.out.untilHas('joined as');
    const bert = startProgram([INVITE, '--name', 'bert'], relay);
    await anna.out.until((text) => /^¶-- bert·[0-9a-f]{4} is here$/m.test(text));
    anna.stdin.write('hello\nsecond line\n/whoo\n/who\n//slash\n');
    await bert.out.until((text) => /^anna·[0-9a-f]{4} {2}\/slash$/m.test(text));
    await anna.out.until((text) => /^anna·[0-9a-f]{4} {2}\/slash$/m.test(text));
    expect(anna.out.text).toContain('-- no such command');
    expect(anna.out.text).toMatch(
      /^¶-- 2 members, 2 here\n¶-- {3}anna·[0-9a-f]{4} {2}[0-9a-f]{16} {2}you\n¶-- {3}bert·[0-9a-f]{4} {2}[0-9a-f]{16} {2}here$/m,
    );
    expect(anna.out.text).toContain('PRIVATE TEST NETWORK');
    expect(bert.out.lines.filter((line) => line.startsWith('anna·')).map((line) => line.slice(9).trim())).toEqual([
      'hello',
      'second line',
      '/slash',
    ]);
    bert.stdin.end();
    expect(await bert.ended).toBe(0);
    await anna.out.until((text) => /^¶-- bert·[0-9a-f]{4} has left$/m.test(text));
    anna.interrupt();
    expect(await anna.ended).toBe(0);
  });

  test('reports that a typed text waits without a connection, and sends it later', async () => {
    const relay = new MemoryRelay();
    relay.down = true;
    const program = startProgram([INVITE], relay);
    await program.out.untilHas('-- not connected: ');
    program.stdin.write('early\n');
    await program.out.untilHas('your text is kept');
    relay.down = false;
    await program.out.until((text) => /^[a-z]{6}·[0-9a-f]{4} {2}early$/m.test(text));
    program.stdin.end();
    expect(await program.ended).toBe(0);
  });
});
