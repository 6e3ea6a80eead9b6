// Translates the engine's answers into facts, with one form for Docker's many forms of an absent
// value.

import { message } from './messages.ts';
import type { RawContainer, RawEngine, RawHostConfig, RawNetwork, RawPorts, RawVolume } from './engine-answers.ts';
import { unseen } from './snapshot.ts';
import type { ContainerFacts, EngineFacts, MountFacts, NetworkFacts, VolumeFacts } from './snapshot.ts';

const SERVICE_LABEL = 'com.docker.compose.service';
const NETWORK_LABEL = 'com.docker.compose.network';
const VOLUME_LABEL = 'com.docker.compose.volume';
const FILES_LABEL = 'com.docker.compose.project.config_files';
/** The repository's own compose files, as the ends of their paths. */
const OWN_FILES = /(^|\/)(docker-compose\.yml|test\/tornet\/(compose|no-network)\.yml)$/;
const NANO = 1_000_000_000;
const DEFAULT_CPU_PERIOD_MICROSECONDS = 100_000;
const INHIBIT_IPV4 = 'com.docker.network.bridge.inhibit_ipv4';
const GATEWAY_MODE = 'com.docker.network.bridge.gateway_mode_ipv';
/** Docker's own entries in a container's health log, for a check that did not end or start. */
const OWN_HEALTH_WORDS = /^(Health check exceeded timeout|OCI runtime exec failed|cannot exec in a |rpc error: )/;

