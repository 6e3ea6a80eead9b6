// A real Redis for tests, as the product runs it: no disk, and for the relay's user only the commands that the relay may use.

import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { GenericContainer, Wait } from 'testcontainers';
import type { StartedTestContainer } from 'testcontainers';

const PORT = 6379;
const TESTER = 'tester';
const PASSWORD = 'for-tests-only';
const COMMANDS = 'hset hmget exists del rename pexpire xadd xrange xtrim evalsha script|load ping';

/** redis.conf: the default user is the relay's and may do what docker-compose.yml lets it do; `tester` may do everything. */
const REDIS_CONFIGURATION: string = [
  'save ""',
  'appendonly no',
  'maxmemory 128mb',
  'maxmemory-policy noeviction',
  `user default on nopass ~room:* resetchannels -@all ${COMMANDS.split(' ')
    .map((command) => `+${command}`)
    .join(' ')}`,
  `user ${TESTER} on >${PASSWORD} ~* &* +@all`,
].join('\n');

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** A connection that may do everything. The caller disconnects it. */
  connectTester(): Redis;
  /** Kills it at once and starts it again, empty, at the same address. */
  restartEmpty(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A container of SOTTO_REDIS_IMAGE in .env; or, where SOTTO_TEST_REDIS (host:port) is set, a server with REDIS_CONFIGURATION that somebody starts
 * again whenever it ends.
 */
export async function startRedisServer(): Promise<RedisServer> {
  const given = process.env['SOTTO_TEST_REDIS'];
  if (given === undefined) return startContainer();
  const [host, port] = given.split(':');
  if (host === undefined || host === '' || !(Number(port) > 0)) throw new Error('SOTTO_TEST_REDIS is not host:port');
  return describeServer(host, Number(port), {
    kill: () => shutDown(host, Number(port)),
    stop: () => Promise.resolve(),
  });
}

/** The shell starts a killed server again in the same container, so that the address stays. */
async function startContainer(): Promise<RedisServer> {
  const keepRunning = 'while :; do redis-server /tmp/redis.conf & echo $! > /tmp/redis.pid; wait; done';
  const container: StartedTestContainer = await new GenericContainer(readImageName())
    .withEntrypoint(['/bin/sh', '-c', keepRunning])
    .withCopyContentToContainer([{ content: `${REDIS_CONFIGURATION}\nprotected-mode no\n`, target: '/tmp/redis.conf' }])
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  return describeServer(container.getHost(), container.getMappedPort(PORT), {
    kill: async () => {
      await container.exec(['/bin/sh', '-c', 'kill -KILL "$(cat /tmp/redis.pid)"']);
    },
    stop: async () => {
      await container.stop();
    },
  });
}

async function describeServer(
  host: string,
  port: number,
  process: { readonly kill: () => Promise<void>; readonly stop: () => Promise<void> },
): Promise<RedisServer> {
  await runId(host, port);
  return {
    host,
    port,
    connectTester: () => connectTester(host, port),
    restartEmpty: async () => {
      const before = await runId(host, port);
      await process.kill();
      while ((await runId(host, port)) === before);
    },
    stop: process.stop,
  };
}

/** @returns what tells one life of a server from the next, as soon as it answers. */
async function runId(host: string, port: number): Promise<string> {
  const redis = connectTester(host, port);
  try {
    return /^run_id:(.*)$/m.exec(await redis.info('server'))?.[1] ?? '';
  } finally {
    redis.disconnect();
  }
}

async function shutDown(host: string, port: number): Promise<void> {
  const redis = connectTester(host, port, false);
  try {
    await redis.call('SHUTDOWN', 'NOSAVE', 'NOW', 'FORCE');
  } catch {
    // The connection ends with the server.
  } finally {
    redis.disconnect();
  }
}

function connectTester(host: string, port: number, again = true): Redis {
  const redis = new Redis({
    host,
    port,
    username: TESTER,
    password: PASSWORD,
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    autoResendUnfulfilledCommands: again,
    retryStrategy: () => (again ? 50 : null),
  });
  // What cannot be done rejects by itself.
  redis.on('error', () => undefined);
  return redis;
}

function readImageName(): string {
  const text = readFileSync(new URL('../../../../.env', import.meta.url), 'utf8');
  const name = /^SOTTO_REDIS_IMAGE=(.+)$/m.exec(text)?.[1];
  if (name === undefined) throw new Error('.env names no SOTTO_REDIS_IMAGE');
  return name;
}
