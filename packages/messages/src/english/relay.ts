// English texts of the relay.

export const RELAY = {
  'error.relay.store-unavailable': 'the store cannot be reached, or does not answer in time',
  'error.relay.store-reply': 'the store answered in a way that no operation of the relay expects',
  'error.relay.store-reply-unasked': 'the store did not answer the question that it was asked',
  'error.relay.store-unstaged': 'the store has lost a part of an upload that was being stored in pieces',
  'error.relay.store-command-long': 'a command to the store is longer than the limit',
  'error.relay.socket-in-use': 'another process listens on this socket',
  'error.relay.socket-path-taken': 'the path of the socket holds something that is not a socket',
  'error.relay.config-relay-socket': 'SOTTO_RELAY_SOCKET is not an absolute path of at most 107 bytes',
  'error.relay.config-admin-socket': 'SOTTO_ADMIN_SOCKET is not an absolute path of at most 107 bytes',
  'error.relay.config-relay-place':
    'SOTTO_RELAY_SOCKET: no socket can be made there: its folder or its rights are missing, or its path is taken',
  'error.relay.config-admin-place':
    'SOTTO_ADMIN_SOCKET: no socket can be made there: its folder or its rights are missing, or its path is taken',
  'error.relay.config-redis-host': 'SOTTO_REDIS_HOST is missing, or is not the name or address of a machine',
  'error.relay.config-redis-port': 'SOTTO_REDIS_PORT is not a number from 1 to 65535',
  'relay.variable-refused': '{problem}: start the relay with docker compose',
  'relay.help': `Usage: relay [--help] [--version]

Orders frames, keeps them for a while and passes them on; it can read none.
docker compose starts it. It takes no arguments and reads its environment:

  SOTTO_RELAY_SOCKET  where Tor finds it: an absolute path
  SOTTO_ADMIN_SOCKET  where the host finds it: an absolute path
  SOTTO_REDIS_HOST    the name or address of Redis
  SOTTO_REDIS_PORT    the port of Redis; 6379 if absent
  SOTTO_UNPROTECTED   protections that may be missing: see CONTRIBUTING.md

Exit codes:  0 stopped
             1 it could not start
             2 a wrong argument or variable
            78 the engine does not protect it as docker-compose.yml asks
               (unprotected)
`,
} as const;
