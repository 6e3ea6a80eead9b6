// Shows that no text of the client program stands outside of the catalogue: with a catalogue in
// brackets and accents, every run of plain letters that is not a parameter is a text left out.

import { CLIENT_CODES, ModeratorError, WARNING_CODES } from '@sotto/client';
import type { Speaker } from '@sotto/client';
import { FakeClock } from '@sotto/fixtures';
import { ENGLISH, message, setCatalogue } from '@sotto/messages';
import type { Catalogue } from '@sotto/messages';
import { adviseDial } from '@sotto/tor';
import type { FetchState, GateStage, TorErrorCode } from '@sotto/tor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readEndpoints } from '../src/environment.ts';
import { HOST_REFUSALS, TERMINAL_CODES } from '../src/errors.ts';
import type { ShownEvent } from '../src/front-end.ts';
import { awaitHostInvite } from '../src/host-invite.ts';
import { readInvite } from '../src/invite-source.ts';
import type { InviteEdge } from '../src/invite-source.ts';
import { errorObject, JsonFrontEnd, waitingObject } from '../src/json.ts';
import type { InputLine } from '../src/line-splitter.ts';
import { describeFetch, describeStage, describeStuck, dialError } from '../src/onion-dial.ts';
import { readOptions } from '../src/options.ts';
import { PlainFrontEnd } from '../src/plain.ts';
import { safeText } from '../src/safe-text.ts';
import { BAD_INVITES } from './bad-invites.ts';
import { everyEvent } from './every-event.ts';
import { MemoryRelay } from './memory-relay.ts';
import { INVITE, startProgram } from './program.ts';

const PLAIN = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const ACCENTED = 'àƀçđéƒğħîĵķļṁñöþɋřšţûṽŵẋýžÀɃÇĐÉƑĞĦÎĴĶĻṀÑÖÞɊŘŠŢÛṼŴẊÝŽ';
const PLACE_OR_LETTER = /\{[a-zA-Z]+\}|[A-Za-z]/g;
const CODE_POINT = /U\+[0-9A-F]{4}/g;
const [OPEN, CLOSE] = ['⟦', '⟧'];

/** Parameters have no plain letters, so that every plain letter is one of ours. */
const TEXT = '日本';
const MEMBER: Speaker = { name: '王小明', fingerprint: '1234000000000000' };
const SELF: Speaker = { name: '李', fingerprint: '9999000000000000' };

/** Words that a call fills in as they are: codes, commands, options, variables. */
const PARAMETERS: ReadonlySet<string> = new Set([
  ...[...CLIENT_CODES, ...WARNING_CODES, ...TERMINAL_CODES, ...HOST_REFUSALS, ...Object.keys(BAD_INVITES)],
  ...['invite-several', 'clock-skew', 'no-network', 'blocked', 'unknown'],
  ...['verify', 'verified', 'admit', 'evict', 'quit', 'lock', 'members', 'verfy', 'send', 'txt'],
  ...['name', 'json', 'plain', 'host', 'renew', 'invite-file', 'help', 'version', 'nick', 'string', 'frob', 'nmae'],
  ...['SOTTO_SOCKS', 'SOTTO_GATE_SOCKET', 'SOTTO_RENEW', 'SOTTO_RENWE', 'SOTTO_MODERATOR_SOCKET'],
  ...['invite', 'b'],
]);

const read = new Set<string>();

/** Brackets around each line, and accents on each letter; places for parameters stay. */
function pseudo(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.trim() === '' ? line : `${OPEN}${line.replaceAll(PLACE_OR_LETTER, accent)}${CLOSE}`))
    .join('\n');
}

function accent(found: string): string {
  return found.length > 1 ? found : (ACCENTED[PLAIN.indexOf(found)] ?? found);
}

