// The English catalogue: the one that ships.

import { CLIENT } from './english/client.ts';
import { CONFINEMENT } from './english/confinement.ts';
import { HOST } from './english/host.ts';
import { RELAY } from './english/relay.ts';
import { TERMINAL_ERRORS } from './english/terminal-errors.ts';
import { TOR } from './english/tor.ts';

export const ENGLISH = { ...CLIENT, ...CONFINEMENT, ...HOST, ...RELAY, ...TERMINAL_ERRORS, ...TOR } as const;
