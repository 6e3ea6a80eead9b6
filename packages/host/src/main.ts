// The host's program: one room from `docker compose up` to the signal that ends it.

import { once } from 'node:events';
import { EXIT_USAGE, requireKnownVariables, requireNoArguments, requireProtection } from '@sotto/confinement';
import { lockSecrets, moveToSecretMemory } from '@sotto/crypto/locked-memory';
import { message } from '@sotto/messages';
import { readHostConfig, VARIABLES } from './config.ts';
import { HostError } from './errors.ts';
import { Host } from './host.ts';
import { serveInvite } from './invite-socket.ts';
import { serveModerator } from './moderator-socket.ts';
import { describeEnd } from './screen.ts';

const EXIT_FAILED = 1;
/** Sockets are for their owner and for the group of the volume. */
const SOCKET_UMASK = 0o007;

const PROGRAM = { name: 'host', help: message('host.help') };

const print = (text: string): void => void process.stdout.write(`${text}\n`);

requireNoArguments(PROGRAM);
await requireProtection({ name: PROGRAM.name, network: 'inner' });
requireKnownVariables(PROGRAM, VARIABLES);
try {
  const config = readHostConfig(process.env);
  // Before the first secret, so that all secrets lie in locked memory.
  const memory = await lockSecrets();
  const host = new Host({ config, print, holdSecret: moveToSecretMemory });
  process.umask(SOCKET_UMASK);
  // Before the first socket answers: a signal at that moment ends the host orderly.
  const stopSignal = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const servers = [await serveInvite(config.inviteSocket, () => host.shown)];
  if (config.moderatorSocket !== undefined) servers.push(await serveModerator(config.moderatorSocket, host));
  if (memory.status === 'unlocked') print(message('host.keys-unlocked'));
  host.start();
  void stopSignal.then(() => host.stop());
  const code = await host.ended;
  for (const server of servers) void server.close();
  print(describeEnd(code));
  process.exit(code === undefined ? 0 : EXIT_FAILED);
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  process.stderr.write(`${PROGRAM.name}: ${error.message} (${error.code})\n`);
  process.exit(error.isUsage ? EXIT_USAGE : EXIT_FAILED);
}
