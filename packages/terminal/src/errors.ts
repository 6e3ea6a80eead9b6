// What can go wrong in front of the screen, by a stable code: cause and next step, for the one who reads it.

export const TERMINAL_CODES = {
  usage: 'the command line is not understood: see --help',
  'name-invalid': 'a name has letters, digits, "_" and "-", begins with a letter or digit and has at most 24 columns',
  'invite-missing':
    'no connection string: start it on a terminal to be asked, or pass it with "-" on standard input or with --invite-file',
  'invite-ambiguous': 'the connection string was given twice: give it as an argument or with --invite-file, not both',
  'invite-file-unreadable': 'the file with the connection string cannot be read: check its path and its rights',
  'environment-invalid': 'an environment variable is missing or malformed: start the client with docker compose',
  'input-malformed': 'not one JSON object a line with exactly the fields of its command: the line was ignored',
  'input-too-long': 'the line is longer than a message may be: it was ignored',
  'input-full': 'too many lines wait to be sent: this one and what follows was not taken',
  'not-sent': 'the relay did not acknowledge this message: the others may not have it',
  'output-closed': 'nobody reads the output any more',
  'output-stalled': 'the output is not read fast enough',
  'internal-error': 'this is a bug in Sotto: please report what you did, without the connection string',
} as const;
export type TerminalCode = keyof typeof TERMINAL_CODES;
