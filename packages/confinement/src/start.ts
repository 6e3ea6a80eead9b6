// The first thing that a program does: it begins only behind the walls that the compose file asks for, or where somebody has said aloud that it may do without.

import process from 'node:process';
import { CONFINEMENT_CODES, EXIT_UNPROTECTED, isProtection } from './errors.ts';
import type { ConfinementCode } from './errors.ts';
import { readEvidence } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import { judge } from './judge.ts';
import type { NetworkPromise } from './routes.ts';
import type { Standing } from './standing.ts';

export interface ConfinedProgram {
  /** As it calls itself in front of what it prints. */
  readonly name: string;
  readonly network: NetworkPromise;
}

/** `said` is for stderr: whole lines, or nothing. */
export type Start =
  | { readonly ok: true; readonly said: string }
  | { readonly ok: false; readonly code: ConfinementCode; readonly said: string };

/** Ends the process with EXIT_UNPROTECTED unless it is protected. Called before a secret is made, a socket opened, or an argument read. */
export function requireProtection(program: ConfinedProgram): void {
  const start = decideStart(program, process.env['SOTTO_UNPROTECTED'], readEvidence);
  process.stderr.write(start.said);
  if (!start.ok) process.exit(EXIT_UNPROTECTED);
}

/** @param unprotected words out of PROTECTIONS with commas between them: what is not looked for. There is no word for all of them. */
export function decideStart(program: ConfinedProgram, unprotected: string | undefined, read: () => Evidence): Start {
  const waived = new Set((unprotected ?? '').split(',').filter((word) => word !== ''));
  if (![...waived].every(isProtection)) return refuse(program, 'unprotected-word', '');
  const lacking = Object.entries(judge(read(), program.network)).filter(
    ([word, standing]) => standing !== 'in-place' && !waived.has(word),
  );
  if (lacking.length > 0) return refuse(program, 'unprotected', `: ${lacking.map(describe).join(', ')}`);
  // Said each time, whether they are missing or not.
  const said =
    waived.size === 0 ? '' : `${program.name}: SOTTO_UNPROTECTED: goes on without ${[...waived].join(', ')}\n`;
  return { ok: true, said };
}

function describe([word, standing]: readonly [string, Standing]): string {
  return `${word} ${standing === 'missing' ? 'is missing' : 'cannot be seen'}`;
}

function refuse({ name }: ConfinedProgram, code: ConfinementCode, what: string): Start {
  return { ok: false, code, said: `${name}: ${code}${what}\n${name}: ${CONFINEMENT_CODES[code]}\n` };
}
