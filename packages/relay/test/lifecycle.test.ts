import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROTECTIONS } from '@sotto/confinement';
import { COMPILED_MODULES } from '@sotto/fixtures';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { startRelay } from '../src/relay.ts';
import { TestHost } from '@sotto/fixtures/relay-host';
import { fingerprint, makeBody, makeRoom, TestMember } from '@sotto/fixtures/relay-member';
import { WatchedStore } from './watched-store.ts';
import { BOUNDLESS } from './boundless.ts';
import { openRelay, passTimeDuring } from './relay-fixture.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
/** No machine that tests run on is as the compose file says; the process says so first. */
const [UNPROTECTED, SAID_FIRST] = [
  Object.keys(PROTECTIONS).join(),
  `relay: SOTTO_UNPROTECTED: goes on without ${Object.keys(PROTECTIONS).join(', ')}\n`,
];

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-relay-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

describe('closing the relay', () => {
  test('echoes accepted frames, then notifies all members, and leaves the rooms in the store', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, other] = [await fixture.join(room), await fixture.join(room)];
    fixture.store.hold();
    const called = fixture.store.nextAppend();
    const body = makeBody();
    member.publish(body);
    await called;
    const stranger = fixture.member();
    await stranger.challenge();
    const closed = fixture.relay.close();
    fixture.store.letGo();
    for (const each of [member, other]) {
      expect(await each.entries(1)).toEqual([`1 ${fingerprint(body)}`]);
      expect(await each.closing()).toBe('relay-stopping');
    }
    expect(await stranger.closing()).toBe('relay-stopping');
    await closed;
    expect((await fixture.store.load(room.roomId))?.next).toBe(2);
    expect(fixture.events).not.toContain('connection-failed');
  });

  test('does not wait for a store that never answers', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    fixture.store.hold();
    const called = fixture.store.nextAppend();
    member.publish(makeBody());
    await called;
    const closed = fixture.relay.close();
    fixture.clock.tick(2_000);
    expect(await member.closing()).toBe('relay-stopping');
    await closed;
  });

  test('does not wait for a member that does not read', async () => {
    const fixture = await openRelay({ allowances: BOUNDLESS });
    const member = await fixture.join(await fixture.room());
    member.socket.pause();
    member.publish(...Array.from({ length: 200 }, () => makeBody(3)));
    while (fixture.store.appends < 2) await new Promise((resolve) => setImmediate(resolve));
    const closed = fixture.relay.close();
    await passTimeDuring(fixture.clock, closed);
  });
});