/** @returns why a line of ours is not one text of the catalogue, or undefined. */
function faultOf(line: string): string | undefined {
  let depth = 0;
  for (const [index, character] of Array.from(line).entries()) {
    if (depth === 0 && index > 0) return 'a text beside a text';
    if (depth === 0 && character !== OPEN) return 'a text that does not come from the catalogue';
    if (character === OPEN) depth += 1;
    if (character === CLOSE) depth -= 1;
  }
  if (depth !== 0) return 'a text that is cut';
  const words = line.replaceAll(CODE_POINT, '').match(/[A-Za-z][A-Za-z_-]*[A-Za-z]|[A-Za-z]/g) ?? [];
  const leftOut = words.filter((word) => !PARAMETERS.has(word));
  return leftOut.length === 0 ? undefined : `a text within a text: ${leftOut.join(' ')}`;
}

function faultsOf(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => {
    const fault = faultOf(line);
    return fault === undefined ? [] : [`${fault}: ${line}`];
  });
}

const COST = { upBytesPerHour: 1_843_200, downBytesPerHour: 18_432_000, meanDelayMs: 1_600 };
const KEYS = {
  slotMs: 2_000,
  epoch: 4,
  epochAgeSeconds: 77,
  newKeysSeconds: 43,
  waitingSeconds: 3,
  patienceSeconds: 7_740,
  unverified: 2,
};
const NO_KEYS = {
  slotMs: undefined,
  epoch: undefined,
  epochAgeSeconds: undefined,
  newKeysSeconds: undefined,
  waitingSeconds: 0,
  patienceSeconds: 86_400,
  unverified: 0,
};
const TOR = { circuitAgeSeconds: 40, guardSameSeconds: 59, vanguards: 'auto' } as const;
const LISTED = [true, false].flatMap((verified) =>
  [
    { self: true, present: true },
    { self: false, present: true },
    { self: false, present: false },
  ].map((presence) => ({ ...MEMBER, ...presence, verified })),
);
const NAMESAKE = { ...MEMBER, verified: false };

/** The forms of events that `everyEvent` has only one of. */
const OTHER_FORMS: readonly ShownEvent[] = [
  ...(['descriptor', 'rendezvous', 'joining', 'knocking', 'leaving'] as const).map(
    (state) => ({ type: 'state', state }) as const,
  ),
  { type: 'state', state: 'bootstrapping', percent: 45 },
  { type: 'state', state: 'reconnecting' },
  { type: 'state', state: 'joined' },
  { type: 'moved', invite: TEXT },
  { type: 'state', state: 'joined' },
  { type: 'state', state: 'reconnecting' },
  { type: 'state', state: 'joined' },
  { type: 'state', state: 'closed' },
  { type: 'gap', count: 1 },
  { type: 'gap', count: 2, from: MEMBER },
  { type: 'unsent', refs: [undefined] },
  { type: 'listing', members: LISTED, waiting: [MEMBER] },
  { type: 'listing', members: LISTED.slice(0, 1), waiting: [] },
  ...(['left', 'silent', 'evicted', 'unlisted'] as const).map(
    (reason) => ({ type: 'removed', reason, member: SELF }) as const,
  ),
  { type: 'removed', reason: 'left', member: { ...MEMBER, fingerprint: '7777000000000000' } },
  { type: 'safety-number', member: MEMBER, number: '1'.repeat(60) },
  { type: 'epoch', epoch: 3 },
  { type: 'code', epoch: 3, code: [TEXT] },
  {
    type: 'warning',
    code: 'name-taken',
    message: TEXT,
    from: MEMBER,
    namesakes: [{ ...SELF, verified: false }, NAMESAKE, { ...NAMESAKE, verified: true }, NAMESAKE, NAMESAKE],
  },
  { type: 'knock', member: MEMBER, waiting: 9, again: false },
  { type: 'cover', mode: 'off', ...COST },
  { type: 'cover', mode: 'jitter', ...COST },
  { type: 'status', mode: 'jitter', ...COST, ...KEYS, ...TOR, guardSameSeconds: 3_599, vanguards: 'on' },
  { type: 'status', mode: 'off', ...COST, ...NO_KEYS, ...TOR, guardSameSeconds: 86_399 },
  { type: 'status', mode: 'off', ...COST, ...NO_KEYS, epoch: 4, ...TOR, vanguards: 'off' },
  { type: 'status', mode: 'off', ...COST, ...KEYS, ...TOR, guardSameSeconds: 86_400 },
  { type: 'status', mode: 'off', ...COST, ...KEYS, ...TOR, guardSameSeconds: 172_800 },
];

