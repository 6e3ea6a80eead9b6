// The host's program: one room from `docker compose up` to the signal that ends it.

import { EXIT_USAGE, requireKnownVariables, requireNoArguments, requireProtection } from '@sotto/confinement';
import { lockSecrets, moveToSecretMemory } from '@sotto/crypto/locked-memory';
import { readHostConfig, VARIABLES } from './config.ts';
import { HOST_CODES, HostError } from './errors.ts';
import { Host } from './host.ts';
import { serveInvite } from './invite-socket.ts';
import { serveModerator } from './moderator-socket.ts';
import { UNLOCKED } from './screen.ts';

const EXIT_FAILED = 1;
/** Sockets are for their owner and for the group that the volume hands on. */
const SOCKET_UMASK = 0o007;

const HELP = `Usage: host [--help] [--version]

Opens a room behind a Tor onion service and shows its connection string.
docker compose starts it. It takes no arguments and reads its environment:

  SOTTO_ROOM_ACCESS       open, knock or locked; open if absent
  SOTTO_ROOM_COVER        off, jitter, stealth, stealth-4, -8, -16 or -32;
                          off if absent
  SOTTO_TOR_CONTROL, SOTTO_TOR_COOKIE
                          Tor's control socket, and the file with its cookie
  SOTTO_ADMIN_SOCKET      where the relay takes orders
  SOTTO_RELAY_SOCKET      where Tor finds the relay
  SOTTO_GATE_SOCKET, SOTTO_SOCKS
                          the way through the guests' Tor, to check the room
  SOTTO_INVITE_SOCKET     where invite and the health check ask
  SOTTO_MODERATOR_SOCKET  where the host's own client asks
  SOTTO_UNPROTECTED       protections that may be missing: see CONTRIBUTING.md

Set the first two for docker compose: SOTTO_ROOM_ACCESS=knock docker compose up
Exit codes: 0 stopped, 1 it could not open the room or lost it, 2 a wrong
argument or variable, 78 the engine does not protect it as docker-compose.yml
asks (unprotected).
`;
const PROGRAM = { name: 'host', help: HELP };

const print = (text: string): void => void process.stdout.write(`${text}\n`);

requireNoArguments(PROGRAM);
await requireProtection({ name: PROGRAM.name, network: 'inner' });
requireKnownVariables(PROGRAM, VARIABLES);
try {
  const config = readHostConfig(process.env);
  // Before the first secret, so that all of them lie there.
  const memory = await lockSecrets();
  const host = new Host({ config, print, holdSecret: moveToSecretMemory });
  process.umask(SOCKET_UMASK);
  const servers = [await serveInvite(config.inviteSocket, () => host.shown)];
  if (config.moderatorSocket !== undefined) servers.push(await serveModerator(config.moderatorSocket, host));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => host.stop());
  if (memory.standing === 'unlocked') print(UNLOCKED);
  host.start();
  const code = await host.ended;
  for (const server of servers) void server.close();
  print(code === undefined ? 'room: ended' : `room: ended (${code}): ${HOST_CODES[code]}`);
  process.exit(code === undefined ? 0 : EXIT_FAILED);
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  process.stderr.write(`${PROGRAM.name}: ${error.message} (${error.code})\n`);
  process.exit(error.isUsage ? EXIT_USAGE : EXIT_FAILED);
}
