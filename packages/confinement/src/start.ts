// A program's first step after its command line: it starts only with the isolation that the compose
// file requires, or if SOTTO_UNPROTECTED waives the rest.

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
  /** The prefix of its output. */
  readonly name: string;
  readonly network: NetworkRequirement;
}

/**
 * `said` is for stderr: whole lines, or nothing. `ask`: the program may start if its gateways do
 * not answer.
 */
export type Start =
  | { readonly next: 'begin'; readonly said: string }
  | { readonly next: 'end'; readonly code: 'unprotected'; readonly said: string }
  | { readonly next: 'end'; readonly code: 'unprotected-word' }
  | { readonly next: 'ask' };

/**
 * Ends the process with EXIT_UNPROTECTED unless it is protected, or with EXIT_USAGE if
 * SOTTO_UNPROTECTED is malformed. A program calls it before it makes a secret, opens another
 * socket, or does anything that an argument asks for.
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

/**
 * @param unprotected words of PROTECTIONS with commas between them: the waived ones. No word waives
 * all.
 */
export function decideStart(program: ConfinedProgram, unprotected: string | undefined, evidence: Evidence): Start {
  const waived = new Set((unprotected ?? '').split(',').filter((word) => word !== ''));
  if (![...waived].every(isProtection)) return { next: 'end', code: 'unprotected-word' };
  const open = Object.entries(validateIsolation(evidence, program.network)).filter(
    ([word, status]) => status !== 'in-place' && !waived.has(word),
  );
  // Only a program that could start otherwise asks for its gateways: no other sends anything.
  const lacking = open.filter(([, status]) => status !== 'unasked');
  if (lacking.length > 0) return refuse(program, lacking.map(describe).join(', '));
  if (open.length > 0) return { next: 'ask' };
  // The waiver is printed each time, even if all protections are in place.
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