const EVENTS = [...everyEvent(MEMBER, TEXT), ...OTHER_FORMS];
const REFUSED_LINES: readonly InputLine[] = (['input-encoding', 'input-full', 'input-too-long'] as const).map(
  (code) => ({ ok: false, code }),
);
const typed = (text: string): InputLine => ({ ok: true, text });

/** @returns the lines of ours that the plain screen prints; those of members begin with a label. */
function plainLines(use: (front: PlainFrontEnd) => void): readonly string[] {
  const printed: string[] = [];
  const screen = {
    print: (lines: string) => void printed.push(...lines.split('\n')),
    close: () => Promise.resolve(),
    wipe: () => undefined,
  };
  use(new PlainFrontEnd(screen, () => undefined));
  return printed.filter((line) => line.startsWith('¶')).map((line) => line.slice('¶-- '.length));
}

function jsonLines(use: (front: JsonFrontEnd) => void): readonly unknown[] {
  const printed: unknown[] = [];
  const screen = {
    print: (line: string) => void printed.push(JSON.parse(line)),
    close: () => Promise.resolve(),
    wipe: () => undefined,
  };
  use(new JsonFrontEnd(screen));
  return printed;
}

/**
 * @returns the texts for people in an object; every other string is a word of the protocol or
 * foreign.
 */
function textsIn(value: unknown, key = ''): readonly string[] {
  if (typeof value === 'string') {
    if (key === 'message' || key === 'detail') return value === TEXT ? [] : [value];
    expect(value, key).toMatch(/^[a-z0-9-]*$|^[日本王小明李]+$/u);
    return [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => textsIn(field, name));
}

const PROGRESS = { percent: 5, tag: 'conn', summary: TEXT } as const;
const STAGES: { readonly [State in GateStage['state']]: GateStage & { readonly state: State } } = {
  starting: { state: 'starting' },
  progressing: { state: 'progressing', ...PROGRESS },
  stalled: { state: 'stalled', ...PROGRESS, cause: 'unknown', nextStep: TEXT, warning: null },
  done: { state: 'done' },
  'tor-unreachable': { state: 'tor-unreachable' },
  'tor-too-old': { state: 'tor-too-old' },
  'tor-unprotected': { state: 'tor-unprotected' },
};
const FETCHES: Readonly<Record<FetchState['state'], true>> = {
  unknown: true,
  requested: true,
  received: true,
  failed: true,
};
const DIAL_CODES = Object.keys(ENGLISH)
  .filter((id) => id.startsWith('error.tor.'))
  .map((id) => id.slice('error.tor.'.length) as TorErrorCode);

const WRONG_ARGUMENTS: readonly (readonly string[])[] = [
  ...[
    ['--frob'],
    ['--nmae', 'x'],
    ['--1'],
    ['--1name'],
    ['--string', 'x'],
    ['--invite=1'],
    ['--_1nmae'],
    ['—frob'],
    ['—nmae'],
  ],
  ...[['—string'], ['--json=1'], ['--name'], ['--renew='], ['--renew=1'], ['--json', '--plain'], ['help'], ['x'], ['']],
  ...[[`--host=/${'1'.repeat(107)}`], [INVITE, INVITE]],
];
const WRONG_JSON: readonly string[] = [
  ...['1', '{}', '{"cmd":"frob"}', '{"cmd":"sned"}', '{"cmd":"members","txt":1}', '{"cmd":"members","":1}'],
  ...[
    '{"cmd":"send"}',
    '{"cmd":"send","text":"","ref":1}',
    '{"cmd":"verify"}',
    '{"cmd":"access"}',
    '{"cmd":"move","cover":7}',
  ],
];
const WRONG_CHARACTERS = ['1', 'b', 'ö', '٣', 'ж', 'λ', 'ａ', '\u0301', '\ufffd'];

/** @returns the notes and questions that the reader of connection strings shows. */
async function readsOf(text: string, source: 'argument' | 'ask' = 'argument'): Promise<readonly string[]> {
  const shown: string[] = [];
  const { signal } = new AbortController();
  const edge: InviteEdge = {
    terminal: undefined,
    staysRaw: false,
    lines: () => expect.fail('no lines are read'),
    show: (line) => void shown.push(line),
    showsOnTerminal: false,
    note: (line) => void shown.push(line),
    clock: new FakeClock(),
    signal,
    atOnce: signal,
  };
  const invite = await readInvite(source === 'ask' ? { from: 'ask' } : { from: 'argument', text }, edge);
  if (!invite.ok && invite.code !== 'cancelled') shown.push(invite.message);
  return shown;
}

/** @returns the reports of a client that waits for its host. */
async function waitsFor(code: string): Promise<readonly string[]> {
  const reports: string[] = [];
  const [clock, cancel] = [new FakeClock(), new AbortController()];
  const host = { invite: () => Promise.reject(new ModeratorError(code, TEXT)) };
  const report = (waiting: string): void => void reports.push(waiting);
  const ended = awaitHostInvite({ host, clock, report, signal: cancel.signal });
  while (reports.length < 2) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1_000);
  }
  cancel.abort();
  await ended;
  return reports;
}

