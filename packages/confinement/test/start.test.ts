import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { message } from '@sotto/messages';
import { describe, expect, test } from 'vitest';
import { PROTECTIONS } from '../src/errors.ts';
import { readEvidence } from '../src/evidence.ts';
import { decideStart } from '../src/start.ts';
import { PROTECTED, withField, withGateway, withoutField } from './kernel-texts.ts';

const RELAY = { name: 'relay', network: 'inner' } as const;
const INDEX = fileURLToPath(new URL('../src/index.ts', import.meta.url));

describe('a start', () => {
  test('prints nothing if it has all protections', () => {
    expect(decideStart(RELAY, undefined, PROTECTED)).toEqual({ next: 'begin', said: '' });
    expect(decideStart(RELAY, '', PROTECTED)).toEqual({ next: 'begin', said: '' });
  });

  test('is refused with the missing and the unseen protections, and a next step', () => {
    const spoilt = { ...withField('Seccomp', '0'), routes: undefined };
    expect(decideStart(RELAY, undefined, spoilt)).toEqual({
      next: 'end',
      code: 'unprotected',
      said: `relay: unprotected: the protection seccomp is missing, the protection network cannot be seen\nrelay: ${message('error.confinement.unprotected')}\n`,
    });
  });

  test('asks the gateways only if nothing else is missing', () => {
    const silent = withGateway('0x0');
    const [unasked, answering] = [{ ...silent, gateways: 'unasked' } as const, withGateway('0x2')];
    expect(decideStart(RELAY, undefined, unasked)).toEqual({ next: 'ask' });
    expect(decideStart(RELAY, 'network', unasked)).toMatchObject({ next: 'begin' });
    expect(decideStart(RELAY, undefined, silent)).toEqual({ next: 'begin', said: '' });
    expect(decideStart(RELAY, undefined, answering)).toMatchObject({ next: 'end', code: 'unprotected' });
    const { next, said } = { said: '', ...decideStart(RELAY, undefined, { ...unasked, netlink: 'open' }) };
    expect([next, said.split('\n')[0]]).toEqual(['end', 'relay: unprotected: the protection seccomp is missing']);
  });

  test('goes on without the waived protections, and prints them', () => {
    const gvisor = {
      ...withField('Seccomp', '0'),
      status: withoutField('NoNewPrivs').status?.replace('Seccomp:\t2', 'Seccomp:\t0'),
    };
    expect(decideStart(RELAY, 'seccomp,no-new-privileges', gvisor)).toEqual({
      next: 'begin',
      said: 'relay: SOTTO_UNPROTECTED: goes on without seccomp, no-new-privileges\n',
    });
  });

  test('prints the waived protections even if none is missing', () => {
    const start = decideStart(RELAY, 'user', PROTECTED);
    expect(start).toEqual({ next: 'begin', said: 'relay: SOTTO_UNPROTECTED: goes on without user\n' });
  });

  test.each(Object.keys(PROTECTIONS))('is refused for all other missing protections if it waives only %s', (word) => {
    const nothing = {
      status: undefined,
      mounts: undefined,
      routes: undefined,
      ipv6Routes: undefined,
      neighbours: undefined,
      gateways: 'unasked',
      netlink: 'open',
    } as const;
    const start = decideStart(RELAY, word, nothing);
    expect(start).toMatchObject({ next: 'end', code: 'unprotected' });
    const named = ('said' in start ? start.said : '').split('\n')[0]?.match(/[a-z-]+(?= is missing| cannot be seen)/g);
    expect(named).toEqual(Object.keys(PROTECTIONS).filter((other) => other !== word));
  });

  test.each(['1', 'true', 'all', '*', 'seccomp network', 'Seccomp', 'seccomp,all', 'toString', '__proto__'])(
    'is refused for a word that names no protection, and does not repeat the word: %s',
    (words) => {
      const start = decideStart(RELAY, words, PROTECTED);
      expect(start).toEqual({ next: 'end', code: 'unprotected-word' });
    },
  );
});

describe('a process', () => {
  /** Under no profile of ours: that much is sure wherever the tests run. */
  function run(environment: Record<string, string>): { code: number | null; said: string; did: string } {
    const script = `
      const { requireProtection } = await import(${JSON.stringify(INDEX)});
      await requireProtection({ name: 'relay', network: 'inner' });
      process.stdout.write('began');`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: environment,
    });
    return { code: status, said: stderr, did: stdout };
  }

  test('ends with 78 before its work starts if protections are missing', () => {
    const { code, said, did } = run({});
    expect({ code, did }).toEqual({ code: 78, did: '' });
    expect(said).toMatch(/^relay: unprotected: .*\bseccomp (is missing|cannot be seen)/);
    expect(said).toContain(message('error.confinement.unprotected'));
  });

  test('ends with 2 and one line on a malformed SOTTO_UNPROTECTED, and does not repeat its words', () => {
    const { code, said, did } = run({ SOTTO_UNPROTECTED: 'secomp' });
    expect({ code, did, said }).toEqual({
      code: 2,
      did: '',
      said: `relay: ${message('error.confinement.unprotected-word')} (unprotected-word)\n`,
    });
  });

  test('starts if it waives the missing protections', () => {
    const all = Object.keys(PROTECTIONS);
    const { code, said, did } = run({ SOTTO_UNPROTECTED: all.join() });
    expect({ code, did }).toEqual({ code: 0, did: 'began' });
    expect(said).toBe(`relay: SOTTO_UNPROTECTED: goes on without ${all.join(', ')}\n`);
  });
});

test.runIf(process.platform === 'linux')('the check understands the texts of this machine’s kernel', () => {
  const { status, mounts, routes, ipv6Routes, neighbours, netlink } = readEvidence();
  expect(status).toMatch(/^CapBnd:\t[0-9a-f]{16}$/m);
  expect(mounts).toMatch(/^\S+ \/proc proc /m);
  expect(routes).toMatch(/^Iface\t/);
  expect(ipv6Routes).toBeDefined();
  expect(neighbours).toMatch(/^IP address /);
  expect(['open', 'refused']).toContain(netlink);
});