describe('a socket to listen on', () => {
  test('may be the file that a killed relay left behind', async () => {
    const directory = await makeDirectory();
    const path = join(directory, 'relay.sock');
    const code = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', code]), 'exit');
    expect((await stat(path)).isSocket()).toBe(true);
    const admin = { path: join(directory, 'admin.sock') };
    const relay = await startRelay({ listen: { path }, admin, store: new WatchedStore() });
    const member = new TestMember(relay.address);
    await member.challenge();
    await member.leave();
    await relay.close();
  });

  test('is not taken from a program that answers on it, nor from a file', async () => {
    const directory = await makeDirectory();
    const path = join(directory, 'relay.sock');
    const admin = { path: join(directory, 'admin.sock') };
    const owner = createServer().listen(path);
    await once(owner, 'listening');
    const start = (): Promise<unknown> => startRelay({ listen: { path }, admin, store: new WatchedStore() });
    await expect(start()).rejects.toMatchObject({ code: 'socket-in-use' });
    const still = connect(path);
    await once(still, 'connect');
    still.destroy();
    await new Promise((resolve) => owner.close(resolve));
    await writeFile(path, 'precious');
    await expect(start()).rejects.toMatchObject({ code: 'socket-path-taken' });
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  test('may be loopback TCP', async () => {
    const fixture = await openRelay({ listen: { host: '127.0.0.1', port: 0 } });
    const member = await fixture.join(await fixture.room());
    member.publish(makeBody());
    await member.entries(1);
  });

  test('leaves nothing listening if one of the two is not available', async () => {
    const directory = await makeDirectory();
    const path = join(directory, 'admin.sock');
    await writeFile(path, '');
    const listen = { path: join(directory, 'relay.sock') };
    const start = startRelay({ listen, admin: { path }, store: new WatchedStore() });
    await expect(start).rejects.toMatchObject({ code: 'socket-path-taken' });
    const [failure] = (await once(connect(listen.path), 'error')) as [NodeJS.ErrnoException];
    expect(failure.code).toBe('ENOENT');
  });
});

describe('the environment', () => {
  const good = {
    SOTTO_RELAY_SOCKET: '/run/relay/relay.sock',
    SOTTO_ADMIN_SOCKET: '/run/admin/admin.sock',
    SOTTO_REDIS_HOST: 'redis',
    SOTTO_REDIS_PORT: '6380',
  };

  test('becomes one frozen object, with the default port of Redis', () => {
    const config = parseConfig(good);
    expect(config).toEqual({
      ok: true,
      value: {
        relaySocket: '/run/relay/relay.sock',
        adminSocket: '/run/admin/admin.sock',
        redisHost: 'redis',
        redisPort: 6380,
      },
    });
    expect(config.ok && Object.isFrozen(config.value)).toBe(true);
    expect(parseConfig({ ...good, SOTTO_REDIS_PORT: undefined })).toMatchObject({ value: { redisPort: 6379 } });
  });

  test.each([
    [{ SOTTO_RELAY_SOCKET: undefined }, 'config-relay-socket'],
    [{ SOTTO_RELAY_SOCKET: 'relay.sock' }, 'config-relay-socket'],
    [{ SOTTO_RELAY_SOCKET: `/${'x'.repeat(107)}` }, 'config-relay-socket'],
    [{ SOTTO_ADMIN_SOCKET: '' }, 'config-admin-socket'],
    [{ SOTTO_REDIS_HOST: '' }, 'config-redis-host'],
    [{ SOTTO_REDIS_HOST: undefined }, 'config-redis-host'],
    [{ SOTTO_REDIS_HOST: 'redis:6379' }, 'config-redis-host'],
    [{ SOTTO_REDIS_HOST: 'redis://redis' }, 'config-redis-host'],
    [{ SOTTO_REDIS_HOST: 'my redis' }, 'config-redis-host'],
    [{ SOTTO_REDIS_PORT: '0' }, 'config-redis-port'],
    [{ SOTTO_REDIS_PORT: '65536' }, 'config-redis-port'],
    [{ SOTTO_REDIS_PORT: '6379 ' }, 'config-redis-port'],
    [{ SOTTO_REDIS_PORT: '0x10' }, 'config-redis-port'],
  ])('with %j is refused with %s', (change, code) => {
    expect(parseConfig({ ...good, ...change })).toEqual({ ok: false, code });
  });
});

describe('the relay’s process', () => {
  function start(
    environment: Record<string, string>,
    args: readonly string[] = [],
    flags: readonly string[] = [],
  ): ChildProcess {
    const child = spawn(process.execPath, [...flags, MAIN, ...args], {
      env: { ...COMPILED_MODULES, SOTTO_UNPROTECTED: UNPROTECTED, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    return child;
  }

  test('exits with 78 on an unprotected machine, before it reads anything else', async () => {
    const child = start({ SOTTO_UNPROTECTED: '', SOTTO_RELAY_SOCKET: 'nowhere' });
    let printed = '';
    child.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect([code, printed.split(':')[1]]).toEqual([78, ' unprotected']);
  });

  async function end(child: ChildProcess): Promise<{ code: number; out: string; err: string }> {
    let [out, err] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, out, err };
  }

  const whole = {
    SOTTO_RELAY_SOCKET: '/nowhere/relay.sock',
    SOTTO_ADMIN_SOCKET: '/nowhere/admin.sock',
    SOTTO_REDIS_HOST: 'redis',
  };

  test.each([
    [{ SOTTO_RELAY_SOCKET: 'nowhere' }, 'SOTTO_RELAY_SOCKET is not', 'config-relay-socket'],
    [{ SOTTO_ADMIN_SOCKET: '' }, 'SOTTO_ADMIN_SOCKET is not', 'config-admin-socket'],
    [{ SOTTO_REDIS_HOST: 'redis:6379' }, 'SOTTO_REDIS_HOST is missing, or', 'config-redis-host'],
    [{ SOTTO_REDIS_PORT: '6379x' }, 'SOTTO_REDIS_PORT is not', 'config-redis-port'],
    [{}, 'SOTTO_RELAY_SOCKET: no socket can be made there', 'config-relay-place'],
    [{ SOTTO_RELAY_SOCKET: '/tmp' }, 'SOTTO_RELAY_SOCKET: no socket can be made there', 'config-relay-place'],
    [{ SOTTO_RELAY_SOCKET: '/tmp/sotto-none' }, 'SOTTO_ADMIN_SOCKET: no socket can be made', 'config-admin-place'],
  ])('with %j names the wrong variable in one line, and exits with 2', async (change, problem, code) => {
    const { err, ...rest } = await end(start({ ...whole, ...change }));
    expect(rest).toEqual({ code: 2, out: '' });
    expect(err.startsWith(`${SAID_FIRST}relay: ${problem}`)).toBe(true);
    expect(err.slice(SAID_FIRST.length)).toMatch(/^relay: [^\n]+: start the relay with docker compose \([a-z-]+\)\n$/);
    expect(err).toContain(`(${code})`);
    expect(err).not.toContain('nowhere');
  });

  test('names a variable that is nearly one of its own', async () => {
    expect(await end(start({ ...whole, SOTTO_REDIS_PROT: '6380' }))).toEqual({
      code: 2,
      out: '',
      err: `${SAID_FIRST}relay: SOTTO_REDIS_PROT is not a variable of this program: did you mean SOTTO_REDIS_PORT?\n`,
    });
  });

  test.each([
    [['--help'], 0, /^Usage: relay .*SOTTO_REDIS_PORT/s, ''],
    [['extra', '--frob', '-h'], 0, /^Usage: relay /, ''],
    [['-V'], 0, /^[0-9.]+\n$/, ''],
    [['--frob=x'], 2, /^$/, 'relay: unknown option --frob. See: relay --help\n'],
    [['extra'], 2, /^$/, 'relay: an argument too many: it takes none. See: relay --help\n'],
  ])('answers %j before it checks its isolation, and starts nothing', async (args, code, out, err) => {
    const ended = await end(start({ SOTTO_UNPROTECTED: '' }, args));
    expect(ended).toEqual({ code, out: expect.stringMatching(out) as string, err });
    for (const line of ended.out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('ends with 0 if SIGTERM arrives with its first moment of listening', async () => {
    const directory = await makeDirectory();
    const environment = {
      SOTTO_RELAY_SOCKET: join(directory, 'relay.sock'),
      SOTTO_ADMIN_SOCKET: join(directory, 'admin.sock'),
      SOTTO_REDIS_HOST: '127.0.0.1',
      SOTTO_REDIS_PORT: '1',
    };
    const flags = ['--import', import.meta.resolve('@sotto/fixtures/terminate-at-listening')];
    expect(await end(start(environment, [], flags))).toEqual({
      code: 0,
      out: '',
      err: `${SAID_FIRST}relay: listening\nrelay: stopping\nrelay: stopped\n`,
    });
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'listens without a Redis, lets only its group connect, notifies its guests at %s and exits with 0',
    async (signal) => {
      const directory = await makeDirectory();
      const [relaySocket, adminSocket] = [join(directory, 'relay.sock'), join(directory, 'admin.sock')];
      // Nothing listens on port 1.
      const child = start({
        SOTTO_RELAY_SOCKET: relaySocket,
        SOTTO_ADMIN_SOCKET: adminSocket,
        SOTTO_REDIS_HOST: '127.0.0.1',
        SOTTO_REDIS_PORT: '1',
      });
      let printed = '';
      const listening = new Promise<void>((resolve) => {
        child.stderr?.on('data', (chunk: Buffer) => {
          printed += chunk.toString();
          if (printed.includes('listening')) resolve();
        });
      });
      await listening;
      expect((await stat(relaySocket)).mode & 0o777).toBe(0o770);
      expect((await stat(adminSocket)).mode & 0o777).toBe(0o770);
      const host = new TestHost({ path: adminSocket });
      expect(await host.create(makeRoom())).toEqual({ ok: false, code: 'store-unavailable' });
      const guest = new TestMember({ path: relaySocket });
      await guest.challenge();
      const status = await readFile(`/proc/${child.pid ?? 0}/status`, 'utf8').catch(() => '');
      process.stdout.write(
        `relay, idle: ${/^VmRSS:\s*(.*)$/m.exec(status)?.[1] ?? 'unknown'} of RSS, with types stripped at start\n`,
      );
      const exit = once(child, 'close');
      child.kill(signal);
      expect(await guest.closing()).toBe('relay-stopping');
      expect(await exit).toEqual([0, null]);
      expect(printed).toBe(`${SAID_FIRST}relay: listening\nrelay: stopping\nrelay: stopped\n`);
    },
  );
});