const refusedOptions = (args: readonly string[], environment: NodeJS.ProcessEnv = {}): readonly string[] => {
  const answer = readOptions(args, environment);
  if (answer.ok) return [];
  return answer.code === 'shown' ? answer.text.split('\n').filter((line) => line !== '') : [answer.problem];
};

const RENDERED: Readonly<Record<string, () => readonly string[] | Promise<readonly string[]>>> = {
  'every event in plain mode': () =>
    (['public', 'private-test', undefined] as const).flatMap((network) =>
      plainLines((front) => EVENTS.forEach((event) => front.notify(event, { self: SELF, network }))),
    ),
  'every input line in plain mode': () =>
    plainLines((front) => {
      const lines = ['/help', '/frob1', '/verfy', '/lock x', '/verify', '/verified', '/admit', '/evict', '/move 7'].map(
        typed,
      );
      for (const line of [...REFUSED_LINES, ...lines]) front.read(line);
    }).filter((line) => !line.includes('/frob') && !line.includes('/lock x')),
  'every event in JSON mode': () =>
    jsonLines((front) => EVENTS.forEach((event) => front.notify(event, { self: SELF, network: undefined }))).flatMap(
      (object) => textsIn(object),
    ),
  'every input line in JSON mode': () =>
    jsonLines((front) => {
      for (const line of [...REFUSED_LINES, ...WRONG_JSON.map(typed)]) front.read(line);
    }).flatMap((object) => textsIn(object)),
  'an error or a wait before the room, in JSON mode': () =>
    [errorObject('usage', message('error.terminal.usage')), waitingObject(message('prompt.host-opening'))].flatMap(
      (object) => textsIn(object),
    ),
  'every error and warning': () => [
    ...TERMINAL_CODES.map((code) => message(`error.terminal.${code}`)),
    ...CLIENT_CODES.map((code) => message(`error.client.${code}`)),
    ...WARNING_CODES.map((code) => message(`warning.${code}`)),
    ...HOST_REFUSALS.map((code) => message(`error.moderator.${code}`)),
  ],
  'the help and every wrong command line': () => [
    ...refusedOptions(['--help']),
    ...WRONG_ARGUMENTS.flatMap((args) => refusedOptions(args)),
    ...refusedOptions([], { SOTTO_RENWE: '60' }),
    message('options.see-help-after-question', { problem: TEXT }),
  ],
  'every wrong environment': () =>
    [{}, { SOTTO_SOCKS: 'x' }, { SOTTO_SOCKS: '1:1' }, { SOTTO_SOCKS: '1:1', SOTTO_GATE_SOCKET: 'x' }].map(
      (environment) => {
        const endpoints = readEndpoints(environment);
        return endpoints.ok ? 'no refusal' : endpoints.problem;
      },
    ),
  'every wrong connection string': async () => {
    const wrong = WRONG_CHARACTERS.map((character) => `${INVITE.slice(0, 40)}${character}${INVITE.slice(41)}`);
    const texts = [
      ...Object.values(BAD_INVITES),
      ...wrong,
      `${BAD_INVITES['invite-checksum']}qqqq`,
      'x',
      INVITE.slice(0, 60),
    ];
    return [...(await Promise.all(texts.map((text) => readsOf(text)))).flat(), ...(await readsOf('', 'ask'))];
  },
  'the questions of the hidden prompt': () => [message('prompt.invite'), message('prompt.next-rest')],
  'a wait for the host': async () => [...(await waitsFor('not-open')), ...(await waitsFor('moderator-closed'))],
  'every stage and failure of the dial': () => [
    ...Object.values(STAGES).flatMap((stage) => [
      describeStage(stage).detail ?? '',
      describeStuck(stage)?.message ?? '',
    ]),
    ...(Object.keys(FETCHES) as FetchState['state'][]).map((state) => describeFetch(state).detail ?? ''),
    ...DIAL_CODES.flatMap((code) => [dialError(code).message, adviseDial(code).cause]),
    message('onion.gate-awaited'),
  ],
  'the marks in a text that is cut': () =>
    [safeText('\n'.repeat(200)), safeText('\n'.repeat(300)), safeText('\n'.repeat(70_000))]
      .flatMap((text) => text.split('\n'))
      .filter((line) => line !== ''),
  'the notes of the program on standard error': async () => {
    const programs = [['--frob'], ['--nmae'], ['--name=a b']].map((args) => startProgram(args, new MemoryRelay()));
    await Promise.all(programs.map(({ ended }) => ended));
    return programs.flatMap(({ err }) => err.lines);
  },
};

