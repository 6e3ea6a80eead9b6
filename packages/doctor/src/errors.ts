// Why the doctor cannot say anything at all, by a stable code: cause and next step.

export const DOCTOR_CODES = {
  usage: 'an option or argument is wrong, and is named: see --help',
  'docker-host':
    'DOCKER_HOST, or another DOCKER_… variable, is malformed: set it as docker itself takes it, or leave it out',
  'engine-unreachable': 'no Docker engine answers: start it, or set DOCKER_HOST if it is elsewhere',
  'engine-silent': 'the Docker engine did not answer in time: look whether docker ps does, then try again',
  'stack-missing': 'no container of this project is here: start the stack, or name its project with --project',
  'release-unreadable': 'the file of released images cannot be read or is malformed: see --help for its form',
  'look-failed':
    'the Docker engine did not answer as it should, or this is a bug in the doctor: try again, then report it',
  interrupted: 'stopped before it was done; what it had started is removed',
} as const;
export type DoctorCode = keyof typeof DOCTOR_CODES;

export class DoctorError extends Error {
  readonly code: DoctorCode;

  /** `problem`: what exactly is wrong, without any value. */
  constructor(code: DoctorCode, options: { cause?: unknown; problem?: string } = {}) {
    super(options.problem ?? DOCTOR_CODES[code], options);
    this.code = code;
  }
}
