import type { ClientEvent, ListedMember } from '@sotto/client';
import { describe, expect, test } from 'vitest';
import { NEW_MESSENGER, stepMessenger } from '../src/messenger-machine.ts';
import type { MessengerState, MessengerEffect, MessengerEvent } from '../src/messenger-machine.ts';
import { NEW_MEMBER_COMMANDS } from '../src/member-commands.ts';
import type { Command } from '../src/front-end.ts';

const NUMBER = '123456789012345678901234567890123456789012345678901234567890';
const SELF: ListedMember = { name: 'anna', fingerprint: 'aaaa000000000000', self: true, present: true };
const ALICE: ListedMember = { name: 'alice', fingerprint: '4f2c000000000000', self: false, present: true };
const BOB: ListedMember = { name: 'bob', fingerprint: '1234000000000000', self: false, present: false };
const DORA = { name: 'dora', fingerprint: '9abc000000000000' };
const MEMBERS = [SELF, ALICE, BOB];

const GUEST: MessengerState = { ...NEW_MESSENGER, joined: true };
const MODERATOR: MessengerState = { ...GUEST, memberCommands: { ...NEW_MEMBER_COMMANDS, isModerator: true } };

function command(given: Command, members: readonly ListedMember[] = MEMBERS): MessengerEvent {
  return { type: 'command', command: given, members };
}

function told(event: ClientEvent): MessengerEvent {
  return { type: 'client-event', event };
}

function play(
  begin: MessengerState,
  ...events: readonly MessengerEvent[]
): { end: MessengerState; effects: readonly MessengerEffect[] } {
  let end = begin;
  let effects: readonly MessengerEffect[] = [];
  for (const event of events) ({ state: end, effects } = stepMessenger(end, event));
  return { end, effects };
}

/** What the last of the events had as its effects. */
function last(begin: MessengerState, ...events: readonly MessengerEvent[]): readonly MessengerEffect[] {
  return play(begin, ...events).effects;
}

function error(code: string): unknown {
  return [{ type: 'show', event: expect.objectContaining({ code }) as unknown }];
}

const numbered: MessengerEvent = {
  type: 'numbered',
  member: { name: 'alice', fingerprint: ALICE.fingerprint },
  number: NUMBER,
};

describe('verifying', () => {
  test('shows the safety number, and marks the member after the user confirms it', () => {
    expect(last(GUEST, command({ type: 'verify', member: 'alice' }))).toEqual([
      { type: 'compute-number', member: { name: 'alice', fingerprint: ALICE.fingerprint } },
    ]);
    const shown = play(GUEST, command({ type: 'verify', member: 'alice' }), numbered);
    expect(shown.effects).toEqual([
      {
        type: 'show',
        event: { type: 'safety-number', member: { name: 'alice', fingerprint: ALICE.fingerprint }, number: NUMBER },
      },
    ]);
    const marked = play(shown.end, command({ type: 'verified', member: '4f2c' }));
    expect(marked.effects).toMatchObject([{ type: 'show', event: { type: 'verified', member: { name: 'alice' } } }]);
    const listed = last(marked.end, command({ type: 'members' }));
    expect(listed).toMatchObject([
      { event: { type: 'listing', members: [{ verified: false }, { verified: true }, { verified: false }] } },
    ]);
    expect(last(marked.end, told({ type: 'members', members: MEMBERS }))).toMatchObject([
      { event: { type: 'members', members: [{ verified: false }, { verified: true }, { verified: false }] } },
    ]);
  });

  test('marks no member before its number was shown', () => {
    expect(last(GUEST, command({ type: 'verified', member: 'alice' }))).toEqual(error('number-not-shown'));
    expect(
      last(GUEST, command({ type: 'verify', member: 'alice' }), numbered, command({ type: 'verified', member: 'bob' })),
    ).toEqual(error('number-not-shown'));
  });

  test('does not mark another member that takes the name between the two commands', () => {
    const shown = play(GUEST, command({ type: 'verify', member: 'alice' }), numbered).end;
    const impostor = { ...ALICE, fingerprint: '7777000000000000' };
    expect(last(shown, command({ type: 'verified', member: 'alice' }, [SELF, impostor]))).toEqual(
      error('member-ambiguous'),
    );
    expect(last(shown, command({ type: 'verified', member: '7777' }, [SELF, impostor]))).toEqual(
      error('number-not-shown'),
    );
  });

  test('is refused if the member has left before its number was computed', () => {
    expect(last(GUEST, { ...numbered, number: undefined })).toEqual(error('member-absent'));
  });

  test('is refused for the own name', () => {
    expect(last(GUEST, command({ type: 'verify', member: 'anna' }))).toEqual(error('member-self'));
  });

  test('keeps its marks when the room moves', () => {
    const marked = play(GUEST, numbered, command({ type: 'verified', member: 'alice' })).end;
    const moved = play(
      marked,
      told({ type: 'moved', invite: 'sotto1x' }),
      told({ type: 'state', state: 'joined' }),
    ).end;
    expect(last(moved, command({ type: 'members' }))).toMatchObject([
      { event: { members: [{}, { verified: true }, {}] } },
    ]);
  });
});

