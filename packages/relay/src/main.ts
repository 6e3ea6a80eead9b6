// The relay as a process: reads its environment, listens, and ends orderly on SIGTERM or SIGINT.

import { once } from 'node:events';
import { refuseVariable, requireKnownVariables, requireNoArguments, requireProtection } from '@sotto/confinement';
import { message } from '@sotto/messages';
import { describeRefusal, findBadPlace, parseConfig, VARIABLES } from './config.ts';
import { RelayError } from './errors.ts';
import { stderrLog } from './log.ts';
import { RedisRoomStore } from './store/redis-room-store.ts';
import { startRelay } from './relay.ts';

const PROGRAM = { name: 'relay', help: message('relay.help') };

async function main(): Promise<void> {
  requireNoArguments(PROGRAM);
  await requireProtection({ name: PROGRAM.name, network: 'inner' });
  // The sockets' directories are setgid: the group that tor or the host shares with us may connect,
  // nobody else.
  process.umask(0o007);
  requireKnownVariables(PROGRAM, VARIABLES);
  const config = parseConfig(process.env);
  if (!config.ok) refuseVariable(PROGRAM.name, describeRefusal(config.code), config.code);
  const badPlace = await findBadPlace(config.value);
  if (badPlace !== undefined) refuseVariable(PROGRAM.name, describeRefusal(badPlace), badPlace);
  const { relaySocket, adminSocket, redisHost, redisPort } = config.value;
  const store = new RedisRoomStore({ host: redisHost, port: redisPort });
  // Before the relay listens: a signal at its first moment ends it orderly.
  const stopSignal = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const relay = await startRelay({
    listen: { path: relaySocket },
    admin: { path: adminSocket },
    store,
    log: stderrLog,
  });
  stopSignal
    .then(() => relay.close())
    .then(
      () => process.exit(0),
      () => process.exit(1),
    );
}

try {
  await main();
} catch (error) {
  stderrLog('start-failed', error instanceof RelayError ? error.code : undefined);
  process.exit(1);
}
