// Versions, and which holes an engine has by them.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { engineHoles } from '../src/check-stack.ts';
import { TOR_MINIMUM } from '../src/limits.ts';
import { compareVersions, hasRepair, readVersion } from '../src/version.ts';
import type { Version } from '../src/version.ts';
import { wholeStack } from './shipped.ts';

function version(text: string): Version {
  const read = readVersion(text);
  if (read === undefined) throw new Error(`${text} is no version`);
  return read;
}

describe('a version', () => {
  test.each([
    ['0.4.9.9', '0.4.9.11'],
    ['0.4.9.11', '0.4.9.15'],
    ['20.10.24+dfsg1', '23.0.0'],
    ['26.0.0-rc2', '26.0.0-rc3'],
    ['26.0.0-rc3', '26.0.0'],
    ['1.4.0-rc.3', '1.4.0'],
    ['1.1', '1.1.1'],
  ])('%s is before %s', (one, other) => {
    expect(compareVersions(version(one), version(other))).toBeLessThan(0);
    expect(compareVersions(version(other), version(one))).toBeGreaterThan(0);
    expect(compareVersions(version(one), version(one))).toBe(0);
  });

  test.each(['', 'master', 'dev', '20', 'v', '1.2.3.4.5'.replaceAll('.', ' ')])('cannot be read from %j', (text) => {
    expect(readVersion(text)).toBeUndefined();
  });

  test.each(['20.10.24+dfsg1', '24.0.7-0ubuntu2~22.04.1', '1.1.5+ds1-1+deb12u1', '20.10.9-ce'])(
    'is recognised as a distribution’s build: %s',
    (text) => expect(version(text).isRebuilt).toBe(true),
  );

  test.each(['28.5.2', 'v1.3.3', '26.0.0-rc3'])('is recognised as the maker’s build: %s', (text) =>
    expect(version(text).isRebuilt).toBe(false),
  );
});

describe('the repair of a known hole', () => {
  const repaired = ['23.0.11', '25.0.5', '26.0.0'];

  test.each(['23.0.11', '23.0.15', '25.0.5', '26.0.0', '27.0.1', '28.5.2'])('is in version %s', (text) => {
    expect(hasRepair(version(text), repaired, 1)).toBe(true);
  });

  test.each(['20.10.24', '23.0.10', '24.0.9', '25.0.4', '26.0.0-rc2'])('is not in version %s', (text) => {
    expect(hasRepair(version(text), repaired, 1)).toBe(false);
  });
});

describe('known holes of the engine', () => {
  const told = (engine: object): { state: string; evidence: string } => {
    const snapshot = wholeStack();
    Object.assign(snapshot.engine, engine);
    const { state, evidence } = engineHoles(snapshot);
    return { state, evidence: evidence.join('\n') };
  };

  test('are absent in new versions', () => {
    expect(told({ version: '28.5.2', runc: '1.3.3' }).state).toBe('green');
  });

  test('are closed here on every engine if they concern name resolution', () => {
    const { state, evidence } = told({ version: '20.10.24', runc: '1.3.3' });
    expect(state).toBe('green');
    expect(evidence).toContain('CVE-2024-29018: engine 20.10.24 may have it; it is closed here (names-inside)');
  });

  test.each(['1.1.11', '1.2.7', '1.3.2', '1.1.15'])('are in runc %s', (runc) => {
    expect(told({ runc }).state).toBe('red');
  });

  test('cannot be determined in a distribution’s build, except for its known repairs', () => {
    const { state, evidence } = told({ runc: '1.1.5+ds1-1+deb12u1' });
    expect(state).toBe('cannot-tell');
    expect(evidence).not.toContain('CVE-2024-21626');
    expect(told({ runc: '1.1.5+ds1-1' }).evidence).toContain('CVE-2024-21626');
  });

  test.each([{ runc: '' }, { operatingSystem: 'Docker Desktop' }])('cannot be determined of %j', (engine) => {
    expect(told(engine).state).toBe('cannot-tell');
  });
});

test('the oldest accepted Tor is that of .env', () => {
  expect(readFileSync('.env', 'utf8')).toContain(`\nSOTTO_TOR_MINIMUM=${TOR_MINIMUM}\n`);
});
