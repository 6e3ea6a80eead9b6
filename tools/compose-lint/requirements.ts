// The required networks, volumes and overlays of each service, as data: docs/ARCHITECTURE.md draws
// them. A service, network, volume or overlay that is not here is a finding.

export interface ServiceRequirement {
  /** None means no network at all. */
  readonly networks: readonly string[];
  /** The volumes and their use: each has one writer. */
  readonly mounts: Readonly<Record<string, 'reads' | 'writes'>>;
  /** A user starts it on demand. */
  readonly profile?: 'client';
  /** Whether it has a health check. */
  readonly listens: boolean;
  /** Whether `docker compose up` shows its output. */
  readonly shown?: true;
  /** It holds keys, so it may lock memory. */
  readonly holdsKeys?: true;
  /** Only the Tors have a resolver: the engine's own, on egress. */
  readonly resolver?: 'engine';
}

export interface StackPlan {
  readonly name: string;
  readonly files: readonly string[];
  readonly services: Readonly<Record<string, ServiceRequirement>>;
  /** Volumes on the disk. */
  readonly kept: readonly string[];
  /** Volumes that services outside their group may read. */
  readonly readByAll: readonly string[];
  /** Whether `egress` leads out. No stack of a test leads out. */
  readonly egress: 'open' | 'closed';
}

/** The one network that leads out. */
export const EGRESS = 'egress';
/** Networks that lead nowhere. */
export const INNER_NETWORKS: readonly string[] = ['socks', 'probe', 'state'];

const SHIPPED: Readonly<Record<string, ServiceRequirement>> = {
  tor: {
    networks: [EGRESS],
    mounts: { 'tor-guards': 'writes', 'tor-control': 'writes', 'relay-socket': 'reads' },
    listens: true,
    resolver: 'engine',
  },
  'tor-client': {
    networks: [EGRESS, 'socks', 'probe'],
    mounts: { 'tor-client-guards': 'writes', 'tor-client-control': 'writes' },
    listens: true,
    resolver: 'engine',
  },
  gate: { networks: [], mounts: { 'tor-client-control': 'reads', 'gate-socket': 'writes' }, listens: true },
  relay: { networks: ['state'], mounts: { 'relay-socket': 'writes', 'admin-socket': 'writes' }, listens: true },
  redis: { networks: ['state'], mounts: {}, listens: true },
  host: {
    networks: ['probe'],
    mounts: { 'tor-control': 'reads', 'admin-socket': 'reads', 'gate-socket': 'reads', 'moderator-socket': 'writes' },
    listens: true,
    shown: true,
    holdsKeys: true,
  },
  client: {
    networks: ['socks'],
    mounts: { 'gate-socket': 'reads' },
    profile: 'client',
    listens: false,
    holdsKeys: true,
  },
  'host-client': {
    networks: ['socks'],
    mounts: { 'gate-socket': 'reads', 'moderator-socket': 'reads' },
    profile: 'client',
    listens: false,
    holdsKeys: true,
  },
};

const GUARDS: readonly string[] = ['tor-guards', 'tor-client-guards'];

/** A service of the shipped file to which an overlay adds volumes. */
function alsoMounts(service: string, mounts: ServiceRequirement['mounts']): Record<string, ServiceRequirement> {
  const shipped = SHIPPED[service];
  return shipped === undefined ? {} : { [service]: { ...shipped, mounts: { ...shipped.mounts, ...mounts } } };
}

export const STACKS: readonly StackPlan[] = [
  {
    name: 'as shipped',
    files: ['docker-compose.yml'],
    services: SHIPPED,
    kept: GUARDS,
    readByAll: [],
    egress: 'open',
  },
  {
    name: 'on the private Tor network',
    files: ['docker-compose.yml', 'test/tornet/compose.yml'],
    services: {
      ...SHIPPED,
      ...alsoMounts('tor', { tornet: 'reads', 'tor-cache': 'writes' }),
      ...alsoMounts('tor-client', { tornet: 'reads', 'tor-client-cache': 'writes' }),
      tornet: { networks: [EGRESS], mounts: { tornet: 'writes' }, listens: true },
    },
    kept: GUARDS,
    // Public facts of a test network, for two services of different groups.
    readByAll: ['tornet'],
    egress: 'closed',
  },
  {
    name: 'with no network',
    files: ['docker-compose.yml', 'test/tornet/no-network.yml'],
    services: SHIPPED,
    kept: GUARDS,
    readByAll: [],
    egress: 'closed',
  },
];
