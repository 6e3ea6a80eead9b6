// Why a host cannot go on: cause and next step, by a stable code.

export const HOST_CODES = {
  'host-environment': 'a SOTTO_… variable is missing or malformed: start the host with docker compose',
  'host-silent': 'the host does not answer: look with docker compose ps whether it runs',
  'host-access': 'SOTTO_ROOM_ACCESS is none of open, knock and locked: set one of them, or leave it out for open',
  'host-cover':
    'SOTTO_ROOM_COVER is none of off, jitter, stealth, stealth-4, stealth-8, stealth-16 and stealth-32: set one of them, or leave it out for off',
  'room-lost': 'the relay and its store were lost together, and the room with them: start again for a new room',
  'rooms-full': 'the relay holds as many rooms as it may: end one, then start again',
  'room-refused': 'the relay refused the room: update all images to one version',
  'tor-too-old': 'this Tor is older than Sotto allows: rebuild the images',
  'tor-unprotected': 'this Tor is not set up as Sotto ships it: restore its torrc; ./scripts/doctor names the setting',
  'relay-unreachable': 'the relay does not answer: look at docker compose ps',
} as const;
export type HostCode = keyof typeof HOST_CODES;

/** Why the host does not do what its own client asks of it. */
export const MODERATOR_CODES = {
  'moderator-malformed': 'not one JSON object a line with exactly the fields of its operation',
  'not-open': 'the room is not reachable yet: the host shows how far it is',
  busy: 'the room is moving already, because somebody else is evicted: wait until that is done',
  'room-not-opened': 'no other room could be opened to move to: the host shows why; this one goes on',
  'nothing-offered': 'there is no other room to move to any more: it was closed because nobody moved in time',
} as const;
export type ModeratorCode = keyof typeof MODERATOR_CODES;

const NEXT = 'start the host with docker compose';

export class HostError extends Error {
  readonly code: HostCode;

  /** `problem`: what exactly is wrong, without any value. */
  constructor(code: HostCode, options: { cause?: unknown; problem?: string } = {}) {
    super(options.problem === undefined ? HOST_CODES[code] : `${options.problem}: ${NEXT}`, options);
    this.code = code;
  }

  /** Whether a variable is wrong, so that nothing was begun. */
  get isUsage(): boolean {
    return this.code === 'host-environment' || this.code === 'host-access' || this.code === 'host-cover';
  }
}
