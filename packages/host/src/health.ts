// The health check of the host's container: exit 0 if it answers on its own socket, 1 if not, and not a word in either case.

import { readInviteSocket } from './config.ts';
import { HostError } from './errors.ts';
import { askInvite } from './invite-socket.ts';

try {
  await askInvite(readInviteSocket(process.env));
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  process.exitCode = 1;
}