beforeAll(() => {
  const texts = Object.fromEntries(Object.entries(ENGLISH).map(([id, text]) => [id, pseudo(text)])) as Catalogue;
  setCatalogue(
    new Proxy(texts, {
      get: (catalogue, id) => {
        read.add(String(id));
        return catalogue[id as keyof Catalogue];
      },
    }),
  );
});
afterAll(() => setCatalogue(ENGLISH));

describe('the client program with a catalogue in brackets and accents', () => {
  test.each(Object.entries(RENDERED))('shows only texts of the catalogue: %s', async (_, render) => {
    const lines = (await render()).filter((line) => line !== '' && line !== TEXT);
    expect(lines.length).toBeGreaterThan(0);
    expect(faultsOf(lines)).toEqual([]);
  });

  test('has shown every one of its texts', () => {
    const ours = Object.keys(ENGLISH).filter((id) =>
      /^(?:screen|status|terminal|options|environment|prompt|json|onion|error\.(?:terminal|client|invite))\./.test(id),
    );
    expect(ours.length).toBeGreaterThan(200);
    expect(ours.filter((id) => !read.has(id))).toEqual([]);
  });

  test('control: a literal text in an event is found, in plain mode and in JSON mode', () => {
    const literal: ShownEvent = { type: 'error', code: TEXT, message: 'this is not in the catalogue' };
    const plain = plainLines((front) => front.notify(literal, { self: SELF, network: undefined }));
    expect(faultsOf(plain)).toEqual([expect.stringMatching(/^a text within a text: this is not in the catalogue/)]);
    const json = jsonLines((front) => front.notify(literal, { self: SELF, network: undefined }));
    expect(faultsOf(textsIn(json))).toEqual([expect.stringMatching(/^a text that does not come from/)]);
  });

  test('control: two texts that code has put side by side are found', () => {
    const stage = message('screen.moved');
    expect(faultOf(stage)).toBeUndefined();
    expect(faultOf(`${stage} ${stage}`)).toBe('a text beside a text');
    expect(faultOf(`${stage}; and more`)).toBe('a text beside a text');
    expect(faultOf(stage.slice(0, -1))).toBe('a text that is cut');
  });
});
