// The host's program: one room from `docker compose up` to the signal that ends it.

import { requireProtection } from '@sotto/confinement';
import { lockSecrets, moveToSecretMemory } from '@sotto/crypto/native-memory';
import { readHostConfig } from './config.ts';
import { HOST_CODES, HostError } from './errors.ts';
import { Host } from './host.ts';
import { serveInvite } from './invite-socket.ts';
import { serveModerator } from './moderator-socket.ts';
import { UNLOCKED } from './screen.ts';

const EXIT_FAILED = 1;
/** Sockets are for their owner and for the group that the volume hands on. */
const SOCKET_UMASK = 0o007;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

await requireProtection({ name: 'host', network: 'inner' });
try {
  const config = readHostConfig(process.env);
  // Before the first secret, so that all of them lie there.
  const memory = await lockSecrets();
  const host = new Host({ config, print, holdSecret: moveToSecretMemory });
  process.umask(SOCKET_UMASK);
  const servers = [await serveInvite(config.inviteSocket, () => host.invite)];
  if (config.moderatorSocket !== undefined) servers.push(await serveModerator(config.moderatorSocket, host));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => host.stop());
  if (memory.standing === 'unlocked') print(UNLOCKED);
  host.start();
  const code = await host.ended;
  for (const server of servers) server.close();
  print(code === undefined ? 'room: ended' : `room: ended (${code}): ${HOST_CODES[code]}`);
  process.exit(code === undefined ? 0 : EXIT_FAILED);
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exit(EXIT_FAILED);
}
