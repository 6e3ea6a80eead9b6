// The English catalogue: the one that ships.

import { CLIENT } from './english/client.ts';
import { CONFINEMENT } from './english/confinement.ts';
import { HOST } from './english/host.ts';
import { RELAY } from './english/relay.ts';
import { TERMINAL_ERRORS } from './english/terminal-errors.ts';
import { TERMINAL_PROGRAM } from './english/terminal-program.ts';
import { TERMINAL_SCREEN } from './english/terminal-screen.ts';
import { TERMINAL_STATUS } from './english/terminal-status.ts';
import { TOR } from './english/tor.ts';

export const ENGLISH = {
  ...CLIENT,
  ...CONFINEMENT,
  ...HOST,
  ...RELAY,
  ...TERMINAL_ERRORS,
  ...TERMINAL_PROGRAM,
  ...TERMINAL_SCREEN,
  ...TERMINAL_STATUS,
  ...TOR,
} as const;
