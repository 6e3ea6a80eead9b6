// The snapshot: everything that the checks see, as plain data. It holds no environment, no command
// line but Tor's options, and no path of the machine but those of mounts.

import type { Reason } from './messages.ts';

/** A value that was seen, or the reason why it was not. */
export type Seen<Value> =
  { readonly seen: true; readonly value: Value } | { readonly seen: false; readonly why: Reason };

export interface Snapshot {
  readonly project: string;
  /**
   * Personal settings: compose files of the stack that are not the repository's, without folders.
   */
  readonly filesAdded: readonly string[];
  readonly engine: EngineFacts;
  readonly machine: Seen<MachineFacts>;
  readonly containers: readonly ContainerFacts[];
  readonly networks: readonly NetworkFacts[];
  readonly volumes: readonly VolumeFacts[];
  /**
   * Containers of another project or of none that are on a network of this one, or use a volume of
   * it.
   */
  readonly strangers: readonly StrangerFacts[];
  readonly release: Seen<ReleaseFacts>;
  /** One probe of each internal network. */
  readonly probes: Seen<readonly ProbeFacts[]>;
}

export interface EngineFacts {
  readonly version: string;
  /** The version of the engine's component `runc`. */
  readonly runc: string;
  readonly operatingSystem: string;
  readonly cgroupVersion: string;
  /** `name=seccomp,profile=default`, `name=apparmor`, `name=rootless`, … */
  readonly securityOptions: readonly string[];
  readonly limits: { readonly memory: boolean; readonly swap: boolean; readonly pids: boolean; readonly cpu: boolean };
  readonly warnings: readonly string[];
}

/** Facts of the engine's machine; seen only if the doctor runs on it. */
export interface MachineFacts {
  readonly swaps: readonly { readonly name: string; readonly usedKib: number }[];
  readonly corePattern: string;
}

export interface ContainerFacts {
  /** Without the project's name: `relay-1`. */
  readonly name: string;
  /** The compose label; empty if there is none. */
  readonly service: string;
  readonly running: boolean;
  /** Docker's word, or `none` without a health check. */
  readonly health: string;
  /** Outputs of health checks that Docker keeps; none should print. */
  readonly healthOutputs: number;
  readonly image: string;
  /** Digests of the image's uncompressed layers; empty if the engine no longer has the image. */
  readonly imageLayers: readonly string[];
  readonly user: string;
  readonly groups: readonly string[];
  readonly privileged: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
  readonly securityOptions: readonly string[];
  /** Empty where the engine has no AppArmor. */
  readonly appArmorProfile: string;
  readonly rootReadOnly: boolean;
  /** Docker's words; `host` and `container:…` are shared ones. */
  readonly namespaces: Readonly<Record<'network' | 'pid' | 'ipc' | 'uts' | 'user' | 'cgroup', string>>;
  /** Devices, device requests and device rules, one line each. */
  readonly devices: readonly string[];
  readonly maskedPaths: number;
  readonly readOnlyPaths: number;
  readonly mounts: readonly MountFacts[];
  /** Path -> options of a tmpfs. */
  readonly tmpfs: Readonly<Record<string, string>>;
  /** `127.0.0.1:8080 -> 80/tcp`. */
  readonly published: readonly string[];
  readonly nameServers: readonly string[];
  readonly hostsAdded: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** By name, those of the project without its prefix -> own address there. */
  readonly networks: Readonly<Record<string, string>>;
  /** 0 is unlimited, as in Docker. */
  readonly memoryBytes: number;
  /** Memory and swap together; -1 is unlimited. */
  readonly memoryAndSwapBytes: number;
  /** Docker's word for "as the machine does" is null. */
  readonly swappiness: number | null;
  readonly pids: number;
  readonly cpus: number;
  /** The hard limit in bytes; null if none was set. */
  readonly coreBytes: number | null;
  readonly logDriver: string;
  readonly restart: { readonly policy: string; readonly retries: number };
  readonly processes: Seen<readonly ProcessFacts[]>;
  readonly listeners: Seen<readonly ListenerFacts[]>;
  readonly tor: TorFacts | null;
}

export interface MountFacts {
  readonly type: string;
  /** The name of a volume, without its project's prefix; the machine's path of a bind mount. */
  readonly source: string;
  readonly target: string;
  readonly writable: boolean;
}

export interface ProcessFacts {
  readonly name: string;
  /** Real, effective, saved and file system's. */
  readonly uids: readonly number[];
  /** Effective and bounding sets, as in /proc: hexadecimal. */
  readonly capabilitiesEffective: string;
  readonly capabilitiesBounding: string;
  readonly noNewPrivileges: boolean;
  /** 2 is a filter. */
  readonly seccomp: number;
  readonly lockedKib: number;
  readonly swappedKib: number;
  /** `0`, a number of bytes or `unlimited`. */
  readonly coreLimit: string;
}

export interface ListenerFacts {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
}

export interface TorFacts {
  readonly version: Seen<string>;
  /**
   * Options of the configuration files, then of the command line; only those of TORRC_OPTIONS keep
   * their values.
   */
  readonly options: Seen<readonly (readonly [name: string, value: string])[]>;
}

export interface NetworkFacts {
  readonly name: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly ipv6: boolean;
  /** The bridge gets no address. */
  readonly inhibitIpv4: boolean;
  /** `isolated` on engines that know it; empty otherwise. */
  readonly gatewayMode: { readonly ipv4: string; readonly ipv6: string };
  readonly subnets: readonly string[];
}

export interface VolumeFacts {
  readonly name: string;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface StrangerFacts {
  readonly name: string;
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

/** A release's images, by ./scripts/verify. */
export interface ReleaseFacts {
  readonly version: string;
  /** Image name without its tag -> for each platform the digests of its layers, in their order. */
  readonly images: Readonly<Record<string, readonly (readonly string[])[]>>;
}

/** The outcome of one network's probe. */
export interface ProbeFacts {
  readonly network: string;
  readonly outcome: Seen<{
    /**
     * Whether the probe reached its own listener, and a neighbour on the network if there is one.
     */
    readonly control: 'loopback' | 'neighbour' | 'failed';
    readonly tried: number;
    /**
     * The answers of addresses outside, and of the network's gateway: `tcp 198.51.100.1:443
     * connected`.
     */
    readonly outside: readonly string[];
    readonly gateway: readonly string[];
    /** False if the network has no gateway address to try. */
    readonly gatewayKnown: boolean;
  }>;
}

export function seen<Value>(value: Value): Seen<Value> {
  return { seen: true, value };
}

export function unseen(why: Reason): { readonly seen: false; readonly why: Reason } {
  return { seen: false, why };
}
