// `docker compose exec host invite`: shows the connection string again; alone on its line when the
// output is not a terminal.

import { EXIT_USAGE, requireNoArguments } from '@sotto/confinement';
import { message } from '@sotto/messages';
import { readInviteSocket } from './config.ts';
import { HostError } from './errors.ts';
import { renderInvite } from './invite-card.ts';
import { askInvite } from './invite-socket.ts';
import { remind } from './screen.ts';

const EXIT_FAILED = 1;
const PROGRAM = { name: 'invite', help: message('invite.help') };

requireNoArguments(PROGRAM);
try {
  const shown = await askInvite(readInviteSocket(process.env));
  if (shown === undefined) {
    process.stderr.write(`${message('host.invite-not-yet')}\n`);
    process.exitCode = EXIT_FAILED;
  } else {
    process.stdout.write(
      process.stdout.isTTY ? renderInvite(shown.invite, remind(shown.network)) : `${shown.invite}\n`,
    );
  }
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  process.stderr.write(`${PROGRAM.name}: ${error.message} (${error.code})\n`);
  process.exitCode = error.isUsage ? EXIT_USAGE : EXIT_FAILED;
}
