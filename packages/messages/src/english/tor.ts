// English texts of @sotto/tor: failures, bootstrap stages, next steps, and the gate's help.

export const TOR = {
  // The control connection
  'error.tor.control-unreachable': "Tor's control socket cannot be reached",
  'error.tor.control-cookie-unreadable': "Tor's control cookie is missing, unreadable or not 32 bytes long",
  'error.tor.control-safecookie-missing': 'Tor does not offer SAFECOOKIE authentication',
  'error.tor.control-impostor': 'the process behind the control socket does not know the cookie',
  'error.tor.control-auth-refused': 'Tor refused the proof that this program knows the cookie',
  'error.tor.control-malformed': 'the control socket sent something that is not a reply',
  'error.tor.control-line-too-long': 'the control socket sent a line above the limit',
  'error.tor.control-reply-too-large': 'the control socket sent a reply above the limit',
  'error.tor.control-unexpected': 'Tor sent a reply of the wrong shape, or one to no command',
  'error.tor.control-timeout': 'Tor did not answer a command in time',
  'error.tor.control-queue-full': 'too many commands wait for Tor',
  'error.tor.control-closed': 'the control connection is closed',
  'error.tor.control-refused': 'Tor refused the command',
  'error.tor.control-argument': 'an argument may not go on the control wire',
  'error.tor.tor-too-old': 'this Tor is older than 0.4.9.11',
  'error.tor.tor-unprotected':
    'this Tor has settings that break Sotto’s requirements, such as an open port or guards turned off: restore its torrc',
  // Onions
  'error.tor.onion-address': 'not a v3 onion address',
  'error.tor.onion-key': 'not a key of the right length',
  'error.tor.onion-address-mismatch': 'Tor published an address that does not belong to the key',
  'error.tor.onion-limit': 'too many onions are published by this process',
  'error.tor.onion-unknown': 'this process did not publish this onion',
  'error.tor.onion-upload-timeout': 'no directory took the descriptor of the onion in time',
  'error.tor.aborted': 'the attempt was cancelled',
  // Requests to the gate
  'error.tor.gate-malformed': 'the request is not one JSON object',
  'error.tor.gate-line-too-long': 'the request is longer than the limit',
  'error.tor.gate-operation': 'the gate does not know this operation',
  'error.tor.gate-field': 'a field of the request is unknown, missing or of the wrong form',
  'error.tor.gate-busy': 'too many requests, or too many at once',
  'error.tor.gate-full': 'too many connections are open',
  'error.tor.gate-onion-taken': 'this connection already holds another onion or key',
  'error.tor.gate-key-differs': 'this onion is in use with another key',
  'error.tor.gate-onion-missing': 'this connection holds no onion',
  'error.tor.tor-unreachable': 'the gate has no connection to Tor at the moment',
  'error.tor.tor-refused': 'Tor refused what the gate asked',
  // The gate as its clients and its process see it
  'error.tor.gate-unreachable': "the gate's socket cannot be reached",
  'error.tor.gate-closed': 'the gate closed the connection',
  'error.tor.gate-timeout': 'the gate did not answer in time',
  'error.tor.gate-protocol': 'the gate sent something that is not an answer',
  'error.tor.gate-environment': 'the environment of the gate lacks a path or holds a bad one',
  'error.tor.gate-socket-occupied': "the path of the gate's socket is taken by something that is not a socket",
  // Dialling
  'error.tor.dial-port': 'not a port between 1 and 65535',
  'error.tor.socks-unreachable': "Tor's SOCKS port cannot be reached",
  'error.tor.socks-protocol': 'the SOCKS port sent something that is not SOCKS 5',
  'error.tor.socks-isolation-refused': 'the SOCKS port ignored the credentials, so circuits would be shared',
  'error.tor.socks-closed': 'the SOCKS port closed the connection before it answered',
  'error.tor.socks-unknown-reply': 'the SOCKS port failed with a number that is not in the tables',
  'error.tor.dial-timeout': 'the onion was not reached in time',
  'error.tor.tor-general-failure': 'Tor could not build the connection (0x01)',
  'error.tor.tor-not-allowed': 'Tor is configured not to make this connection (0x02)',
  'error.tor.tor-network-unreachable': 'Tor has no network (0x03)',
  'error.tor.onion-unreachable': 'Tor found no way to the onion (0x04)',
  'error.tor.onion-stream-refused': 'the onion answered, but nothing listens behind it (0x05)',
  'error.tor.onion-circuit-expired': 'the circuit to the onion timed out (0x06)',
  'error.tor.socks-command-refused': 'the SOCKS port does not know CONNECT (0x07)',
  'error.tor.socks-address-refused': 'the SOCKS port does not take host names (0x08)',
  'error.tor.onion-descriptor-not-found': 'no directory has the descriptor of this onion (0xF0)',
  'error.tor.onion-descriptor-invalid': 'the descriptor of this onion is malformed or wrongly signed (0xF1)',
  'error.tor.onion-introduction-failed': 'no introduction point of the onion answered (0xF2)',
  'error.tor.onion-rendezvous-failed': 'the onion did not come to the rendezvous point (0xF3)',
  'error.tor.onion-client-auth-missing': 'Tor has no client key for this onion (0xF4)',
  'error.tor.onion-client-auth-wrong': 'the client key does not open the descriptor of this onion (0xF5)',
  'error.tor.onion-address-refused': 'Tor does not accept the address of this onion (0xF6)',
  'error.tor.onion-introduction-timed-out': 'the introduction points of the onion timed out (0xF7)',
  'tor.stage.starting': 'starting',
  'tor.stage.conn_pt': 'starting the bridge transport',
  'tor.stage.conn_done_pt': 'connected to the bridge transport',
  'tor.stage.conn_proxy': 'connecting to a proxy',
  'tor.stage.conn_done_proxy': 'connected to a proxy',
  'tor.stage.conn': 'connecting to a relay',
  'tor.stage.conn_done': 'connected to a relay',
  'tor.stage.handshake': 'shaking hands with a relay',
  'tor.stage.handshake_done': 'handshake with a relay done',
  'tor.stage.onehop_create': 'opening an encrypted directory connection',
  'tor.stage.requesting_status': 'asking for the list of the network',
  'tor.stage.loading_status': 'loading the list of the network',
  'tor.stage.loading_keys': 'loading the keys of the directory authorities',
  'tor.stage.requesting_descriptors': 'asking for the descriptions of relays',
  'tor.stage.loading_descriptors': 'loading the descriptions of relays',
  'tor.stage.enough_dirinfo': 'knows enough relays to build circuits',
  'tor.stage.ap_conn_pt': 'starting the bridge transport for circuits',
  'tor.stage.ap_conn_done_pt': 'connected to the bridge transport for circuits',
  'tor.stage.ap_conn_proxy': 'connecting to a proxy for circuits',
  'tor.stage.ap_conn_done_proxy': 'connected to a proxy for circuits',
  'tor.stage.ap_conn': 'connecting to a relay for circuits',
  'tor.stage.ap_conn_done': 'connected to a relay for circuits',
  'tor.stage.ap_handshake': 'shaking hands with a relay for circuits',
  'tor.stage.ap_handshake_done': 'handshake with a relay for circuits done',
  'tor.stage.circuit_create': 'building a circuit',
  'tor.stage.done': 'connected to the Tor network',
  'tor.stage.unknown': 'working on a stage that Sotto does not know',
  'tor.stalled.clock-skew':
    'set the date, the time and the time zone of this machine, then wait: Tor goes on by itself',
  'tor.stalled.no-network': 'connect this machine to the Internet, then wait: Tor goes on by itself',
  'tor.stalled.blocked':
    'check that this machine is online; if it is, this network blocks Tor: use another network (there are no bridges yet)',
  'tor.stalled.unknown': 'wait a little longer; if nothing changes, check the network and the clock of this machine',
  'dial.wait': 'wait a minute and try again',
  'dial.ask-host': 'ask the host whether the room is still open, then try again',
  'dial.fresh-string': 'ask the host for a fresh connection string',
  'dial.check-tor': 'check that the tor-client service is running',
  'dial.check-settings': 'the tor-client service is not set up as Sotto ships it: restore its torrc',
  'dial.connect-machine': 'connect this machine to the Internet, then try again',
  'dial.wait-then-ask-host':
    'wait until Tor is fully connected; after that, ask the host whether the room is still open, then try again',
  'dial.check-gate': 'the gate did not give Tor the key: check that the gate service is running, then try again',
  'gate.variable-refused': '{variable} is missing or is not an absolute path: start the gate with docker compose',
  'gate.socket-refused': 'SOTTO_GATE_SOCKET: {reason}: start the gate with docker compose',
  'gate.socket-place': 'no socket can be made there: its folder or its rights are missing',
  'gate.help': `Usage: gate [--help] [--version]

Passes the few questions that clients may ask on to the guests' Tor, and nothing
else. docker compose starts it. It takes no arguments and reads its environment:

  SOTTO_GATE_SOCKET  where clients find it: an absolute path
  SOTTO_TOR_CONTROL  Tor's control socket: an absolute path
  SOTTO_TOR_COOKIE   the file with Tor's control cookie: an absolute path
  SOTTO_UNPROTECTED  protections that may be missing: see CONTRIBUTING.md

Exit codes:  0 stopped
             2 a wrong argument or variable
            78 the engine does not protect it as docker-compose.yml asks
               (unprotected)
`,
} as const;