describe('admitting a stranger', () => {
  const knock = told({ type: 'knock', member: DORA });

  test('is asked of the client if the stranger is knocking', () => {
    expect(last(GUEST, knock)).toEqual([
      { type: 'show', event: { type: 'knock', member: DORA, waiting: 1, again: false } },
    ]);
    expect(last(GUEST, knock, knock)).toMatchObject([{ event: { waiting: 1, again: true } }]);
    expect(last(GUEST, knock, command({ type: 'admit', member: 'dora' }))).toEqual([
      { type: 'show', event: { type: 'asked', action: 'admit', member: DORA } },
      { type: 'admit', fingerprint: DORA.fingerprint },
    ]);
  });

  test('is refused if no stranger with that name is knocking, or not any more', () => {
    const admit = command({ type: 'admit', member: 'dora' });
    expect(last(GUEST, admit)).toEqual(error('member-unknown'));
    expect(last(GUEST, command({ type: 'admit', member: 'alice' }))).toEqual(error('member-not-waiting'));
    expect(last(GUEST, knock, told({ type: 'arrived', member: DORA }), admit)).toEqual(error('member-not-waiting'));
    expect(last(GUEST, knock, told({ type: 'access', mode: 'open' }), admit)).toEqual(error('member-not-waiting'));
    expect(last(GUEST, knock, told({ type: 'moved', invite: 'sotto1x' }), admit)).toEqual(error('member-not-waiting'));
  });

  test('shows the strangers that knock in the list of members', () => {
    expect(last(GUEST, knock, command({ type: 'members' }))).toMatchObject([
      { event: { type: 'listing', waiting: [DORA] } },
    ]);
  });
});

describe('the moderator', () => {
  test('evicts a member and sets the access', () => {
    expect(last(MODERATOR, command({ type: 'evict', member: 'bob' }))).toEqual([
      {
        type: 'show',
        event: { type: 'asked', action: 'evict', member: { name: 'bob', fingerprint: BOB.fingerprint } },
      },
      { type: 'evict', fingerprint: BOB.fingerprint },
    ]);
    expect(last(MODERATOR, command({ type: 'access', mode: 'locked' }))).toEqual([
      { type: 'set-access', mode: 'locked' },
    ]);
    expect(last(MODERATOR, command({ type: 'move', cover: 'stealth-16' }))).toEqual([
      { type: 'show', event: { type: 'asked', action: 'move' } },
      { type: 'move', cover: 'stealth-16' },
    ]);
  });

  test('is no other member: the refusal names the command of the host’s own client', () => {
    const commands: Command[] = [
      { type: 'evict', member: 'bob' },
      { type: 'access', mode: 'locked' },
      { type: 'move', cover: undefined },
    ];
    for (const given of commands) {
      const effects = last(GUEST, command(given));
      expect(effects).toEqual(error('moderator-needed'));
      expect(JSON.stringify(effects)).toContain('docker compose run --rm host-client');
    }
  });
});

describe('the room code', () => {
  test('is asked of the client', () => {
    expect(last(GUEST, command({ type: 'code' }))).toEqual([{ type: 'show-code' }]);
  });
});

describe('a warning', () => {
  test('names members that had the same name, and whether they were verified', () => {
    const known = play(
      GUEST,
      told({ type: 'members', members: MEMBERS }),
      numbered,
      command({ type: 'verified', member: 'alice' }),
    ).end;
    const from = { name: 'alice', fingerprint: '7777000000000000' };
    const event: ClientEvent = { type: 'warning', code: 'key-changed', message: 'm', from };
    expect(last(known, told(event))).toEqual([
      {
        type: 'show',
        event: { ...event, namesakes: [{ name: 'alice', fingerprint: ALICE.fingerprint, verified: true }] },
      },
    ]);
    expect(last(known, told({ type: 'warning', code: 'room-forked', message: 'm' }))).toMatchObject([
      { event: { namesakes: [] } },
    ]);
  });
});

