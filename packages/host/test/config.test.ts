import { expect, test } from 'vitest';
import { COVERS } from '@sotto/protocol';
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
