// The required stack, independent of docker-compose.yml: a change there has to be repeated here.

import type { ContainerFacts } from './snapshot.ts';

/** What the names of Sotto's own images begin with. */
export const OWN_IMAGES = 'sotto-';

export interface ServicePlan {
  /** Image name without its tag. */
  readonly image: string;
  readonly networks: readonly string[];
  /** Groups beyond its own: it may open their sockets. */
  readonly groups: readonly string[];
  readonly volumes: Readonly<Record<string, VolumeUse>>;
  /** Paths of its tmpfs mounts. */
  readonly tmpfs: readonly string[];
  /** Its allowed listeners; `everything` for the test network. */
  readonly listens: 'everything' | readonly { readonly port: number; readonly networks: readonly string[] }[];
  /**
   * Name resolution. `inside`: its own loopback, where nothing listens. `engine`: the engine's.
   * `none`: it has no network.
   */
  readonly names: 'inside' | 'engine' | 'none';
  readonly sysctls: Readonly<Record<string, string>>;
  /** It starts and ends on demand, and may run several times. */
  readonly isClient?: boolean;
  /** It holds keys, in memory that is never paged out. */
  readonly holdsKeys?: boolean;
}

interface VolumeUse {
  readonly target: string;
  readonly writable: boolean;
}

export interface StackPlan {
  readonly services: Readonly<Record<string, ServicePlan>>;
  /** The only networks with a way out; every other one is internal. */
  readonly networksOut: readonly string[];
  readonly networksInternal: readonly string[];
  /** Volumes on the disk; every other one is in memory. */
  readonly volumesKept: readonly string[];
  /**
   * The services of a host's machine, all of which have to run; `visiting` is enough for a guest.
   */
  readonly hosting: readonly string[];
  readonly visiting: readonly string[];
}

const TOR_SYSCTLS = { 'net.ipv4.ip_forward': '0' };
const read = (target: string): VolumeUse => ({ target, writable: false });
const write = (target: string): VolumeUse => ({ target, writable: true });

const SHIPPED: StackPlan = {
  networksOut: ['egress'],
  networksInternal: ['socks', 'probe', 'state'],
  volumesKept: ['tor-guards', 'tor-client-guards'],
  hosting: ['tor', 'tor-client', 'gate', 'relay', 'redis', 'host'],
  visiting: ['tor-client', 'gate'],
  services: {
    tor: {
      image: 'sotto-tor',
      networks: ['egress'],
      groups: ['10103'],
      volumes: {
        'tor-guards': write('/var/lib/tor'),
        'tor-control': write('/run/tor'),
        'relay-socket': read('/run/relay'),
      },
      tmpfs: ['/tmp'],
      listens: [],
      names: 'engine',
      sysctls: TOR_SYSCTLS,
    },
    'tor-client': {
      image: 'sotto-tor',
      networks: ['egress', 'socks', 'probe'],
      groups: [],
      volumes: { 'tor-client-guards': write('/var/lib/tor-client'), 'tor-client-control': write('/run/tor') },
      tmpfs: ['/tmp'],
      listens: [{ port: 9050, networks: ['socks', 'probe'] }],
      names: 'engine',
      sysctls: TOR_SYSCTLS,
    },
    gate: {
      image: 'sotto-gate',
      networks: [],
      groups: ['10102', '10105'],
      volumes: { 'tor-client-control': read('/run/tor'), 'gate-socket': write('/run/gate') },
      tmpfs: ['/tmp'],
      listens: [],
      names: 'none',
      sysctls: {},
    },
    relay: {
      image: 'sotto-relay',
      networks: ['state'],
      groups: ['10103', '10104'],
      volumes: { 'relay-socket': write('/run/relay'), 'admin-socket': write('/run/admin') },
      tmpfs: ['/tmp'],
      listens: [],
      names: 'inside',
      sysctls: {},
    },
    redis: {
      image: 'redis',
      networks: ['state'],
      groups: [],
      volumes: {},
      tmpfs: ['/tmp', '/data'],
      listens: [{ port: 6379, networks: ['state'] }],
      names: 'inside',
      sysctls: {},
    },
    host: {
      image: 'sotto-host',
      networks: ['probe'],
      groups: ['10101', '10104', '10105', '10106'],
      volumes: {
        'tor-control': read('/run/tor'),
        'admin-socket': read('/run/admin'),
        'gate-socket': read('/run/gate'),
        'moderator-socket': write('/run/moderator'),
      },
      tmpfs: ['/tmp'],
      listens: [],
      names: 'inside',
      sysctls: {},
      holdsKeys: true,
    },
    client: {
      image: 'sotto-client',
      networks: ['socks'],
      groups: ['10105'],
      volumes: { 'gate-socket': read('/run/gate') },
      tmpfs: ['/tmp'],
      listens: [],
      names: 'inside',
      sysctls: {},
      isClient: true,
      holdsKeys: true,
    },
    'host-client': {
      image: 'sotto-client',
      networks: ['socks'],
      groups: ['10105', '10106'],
      volumes: { 'gate-socket': read('/run/gate'), 'moderator-socket': read('/run/moderator') },
      tmpfs: ['/tmp'],
      listens: [],
      names: 'inside',
      sysctls: {},
      isClient: true,
      holdsKeys: true,
    },
  },
};

const TEST_NETWORK: ServicePlan = {
  image: 'sotto-tornet',
  networks: ['egress'],
  groups: [],
  volumes: { tornet: write('/run/tornet') },
  tmpfs: ['/tmp', '/run/nodes'],
  listens: 'everything',
  names: 'inside',
  sysctls: {},
};

/** The service that only the private test network has. */
export const TEST_NETWORK_SERVICE = 'tornet';

/** Both Tors read the test network's volume, and keep its directory documents in memory. */
const onTestNetwork = (name: string, service: ServicePlan): ServicePlan => ({
  ...service,
  volumes: { ...service.volumes, tornet: read('/run/tornet'), [`${name}-cache`]: write('/var/cache/tor') },
});

/** The stack on the private test network: no network has a way out. */
const TESTED: StackPlan = {
  ...SHIPPED,
  networksOut: [],
  networksInternal: [...SHIPPED.networksOut, ...SHIPPED.networksInternal],
  hosting: [...SHIPPED.hosting, TEST_NETWORK_SERVICE],
  visiting: [...SHIPPED.visiting, TEST_NETWORK_SERVICE],
  services: {
    ...Object.fromEntries(
      Object.entries(SHIPPED.services).map(([name, service]) =>
        name === 'tor' || name === 'tor-client' ? [name, onTestNetwork(name, service)] : [name, service],
      ),
    ),
    [TEST_NETWORK_SERVICE]: TEST_NETWORK,
  },
};

/** @returns the plan for a stack with these services. */
export function planOf(services: readonly string[]): StackPlan {
  return services.includes(TEST_NETWORK_SERVICE) ? TESTED : SHIPPED;
}

/**
 * Containers of known services, each with its plan; the check `containers-known` covers the others.
 */
export function withPlan(
  containers: readonly ContainerFacts[],
  plan: StackPlan,
): (readonly [ContainerFacts, ServicePlan])[] {
  return containers.flatMap((container) => {
    const service = plan.services[container.service];
    return service === undefined ? [] : [[container, service] as const];
  });
}
