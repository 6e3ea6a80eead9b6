// The relay as a process: reads its environment, listens, and ends orderly on SIGTERM or SIGINT.

import { requireProtection } from '@sotto/confinement';
import { parseConfig } from './config.ts';
import { RelayError } from './errors.ts';
import { stderrLog } from './log.ts';
import { RedisRoomStore } from './redis-room-store.ts';
import { startRelay } from './relay.ts';

async function main(): Promise<void> {
  await requireProtection({ name: 'relay', network: 'inner' });
  // The sockets' directories are setgid: the group that tor or the host shares with us may connect, nobody else.
  process.umask(0o007);
  const config = parseConfig(process.env);
  if (!config.ok) {
    stderrLog('config-refused', config.code);
    process.exitCode = 2;
    return;
  }
  const { relaySocket, adminSocket, redisHost, redisPort } = config.value;
  const store = new RedisRoomStore({ host: redisHost, port: redisPort });
  const relay = await startRelay({
    listen: { path: relaySocket },
    admin: { path: adminSocket },
    store,
    log: stderrLog,
  });
  const stop = (): void => {
    relay.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  await main();
} catch (error) {
  stderrLog('start-failed', error instanceof RelayError ? error.code : undefined);
  process.exit(1);
}
