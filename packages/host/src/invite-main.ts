// `docker compose exec host invite`: shows the connection string again; alone on its line when the output is not a terminal.

import { readInviteSocket } from './config.ts';
import { HostError } from './errors.ts';
import { renderInvite } from './invite-card.ts';
import { askInvite } from './invite-socket.ts';

const REMINDER = 'Who has this string is in the room. Hand it over where nobody else reads it.';

try {
  const invite = await askInvite(readInviteSocket(process.env));
  if (invite === undefined) {
    process.stderr.write('The room is not reachable yet: the host shows how far it is.\n');
    process.exitCode = 1;
  } else {
    process.stdout.write(process.stdout.isTTY ? renderInvite(invite, REMINDER) : `${invite}\n`);
  }
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  process.stderr.write('The host does not answer: is it running? Look at docker compose ps.\n');
  process.exitCode = 1;
}
