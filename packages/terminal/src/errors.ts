// What can go wrong in front of the screen, by a stable code: cause and next step, for the one who reads it.

export const TERMINAL_CODES = {
  usage: 'the command line is not understood: see --help',
  'name-invalid':
    'a name has letters, digits, "_" and "-", begins with a letter or digit and has at most 24 characters',
  'invite-missing':
    'no connection string: start it on a terminal to be asked, or pass it with "-" on standard input or with --invite-file',
  'invite-several':
    'there are two different connection strings in it: give only that of the room which you want to join',
  'invite-ambiguous':
    'the connection string was given twice: give it once, as an argument, with "-" or with --invite-file',
  'invite-file-unreadable': 'the file with the connection string cannot be read: check its path and its rights',
  'environment-invalid':
    'an environment variable is missing or malformed, and is named: start the client with docker compose',
  'memory-unlocked':
    'this machine locks no memory for keys: what is paged out gets to a disk; turn swap off (./scripts/doctor tells)',
  'input-malformed': 'not one JSON object a line with exactly the fields of its command: the line was ignored',
  'input-encoding':
    'this line is not UTF-8 text, but UTF-16 or a code page perhaps: it was ignored; convert the input to UTF-8',
  'input-too-long': 'the line is longer than a message may be: it was ignored',
  'input-full': 'too many lines wait to be sent: this one and what follows was not taken',
  'not-sent': 'the relay did not acknowledge this message: the others may not have it',
  'not-done': 'what was asked for was not seen to be done before the end: join again and look at /members',
  'member-unknown': 'nobody is called so, and no fingerprint begins so: /members lists names and fingerprints',
  'member-ambiguous': 'it may mean several: give the fingerprint, or more of it',
  'member-absent': 'that one is not in the room now: /members lists who is',
  'member-self': 'that is you: name another member',
  'member-not-waiting': 'that one does not wait to be let in: /members lists who does',
  'number-not-shown': 'compare the safety number first: /verify shows it',
  'code-absent': 'there is no room code outside of the room: wait until it is joined',
  'moderator-needed': "only the host's own client can: docker compose run --rm host-client",
  'moderator-unreachable': 'the host does not answer: check that it runs, with docker compose ps',
  'moderator-closed': 'the host ended the connection before it answered: try again',
  'moderator-timeout': 'the host did not answer in time: look at its screen, then try again',
  'moderator-malformed': 'the host answered what nobody asked: host and client must be of one version, update both',
  'moderator-refused': 'the host did not do it: look at its screen, then try again',
  'invite-not-host': "the connection string is not the one of this machine's host: give none, and the host is asked",
  'stop-refused': 'Ctrl-Z does not stop the client, which would stay in the room unseen: /quit leaves',
  'terminal-gone': 'the terminal has answered nothing for two minutes, so the client leaves the room: join again',
  'output-closed': 'nobody reads the output any more',
  'output-stalled': 'the output is not read fast enough',
  'internal-error': 'this is a bug in Sotto: please report what you did, without the connection string',
} as const;
export type TerminalCode = keyof typeof TERMINAL_CODES;

/** What the host answers instead of doing what its own client asks: cause and next step. */
export const HOST_REFUSALS: ReadonlyMap<string, string> = new Map([
  ['not-open', 'the host is still opening the room: wait until it shows the connection string'],
  ['busy', 'the room is moving already, because somebody else is thrown out: wait until that is done'],
  ['room-not-opened', 'the host could not open another room to move to, and this one goes on: its screen says why'],
  [
    'nothing-offered',
    'the host was told too late that the room moved, and has closed the other one: join again, then throw out again',
  ],
]);
