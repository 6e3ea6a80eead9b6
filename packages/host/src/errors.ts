// The codes of failures that end a host; the texts stand in @sotto/messages.

import { message } from '@sotto/messages';

export const HOST_CODES = [
  'host-environment',
  'host-silent',
  'host-access',
  'host-cover',
  'host-patience',
  'room-lost',
  'rooms-full',
  'room-refused',
  'tor-too-old',
  'tor-unprotected',
  'relay-unreachable',
] as const;
export type HostCode = (typeof HOST_CODES)[number];

/** The codes with which the host refuses requests of its own client. */
export const MODERATOR_CODES = [
  'moderator-malformed',
  'not-open',
  'busy',
  'move-undecided',
  'cover-too-small',
  'room-not-opened',
  'nothing-offered',
] as const;
export type ModeratorCode = (typeof MODERATOR_CODES)[number];

/** The codes of a wrong variable. */
const USAGE: ReadonlySet<HostCode> = new Set(['host-environment', 'host-access', 'host-cover', 'host-patience']);

export class HostError extends Error {
  readonly code: HostCode;

  /** `problem`: the exact fault, without any value. */
  constructor(code: HostCode, options: { cause?: unknown; problem?: string } = {}) {
    super(describeFailure(code, options.problem), options);
    this.code = code;
  }

  /** Whether a variable is wrong, so that nothing was started. */
  get isUsage(): boolean {
    return USAGE.has(this.code);
  }
}

function describeFailure(code: HostCode, problem: string | undefined): string {
  return problem === undefined ? message(`error.host.${code}`) : message('host.variable-refused', { problem });
}