/** The engine's name of a thing, without the project's in front. */
export function shortName(project: string, name: string): string {
  const [dashed, underlined] = [`${project}-`, `${project}_`];
  const bare = name.replace(/^\//, '');
  return bare.startsWith(dashed) || bare.startsWith(underlined) ? bare.slice(dashed.length) : bare;
}

export function engineFacts({ info, version }: RawEngine): EngineFacts {
  const runc = version.Components?.find(({ Name }) => Name === 'runc');
  const [number, build] = [runc?.Version ?? '', runc?.Details?.['GitCommit'] ?? ''];
  return {
    version: version.Version ?? '',
    // The build of a distribution names its own repairs.
    runc: number !== '' && build.startsWith(number) ? build : number,
    operatingSystem: info.OperatingSystem ?? '',
    cgroupVersion: info.CgroupVersion ?? '1',
    securityOptions: info.SecurityOptions ?? [],
    limits: {
      memory: info.MemoryLimit === true,
      swap: info.SwapLimit === true,
      pids: info.PidsLimit === true,
      cpu: info.CpuCfsQuota === true,
    },
    warnings: info.Warnings ?? [],
  };
}

/**
 * @returns the names, without folders, of compose files that are not the repository's, by the
 * labels of all containers.
 */
export function filesAdded(containers: readonly RawContainer[]): readonly string[] {
  const paths = containers.flatMap(({ Config: { Labels } }) => (Labels?.[FILES_LABEL] ?? '').split(','));
  const added = paths.map((path) => path.replaceAll('\\', '/')).filter((path) => path !== '' && !OWN_FILES.test(path));
  return [...new Set(added.map((path) => path.slice(path.lastIndexOf('/') + 1)))].sort();
}

/** @returns the facts that `inspect` has; the others are not seen yet. */
export function containerFacts(project: string, raw: RawContainer, imageLayers: readonly string[]): ContainerFacts {
  const { State: state, Config: config, HostConfig: host } = raw;
  const networks = Object.entries(raw.NetworkSettings.Networks ?? {});
  return {
    name: shortName(project, raw.Name),
    service: config.Labels?.[SERVICE_LABEL] ?? '',
    running: state.Running === true,
    health: state.Health?.Status ?? 'none',
    healthOutputs: (state.Health?.Log ?? []).filter(({ Output }) => isOutput(Output ?? '')).length,
    image: config.Image ?? '',
    imageLayers,
    user: config.User ?? '',
    groups: host.GroupAdd ?? [],
    privileged: host.Privileged === true,
    capabilitiesAdded: host.CapAdd ?? [],
    capabilitiesDropped: (host.CapDrop ?? []).map((capability) => capability.toUpperCase()),
    securityOptions: (host.SecurityOpt ?? []).map(shortOption),
    appArmorProfile: raw.AppArmorProfile ?? '',
    rootReadOnly: host.ReadonlyRootfs === true,
    namespaces: {
      network: shortName(project, host.NetworkMode ?? ''),
      pid: host.PidMode ?? '',
      ipc: host.IpcMode ?? '',
      uts: host.UTSMode ?? '',
      user: host.UsernsMode ?? '',
      cgroup: host.CgroupnsMode ?? '',
    },
    devices: devicesOf(host),
    maskedPaths: host.MaskedPaths?.length ?? 0,
    readOnlyPaths: host.ReadonlyPaths?.length ?? 0,
    mounts: mountsOf(project, raw),
    tmpfs: host.Tmpfs ?? {},
    published: publishedOf(raw),
    nameServers: host.Dns ?? [],
    hostsAdded: [...(host.ExtraHosts ?? []), ...(host.Links ?? [])],
    sysctls: host.Sysctls ?? {},
    networks: Object.fromEntries(networks.map(([name, at]) => [shortName(project, name), at?.IPAddress ?? ''])),
    ...limitsOf(host),
    logDriver: host.LogConfig?.Type ?? '',
    restart: { policy: host.RestartPolicy?.Name ?? '', retries: host.RestartPolicy?.MaximumRetryCount ?? 0 },
    processes: unseen('not-running'),
    listeners: unseen('not-running'),
    tor: null,
  };
}

function isOutput(text: string): boolean {
  return text.trim() !== '' && !OWN_HEALTH_WORDS.test(text);
}

/** The engine returns a seccomp profile whole: its presence is enough. */
function shortOption(option: string): string {
  return /^seccomp[:=]\s*\{/.test(option) ? 'seccomp=profile' : option;
}

function devicesOf(host: RawHostConfig): string[] {
  return [
    ...(host.Devices ?? []).map(({ PathOnHost }) => PathOnHost ?? message('evidence.device-unnamed')),
    ...(host.DeviceRequests ?? []).map(({ Driver }) => message('evidence.device-driver', { driver: Driver ?? '' })),
    ...(host.DeviceCgroupRules ?? []).map((rule) => message('evidence.device-rule', { rule })),
  ];
}

function mountsOf(project: string, { Mounts }: RawContainer): MountFacts[] {
  return (Mounts ?? []).map(({ Type, Name, Source, Destination, RW }) => ({
    type: Type,
    source: Type === 'volume' ? shortName(project, Name ?? '') : (Source ?? ''),
    target: Destination,
    writable: RW !== false,
  }));
}

/** The ports that are published now, and those of the next start. */
function publishedOf({ HostConfig, NetworkSettings }: RawContainer): string[] {
  const lines = [HostConfig.PortBindings, NetworkSettings.Ports].flatMap((ports: RawPorts | null | undefined) =>
    Object.entries(ports ?? {}).flatMap(([port, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp ?? ''}:${HostPort ?? ''} -> ${port}`),
    ),
  );
  return [...new Set([...lines, ...(HostConfig.PublishAllPorts === true ? [message('evidence.all-ports')] : [])])];
}

function limitsOf(
  host: RawHostConfig,
): Pick<ContainerFacts, 'memoryBytes' | 'memoryAndSwapBytes' | 'swappiness' | 'pids' | 'cpus' | 'coreBytes'> {
  const quota = Math.max(0, host.CpuQuota ?? 0);
  const period = host.CpuPeriod ?? 0;
  return {
    memoryBytes: host.Memory ?? 0,
    memoryAndSwapBytes: host.MemorySwap ?? 0,
    swappiness: host.MemorySwappiness ?? null,
    pids: Math.max(0, host.PidsLimit ?? 0),
    cpus: (host.NanoCpus ?? 0) / NANO || quota / (period === 0 ? DEFAULT_CPU_PERIOD_MICROSECONDS : period),
    coreBytes: host.Ulimits?.find(({ Name }) => Name === 'core')?.Hard ?? null,
  };
}

export function networkFacts(project: string, raw: RawNetwork): NetworkFacts {
  return {
    name: raw.Labels?.[NETWORK_LABEL] ?? shortName(project, raw.Name),
    driver: raw.Driver ?? '',
    internal: raw.Internal === true,
    ipv6: raw.EnableIPv6 === true,
    inhibitIpv4: raw.Options?.[INHIBIT_IPV4] === 'true',
    gatewayMode: { ipv4: raw.Options?.[`${GATEWAY_MODE}4`] ?? '', ipv6: raw.Options?.[`${GATEWAY_MODE}6`] ?? '' },
    subnets: (raw.IPAM?.Config ?? []).map(({ Subnet }) => Subnet ?? ''),
  };
}

export function volumeFacts(project: string, raw: RawVolume): VolumeFacts {
  return {
    name: raw.Labels?.[VOLUME_LABEL] ?? shortName(project, raw.Name),
    driver: raw.Driver ?? '',
    options: raw.Options ?? {},
  };
}
