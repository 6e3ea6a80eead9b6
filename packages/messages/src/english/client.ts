// English texts of @sotto/client: its errors and its warnings, each with its cause and the next step.

export const CLIENT = {
  'error.client.not-admitted':
    'the relay does not know this room, or the room has ended: ask the host for a new connection string',
  'error.client.room-closed': 'the host has closed the room',
  'error.client.room-full': 'the room is full: ask the host, or try again when a member has left',
  'error.client.version-mismatch': 'the other side speaks another version of Sotto: update both',
  'error.client.relay-misbehaved': 'the relay broke the protocol: the client closes this connection and opens another',
  'error.client.relay-unreachable': 'the relay cannot be reached now: trying again',
  'error.client.relay-busy': 'the relay refused the connection for now: trying again',
  'error.client.connection-silent': 'the relay sent nothing for too long: the client connects again',
  'error.client.join-timeout': 'the room could not be joined in time: check that the host is up, then try again',
  'error.client.outbox-full': 'too many messages wait to be sent: wait until some are through',
  'error.client.text-too-long': 'a message is at most 65536 bytes long: split it',
  'error.client.text-empty': 'there is nothing to send: type a message',
  'error.client.name-invalid': 'a name has 1 to 48 bytes: choose another',
  'error.client.not-joined': 'you are not in the room any more: join again',
  'error.client.room-locked': 'the room is locked: ask the host to unlock it, then try again',
  'error.client.knock-unanswered': 'no member admitted you: ask a member to, then try again',
  'error.client.evicted': 'the host has removed you from the room',
  'error.client.unlisted':
    'the room moved to another onion while you joined: ask the host for the new connection string, then knock',
  'error.client.member-unknown': 'no member, and nobody knocking, has this fingerprint: look at the list of members',
  'error.client.moderator-missing': 'only the host’s own client can do that: docker compose run --rm host-client',
  'error.client.moderator-busy': 'the last order is still on its way: wait until it is done',
  'error.client.circuit-kept':
    'Tor could not build another circuit: the client keeps the one that it has. Try again later',
  'error.client.circuit-not-now': 'a circuit is renewed only while the room is joined: try again then',
  'error.client.move-unknown':
    'part of the log was lost while the room was to move: the host’s screen says whether it has moved',
  'error.client.not-done': 'the room did not take it: try again',
  'client.first-commit-refused': "the relay did not take the room's first commit",
  'client.relay-misbehaved': 'the relay broke the protocol',
  'client.admission-refused': 'the relay did not admit the connection string',
  'client.goodbye': 'goodbye in about {seconds} s',
  'warning.log-differs':
    'this member and you have not seen the same messages: the relay drops, changes or forks them. Compare room codes over another channel',
  'warning.log-rolled-back': 'the relay has gone back to an earlier state: later messages may be lost',
  'warning.away-too-long':
    'this client was away for longer than the room keeps messages: older ones are lost. Ask the other members to say them again',
  'warning.key-changed':
    'this name, or one that looks like it, had another key before: it may be another person. Compare the fingerprints, then verify',
  'warning.name-taken':
    'this name looks like the name of another member, and has another key: compare the fingerprints, then verify',
  'warning.name-reserved':
    'the program uses this name for itself or for the host, but any member can take it. Compare the fingerprint, then verify',
  'warning.room-forked':
    'frames arrive that cannot be read: the room has been forked, or someone disturbs it. Joining again',
  'warning.junk-commit':
    'a commit arrived that no member made: someone with the connection string, or the relay, disturbs the room. It was refused',
  'warning.nobody-answers':
    'no member has answered: they are away, or the relay shows you a room that is over. Compare room codes when one is here',
  'warning.commits-refused':
    'the relay keeps refusing new keys: keys grow old, and no member can be removed. Ask the host, or move to another room',
  'warning.cover-thin':
    'far less comes from the relay than the room’s cover mode says: the network is slow, or the relay saves the traffic that hides you',
} as const;
