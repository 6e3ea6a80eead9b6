// Every requirement is broken at least once, in a snapshot of the real stack, and exactly that one
// turns red.

import { describe, expect, test } from 'vitest';
import { examine, overall } from '../src/checks.ts';
import type { Finding } from '../src/checks.ts';
import { message } from '../src/messages.ts';
import { REQUIREMENTS } from '../src/requirements.ts';
import type { Seen, Snapshot } from '../src/snapshot.ts';
import { seen, unseen } from '../src/snapshot.ts';
import type { State } from '../src/verdict.ts';
import { addSwap, FAULTS, probe, setPattern, toCgroup2, valueOf } from './faults.ts';
import { network, of, shippedStack, wholeStack } from './shipped.ts';
import type { Draft } from './shipped.ts';

function codes(findings: readonly Finding[], state: State): string[] {
  return findings.filter((finding) => finding.state === state).map(({ code }) => code);
}

describe('the shipped stack', () => {
  test('is all green if everything can be seen', () => {
    const findings = examine(wholeStack());
    expect(findings.filter(({ state }) => state !== 'green')).toEqual([]);
    expect(overall(findings)).toBe('green');
  });

  test('has no red requirement as recorded, and two that cannot be determined', () => {
    const findings = examine(shippedStack());
    expect(codes(findings, 'red')).toEqual([]);
    expect(codes(findings, 'cannot-tell')).toEqual(['image-released', 'engine-holes']);
    expect(overall(findings)).toBe('cannot-tell');
  });

  test('is all green for a guest with three services and no private network', () => {
    const snapshot = wholeStack();
    const guests = ['tor-client', 'gate', 'client'];
    snapshot.containers = snapshot.containers.filter(({ service }) => guests.includes(service));
    const ofTestNetwork = ['tornet', 'tor-client-cache'];
    const torClient = of(snapshot, 'tor-client');
    torClient.mounts = torClient.mounts.filter(({ source }) => !ofTestNetwork.includes(source));
    network(snapshot, 'egress').internal = false;
    network(snapshot, 'egress').inhibitIpv4 = false;
    expect(examine(snapshot).filter(({ state }) => state !== 'green')).toEqual([]);
  });

  test('is all green with an ended client whose container remains', () => {
    const snapshot = wholeStack();
    const why = unseen('not-running');
    const gone = { ...of(snapshot, 'client'), name: 'client-run-2', running: false, processes: why, listeners: why };
    snapshot.containers.push(gone);
    expect(overall(examine(snapshot))).toBe('green');
  });

  test('is all green on an engine with gateway_mode_ipv4 isolated', () => {
    const snapshot = wholeStack();
    for (const one of snapshot.networks)
      Object.assign(one, { inhibitIpv4: false, gatewayMode: { ipv4: 'isolated', ipv6: 'isolated' } });
    expect(overall(examine(snapshot))).toBe('green');
  });
});

describe('a broken requirement', () => {
  test.each(FAULTS)('turns its own check red and no other: %s, %s', (code, _what, breakIt) => {
    const snapshot = wholeStack();
    breakIt(snapshot);
    const findings = examine(snapshot);
    expect(codes(findings, 'red')).toEqual([code]);
    expect(overall(findings)).toBe('red');
    const red = findings.find((finding) => finding.state === 'red');
    expect(red?.evidence.length).toBeGreaterThan(0);
    expect(red?.next).toBe(message(REQUIREMENTS[code].next));
  });

  test('exists for every requirement', () => {
    const broken = new Set<string>(FAULTS.map(([code]) => code));
    expect(Object.keys(REQUIREMENTS).filter((code) => !broken.has(code))).toEqual([]);
    expect(broken.size).toBeGreaterThan(50);
  });
});

