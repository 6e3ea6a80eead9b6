// The verdict over what captures see: which packets belong on a network of the stack and which do
// not. That captures see packets at all is shown on real networks, by the anti-tests of test/leaks.

import { expect, test } from 'vitest';
import { strays } from '../leaks/capture.ts';
import type { Flow } from '../leaks/capture.ts';
import type { Network } from '../leaks/machine-facts.ts';

const network = (name: string, index: number): Network => ({
  name: `some-project_${name}`,
  bridge: `br-${name}`,
  bridgeMac: '',
  subnet: `172.20.${index}.0/24`,
  gateway: `172.20.${index}.1`,
  members: new Map(),
});
const NETWORKS = [network('egress', 0), network('socks', 1), network('probe', 2), network('state', 3)];

const tcp = (wire: string, from: string, to: string, port: number): Flow => ({
  wire: `br-${wire}`,
  marked: false,
  kind: 'unicast',
  from,
  to,
  protocol: 'tcp',
  port,
  name: '',
  packets: 1,
});

const AT_HOME: readonly Flow[] = [
  tcp('egress', '172.20.0.2', '172.20.0.3', 5000),
  tcp('egress', '172.20.0.3', '172.20.0.2', 7002),
  tcp('socks', '172.20.1.3', '172.20.1.2', 9050),
  tcp('probe', '172.20.2.3', '172.20.2.2', 9050),
  tcp('state', '172.20.3.3', '172.20.3.2', 6379),
];

test('a packet to a port served on its network is no stray', () => {
  expect(strays(AT_HOME, NETWORKS)).toEqual([]);
});

test.each<[string, Flow]>([
  ['to an address outside', tcp('egress', '172.20.0.2', '198.51.100.7', 5000)],
  ['from an address that is not of the network', tcp('socks', '198.51.100.7', '172.20.1.2', 9050)],
  ['to another network of the stack', tcp('state', '172.20.3.3', '172.20.0.2', 6379)],
  ['on a wire that is nobody’s', tcp('else', '172.20.0.2', '172.20.0.3', 5000)],
  ['to a port that nobody serves there', tcp('socks', '172.20.1.3', '172.20.1.2', 9051)],
  ['to a port that is served on another network', tcp('state', '172.20.3.3', '172.20.3.2', 9050)],
  ['of Redis among clients', tcp('socks', '172.20.1.3', '172.20.1.2', 6379)],
  ['to the port of a name server', { ...tcp('egress', '172.20.0.2', '172.20.0.3', 53), protocol: 'udp' }],
  ['that is no TCP', { ...tcp('state', '172.20.3.3', '172.20.3.2', 6379), protocol: 'udp' }],
  ['that is an echo', { ...tcp('state', '172.20.3.3', '172.20.3.2', 0), protocol: 'icmp' }],
  ['of IPv6', tcp('socks', 'fe80::1', 'fe80::2', 9050)],
])('a packet is a stray: %s', (_what, flow) => {
  expect(strays([...AT_HOME, flow], NETWORKS)).toEqual([flow]);
});

test('ARP and multicast packets are counted separately', () => {
  expect(strays([{ ...tcp('state', '172.20.3.3', '224.0.0.22', 0), kind: 'multicast' }], NETWORKS)).toEqual([]);
});
