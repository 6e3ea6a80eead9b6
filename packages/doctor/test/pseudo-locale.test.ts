// With a catalogue in which no word is left, the doctor's page and its JSON show only data.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examine } from '../src/checks.ts';
import { DOCTOR_CODES, DoctorError } from '../src/errors.ts';
import { containerFacts } from '../src/facts.ts';
import { KNOWN_HOLES } from '../src/known-holes.ts';
import { ENGLISH, message, setCatalogue } from '../src/messages.ts';
import type { Catalogue, Reason } from '../src/messages.ts';
import { readOptions } from '../src/options.ts';
import { page, reportOf } from '../src/report.ts';
import { REQUIREMENTS } from '../src/requirements.ts';
import { unseen } from '../src/snapshot.ts';
import type { Snapshot } from '../src/snapshot.ts';
import { FAULTS, setPattern } from './faults.ts';
import { of, shippedStack, wholeStack } from './shipped.ts';
import type { Draft } from './shipped.ts';

const PLACE_OR_LETTER = /\{[a-z][A-Za-z]*\}|\p{L}/gu;
const REASONS = Object.keys(ENGLISH).flatMap((id) =>
  id.startsWith('reason.') ? [id.slice('reason.'.length) as Reason] : [],
);

/**
 * Every letter of a text becomes a tilde, which the doctor may print; places for parameters stay.
 */
function pseudo(text: string): string {
  return text.replaceAll(PLACE_OR_LETTER, (found) => (found.length > 1 ? found : '~'));
}

beforeAll(() => {
  setCatalogue(Object.fromEntries(Object.entries(ENGLISH).map(([id, text]) => [id, pseudo(text)])) as Catalogue);
});
afterAll(() => setCatalogue(ENGLISH));

const wordsIn = (text: string): readonly string[] => text.match(/[A-Za-z]+/g) ?? [];

/** The texts and the keys of what was seen: the names of services, networks, options and so on. */
function dataOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return wordsIn(value);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    // The fields of a snapshot are English, and in camel case; a key that is data names a thing.
    ...(/^[a-z]+([A-Z0-9][a-z0-9]*)*$/.test(key) && !isName(key) ? [] : wordsIn(key)),
    ...dataOf(inner),
  ]);
}

const SERVICES = ['tor', 'gate', 'relay', 'redis', 'host', 'client', 'tornet', 'egress', 'socks', 'probe', 'state'];
const isName = (key: string): boolean => SERVICES.includes(key);

/**
 * Words that the doctor knows by itself and that are no English: identifiers, and the probe's
 * codes.
 */
const IDENTIFIERS: ReadonlySet<string> = new Set(
  [
    ...SERVICES,
    ...KNOWN_HOLES.flatMap(({ name, part }) => [name, part]),
    ...['VanguardsLiteEnabled', 'SocksPort', 'SafeLogging', 'apparmor', 'selinux', 'volume'],
    ...['network', 'pid', 'ipc', 'uts', 'user', 'cgroup'],
    ...['--frob', '--project', '--json', '--release'],
  ].flatMap(wordsIn),
);

const CODES: ReadonlySet<string> = new Set([...Object.keys(REQUIREMENTS), ...DOCTOR_CODES]);

/** @returns the words of `text` that are no data, no identifier and no code in brackets. */
function leftOut(text: string, data: readonly string[] = []): readonly string[] {
  const known = new Set(data);
  const withoutCodes = text.replaceAll(/[[(]([a-z-]+)[\])]/g, (all, code: string) => (CODES.has(code) ? '' : all));
  return wordsIn(withoutCodes).filter((word) => !IDENTIFIERS.has(word) && !known.has(word));
}

function expectDataOnly(snapshot: Snapshot): void {
  const data = [...new Set(dataOf(snapshot))];
  const findings = examine(snapshot);
  for (const { code, requirement, evidence, next } of findings) {
    expect(requirement, code).toContain('~');
    if (next !== undefined) expect(next, code).toContain('~');
    expect([requirement, ...evidence, next ?? ''].flatMap((text) => leftOut(text, data))).toEqual([]);
  }
  expect(leftOut(page(reportOf(snapshot, findings)), data)).toEqual([]);
}

