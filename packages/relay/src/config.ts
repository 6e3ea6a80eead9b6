// The environment, read once: four variables become one frozen object or the code of the one that
// is wrong.

import { access, constants, lstat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, isAbsolute } from 'node:path';
import { message } from '@sotto/messages';
import { accept, refuse } from '@sotto/protocol';
import type { Decoded } from '@sotto/protocol';
import type { RelayErrorCode } from './errors.ts';
import { SOCKET_PATH_BYTES_MAX } from './limits.ts';

const REDIS_PORT_DEFAULT = '6379';
const HOST_NAME = /^[A-Za-z0-9._-]{1,253}$/;

/** All that the relay reads beside SOTTO_UNPROTECTED. */
export const VARIABLES: readonly string[] = [
  'SOTTO_RELAY_SOCKET',
  'SOTTO_ADMIN_SOCKET',
  'SOTTO_REDIS_HOST',
  'SOTTO_REDIS_PORT',
];

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
  if (!HOST_NAME.test(redisHost) && isIP(redisHost) === 0) return refuse('config-redis-host');
  const redisPort = parsePort(environment['SOTTO_REDIS_PORT'] ?? REDIS_PORT_DEFAULT);
  if (redisPort === undefined) return refuse('config-redis-port');
  return accept(Object.freeze({ relaySocket, adminSocket, redisHost, redisPort }));
}

/** The message for the operator: which variable is wrong, and what to do. */
export function describeRefusal(code: RelayErrorCode): string {
  return message('relay.variable-refused', { problem: message(`error.relay.${code}`) });
}

/**
 * @returns the code of the variable whose socket cannot be made: its folder is not there or not
 *   ours, or something else has its path.
 */
export async function findBadPlace({ relaySocket, adminSocket }: Config): Promise<RelayErrorCode | undefined> {
  if (!(await canListen(relaySocket))) return 'config-relay-place';
  return (await canListen(adminSocket)) ? undefined : 'config-admin-place';
}

async function canListen(path: string): Promise<boolean> {
  const isOurs = await access(dirname(path), constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  const there = isOurs ? await lstat(path).catch(() => undefined) : undefined;
  return isOurs && there?.isSocket() !== false;
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
