import { expect, test } from 'vitest';
import { message } from '@sotto/messages';
import { COVERS, isStealth, patienceSecondsMax } from '@sotto/protocol';
import { readHostConfig } from '../src/config.ts';
import { describeCover } from '../src/screen.ts';

const GOOD = {
  SOTTO_TOR_CONTROL: '/run/tor/control',
  SOTTO_TOR_COOKIE: '/run/tor/cookie',
  SOTTO_ADMIN_SOCKET: '/run/admin/admin.sock',
  SOTTO_GATE_SOCKET: '/run/gate/gate.sock',
  SOTTO_SOCKS: 'tor-client:9050',
};

test('the configuration has the values of the compose file', () => {
  expect(readHostConfig(GOOD)).toMatchObject({
    torControl: '/run/tor/control',
    socks: { host: 'tor-client', port: 9050 },
  });
});

test.each([
  ['SOTTO_TOR_CONTROL', 'relative/path'],
  ['SOTTO_TOR_COOKIE', '/run/tor/cookie\r\nSIGNAL NEWNYM'],
  ['SOTTO_ADMIN_SOCKET', ''],
  ['SOTTO_GATE_SOCKET', `/${'a'.repeat(107)}`],
  ['SOTTO_SOCKS', 'tor-client'],
  ['SOTTO_SOCKS', 'tor-client:0'],
  ['SOTTO_SOCKS', 'tor-client:65536'],
  ['SOTTO_SOCKS', 'tor client:9050'],
])('the configuration refuses %s = %j', (name, value) => {
  expect(() => readHostConfig({ ...GOOD, [name]: value })).toThrow(
    expect.objectContaining({ code: 'host-environment' }),
  );
});

test('access is open, unless a variable sets another mode', () => {
  expect(readHostConfig(GOOD).access).toBe('open');
  for (const access of ['open', 'knock', 'locked']) {
    expect(readHostConfig({ ...GOOD, SOTTO_ROOM_ACCESS: access }).access).toBe(access);
  }
});

test.each(['', 'Open', 'closed', 'open '])('the access %j is refused, with the list of modes', (access) => {
  expect(() => readHostConfig({ ...GOOD, SOTTO_ROOM_ACCESS: access })).toThrow(
    expect.objectContaining({
      code: 'host-access',
      message: expect.stringContaining('open, knock and locked') as string,
    }),
  );
});

test('cover is off, unless a variable turns it on', () => {
  expect(readHostConfig(GOOD).cover).toBe('off');
  for (const cover of COVERS) expect(readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: cover }).cover).toBe(cover);
  expect(readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: 'stealth' }).cover).toBe('stealth-8');
});

test.each(['', 'Stealth', 'stealth-5', 'on'])('the cover %j is refused, with the list of covers', (cover) => {
  expect(() => readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: cover })).toThrow(
    expect.objectContaining({
      code: 'host-cover',
      message: expect.stringContaining('off, jitter, stealth') as string,
    }),
  );
});

test('patience is the longest that the mode can keep, unless a variable says less', () => {
  const read = (cover: string, patience: string): number =>
    readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: cover, SOTTO_ROOM_PATIENCE: patience }).patienceSeconds;
  expect(readHostConfig(GOOD).patienceSeconds).toBe(86_400);
  for (const cover of COVERS) expect(read(cover, '')).toBe(patienceSecondsMax(cover));
  expect(read('off', '24h')).toBe(86_400);
  expect(read('jitter', '1440m')).toBe(86_400);
  expect(read('stealth-8', '90m')).toBe(5_400);
  expect(read('off', '10m')).toBe(600);
});

test.each([
  ['off', '9m'],
  ['off', '25h'],
  ['off', '1441m'],
  ['off', '24'],
  ['off', '24H'],
  ['off', ' 24h'],
  ['off', '-1h'],
  ['off', '0h'],
  ['off', '1.5h'],
  ['off', '1d'],
  ['off', '99999h'],
  ['stealth-8', '130m'],
  ['stealth-8', '24h'],
])('the patience is refused in %s: %j', (cover, patience) => {
  expect(() => readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: cover, SOTTO_ROOM_PATIENCE: patience })).toThrow(
    expect.objectContaining({ code: 'host-patience', message: expect.stringContaining('90m or 24h') as string }),
  );
});

test('the refusal of a patience names what each mode can keep', () => {
  for (const cover of COVERS.filter(isStealth)) {
    const longest = `${Math.floor(patienceSecondsMax(cover) / 60)}m`;
    expect(message('error.host.host-patience')).toContain(`${longest} in ${cover}`);
    expect(
      readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: cover, SOTTO_ROOM_PATIENCE: longest }).patienceSeconds,
    ).toBeGreaterThan(patienceSecondsMax(cover) - 60);
  }
});

test('the screen shows the cost of the cover, and its limits, before anyone joins', () => {
  expect(describeCover('off')).toContain('someone watching your connection can see when you write');
  expect(describeCover('jitter')).toContain('does not hide it');
  expect(describeCover('stealth-32')).toBe(
    "cover: stealth-32; at most 32 members; each sends 1.6 MB an hour and receives 36.9, whether or not anyone writes. A line waits 2.6 s on average, and Tor's own time",
  );
});

test('the moderator’s socket is at its configured path only', () => {
  expect(readHostConfig(GOOD).moderatorSocket).toBeUndefined();
  const path = '/run/moderator/moderator.sock';
  expect(readHostConfig({ ...GOOD, SOTTO_MODERATOR_SOCKET: path }).moderatorSocket).toBe(path);
  expect(() => readHostConfig({ ...GOOD, SOTTO_MODERATOR_SOCKET: '' })).toThrow(
    expect.objectContaining({ code: 'host-environment' }),
  );
});
