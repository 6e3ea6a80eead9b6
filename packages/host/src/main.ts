// The host's program: one room from `docker compose up` to the signal that ends it.

import { readHostConfig } from './config.ts';
import { HOST_CODES, HostError } from './errors.ts';
import { Host } from './host.ts';
import { serveInvite } from './invite-socket.ts';

const EXIT_FAILED = 1;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

try {
  const config = readHostConfig(process.env);
  const host = new Host({ config, print });
  const server = await serveInvite(config.inviteSocket, () => host.invite);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => host.stop());
  host.start();
  const code = await host.ended;
  server.close();
  print(code === undefined ? 'room: ended' : `room: ended (${code}): ${HOST_CODES[code]}`);
  process.exit(code === undefined ? 0 : EXIT_FAILED);
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exit(EXIT_FAILED);
}
