// The probes L1-L12 of one namespace: what is tried, and what may be found. Only documentation
// ranges, a stand-in for the metadata service, the machine itself and the lab's own subnets are
// ever tried.

import { randomBytes } from 'node:crypto';
import { hostOf, isIn } from './machine-facts.ts';
import type { Machine, Network } from './machine-facts.ts';

export const PROBES = {
  L1: 'TCP to anywhere',
  L2: 'UDP to anywhere',
  L3: 'names, by the resolver and past it',
  L4: 'names of onions',
  L5: 'ICMP',
  L6: 'the gateway and the machine',
  L7: 'the metadata service (a stand-in)',
  L8: 'the other networks of the stack',
  L9: 'IPv6',
  L10: 'the other containers',
  L11: 'frames made by hand',
  L12: 'clearnet through Tor',
  L13: 'disk: layers, volumes, logs',
  L14: 'memory of those in the middle',
  L15: 'fail closed',
} as const;
export type ProbeId = keyof typeof PROBES;
export const NETWORK_PROBES: readonly ProbeId[] = [
  ...(['L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'L7', 'L8', 'L9', 'L10', 'L11', 'L12'] as const),
];

/** Where every name of the lab starts, so that the machine's rule knows it. */
const NAME_LABEL = 'sottoleakprobe1';
/**
 * One documentation range (RFC 5737), a quarter for each use: two ends, a name server, a source
 * that is not ours. Only this one: package registries of some machines are at addresses of another,
 * and the lab's rule drops the whole range on the way out.
 */
const RANGE = '198.51.100.0/24';
/**
 * Addresses of this run alone, so that nobody else's packets on this machine are taken for ours.
 */
const inQuarter = (index: number): string => hostOf(RANGE, index * 64 + 10 + ((randomBytes(1)[0] ?? 0) % 50));
const FIRST_END = inQuarter(0);
const SECOND_END = inQuarter(1);
const NAME_SERVER = inQuarter(2);
const V6_END = `2001:db8::${randomBytes(2).readUInt16BE(0).toString(16)}:1`;
export const SPOOFED_SOURCE: string = inQuarter(3);
export const OWN_ADDRESSES: { readonly v4: readonly string[]; readonly v6: string; readonly spoofed: string } = {
  v4: [FIRST_END, SECOND_END, NAME_SERVER],
  v6: V6_END,
  spoofed: SPOOFED_SOURCE,
};
export { FIRST_END };
export const DOCUMENTATION: readonly string[] = [RANGE, '2001:db8::/32'];
const METADATA = '169.254.169.254';
const MACHINE_PORTS = [22, 2375, 2376, 3128, 8080, 9050, 9051];
const CONTAINER_PORTS = [22, 80, 5000, 6379, 7000, 8080, 9050, 9051];
const SWEEP_PORTS = [6379, 9050];
const SWEEP_HOSTS = 16;
export const UDP_PORTS: readonly number[] = [42, 53, 123, 443];
/** A port of the machine's where the lab's canary listens: nothing of a stack knows it. */
export const CANARY_PORT = 42_117;
export const WORLD_PORTS: readonly number[] = [
  ...new Set([42, 53, 80, 443, CANARY_PORT, ...MACHINE_PORTS, ...CONTAINER_PORTS, ...SWEEP_PORTS]),
];
const SOCKS_PORT = 9050;

type Target = readonly [probe: ProbeId, address: string, port: number];

/** The input of probe.py. */
export interface Plan {
  readonly tcp: readonly Target[];
  readonly udp: readonly Target[];
  readonly dns: readonly (readonly [ProbeId, string, string])[];
  readonly names: readonly (readonly [ProbeId, string])[];
  readonly ping: readonly (readonly [ProbeId, string])[];
  readonly socks: readonly (readonly [ProbeId, string, number, string, string])[];
  readonly gateways: readonly string[];
  readonly raw_targets: readonly string[];
  readonly bridge_macs: readonly string[];
  readonly spoofed: string;
}

export interface Attempt {
  readonly probe: ProbeId;
  readonly what: string;
  readonly outcome: string;
}

/**
 * Where a namespace is: the networks it is on, its own addresses, and whom it may speak to there
 * (`address port`).
 */
export interface Place {
  readonly networks: readonly Network[];
  readonly own: readonly string[];
  readonly wanted: readonly string[];
  /**
   * Whether names may be asked for: not if a fault in the configuration could lead them to a real
   * name server.
   */
  readonly namesStayHere: boolean;
}

export function planFor(machine: Machine, place: Place, bridgeMacs?: readonly string[]): Plan {
  const gateways = machine.networks.map(({ gateway }) => gateway);
  const machineAddresses = [...new Set([...machine.addresses, ...gateways])];
  const random = randomBytes(6).toString('hex');
  const name = `${NAME_LABEL}.${random}.test`;
  const onion = `${NAME_LABEL}.${random}.onion`;
  const names: Plan['names'] = [
    ['L3', name],
    ['L4', onion],
    ['L7', `${NAME_LABEL}.metadata.test`],
  ];
  return {
    tcp: [
      ['L1', FIRST_END, 42],
      ['L1', SECOND_END, 443],
      ...machineAddresses.flatMap((address) =>
        [...MACHINE_PORTS, CANARY_PORT].map((port) => ['L6', address, port] as const),
      ),
      ['L7', METADATA, 80],
      ...sweep(machine, place),
      ['L9', V6_END, 443],
      ...others(machine, place),
    ],
    udp: UDP_PORTS.map((port) => ['L2', FIRST_END, port]),
    dns: [
      ['L3', NAME_SERVER, name],
      ...(place.namesStayHere
        ? ([
            ['L3', '127.0.0.11', name],
            ['L4', '127.0.0.11', onion],
          ] as const)
        : []),
    ],
    names: place.namesStayHere ? names : [],
    ping: [...machineAddresses, SECOND_END].map((address) => ['L5', address]),
    socks: place.namesStayHere ? [['L12', 'tor-client', SOCKS_PORT, SECOND_END, `${NAME_LABEL}.clearnet.test`]] : [],
    gateways: place.networks.map(({ gateway }) => gateway),
    raw_targets: [SECOND_END, ...machine.addresses],
    bridge_macs: bridgeMacs ?? place.networks.map(({ bridgeMac }) => bridgeMac),
    spoofed: SPOOFED_SOURCE,
  };
}

/** The first addresses of every network of the stack that this namespace is not on. */
function sweep(machine: Machine, place: Place): Target[] {
  return machine.networks
    .filter((network) => !place.networks.includes(network))
    .flatMap(({ subnet }) =>
      Array.from({ length: SWEEP_HOSTS }, (_, index) => hostOf(subnet, index + 1)).flatMap((address) =>
        SWEEP_PORTS.map((port) => ['L8', address, port] as const),
      ),
    );
}

function others(machine: Machine, place: Place): Target[] {
  return machine.networks
    .flatMap(({ members }) => [...members.values()])
    .filter((address) => !place.own.includes(address))
    .flatMap((address) => CONTAINER_PORTS.map((port) => ['L10', address, port] as const))
    .filter(([, address, port]) => !place.wanted.includes(`${address} ${port}`));
}

/**
 * Whether an attempt from a place in the stack found anybody. `refused` is somebody, unless
 * refusing is what a neighbour should do.
 */
export function isLeak(attempt: Attempt, place: Place): boolean {
  if (attempt.outcome === 'reached' || attempt.outcome.startsWith('error')) return true;
  if (attempt.outcome !== 'refused') return false;
  const address = attempt.what.split(' ')[1] ?? '';
  if (attempt.probe === 'L12' || address.startsWith('127.')) return false;
  return !(attempt.probe === 'L10' && place.networks.some(({ subnet }) => isIn(subnet, address)));
}
