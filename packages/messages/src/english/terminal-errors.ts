// English texts of the client program's failures, and of connection strings that it refuses.

export const TERMINAL_ERRORS = {
  'error.invite.invite-empty': 'no connection string was given',
  'error.invite.invite-prefix': 'a connection string begins with "sotto1": was the beginning cut off?',
  'error.invite.invite-case': 'it mixes upper and lower case: paste it as it was printed',
  'error.invite.invite-character': 'it has a character that no connection string has: was it changed on the way?',
  'error.invite.invite-checksum': 'its checksum does not fit: a character is wrong or missing',
  'error.invite.invite-length': 'its length is wrong: was a part cut off or added?',
  'error.invite.invite-version': 'it was made by another version of Sotto: update, or ask for a new one',
  'error.invite.invite-flags': 'it asks for something that this version does not know: update Sotto',
  'error.terminal.usage': 'the command line is not understood: see --help',
  'error.terminal.name-invalid':
    'a name has letters, digits, "_" and "-", begins with a letter or digit and has at most 24 characters',
  'error.terminal.invite-missing':
    'no connection string: start it on a terminal to be asked, or pass it with "-" on standard input or with --invite-file',
  'error.terminal.invite-several':
    'there are two different connection strings in it: give only that of the room which you want to join',
  'error.terminal.invite-ambiguous':
    'the connection string was given twice: give it once, as an argument, with "-" or with --invite-file',
  'error.terminal.invite-file-unreadable':
    'the file with the connection string cannot be read: check its path and its rights',
  'error.terminal.environment-invalid':
    'an environment variable is missing or malformed, and is named: start the client with docker compose',
  'error.terminal.memory-unlocked':
    'this machine locks no memory for keys, so they may be written to a disk: turn swap off (./scripts/doctor tells)',
  'error.terminal.input-malformed':
    'not one JSON object a line with exactly the fields of its command: the line was ignored',
  'error.terminal.input-encoding':
    'this line is not UTF-8 text, but UTF-16 or a code page perhaps: it was ignored; convert the input to UTF-8',
  'error.terminal.input-too-long': 'the line is longer than a message may be: it was ignored',
  'error.terminal.input-full': 'too many lines wait to be sent: this line and the next ones were not taken',
  'error.terminal.not-sent': 'the relay did not acknowledge this message: the others may not have it',
  'error.terminal.not-done': 'the end came before the room confirmed your command: join again and look at /members',
  'error.terminal.member-unknown': 'no member has that name or fingerprint: /members lists names and fingerprints',
  'error.terminal.member-ambiguous': 'several members fit: give the fingerprint, or more of it',
  'error.terminal.member-absent': 'that member is not in the room now: /members lists the members that are',
  'error.terminal.member-self': 'that is you: name another member',
  'error.terminal.member-not-waiting': 'that member is not knocking: /members lists the members that are',
  'error.terminal.number-not-shown': 'compare the safety number first: /verify shows it',
  'error.terminal.code-absent': 'there is no room code outside of the room: wait until it is joined',
  'error.terminal.moderator-needed': "only the host's own client can: docker compose run --rm host-client",
  'error.terminal.moderator-unreachable': 'the host does not answer: check that it runs, with docker compose ps',
  'error.terminal.moderator-closed': 'the host ended the connection before it answered: try again',
  'error.terminal.moderator-timeout': 'the host did not answer in time: look at its screen, then try again',
  'error.terminal.moderator-malformed':
    'the host sent an answer that does not fit: host and client must be of one version, update both',
  'error.terminal.moderator-refused': 'the host did not do it: look at its screen, then try again',
  'error.terminal.invite-not-host':
    "the connection string is not the one of this machine's host: give none, and the client asks the host",
  'error.terminal.stop-refused': 'Ctrl-Z does not stop the client, which would stay in the room unseen: /quit leaves',
  'error.terminal.terminal-gone':
    'the terminal has answered nothing for two minutes, so the client leaves the room: join again',
  'error.terminal.output-closed': 'no program reads the output any more: start the client again',
  'error.terminal.output-stalled': 'the output is not read fast enough: start the client again',
  'error.terminal.internal-error': 'this is a bug in Sotto: please report what you did, without the connection string',
} as const;