describe('a catalogue without words', () => {
  test('leaves only data on the page of the whole stack', () => expectDataOnly(wholeStack()));

  test.each(FAULTS)('leaves only data on the page of a broken stack: %s, %s', (_code, _what, breakIt) => {
    const snapshot = wholeStack();
    breakIt(snapshot);
    expectDataOnly(snapshot);
  });

  test.each(REASONS)('leaves only data on the page of an unseen stack: %s', (why) => {
    const snapshot = wholeStack();
    const reason = unseen(why);
    Object.assign(snapshot, { machine: reason, release: reason, probes: reason });
    for (const container of snapshot.containers) {
      Object.assign(container, { processes: reason, listeners: reason });
      if (container.tor !== null) Object.assign(container.tor, { version: reason, options: reason });
    }
    // The code of a reason is no data: only its text may be shown.
    const data = dataOf(wholeStack());
    expect(examine(snapshot).flatMap(({ evidence }) => evidence.flatMap((text) => leftOut(text, data)))).toEqual([]);
  });

  test.each<[string, (snapshot: Draft<Snapshot>) => void]>([
    ['nothing at all', (s) => void Object.assign(s, { containers: [], networks: [], volumes: [] })],
    ['personal settings', (s) => void (s.filesAdded = ['my.yml'])],
    ['a service that is still starting', (s) => void (of(s, 'host').health = 'starting')],
    ['a respectful program of core dumps', (s) => setPattern(s, '|/usr/lib/systemd/systemd-coredump')],
    ['a rebuilt runc', (s) => void (s.engine.runc = '1.1.5+ds1-1')],
    ['no version of runc', (s) => void (s.engine.runc = '')],
    ['Docker Desktop', (s) => void (s.engine.operatingSystem = 'Docker Desktop')],
    ['more evidence than is shown', (s) => manyStrangers(s)],
  ])('leaves only data on the page: %s', (_what, change) => {
    const snapshot = wholeStack();
    change(snapshot);
    expectDataOnly(snapshot);
  });

  test('leaves only data in a container’s devices and published ports', () => {
    const { devices, published } = containerFacts('sotto', containerWithDevices(), []);
    expect(devices).toHaveLength(3);
    for (const text of [...devices, ...published]) expect(leftOut(text, ['nvidia', 'c', 'rwm']), text).toEqual([]);
  });

  test('leaves only identifiers in errors, refusals of the command line and the help', () => {
    const refused = [
      ['--frob'],
      ['--\u0007'],
      ['word'],
      ['--project'],
      ['--json=x'],
      ['--project', '/'],
      ['--release='],
    ];
    for (const args of refused) expect(leftOut(refusalOf(args)), args.join(' ')).toEqual([]);
    for (const code of DOCTOR_CODES) {
      const line = message('failure.line', { text: new DoctorError(code).message, code });
      expect(leftOut(line), line).toEqual([]);
    }
    expect(leftOut(message('usage.help'))).toEqual([]);
  });

  test('control: a word outside the catalogue is found, on the page and in a finding', () => {
    const snapshot = shippedStack();
    const data = dataOf(snapshot);
    expect(leftOut(`${page(reportOf(snapshot, examine(snapshot)))} leftover`, data)).toEqual(['leftover']);
    expect(leftOut('relay-1 is privileged', data)).toEqual(['is', 'privileged']);
  });
});

function manyStrangers(snapshot: Draft<Snapshot>): void {
  for (let index = 0; index < 20; index += 1)
    snapshot.strangers.push({ name: `x${index}`, networks: ['state'], volumes: [] });
}

function containerWithDevices(): Parameters<typeof containerFacts>[1] {
  return {
    Id: 'ab',
    Name: '/sotto-relay-1',
    Image: 'sha256:cd',
    State: {},
    Config: {},
    HostConfig: {
      Devices: [{}],
      DeviceRequests: [{ Driver: 'nvidia' }],
      DeviceCgroupRules: ['c 1:3 rwm'],
      PublishAllPorts: true,
    },
    NetworkSettings: {},
  };
}

function refusalOf(args: readonly string[]): string {
  try {
    readOptions(args);
  } catch (error) {
    if (error instanceof DoctorError) return error.message;
    throw error;
  }
  throw new Error(`${args.join(' ')} was not refused`);
}

test('every text of the catalogue has words, and braces only around placeholders', () => {
  for (const [id, text] of Object.entries(ENGLISH)) {
    expect(text.trim(), id).not.toBe('');
    expect(text.replaceAll(/\{[a-z][A-Za-z]*\}/g, ''), id).not.toMatch(/[{}]/);
  }
});
