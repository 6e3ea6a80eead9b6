// English texts of the client program outside of the room: usage, prompts, connection strings, JSON input, the dial.

export const TERMINAL_PROGRAM = {
  // The command line and the environment
  'terminal.help': `Usage: client [options] [connection string]

Joins a Sotto room and talks there.

Options:
      --name         your name in the room; made up if absent          [string]
      --json         for programs: one JSON object a line             [boolean]
      --plain        lines only: no editing, no cursor moves          [boolean]
      --invite-file  a file; its first line is the connection string   [string]
      --host         socket of the host, for the host's own client     [string]
      --renew        seconds for a circuit, or "off"; {renew} if absent    [string]
  -V, --version      show the version                                 [boolean]
  -h, --help         show this text                                   [boolean]

Without a connection string the client asks for it and does not show it; "-"
reads it from the first line of standard input. As an argument it stays in your
shell's history.

Environment: SOTTO_INVITE_FILE, as --invite-file; SOTTO_MODERATOR_SOCKET, as
--host; SOTTO_RENEW, as --renew.

Exit codes:  0 left
             1 the room ended or cannot be reached, or a message was not
               acknowledged or not taken
             2 wrong usage, connection string or input
             3 /panic or SIGQUIT
            70 a bug
            78 the engine does not protect it (unprotected)`,
  'terminal.note': 'sotto: {note}',
  'terminal.refused': '{problem} ({code})',
  'options.see-help': '{problem}. See: client --help',
  'options.see-help-after-question': '{problem} See: client --help',
  'options.not-understood': 'the command line is not understood',
  'options.value-missing': '--{option} needs a value',
  'options.value-unexpected': '--{option} takes no value',
  'options.unknown-meant': 'unknown option {option}: did you mean --{meant}?',
  'options.unknown-unnamed-meant': 'unknown option: did you mean --{meant}?',
  'options.unknown-invite':
    'unknown option {option}: the connection string stands by itself; the client asks if it is absent',
  'options.dashes': 'an option begins with hyphens, not with dashes',
  'options.dashes-meant': 'an option begins with hyphens, not with dashes: did you mean --{meant}?',
  'options.dashes-invite':
    'an option begins with hyphens, not with dashes: the connection string stands by itself; the client asks if it is absent',
  'options.json-and-plain': '--json and --plain exclude each other',
  'options.socket-too-long': '{source} is not the path of a socket: it is longer than {limit} bytes',
  'options.renew': '{source} takes {least} to {most} seconds, or "off"',
  'options.argument-empty': 'the argument is empty: leave it out, and the client asks',
  'options.argument-no-command': 'there are no commands: did you mean --{meant}?',
  'options.argument-no-invite':
    'the argument is no connection string: one begins with sotto1; leave it out, and the client asks',
  'environment.missing': '{variable} is missing: start the client with docker compose',
  'environment.not-address': '{variable} is not HOST:PORT: start the client with docker compose',
  'environment.not-path':
    '{variable} is not an absolute path of at most {limit} bytes: start the client with docker compose',
  // The connection string
  'prompt.invite': 'Connection string (it is not shown): ',
  'prompt.argument-warning':
    "the connection string is now in your shell's history and in `docker inspect`: next time give none, and the client asks",
  'prompt.wrong': 'the connection string is not right: {cause}. Next: {step}',
  'prompt.wrong-detail': 'the connection string is not right: {cause} ({detail}). Next: {step}',
  'prompt.next-again': 'copy it once more from the host; the host shows it again with: docker compose exec host invite',
  'prompt.next-rest': 'paste the rest of it, or all of it',
  'prompt.next-version': 'both sides need the same version: see --version',
  'prompt.nothing-like-one': 'nothing in it looks like one',
  'prompt.wrong-character': 'character {position} is {character}',
  'prompt.characters-missing': '{count} of {whole} characters',
  'prompt.characters-all': 'all {whole} characters are there',
  'prompt.characters-many': 'more than {whole} characters',
  'prompt.digit': 'the digit {character}',
  'prompt.letter': 'the letter {character}',
  'prompt.character-not-text': 'a byte that is not UTF-8 ({code})',
  'prompt.character-mark': 'a combining mark ({code})',
  'prompt.character-fullwidth': 'a fullwidth character ({code})',
  'prompt.character-cyrillic': 'a Cyrillic letter ({code})',
  'prompt.character-greek': 'a Greek letter ({code})',
  'prompt.character-digit': 'a digit of another script ({code})',
  'prompt.character-letter': 'a letter of another script ({code})',
  'prompt.host-opening': 'the host is still opening the room',
  'prompt.host-opening-since': 'the host is still opening the room ({seconds} s)',
  'prompt.host-starting': 'the host does not answer yet: waiting for it to start',
  'prompt.host-starting-since': 'the host does not answer yet: waiting for it to start ({seconds} s)',
  // Lines of JSON
  'json.refused': '{refusal}; {problem}',
  'json.no-object': 'it is not one JSON object',
  'json.command-missing': '"cmd" is missing, or is no string',
  'json.command-unknown': '"cmd" is no command',
  'json.command-unknown-meant': '"cmd" is no command: did you mean "{meant}"?',
  'json.field-unknown': '"{command}" has no field "{field}"',
  'json.field-unknown-unnamed': '"{command}" has no such field',
  'json.text-missing': '"text" is missing, or is no string',
  'json.ref-wrong': '"ref" is no string of at most {limit} characters',
  'json.member-wrong': '"member" is no fingerprint of {digits} digits',
  'json.mode-wrong': '"mode" is none of open, knock and locked',
  'json.cover-wrong': '"cover" is none of off, jitter, stealth-4, stealth-8, stealth-16 and stealth-32',
  // The dial
  'onion.gate-awaited': 'waiting for the gate to start',
  'onion.tor-starting': 'starting',
  'onion.tor-stalled': '{summary}; stuck ({cause}): {nextStep}',
  'onion.tor-done': 'connected to the Tor network',
  'onion.tor-awaited': 'waiting for Tor to start',
  'onion.tor-too-old': 'this Tor is too old',
  'onion.tor-unprotected': 'this Tor is not set up as Sotto ships it',
  'onion.tor-stuck': 'Tor is stuck at {percent} %: {nextStep}',
  'onion.failed': '{cause}: {nextStep}',
  'onion.fetch-unknown': 'asking Tor',
  'onion.fetch-requested': 'asked a directory',
  'onion.fetch-failed': 'a directory does not have it, asking another',
  'onion.next-tor-too-old': 'update the tor-client image',
  'onion.next-tor-unprotected':
    'run tor-client with the torrc.client that Sotto ships; ./scripts/doctor names the setting',
  'onion.next-check-gate':
    'a newer checkout that was started here replaces the gate, and it comes back; else look at docker compose ps gate',
  'onion.next-gate-version': 'the gate and the client are of different versions: update both',
  'onion.next-other-string':
    'another client on this machine uses the same onion with another connection string: end it',
} as const;
