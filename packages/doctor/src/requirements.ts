// Every requirement that the doctor looks at, by a stable code: its words, and what to do when it is broken.

export interface Requirement {
  readonly topic: Topic;
  readonly requirement: string;
  readonly next: string;
}

export const TOPICS = [
  'stack',
  'networks',
  'privileges',
  'mounts',
  'limits and memory',
  'traces',
  'tor',
  'engine',
] as const;
export type Topic = (typeof TOPICS)[number];

const RECREATE = 'start the stack from the shipped docker-compose.yml again (docker compose up --force-recreate)';
const REMOVE_NETWORKS =
  './scripts/stop, then start the stack from the shipped docker-compose.yml: networks are made anew';
const REMOVE_VOLUMES =
  './scripts/stop, then start the stack from the shipped docker-compose.yml: socket volumes are made anew';
const REBUILD = 'build the images anew from the released sources (docker compose build --no-cache) and start again';
const FIND_OUT = 'find out who started it, and remove it (docker rm --force NAME)';

export const REQUIREMENTS = {
  'stack-runs': {
    topic: 'stack',
    requirement: 'every service that this side needs runs and is healthy',
    next: 'look at docker compose ps, and start what is missing',
  },
  'containers-known': {
    topic: 'stack',
    requirement: "every container of the project is one of Sotto's services, once, from its own image",
    next: FIND_OUT,
  },
  'image-released': {
    topic: 'stack',
    requirement: 'the images that run are those that were released',
    next: REBUILD,
  },

  'networks-known': {
    topic: 'networks',
    requirement: 'the project has no network but those that Sotto names',
    next: 'remove it (docker network rm NAME), and find out who made it',
  },
  'networks-internal': {
    topic: 'networks',
    requirement: 'no network but egress has a way out',
    next: REMOVE_NETWORKS,
  },
  'networks-no-gateway': {
    topic: 'networks',
    requirement: 'no internal network has a gateway address on this machine (internal alone leaves one)',
    next: REMOVE_NETWORKS,
  },
  'networks-ipv-four': {
    topic: 'networks',
    requirement: 'no network speaks IPv6, which would be a second way out',
    next: REMOVE_NETWORKS,
  },
  'networks-members': {
    topic: 'networks',
    requirement: 'each service is on its own networks: relay on state only, gate on none, only the two Tors on egress',
    next: 'disconnect it (docker network disconnect NETWORK NAME), and find out who connected it',
  },
  'networks-strangers': {
    topic: 'networks',
    requirement: "nobody else is on Sotto's networks",
    next: FIND_OUT,
  },
  'ports-published': {
    topic: 'networks',
    requirement: 'no port is published on this machine',
    next: RECREATE,
  },
  'names-inside': {
    topic: 'networks',
    requirement: 'only the two Tors may ask for names outside (CVE-2024-29018 lets older engines ask for all)',
    next: RECREATE,
  },
  'hosts-added': {
    topic: 'networks',
    requirement: 'no container is told an address of the machine or of anybody else (extra_hosts, links)',
    next: RECREATE,
  },
  'forwarding-off': {
    topic: 'networks',
    requirement:
      'the two Tors, which are on several networks, forward nothing between them; no other kernel setting is changed',
    next: RECREATE,
  },
  listeners: {
    topic: 'networks',
    requirement: 'nothing listens but SOCKS, on the inner networks, and Redis; clients listen on nothing',
    next: REBUILD,
  },
  'probe-outside': {
    topic: 'networks',
    requirement: 'from each internal network a probe gets no answer from outside (tried, TCP and UDP)',
    next: REMOVE_NETWORKS,
  },
  'probe-gateway': {
    topic: 'networks',
    requirement: 'from each internal network a probe gets no answer from this machine (tried at the gateway address)',
    next: REMOVE_NETWORKS,
  },

  privileged: {
    topic: 'privileges',
    requirement: 'no container is privileged',
    next: RECREATE,
  },
  capabilities: {
    topic: 'privileges',
    requirement: 'every container has dropped all capabilities and got none back',
    next: RECREATE,
  },
  'new-privileges': {
    topic: 'privileges',
    requirement: 'no process can gain privileges (no-new-privileges)',
    next: RECREATE,
  },
  users: {
    topic: 'privileges',
    requirement: 'every service runs as a user of its own, never as root',
    next: RECREATE,
  },
  groups: {
    topic: 'privileges',
    requirement: 'every service is in the groups of its sockets and in no other',
    next: RECREATE,
  },
  'root-read-only': {
    topic: 'privileges',
    requirement: "every container's root is read-only",
    next: RECREATE,
  },
  namespaces: {
    topic: 'privileges',
    requirement: 'no container shares a namespace with this machine or with another container',
    next: RECREATE,
  },
  devices: {
    topic: 'privileges',
    requirement: 'no container has a device of this machine',
    next: RECREATE,
  },
  seccomp: {
    topic: 'privileges',
    requirement: "every container's system calls are filtered (seccomp)",
    next: RECREATE,
  },
  'mandatory-access': {
    topic: 'privileges',
    requirement: "no container opts out of the machine's AppArmor or SELinux",
    next: RECREATE,
  },
  'proc-masked': {
    topic: 'privileges',
    requirement: 'what Docker hides of /proc and /sys is hidden',
    next: RECREATE,
  },
  'processes-confined': {
    topic: 'privileges',
    requirement: 'every process that runs now is not root, has no capability, can gain none and is filtered',
    next: 'find out who started that process (docker top NAME), and start the container again',
  },

  'engine-socket': {
    topic: 'mounts',
    requirement: 'no container sees the socket of the engine',
    next: RECREATE,
  },
  'machine-folders': {
    topic: 'mounts',
    requirement: 'no container sees a folder or file of this machine',
    next: RECREATE,
  },
  'volumes-known': {
    topic: 'mounts',
    requirement: 'every container has the volumes that it needs, where they belong, and no other',
    next: RECREATE,
  },
  'mounts-read-only': {
    topic: 'mounts',
    requirement: 'who only connects to a socket cannot write to its volume',
    next: RECREATE,
  },
  'sockets-in-memory': {
    topic: 'mounts',
    requirement: 'socket volumes are in memory, bounded, and closed to all others',
    next: REMOVE_VOLUMES,
  },
  'guards-plain': {
    topic: 'mounts',
    requirement:
      'the volumes that stay are plain volumes of the engine, not some folder of the machine or of another one',
    next: 'copy what you need, remove the volume (docker volume rm NAME), and start the stack again',
  },
  'tmpfs-plain': {
    topic: 'mounts',
    requirement: 'what else can be written is in memory, bounded, and nothing there can be run',
    next: RECREATE,
  },
  'volumes-strangers': {
    topic: 'mounts',
    requirement: "nobody else uses Sotto's volumes",
    next: FIND_OUT,
  },

  'limit-memory': {
    topic: 'limits and memory',
    requirement: 'every container has a limit of memory',
    next: RECREATE,
  },
  'limit-swap': {
    topic: 'limits and memory',
    requirement: 'no container may use swap beyond its memory, and the engine enforces it',
    next: 'if the engine has no swap limit, boot with swapaccount=1; otherwise start the stack from the shipped docker-compose.yml again',
  },
  'limit-pids': {
    topic: 'limits and memory',
    requirement: 'every container has a limit of processes',
    next: RECREATE,
  },
  'limit-cpu': {
    topic: 'limits and memory',
    requirement: 'every container has a limit of processor time',
    next: RECREATE,
  },
  'core-limit': {
    topic: 'limits and memory',
    requirement: 'no process may leave a core dump (limit 0)',
    next: RECREATE,
  },
  'core-pattern': {
    topic: 'limits and memory',
    requirement: 'this machine hands no core dump to a program, for which the limit does not hold',
    next: 'sysctl kernel.core_pattern=core, as root on this machine',
  },
  swap: {
    topic: 'limits and memory',
    requirement: 'nothing of a container is or can be paged out to a disk',
    next: 'turn swap off (swapoff --all), or use an engine with cgroup v2, where the limit holds for that too',
  },
  'locked-memory': {
    topic: 'limits and memory',
    requirement: 'memory with keys is locked, so that it is never paged out',
    next: 'raise the limit of locked memory of the engine (LimitMEMLOCK of docker.service), and start the stack again',
  },

  logging: {
    topic: 'traces',
    requirement: 'nothing that a container prints is kept',
    next: RECREATE,
  },
  'health-silent': {
    topic: 'traces',
    requirement: 'health checks print nothing (Docker keeps what they print)',
    next: REBUILD,
  },
  restart: {
    topic: 'traces',
    requirement: 'nothing comes back by itself after the machine or the engine was restarted',
    next: RECREATE,
  },

  'tor-version': {
    topic: 'tor',
    requirement: 'Tor is not older than the oldest version without holes that matter here',
    next: 'build the image of tor anew (docker compose build --no-cache tor) and start again',
  },
  'tor-vanguards': {
    topic: 'tor',
    requirement: 'second-layer guards are on, and no setting weakens the choice of guards and paths',
    next: REBUILD,
  },
  'tor-socks': {
    topic: 'tor',
    requirement: "the onion side offers no SOCKS, the guests' side leads to onions only",
    next: REBUILD,
  },
  'tor-control': {
    topic: 'tor',
    requirement: 'Tor is controlled over a Unix socket with a cookie, over no network',
    next: REBUILD,
  },
  'tor-quiet': {
    topic: 'tor',
    requirement: 'Tor scrubs addresses from what it prints, and prints to no file',
    next: REBUILD,
  },

  'engine-holes': {
    topic: 'engine',
    requirement: 'the engine has no known hole that matters here and is not closed here',
    next: 'update the Docker engine and runc',
  },
  'engine-closed': {
    topic: 'engine',
    requirement: 'the engine is reachable over no network without a key',
    next: 'remove the tcp:// listener of the engine (/etc/docker/daemon.json, docker.service), and restart it',
  },
} as const satisfies Readonly<Record<string, Requirement>>;
export type RequirementCode = keyof typeof REQUIREMENTS;

/** Code -> words, for docs/CODES.md. */
export const REQUIREMENT_TEXTS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(REQUIREMENTS).map(([code, { requirement }]) => [code, requirement]),
);
