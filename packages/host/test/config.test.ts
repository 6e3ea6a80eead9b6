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

test('takes what the compose file says', () => {
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
])('refuses %s = %j', (name, value) => {
  expect(() => readHostConfig({ ...GOOD, [name]: value })).toThrow(
    expect.objectContaining({ code: 'host-environment' }),
  );
});

test('knows who may come in: everybody, unless it is told otherwise', () => {
  expect(readHostConfig(GOOD).access).toBe('open');
  for (const access of ['open', 'knock', 'locked']) {
    expect(readHostConfig({ ...GOOD, SOTTO_ROOM_ACCESS: access }).access).toBe(access);
  }
});

test.each(['', 'Open', 'closed', 'open '])('refuses the access %j and says what there is', (access) => {
  expect(() => readHostConfig({ ...GOOD, SOTTO_ROOM_ACCESS: access })).toThrow(
    expect.objectContaining({
      code: 'host-access',
      message: expect.stringContaining('open, knock and locked') as string,
    }),
  );
});

test('knows how the room hides: not at all, unless it is told to', () => {
  expect(readHostConfig(GOOD).cover).toBe('off');
  for (const cover of COVERS) expect(readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: cover }).cover).toBe(cover);
  expect(readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: 'stealth' }).cover).toBe('stealth-8');
});

test.each(['', 'Stealth', 'stealth-5', 'on'])('refuses the cover %j and says what there is', (cover) => {
  expect(() => readHostConfig({ ...GOOD, SOTTO_ROOM_COVER: cover })).toThrow(
    expect.objectContaining({
      code: 'host-cover',
      message: expect.stringContaining('off, jitter, stealth') as string,
    }),
  );
});

test('says what the cover costs, and what it does not do, before anybody has come', () => {
  expect(describeCover('off')).toContain('someone watching your connection can see when you write');
  expect(describeCover('jitter')).toContain('does not hide it');
  expect(describeCover('stealth-32')).toBe(
    "cover: stealth-32; at most 32 members; each sends 1.6 MB an hour and receives 36.9, whether or not anyone writes; a line waits 2.6 s on average, and Tor's own time",
  );
});

test('serves a moderator where it is told to, and nowhere else', () => {
  expect(readHostConfig(GOOD).moderatorSocket).toBeUndefined();
  const path = '/run/moderator/moderator.sock';
  expect(readHostConfig({ ...GOOD, SOTTO_MODERATOR_SOCKET: path }).moderatorSocket).toBe(path);
  expect(() => readHostConfig({ ...GOOD, SOTTO_MODERATOR_SOCKET: '' })).toThrow(
    expect.objectContaining({ code: 'host-environment' }),
  );
});
