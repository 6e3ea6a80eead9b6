// Why the doctor cannot look at all, by a stable code; the texts are in messages.ts.

import { message } from './messages.ts';

export const DOCTOR_CODES = [
  'usage',
  'docker-host',
  'engine-unreachable',
  'engine-silent',
  'stack-missing',
  'release-unreadable',
  'look-failed',
  'interrupted',
] as const;
export type DoctorCode = (typeof DOCTOR_CODES)[number];

export class DoctorError extends Error {
  readonly code: DoctorCode;

  /** `problem`: the exact fault, without any value. */
  constructor(code: DoctorCode, options: { cause?: unknown; problem?: string } = {}) {
    super(options.problem ?? message(`error.${code}`), options);
    this.code = code;
  }
}
