// A real Redis for tests, as the product runs it: no disk, and for the relay's user only the
// commands that the relay may use.

import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { GenericContainer, Wait } from 'testcontainers';
import type { StartedTestContainer } from 'testcontainers';
import { beforeAll } from 'vitest';

const PORT = 6379;
const TESTER = 'tester';
const PASSWORD = 'for-tests-only';
const COMMANDS = 'hset hmget exists del rename pexpire xadd xrange xtrim evalsha script|load ping';

/**
 * redis.conf: the default user is the relay's and may do what docker-compose.yml lets it do;
 * `tester` may do everything.
 */
const REDIS_CONFIGURATION: string = [
  'save ""',
  'appendonly no',
  'maxmemory 128mb',
  'maxmemory-policy noeviction',
  `user default on nopass ~room:* resetchannels -@all ${COMMANDS.split(' ')
    .map((command) => `+${command}`)
    .join(' ')}`,
  // A server that follows another one does so as the tester: the relay's user may not.
  `masteruser ${TESTER}`,
  `masterauth ${PASSWORD}`,
  `user ${TESTER} on >${PASSWORD} ~* &* +@all`,
].join('\n');

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** Where another of these servers reaches it. */
  readonly inside: { readonly host: string; readonly port: number };
  /** A connection that may do everything. The caller disconnects it. */
  connectTester(): Redis;
  /** Kills it at once and starts it again, empty, at the same address. */
  restartEmpty(): Promise<void>;
  stop(): Promise<void>;
}

/** A running server, and a connection to it that may do everything. */
export interface TestedRedis {
  readonly server: RedisServer;
  readonly tester: Redis;
}

/** Two servers, of which one may follow the other. */
export interface RedisPair {
  readonly first: TestedRedis;
  readonly second: TestedRedis;
}

/** One server for the tests of a file. Its fields may be read within tests and hooks only. */
export function useRedis(): TestedRedis {
  const started = useServers(1);
  return {
    get server() {
      return at(started, 0).server;
    },
    get tester() {
      return at(started, 0).tester;
    },
  };
}

/** Two servers for the tests of a file, as `useRedis`. */
export function useRedisPair(): RedisPair {
  const started = useServers(2);
  return {
    get first() {
      return at(started, 0);
    },
    get second() {
      return at(started, 1);
    },
  };
}

/**
 * Starts servers before the first test of a file and stops them after the last.
 * @returns where they will be.
 */
function useServers(count: 1 | 2): readonly TestedRedis[] {
  const started: TestedRedis[] = [];
  beforeAll(async () => {
    const servers = await startRedisServers(count);
    started.push(...servers.map((server) => ({ server, tester: server.connectTester() })));
    return async () => {
      for (const { tester } of started) tester.disconnect();
      await servers[0]?.stop();
    };
  });
  return started;
}

function at(started: readonly TestedRedis[], index: number): TestedRedis {
  const redis = started[index];
  if (redis === undefined) throw new Error('no server runs yet');
  return redis;
}

/**
 * Containers of SOTTO_REDIS_IMAGE in .env; or, where SOTTO_TEST_REDIS (host:port) is set, servers
 * with REDIS_CONFIGURATION that are started again whenever they end. Two can be had where one is to
 * follow the other: both in one container, or at SOTTO_TEST_REDIS and at the next port. Stopping
 * one stops both.
 */
async function startRedisServers(count: 1 | 2): Promise<readonly RedisServer[]> {
  const given = process.env['SOTTO_TEST_REDIS'];
  if (given === undefined) return startContainer(count);
  const [host, text] = given.split(':');
  const first = Number(text);
  if (host === undefined || host === '' || !(first > 0)) throw new Error('SOTTO_TEST_REDIS is not host:port');
  return Promise.all(
    numbers(first, count).map((port) =>
      describeServer(
        { host, port },
        { host, port },
        {
          kill: () => shutDown(host, port),
          stop: () => Promise.resolve(),
        },
      ),
    ),
  );
}

/** The shell starts a killed server again in the same container, so that the address stays. */
async function startContainer(count: 1 | 2): Promise<readonly RedisServer[]> {
  const ports = numbers(PORT, count);
  const keepRunning = ports.map(
    (port) =>
      `while :; do redis-server /tmp/redis.conf --port ${port} & echo $! > /tmp/redis-${port}.pid; wait $!; done &`,
  );
  const container: StartedTestContainer = await new GenericContainer(readImageName())
    .withEntrypoint(['/bin/sh', '-c', `${keepRunning.join(' ')} wait`])
    .withCopyContentToContainer([{ content: `${REDIS_CONFIGURATION}\nprotected-mode no\n`, target: '/tmp/redis.conf' }])
    .withExposedPorts(...ports)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  return Promise.all(
    ports.map((port) =>
      describeServer(
        { host: container.getHost(), port: container.getMappedPort(port) },
        { host: '127.0.0.1', port },
        {
          kill: async () => {
            await container.exec(['/bin/sh', '-c', `kill -KILL "$(cat /tmp/redis-${port}.pid)"`]);
          },
          stop: async () => {
            await container.stop();
          },
        },
      ),
    ),
  );
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

async function describeServer(
  { host, port }: { readonly host: string; readonly port: number },
  inside: RedisServer['inside'],
  process: { readonly kill: () => Promise<void>; readonly stop: () => Promise<void> },
): Promise<RedisServer> {
  await runId(host, port);
  return {
    host,
    port,
    inside,
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
