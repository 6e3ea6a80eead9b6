// Why a host cannot go on: cause and next step, by a stable code.

export const HOST_CODES = {
  'host-environment': 'a SOTTO_… variable is missing or malformed: start the host with docker compose',
  'room-lost': 'the relay and its store were lost together, and the room with them: start again for a new room',
  'rooms-full': 'the relay holds as many rooms as it may: end one, then start again',
  'room-refused': 'the relay refused the room: update all images to one version',
  'tor-too-old': 'this Tor is older than Sotto allows: rebuild the images',
  'relay-unreachable': 'the relay does not answer: look at docker compose ps',
} as const;
export type HostCode = keyof typeof HOST_CODES;

export class HostError extends Error {
  readonly code: HostCode;

  constructor(code: HostCode, options: { cause?: unknown } = {}) {
    super(HOST_CODES[code], options);
    this.code = code;
  }
}
