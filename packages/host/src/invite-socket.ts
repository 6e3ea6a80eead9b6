// Answers `docker compose exec host invite`, on a socket in the host's own tmpfs, which no other
// container sees.

import { JsonClient, JsonServer, JsonSocketError, parseJsonObject } from '@sotto/json-socket';
import type { JsonObject, Responder } from '@sotto/json-socket';
import { systemClock } from '@sotto/machine/system-clock';
import type { NetworkKind } from '@sotto/tor';
import { HostError } from './errors.ts';
import { INVITE_ANSWER_BYTES_MAX, INVITE_CONNECTIONS_MAX } from './limits.ts';
import { listenAt } from './socket-path.ts';

/** The connection string, and the kind of its network; unknown until Tor has answered. */
export interface ShownInvite {
  readonly invite: string;
  readonly network: NetworkKind | undefined;
}

/** The host sends its one line as soon as the connection is made, without a request. */
const UNASKED: Responder = { answer: () => '' };

/**
 * Sends each connection the value of `current` at that moment: undefined before the room is
 * reachable.
 *
 * @throws HostError `host-environment`
 */
export async function serveInvite(socketPath: string, current: () => ShownInvite | undefined): Promise<JsonServer> {
  const server = new JsonServer({
    maxLineBytes: 0,
    lineTooLong: { refusal: '', then: 'stop' },
    maxConnections: INVITE_CONNECTIONS_MAX,
    maxWaitingRequests: 0,
    maxUnreadBytes: INVITE_ANSWER_BYTES_MAX,
    open: (connection) => {
      connection.end(`${JSON.stringify(current() ?? { invite: null })}\n`);
      return UNASKED;
    },
  });
  await listenAt(server.server, socketPath, 'SOTTO_INVITE_SOCKET');
  return server;
}

/**
 * @returns the invite, or undefined while the room is not reachable
 * @throws HostError `host-silent` if no host answers there, or not with exactly one line
 */
export async function askInvite(socketPath: string): Promise<ShownInvite | undefined> {
  const socket = new JsonClient<ShownInvite | 'none'>({
    path: socketPath,
    clock: systemClock,
    maxLineBytes: INVITE_ANSWER_BYTES_MAX,
    maxWaitingRequests: 1,
    decode: (line) => decodeAnswer(parseJsonObject(line)),
  });
  try {
    const answer = await socket.ask('');
    const end = await socket.closed;
    if (end !== 'closed') throw new JsonSocketError(end);
    return answer === 'none' ? undefined : answer;
  } catch (cause) {
    if (!(cause instanceof JsonSocketError)) throw cause;
    throw new HostError('host-silent', { cause });
  }
}

/**
 * @returns the shown invite, `none` if there is none yet, or undefined for an answer that no host
 * gives
 */
function decodeAnswer(answer: JsonObject | undefined): ShownInvite | 'none' | undefined {
  if (answer === undefined) return undefined;
  const { invite, network } = answer;
  if (invite === null) return 'none';
  if (typeof invite !== 'string') return undefined;
  if (network !== undefined && network !== 'private-test' && network !== 'public') return undefined;
  return { invite, network };
}
