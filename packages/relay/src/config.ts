// The environment, read once: four variables become one frozen object or the code of the one that is wrong.

import { isAbsolute } from 'node:path';
import { accept, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { RelayErrorCode } from './errors.ts';
import { SOCKET_PATH_BYTES_MAX } from './limits.ts';

const REDIS_PORT_DEFAULT = '6379';

export interface Config {
  readonly relaySocket: string;
  readonly adminSocket: string;
  readonly redisHost: string;
  readonly redisPort: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** SOTTO_RELAY_SOCKET, SOTTO_ADMIN_SOCKET, SOTTO_REDIS_HOST, and SOTTO_REDIS_PORT (6379). */
export function parseConfig(environment: Environment): Decoded<Config, RelayErrorCode> {
  const relaySocket = parseSocketPath(environment['SOTTO_RELAY_SOCKET']);
  if (relaySocket === undefined) return refuse('config-relay-socket');
  const adminSocket = parseSocketPath(environment['SOTTO_ADMIN_SOCKET']);
  if (adminSocket === undefined) return refuse('config-admin-socket');
  const redisHost = environment['SOTTO_REDIS_HOST'] ?? '';
  if (redisHost === '') return refuse('config-redis-host');
  const redisPort = parsePort(environment['SOTTO_REDIS_PORT'] ?? REDIS_PORT_DEFAULT);
  if (redisPort === undefined) return refuse('config-redis-port');
  return accept(Object.freeze({ relaySocket, adminSocket, redisHost, redisPort }));
}

function parseSocketPath(value: string | undefined): string | undefined {
  if (value === undefined || !isAbsolute(value)) return undefined;
  return Buffer.byteLength(value) <= SOCKET_PATH_BYTES_MAX ? value : undefined;
}

function parsePort(value: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(value)) return undefined;
  const port = Number(value);
  return port <= 65_535 ? port : undefined;
}
