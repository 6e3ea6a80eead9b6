// Reads and checks the environment of the host, once.

import { message } from '@sotto/messages';
import { coverOfName, isPatience, patienceSecondsMax } from '@sotto/protocol';
import type { Cover, PlainMode } from '@sotto/protocol';
import { HostError } from './errors.ts';
import { readAccessMode } from './moderator-request.ts';

export interface HostConfig {
  readonly torControl: string;
  readonly torCookie: string;
  readonly adminSocket: string;
  readonly gateSocket: string;
  readonly relaySocket: string;
  readonly inviteSocket: string;
  /** The socket for the host's own client; undefined if there is none. */
  readonly moderatorSocket: string | undefined;
  /** The access that the room is founded with. */
  readonly access: PlainMode;
  /** The cover mode of the first room. */
  readonly cover: Cover;
  /** How long the relay keeps what members who are away have missed. */
  readonly patienceSeconds: number;
  readonly socks: { readonly host: string; readonly port: number };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** All variables of the host but SOTTO_UNPROTECTED. */
export const VARIABLES: readonly string[] = [
  'SOTTO_TOR_CONTROL',
  'SOTTO_TOR_COOKIE',
  'SOTTO_ADMIN_SOCKET',
  'SOTTO_GATE_SOCKET',
  'SOTTO_RELAY_SOCKET',
  'SOTTO_INVITE_SOCKET',
  'SOTTO_MODERATOR_SOCKET',
  'SOTTO_ROOM_ACCESS',
  'SOTTO_ROOM_COVER',
  'SOTTO_ROOM_PATIENCE',
  'SOTTO_SOCKS',
];

const PATH = /^\/[A-Za-z0-9._/-]{1,106}$/;
const SOCKS = /^([a-z0-9.-]{1,253}):([1-9][0-9]{0,4})$/;
const PATIENCE = /^([1-9][0-9]{0,4})([mh])$/;
const PORT_MAX = 65_535;

/** The path of the relay's socket in the container of tor. */
const RELAY_SOCKET_DEFAULT = '/run/relay/relay.sock';
/** In the host's own tmpfs: `docker compose exec host invite` asks here. */
const INVITE_SOCKET_DEFAULT = '/tmp/invite.sock';

/** The size of `stealth` without a number, for a small group. */
const STEALTH_DEFAULT: Cover = 'stealth-8';

/** @throws HostError `host-environment`, `host-access`, `host-cover`, `host-patience` */
export function readHostConfig(environment: Environment): HostConfig {
  const cover = readCover(environment['SOTTO_ROOM_COVER'] ?? 'off');
  return {
    torControl: readPath(environment, 'SOTTO_TOR_CONTROL'),
    torCookie: readPath(environment, 'SOTTO_TOR_COOKIE'),
    adminSocket: readPath(environment, 'SOTTO_ADMIN_SOCKET'),
    gateSocket: readPath(environment, 'SOTTO_GATE_SOCKET'),
    relaySocket: readPath(environment, 'SOTTO_RELAY_SOCKET', RELAY_SOCKET_DEFAULT),
    inviteSocket: readInviteSocket(environment),
    moderatorSocket: readModeratorSocket(environment),
    access: readAccess(environment['SOTTO_ROOM_ACCESS'] ?? 'open'),
    cover,
    patienceSeconds: readPatience(environment['SOTTO_ROOM_PATIENCE'] ?? '', cover),
    socks: readSocks(environment['SOTTO_SOCKS'] ?? ''),
  };
}

/** @throws HostError `host-environment` */
export function readInviteSocket(environment: Environment): string {
  return readPath(environment, 'SOTTO_INVITE_SOCKET', INVITE_SOCKET_DEFAULT);
}

function readPath(environment: Environment, name: string, otherwise = ''): string {
  const path = environment[name] ?? otherwise;
  if (path === '')
    throw new HostError('host-environment', { problem: message('host.variable-missing', { variable: name }) });
  if (!PATH.test(path)) {
    const problem = message('host.variable-no-path', { variable: name });
    throw new HostError('host-environment', { problem });
  }
  return path;
}

function readModeratorSocket(environment: Environment): string | undefined {
  return environment['SOTTO_MODERATOR_SOCKET'] === undefined
    ? undefined
    : readPath(environment, 'SOTTO_MODERATOR_SOCKET');
}

function readAccess(text: string): PlainMode {
  const mode = readAccessMode(text);
  if (mode === undefined) throw new HostError('host-access');
  return mode;
}

function readCover(text: string): Cover {
  const cover = text === 'stealth' ? STEALTH_DEFAULT : coverOfName(text);
  if (cover === undefined) throw new HostError('host-cover');
  return cover;
}

/** Empty, as docker-compose.yml leaves it, it is the longest that the room's mode can keep. */
function readPatience(text: string, cover: Cover): number {
  const most = patienceSecondsMax(cover);
  if (text === '') return most;
  const [, amount, unit] = PATIENCE.exec(text) ?? [];
  const seconds = Number(amount) * (unit === 'h' ? 3_600 : 60);
  if (!isPatience(seconds) || seconds > most) throw new HostError('host-patience');
  return seconds;
}

function readSocks(text: string): { host: string; port: number } {
  const [, host, port] = SOCKS.exec(text) ?? [];
  if (host === undefined || Number(port) > PORT_MAX) {
    const id = text === '' ? 'host.variable-missing' : 'host.variable-no-address';
    const problem = message(id, { variable: 'SOTTO_SOCKS' });
    throw new HostError('host-environment', { problem });
  }
  return { host, port: Number(port) };
}