describe('an unseen fact', () => {
  test('is never reported green', () => {
    const blind = wholeStack();
    const why = unseen('not-this-machine');
    Object.assign(blind, { machine: why, release: why, probes: why });
    for (const container of blind.containers) {
      Object.assign(container, { processes: why, listeners: why });
      if (container.tor !== null) Object.assign(container.tor, { version: why, options: why });
    }
    const findings = examine(blind);
    expect(codes(findings, 'red')).toEqual([]);
    expect(codes(findings, 'cannot-tell')).toEqual([
      'image-released',
      'listeners',
      'probe-outside',
      'probe-gateway',
      'processes-confined',
      'core-pattern',
      'swap',
      'locked-memory',
      'tor-version',
      'tor-vanguards',
      'tor-socks',
      'tor-control',
      'tor-quiet',
    ]);
    expect(findings.filter(({ state, next }) => state !== 'red' && next !== undefined)).toEqual([]);
  });

  test('is not reported green if there is nothing to check', () => {
    const empty: Snapshot = { ...wholeStack(), containers: [], networks: [], volumes: [], probes: seen([]) };
    const findings = examine(empty);
    // What is of the engine and the machine alone is still there.
    expect(codes(findings, 'green')).toEqual(['core-pattern', 'swap', 'engine-holes', 'engine-closed']);
  });

  test.each([
    [
      'one probe could not be started',
      (s: Draft<Snapshot>) =>
        void Object.assign(valueOf(s.probes as Seen<object[]>)[0] ?? {}, { outcome: unseen('probe-failed') }),
    ],
    ['one probe failed its control', (s: Draft<Snapshot>) => void (probe(s).control = 'failed')],
  ])('leaves the probe’s checks undetermined: %s', (_what, breakIt) => {
    const snapshot = wholeStack();
    breakIt(snapshot);
    expect(codes(examine(snapshot), 'cannot-tell')).toEqual(['probe-outside', 'probe-gateway']);
  });

  test('leaves core dumps undetermined if they go to a program that respects the limit', () => {
    const snapshot = wholeStack();
    setPattern(snapshot, '|/usr/lib/systemd/systemd-coredump %P %u');
    const findings = examine(snapshot);
    expect(codes(findings, 'cannot-tell')).toEqual(['core-pattern']);
    expect(codes(findings, 'red')).toEqual([]);
  });

  test('leaves a service undetermined that is still starting', () => {
    const snapshot = wholeStack();
    of(snapshot, 'host').health = 'starting';
    expect(codes(examine(snapshot), 'cannot-tell')).toEqual(['stack-runs']);
  });

  test('leaves an image undetermined that the release does not list', () => {
    const snapshot = wholeStack();
    delete valueOf(snapshot.release as Seen<{ images: Record<string, string[]> }>).images['sotto-relay'];
    expect(codes(examine(snapshot), 'cannot-tell')).toEqual(['image-released']);
  });
});

describe('swap', () => {
  test('does not count if it is compressed memory', () => {
    const snapshot = wholeStack();
    addSwap(snapshot, '/dev/zram0');
    expect(overall(examine(snapshot))).toBe('green');
  });

  test('is out of reach on a disk with cgroup v2 and swappiness 0', () => {
    const second = wholeStack();
    addSwap(second, '/dev/sda2');
    toCgroup2(second);
    expect(overall(examine(second))).toBe('green');
    const first = wholeStack();
    addSwap(first, '/dev/sda2');
    for (const container of first.containers) container.swappiness = 0;
    expect(overall(examine(first))).toBe('green');
  });
});

describe('evidence', () => {
  test('has printable characters only, and is bounded', () => {
    const snapshot = wholeStack();
    for (let index = 0; index < 40; index += 1)
      snapshot.strangers.push({
        name: `\u001b]52;c;x\u0007\u202e${'n'.repeat(400)}`,
        networks: ['state'],
        volumes: [],
      });
    const red = examine(snapshot).find(({ state }) => state === 'red');
    expect(red?.evidence.join('')).toMatch(/^[\x20-\x7e]+$/);
    expect(red?.evidence.length).toBe(13);
    expect(red?.evidence.at(-1)).toBe('and 28 more');
    expect(Math.max(...(red?.evidence ?? []).map((line) => line.length))).toBeLessThanOrEqual(240);
  });
});
