// English texts of the anonymity panel: how the room hides a member, and its way through Tor.

export const TERMINAL_STATUS = {
  'status.cover-off': 'cover: off',
  'status.cover-jitter':
    'cover: jitter; {up} MB an hour up and {down} down, whether or not anyone writes. A line waits {delay} s on average',
  'status.cover-stealth':
    'cover: stealth, for {members} at most; {up} MB an hour up and {down} down, whether or not anyone writes. A line waits {delay} s on average',
  'status.cover-slot': '{cover}; a slot every {seconds} s',
  'status.waiting-nothing': '  waiting: nothing',
  'status.waiting': '  waiting: about {seconds} s',
  'status.no-keys': '  keys: none, not in the group; members you have not verified: {unverified}',
  'status.keys': '  keys: epoch {epoch}, {age} s old; members you have not verified: {unverified}',
  'status.keys-next':
    '  keys: epoch {epoch}, {age} s old, the next in about {next} s; members you have not verified: {unverified}',
  'status.patience':
    '  away: messages wait for you for {hours} h {minutes} min; stolen while away, this client opens them all',
  'status.path': '  Tor: circuit {circuit}; guard {guard}; vanguards {vanguards}',
  'status.circuit-none': 'none',
  'status.circuit-in-use': 'in use for {seconds} s',
  'status.guard-unknown': 'unknown',
  'status.guard-same': 'the same for {span} at least',
  'status.vanguards-unknown': 'unknown',
  'status.vanguards-on': 'on',
  'status.vanguards-auto': "as the network's directory says",
  'status.vanguards-off': 'OFF',
  'status.span-seconds': '{count} s',
  'status.span-minutes': '{count} min',
  'status.span-hours': '{count} h',
  'status.span-day': '1 day',
  'status.span-days': '{count} days',
  'status.observer-off': '  someone watching your connection can see: when you write, and roughly how much',
  'status.observer-jitter':
    '  someone watching your connection can see: when you write, a little blurred; this mode does not hide it',
  'status.observer-stealth':
    '  someone watching your connection can see: that you are here, and when members join or leave or the keys change. Hidden: when anyone writes, and how much',
  'status.circuit-kept': 'the circuit is the same as before: {reason}',
  'status.circuit-renewed': 'another circuit: everything goes over it from now on',
} as const;
