// With a catalogue in pseudo letters, host, gate, relay and confinement show no plain letter of
// their own. The client program's screen still has texts outside of the catalogue: it is not
// rendered here yet.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONFINEMENT_CODES, PROTECTIONS } from '../../packages/confinement/src/errors.ts';
import { decideStart } from '../../packages/confinement/src/start.ts';
import { answerUsage, findMistypedVariable } from '../../packages/confinement/src/usage.ts';
import { HOST_CODES, HostError } from '../../packages/host/src/errors.ts';
import {
  describeCover,
  describeEnd,
  describeMove,
  describeNetwork,
  describeNotice,
  describeOtherEnd,
  describeStage,
  remind,
} from '../../packages/host/src/screen.ts';
import { ENGLISH, message, setCatalogue } from '../../packages/messages/src/index.ts';
import type { Catalogue } from '../../packages/messages/src/index.ts';
import { RELAY_ERRORS, RelayError } from '../../packages/relay/src/errors.ts';
import { describeRefusal } from '../../packages/relay/src/config.ts';
import { TOR_ERROR_CODES, TorError } from '../../packages/tor/src/errors.ts';
import { describeProgress, nextStepFor } from '../../packages/tor/src/control/bootstrap-machine.ts';
import { adviseDial } from '../../packages/tor/src/onion/dial.ts';

const A_OF_PSEUDO = 0x1d5a0;
const PLACE_OR_LETTER = /\{[a-zA-Z]+\}|[A-Za-z]/g;

/** Every letter of a text becomes a mathematical one; places for parameters stay. */
function pseudo(text: string): string {
  return text.replaceAll(PLACE_OR_LETTER, (found) =>
    found.length > 1
      ? found
      : String.fromCodePoint(A_OF_PSEUDO + found.toUpperCase().charCodeAt(0) - 'A'.charCodeAt(0)),
  );
}

/** Codes, names and words of the command line: a call fills them in as they are. */
const WORDS: ReadonlySet<string> = new Set([
  ...[...HOST_CODES, ...RELAY_ERRORS, ...TOR_ERROR_CODES, ...CONFINEMENT_CODES, ...Object.keys(PROTECTIONS)],
  ...['tor', 'relay', 'unknown', 'stealth-8', 'SOTTO_SOCKS', 'SOTTO_SOCKZ', '--frob'],
]);

/** @returns the plain words of `text` that no call filled in. */
function leftOut(text: string): readonly string[] {
  return (text.match(/-*[A-Za-z][A-Za-z0-9_-]*/g) ?? []).filter((word) => !WORDS.has(word));
}

beforeAll(() => {
  setCatalogue(Object.fromEntries(Object.entries(ENGLISH).map(([id, text]) => [id, pseudo(text)])) as Catalogue);
});
afterAll(() => setCatalogue(ENGLISH));

const NOTHING_SEEN = {
  status: undefined,
  mounts: undefined,
  routes: undefined,
  ipv6Routes: undefined,
  neighbours: undefined,
  gateways: 'asked',
  netlink: 'open',
} as const;

const RENDERED: Readonly<Record<string, () => readonly string[]>> = {
  'a stage of a Tor': () =>
    ['starting', 'progressing', 'stalled', 'done'].map((state) =>
      describeStage('tor', { state, summary: describeProgress(1, 'conn').summary }),
    ),
  'a notice of the host': () => [
    ...(['publishing', 'proving', 'reachable-again', 'tor-lost', 'relay-lost', 'ending'] as const).map((notice) =>
      describeNotice({ notice }),
    ),
    ...(['publish-failed', 'not-reached'] as const).map((notice) => describeNotice({ notice, cause: 'dial-timeout' })),
  ],
  'a notice of a room move': () =>
    (['opening-other', 'other-not-opened', 'other-offered', 'not-moved', 'undecided'] as const).map(describeMove),
  'the end of a room': () => [
    describeEnd(undefined),
    ...HOST_CODES.flatMap((code) => [describeEnd(code), describeOtherEnd(code)]),
  ],
  'the cover of a room': () => [describeCover('off'), describeCover('jitter'), describeCover('stealth-8')],
  'the line above a connection string': () => [
    remind(undefined),
    remind('private-test'),
    describeNetwork('private-test') ?? 'no text',
  ],
  'an error of the host': () => HOST_CODES.map((code) => new HostError(code).message),
  'an error of Tor': () => TOR_ERROR_CODES.map((code) => new TorError(code).message),
  'an error of the relay': () => RELAY_ERRORS.flatMap((code) => [new RelayError(code).message, describeRefusal(code)]),
  'a failed dial': () => TOR_ERROR_CODES.map(adviseDial).flatMap(({ cause, nextStep }) => [cause, nextStep]),
  'a stage of the bootstrap': () =>
    (['starting', 'conn', 'loading_status', 'circuit_create', 'unknown', 'done'] as const).map(
      (tag) => describeProgress(1, tag).summary,
    ),
  'the next step of a stall': () => (['clock-skew', 'no-network', 'blocked', 'unknown'] as const).map(nextStepFor),
  'wrong usage': () => [
    ...['--frob', '--\u0007', 'word'].map((arg) => {
      const answer = answerUsage({ name: 'relay', help: '' }, [arg]);
      return answer.next === 'end' ? answer.err : 'no text';
    }),
    findMistypedVariable({ SOTTO_SOCKZ: '' }, ['SOTTO_SOCKS']) ?? 'no text',
  ],
  'a start without protections': () =>
    [undefined, Object.keys(PROTECTIONS).join(',')].map((waived) => {
      const start = decideStart({ name: 'relay', network: 'inner' }, waived, NOTHING_SEEN);
      return 'said' in start ? start.said : 'no text';
    }),
  'the help of a program': () => [
    message('relay.help'),
    message('gate.help'),
    message('host.help'),
    message('invite.help'),
  ],
};

describe('a program with a catalogue of pseudo letters', () => {
  test.each(Object.entries(RENDERED))('shows no plain word in %s', (_, render) => {
    const texts = render();
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) {
      expect(text, 'a text of the catalogue').toMatch(/[\u{1D5A0}-\u{1D5B9}]/u);
      expect(leftOut(text), text).toEqual([]);
    }
  });

  test('is found if it shows a text outside the catalogue', () => {
    expect(leftOut(`${describeEnd(undefined)} and more`)).toEqual(['and', 'more']);
  });
});
