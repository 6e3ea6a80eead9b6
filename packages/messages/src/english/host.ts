// English texts of the host: its screen, its errors, and its invite command.

export const HOST = {
  'error.host.host-environment': 'a SOTTO_… variable is missing or malformed: start the host with docker compose',
  'error.host.host-silent': 'the host does not answer: check that it runs, with docker compose ps',
  'error.host.host-access':
    'SOTTO_ROOM_ACCESS is none of open, knock and locked: set one of them, or leave it out for open',
  'error.host.host-cover':
    'SOTTO_ROOM_COVER is none of off, jitter, stealth, stealth-4, stealth-8, stealth-16 and stealth-32: set one of them, or leave it out for off',
  'error.host.host-patience':
    'SOTTO_ROOM_PATIENCE is no time such as 90m or 24h, from 10m to 24h: set one, or leave it out for the longest. A stealth room keeps less: at most 134m in stealth-4, 129m in stealth-8, 64m in stealth-16, 61m in stealth-32',
  'error.host.room-lost':
    'the relay and its store were lost together, and the room with them: start again for a new room',
  'error.host.rooms-full': 'the relay holds as many rooms as it may: end one, then start again',
  'error.host.room-refused': 'the relay refused the room: update all images to one version',
  'error.host.tor-too-old': 'this Tor is older than Sotto allows: rebuild the images',
  'error.host.tor-unprotected':
    'this Tor is not set up as Sotto ships it: restore its torrc; ./scripts/doctor names the setting',
  'error.host.relay-unreachable': 'the relay does not answer: look at docker compose ps',
  'error.moderator.moderator-malformed': 'not one JSON object a line with exactly the fields of its operation',
  'error.moderator.not-open': 'the host is still opening the room: wait until it shows the connection string',
  'error.moderator.busy': 'the room is moving already: wait until it has moved',
  'error.moderator.move-undecided': 'the host does not know whether the room has moved: its screen says what to do',
  'error.moderator.cover-too-small':
    'the room has more members than this cover mode has places: choose a larger mode, or remove members first',
  'error.moderator.room-not-opened':
    'the host could not open another room to move to, and this one goes on: its screen says why',
  'error.moderator.nothing-offered': 'the host has no other room open now: look at its screen, then try again',
  'host.variable-refused': '{problem}: start the host with docker compose',
  'host.variable-missing': '{variable} is missing',
  'host.variable-no-path': '{variable} is not an absolute path of at most 107 letters, digits and "._/-"',
  'host.variable-no-address': '{variable} is not HOST:PORT',
  'host.test-network': 'PRIVATE TEST NETWORK: nothing here is anonymous, and nobody outside this machine can join.',
  'host.keys-unlocked':
    'keys: this machine locks no memory for keys, so they may be written to a disk (turn swap off; ./scripts/doctor tells)',
  'host.stage-starting': '{tor}: starting',
  'host.stage-progressing': '{tor}: {percent} % {summary}',
  'host.stage-stalled': '{tor}: stuck at {percent} % ({cause}); {nextStep}',
  'host.stage-done': '{tor}: connected to the Tor network',
  'host.onion-publishing': 'onion: publishing its descriptor',
  'host.onion-checking': 'onion: checking that a guest can reach it, through the second Tor',
  'host.onion-not-published': 'onion: not published ({cause}); trying again',
  'host.onion-not-reached': 'onion: not reached yet ({cause}); trying again',
  'host.room-reachable-again': 'room: reachable again, the connection string is the same',
  'host.tor-lost': 'tor: gone; the host adds the onion again when tor is back',
  'host.relay-lost': 'relay: gone; the host resumes the room when the relay is back',
  'host.tor-silent': 'tor: does not answer ({code}); look at docker compose ps',
  'host.relay-silent': 'relay: does not answer; look at docker compose ps',
  'host.socket-occupied': '{variable}: its path is taken by something that is not a socket',
  'host.socket-place': '{variable}: no socket can be made there: its folder or its rights are missing',
  'host.room-ending': 'room: ending',
  'host.room-ended': 'room: ended',
  'host.room-ended-because': 'room: ended ({code}): {reason}',
  'host.other-room': 'other room: {notice}',
  'host.other-room-ended-because': 'other room: ended ({code}): {reason}',
  'host.other-room-opening': 'room: it is to move; opening another room to move to',
  'host.other-room-not-opened': 'room: the other room could not be opened; this one goes on',
  'host.other-room-offered': 'room: the other room is open; the members are told its address',
  'host.other-room-lapsed': 'room: it did not move; the other room is closed, this one goes on',
  'host.room-move-undecided':
    'room: host-client has not said whether the room moved, so both rooms stay open. The host sees it when a member moves. If members still talk here, end the room and open another',
  'host.room-moved':
    'room: moved; members who are away follow for {hours} h {minutes} min. The connection string from before leads nowhere else',
  'host.room-moved-listed':
    'room: its members come in by themselves, anyone else has to be admitted; /unlock, /knock or /lock changes that',
  'host.room-reachable': 'room: reachable after {total} s (Tor {tor} s, Sotto {own} s)',
  'host.cover-off':
    'cover: off; someone watching your connection can see when you write. SOTTO_ROOM_COVER=stealth hides it, for 20 MB an hour',
  'host.cover-jitter':
    "cover: jitter; it blurs when a member writes, and does not hide it. A line waits {delay} s on average, and Tor's own time",
  'host.cover-stealth':
    "cover: {mode}; at most {members} members; each sends {up} MB an hour and receives {down}, whether or not anyone writes. A line waits {delay} s on average, and Tor's own time",
  'host.invite-listed': 'With this string anyone can knock; a member has to admit them.',
  'host.invite-reminder': 'Anyone with this string can join.',
  'host.invite-not-yet': 'The room is not reachable yet: the host shows its progress.',
  'host.help': `Usage: host [--help] [--version]

Opens a room behind a Tor onion service and shows its connection string.
docker compose starts it. It takes no arguments and reads its environment:

  SOTTO_ROOM_ACCESS       open, knock or locked; open if absent
  SOTTO_ROOM_COVER        off, jitter, stealth, stealth-4, -8, -16 or -32;
                          off if absent
  SOTTO_ROOM_PATIENCE     how long the relay keeps what absent members miss,
                          such as 90m or 24h; the longest if absent
  SOTTO_TOR_CONTROL, SOTTO_TOR_COOKIE
                          Tor's control socket, and the file with its cookie
  SOTTO_ADMIN_SOCKET      where the relay takes orders
  SOTTO_RELAY_SOCKET      where Tor finds the relay
  SOTTO_GATE_SOCKET, SOTTO_SOCKS
                          the guests' Tor, to check that the room is reachable
  SOTTO_INVITE_SOCKET     where invite and the health check ask
  SOTTO_MODERATOR_SOCKET  where the host's own client asks
  SOTTO_UNPROTECTED       protections that may be missing: see CONTRIBUTING.md

Set the first 3 for docker compose: SOTTO_ROOM_ACCESS=knock docker compose up

Exit codes:  0 stopped
             1 it could not open the room or lost it
             2 a wrong argument or variable
            78 the engine does not protect it as docker-compose.yml asks
               (unprotected)
`,
  'invite.help': `Usage: docker compose exec host invite [--help] [--version]

Shows the connection string of the room again, once the room can be reached.
Into a pipe or a file (exec -T) it writes the string alone on one line.

Exit codes:  0 shown
             1 the room cannot be reached yet or the host does not answer
             2 a wrong argument or variable
`,
} as const;
