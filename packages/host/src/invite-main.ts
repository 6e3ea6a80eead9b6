// `docker compose exec host invite`: shows the connection string again; alone on its line when the
// output is not a terminal.

import { EXIT_USAGE, requireNoArguments } from '@sotto/confinement';
import { readInviteSocket } from './config.ts';
import { HostError } from './errors.ts';
import { renderInvite } from './invite-card.ts';
import { askInvite } from './invite-socket.ts';
import { remind } from './screen.ts';

const EXIT_FAILED = 1;
const HELP = `Usage: docker compose exec host invite [--help] [--version]

Shows the connection string of the room again, once the room can be reached.
Into a pipe or a file (exec -T) it writes the string alone on one line.

Exit codes: 0 shown, 1 the room cannot be reached yet or the host does not
answer, 2 a wrong argument or variable.
`;
const PROGRAM = { name: 'invite', help: HELP };

requireNoArguments(PROGRAM);
try {
  const shown = await askInvite(readInviteSocket(process.env));
  if (shown === undefined) {
    process.stderr.write('The room is not reachable yet: the host shows how far it is.\n');
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