describe('a room that moves', () => {
  test('keeps the dialer of the old room until the new one is joined', () => {
    const joined = told({ type: 'state', state: 'joined' });
    const moved = told({ type: 'moved', invite: 'sotto1x' });
    expect(last(GUEST, joined)).toEqual([{ type: 'show', event: { type: 'state', state: 'joined' } }]);
    const moving = play(GUEST, moved);
    expect(moving.effects).toEqual([{ type: 'show', event: { type: 'moved', invite: 'sotto1x' } }]);
    const arrived = play(moving.end, joined);
    expect(arrived.effects.map(({ type }) => type)).toEqual(['show', 'close-former-dialers']);
    expect(last(arrived.end, joined).map(({ type }) => type)).toEqual(['show']);
  });
});

describe('the end of the input after a command', () => {
  const ended: MessengerEvent = { type: 'input-ended' };

  test.each<[string, Command, ClientEvent]>([
    ['a lock', { type: 'access', mode: 'locked' }, { type: 'moderated', what: 'access' }],
    ['an eviction', { type: 'evict', member: 'bob' }, { type: 'moderated', what: 'evicted' }],
    ['a move', { type: 'move', cover: undefined }, { type: 'moderated', what: 'moved' }],
    ['somebody let in', { type: 'admit', member: 'dora' }, { type: 'arrived', member: DORA }],
    [
      'somebody let in and not heard',
      { type: 'admit', member: 'dora' },
      { type: 'members', members: [SELF, { ...DORA, self: false, present: false }] },
    ],
    ['a lock that the host refuses', { type: 'access', mode: 'locked' }, { type: 'error', code: 'busy', message: 'm' }],
  ])('waits for %s', (_what, given, done) => {
    const begun = play(MODERATOR, told({ type: 'knock', member: DORA }), command(given), ended);
    expect(begun.effects.map(({ type }) => type)).toEqual(['set-drain-timer']);
    expect(last(begun.end, told(done)).map(({ type }) => type)).toEqual(['show', 'hold-input', 'leave']);
  });

  test('does not wait for a command that was refused at once', () => {
    const effects = last(GUEST, command({ type: 'access', mode: 'locked' }), ended);
    expect(effects.map(({ type }) => type)).toEqual(['hold-input', 'leave']);
  });

  test('waits for an eviction as long as opening a room takes', () => {
    expect(last(MODERATOR, command({ type: 'evict', member: 'bob' }), ended)).toEqual([
      { type: 'set-drain-timer', afterMs: 240_000 },
    ]);
    expect(last(MODERATOR, command({ type: 'access', mode: 'open' }), ended)).toEqual([
      { type: 'set-drain-timer', afterMs: 60_000 },
    ]);
  });

  test('waits for a deferred order as much longer as it is deferred', () => {
    const lock = command({ type: 'access', mode: 'locked' });
    const waits = told({ type: 'deferred', what: 'access', seconds: 100 });
    // Whether the input ends before it is said or behind it.
    expect(play(MODERATOR, lock, ended, waits).effects.at(-1)).toEqual({ type: 'set-drain-timer', afterMs: 160_000 });
    expect(play(MODERATOR, lock, waits, ended).effects.at(-1)).toEqual({ type: 'set-drain-timer', afterMs: 160_000 });
    const done = told({ type: 'moderated', what: 'access' });
    expect(play(MODERATOR, lock, waits, ended, done).effects.map(({ type }) => type)).toContain('leave');
  });

  test('reports a command that was not done in time, with exit code 1', () => {
    const closed = told({ type: 'state', state: 'closed' });
    const { effects, end } = play(
      MODERATOR,
      command({ type: 'evict', member: 'bob' }),
      ended,
      { type: 'drain-timeout' },
      closed,
    );
    expect(effects).toMatchObject([
      { type: 'show', event: { type: 'error', code: 'not-done' } },
      { type: 'show', event: { type: 'state' } },
      { type: 'end' },
    ]);
    expect(end.exitCode).toBe(1);
    expect(play(MODERATOR, ended, closed).end.exitCode).toBe(0);
  });
});
