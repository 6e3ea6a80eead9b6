// The first thing that a program does behind its command line: it begins only behind the walls that the compose file asks for, or where somebody has said aloud that it may do without.

import process from 'node:process';
import { message } from '@sotto/messages';
import { refuseVariable } from './command-line.ts';
import { EXIT_UNPROTECTED, isProtection } from './errors.ts';
import type { ProtectionStatus } from './errors.ts';
import { askGateways, readEvidence } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import { validateIsolation } from './check-isolation.ts';
import type { NetworkRequirement } from './routes.ts';

export interface ConfinedProgram {
  /** As it calls itself in front of what it prints. */
  readonly name: string;
  readonly network: NetworkRequirement;
}

/** `said` is for stderr: whole lines, or nothing. `ask`: all is well if the gateways are not there. */
export type Start =
  | { readonly next: 'begin'; readonly said: string }
  | { readonly next: 'end'; readonly code: 'unprotected'; readonly said: string }
  | { readonly next: 'end'; readonly code: 'unprotected-word' }
  | { readonly next: 'ask' };

/**
 * Ends the process with EXIT_UNPROTECTED unless it is protected, or with EXIT_USAGE if SOTTO_UNPROTECTED has no meaning.
 * Called before a secret is made, another socket opened, or anything done that an argument asks for.
 */
export async function requireProtection(program: ConfinedProgram): Promise<void> {
  const unprotected = process.env['SOTTO_UNPROTECTED'];
  const evidence = readEvidence();
  let start = decideStart(program, unprotected, evidence);
  if (start.next === 'ask') start = decideStart(program, unprotected, await askGateways(evidence));
  if (start.next === 'end' && start.code === 'unprotected-word') {
    refuseVariable(program.name, message('error.confinement.unprotected-word'), start.code);
  }
  if (start.next !== 'ask') process.stderr.write(start.said);
  if (start.next !== 'begin') process.exit(EXIT_UNPROTECTED);
}

/** @param unprotected words out of PROTECTIONS with commas between them: what is not looked for. There is no word for all of them. */
export function decideStart(program: ConfinedProgram, unprotected: string | undefined, evidence: Evidence): Start {
  const waived = new Set((unprotected ?? '').split(',').filter((word) => word !== ''));
  if (![...waived].every(isProtection)) return { next: 'end', code: 'unprotected-word' };
  const open = Object.entries(validateIsolation(evidence, program.network)).filter(
    ([word, status]) => status !== 'in-place' && !waived.has(word),
  );
  // A gateway is asked for only by a program that would begin if it is not there: no other sends anything.
  const lacking = open.filter(([, status]) => status !== 'unasked');
  if (lacking.length > 0) return refuse(program, lacking.map(describe).join(', '));
  if (open.length > 0) return { next: 'ask' };
  // Said each time, whether they are missing or not.
  if (waived.size === 0) return { next: 'begin', said: '' };
  const said = message('confinement.waived', { protections: [...waived].join(', ') });
  return { next: 'begin', said: `${program.name}: ${said}\n` };
}

function describe([word, status]: readonly [string, ProtectionStatus]): string {
  return message(status === 'missing' ? 'confinement.missing' : 'confinement.unseen', { protection: word });
}

function refuse({ name }: ConfinedProgram, protections: string): Start {
  const lacking = message('confinement.lacking', { protections });
  const said = `${name}: ${lacking}\n${name}: ${message('error.confinement.unprotected')}\n`;
  return { next: 'end', code: 'unprotected', said };
}
