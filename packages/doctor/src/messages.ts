// Every text of the doctor, by a stable id. The doctor imports no package of ours, so this is a
// catalogue of its own.

const RECREATE = 'start the stack from the shipped docker-compose.yml again (docker compose up --force-recreate)';

export const ENGLISH = {
  // The page.
  'page.title': "Sotto's doctor: project {project}, {containers} containers, Docker engine {engine}",
  'page.test-network': '!! This stack is on the private test network: it hides no one from anyone.',
  'page.personal-settings':
    'This stack has personal settings ({files}): the requirements are checked on the containers as they run.',
  'page.counts': '{green} green, {red} red, {open} cannot tell',
  'page.next': 'next: {next}',
  'page.more-evidence': 'and {count} more',
  'state.green': 'green',
  'state.red': 'RED',
  'state.cannot-tell': 'cannot tell',
  'topic.stack': 'stack',
  'topic.networks': 'networks',
  'topic.privileges': 'privileges',
  'topic.mounts': 'mounts',
  'topic.limits and memory': 'limits and memory',
  'topic.traces': 'traces',
  'topic.tor': 'tor',
  'topic.engine': 'engine',

  // The requirements.
  'requirement.stack-runs': 'every service that this side needs is running and healthy',
  'requirement.containers-known': "every container of the project is one of Sotto's services, once, from its own image",
  'requirement.image-released': 'every running image is one that was released',
  'requirement.networks-known': 'the project has no network but those that Sotto names',
  'requirement.networks-internal': 'every network but egress is internal',
  'requirement.networks-no-gateway':
    'no internal network has a gateway address on this machine (internal alone leaves one)',
  'requirement.networks-ipv-four': 'no network has IPv6, which would be a second way out',
  'requirement.networks-members':
    'every service is on its own networks: relay on state only, gate on none, only the two Tors on egress',
  'requirement.networks-strangers': "no other container is on Sotto's networks",
  'requirement.ports-published': 'no port is published on this machine',
  'requirement.names-inside':
    'only the two Tors can resolve names outside (with CVE-2024-29018 an old engine lets every container)',
  'requirement.hosts-added':
    'no container is given an address of this machine or of another container (extra_hosts, links)',
  'requirement.forwarding-off':
    'the two Tors, which are on several networks, forward nothing between them; no other kernel setting is changed',
  'requirement.listeners': 'only SOCKS, on the inner networks, and Redis listen; clients listen on nothing',
  'requirement.probe-outside':
    'from each internal network a probe gets no answer from outside (tried over TCP and UDP)',
  'requirement.probe-gateway':
    'from each internal network a probe gets no answer from this machine (tried at the gateway address)',
  'requirement.privileged': 'no container is privileged',
  'requirement.capabilities': 'every container has dropped all capabilities, and none is added',
  'requirement.new-privileges': 'no process can gain privileges (no-new-privileges)',
  'requirement.users': 'every service runs as a user of its own, never as root',
  'requirement.groups': 'every service is in the groups of its sockets, and in no other',
  'requirement.root-read-only': "every container's root is read-only",
  'requirement.namespaces': 'no container shares a namespace with this machine or with another container',
  'requirement.devices': 'no container has a device of this machine',
  'requirement.seccomp': "every container's system calls are filtered (seccomp)",
  'requirement.mandatory-access': "no container opts out of this machine's AppArmor or SELinux",
  'requirement.proc-masked': "every container has Docker's masks over /proc and /sys",
  'requirement.processes-confined':
    'every running process is not root, has no capability, can gain no privilege, and is filtered',
  'requirement.engine-socket': "no container sees the engine's socket",
  'requirement.machine-folders': 'no container sees a folder or file of this machine',
  'requirement.volumes-known': 'every container has its required volumes, at their places, and no other',
  'requirement.mounts-read-only': 'a service that only connects to a socket cannot write to its volume',
  'requirement.sockets-in-memory': 'socket volumes are in memory, bounded, and closed to all others',
  'requirement.guards-plain':
    'the volumes on the disk are plain volumes of the engine, not a folder of the machine or of another one',
  'requirement.tmpfs-plain': 'every other writable place is in memory and bounded, and no file in it can be executed',
  'requirement.volumes-strangers': "no other container uses Sotto's volumes",
  'requirement.limit-memory': 'every container has a limit of memory',
  'requirement.limit-swap': 'no container may use swap beyond its memory, and the engine enforces it',
  'requirement.limit-pids': 'every container has a limit of processes',
  'requirement.limit-cpu': 'every container has a limit of processor time',
  'requirement.core-limit': 'no process may leave a core dump (limit 0)',
  'requirement.core-pattern': 'this machine passes no core dump to a program, which would ignore the limit',
  'requirement.swap': 'no memory of a container is or can be paged out to a disk',
  'requirement.locked-memory': 'memory with keys is locked, so that it is never paged out',
  'requirement.logging': 'the engine keeps no output of a container',
  'requirement.health-silent': 'health checks print nothing (Docker keeps what they print)',
  'requirement.restart': 'no container starts again by itself after the machine or the engine was restarted',
  'requirement.tor-version': 'Tor is at least the oldest version without a known hole that matters here',
  'requirement.tor-vanguards': 'second-layer guards are on, and no setting weakens the choice of guards and paths',
  'requirement.tor-socks': "the onion side's Tor offers no SOCKS; the guests' Tor leads to onions only",
  'requirement.tor-control': 'Tor is controlled over a Unix socket with a cookie, never over a network',
  'requirement.tor-quiet': 'Tor scrubs addresses from its output, and writes to no file',
  'requirement.engine-holes': 'the engine has no known hole that matters here and is still open',
  'requirement.engine-closed': 'the engine is reachable over no network without a key',

  // Next steps.
  'next.start-missing': 'look at docker compose ps, and start the missing service',
  'next.recreate': RECREATE,
  'next.remake-networks':
    'run ./scripts/stop, then start the stack from the shipped docker-compose.yml: that makes new networks',
  'next.remake-volumes':
    'run ./scripts/stop, then start the stack from the shipped docker-compose.yml: that makes new socket volumes',
  'next.rebuild':
    'build the images again from the released sources (docker compose build --no-cache), and start the stack again',
  'next.rebuild-tor': 'build the image of tor again (docker compose build --no-cache tor), and start the stack again',
  'next.remove-container': 'find out how it was started, and remove it (docker rm --force NAME)',
  'next.remove-network': 'remove it (docker network rm NAME), and find out how it was made',
  'next.disconnect': 'disconnect it (docker network disconnect NETWORK NAME), and find out how it was connected',
  'next.restart-container': 'find out how that process was started (docker top NAME), and start the container again',
  'next.remake-guards': 'copy your data, remove the volume (docker volume rm NAME), and start the stack again',
  'next.limit-swap': `if the engine has no swap limit, boot with swapaccount=1; otherwise ${RECREATE}`,
  'next.core-pattern': 'run sysctl kernel.core_pattern=core, as root on this machine',
  'next.swap-off': 'turn swap off (swapoff --all), or use an engine with cgroup v2, where the limit holds for that too',
  'next.raise-memlock':
    "raise the engine's limit of locked memory (LimitMEMLOCK of docker.service), and start the stack again",
  'next.update-engine': 'update the Docker engine and runc',
  'next.close-engine':
    "remove the engine's tcp:// listener (/etc/docker/daemon.json, docker.service), and restart the engine",

  // Why something could not be seen.
  'reason.not-this-machine': 'the engine does not run on this machine, or its processes cannot be seen from here',
  'reason.no-process-seen': 'none of its processes could be seen',
  'reason.not-running': 'it does not run',
  'reason.no-version': 'it does not print its version',
  'reason.version-unasked': 'its version could not be asked for',
  'reason.no-configuration': 'its configuration could not be read',
  'reason.no-release': 'nothing has been released yet',
  'reason.no-probe': 'no probe was sent (--no-probe)',
  'reason.no-node-image': "none of the project's images here has Node, and the doctor fetches none",
  'reason.probe-failed': 'the probe could not be started, or did not end in time',

  // Evidence of all topics.
  'evidence.nothing-seen': 'there was nothing to look at',
  'evidence.all-well': '{what} ({count} checked)',
  'evidence.unseen': '{name}: {reason}',
  'evidence.of': '{name}: {what}',
  'evidence.images': 'images',
  'evidence.this-machine': 'this machine',
  'evidence.probe': 'probe',
  'evidence.from-network': 'from {network}',
  'evidence.no-limit': '{name} has no limit',
  'evidence.sees': '{name} sees {sources}',
  'evidence.can-write': '{name} can write to {places}',
  'evidence.gains-privileges': '{name} may gain privileges',
  'evidence.runs-as-root': '{name} runs as root',
  'evidence.not-filtered': '{name} is not filtered',
  'evidence.dumps-core': '{name} may leave a core dump',

  // Evidence: stack and engine.
  'evidence.stops': '{name} does not run',
  'evidence.unhealthy': '{name} is not healthy',
  'evidence.starting': '{name} is still starting',
  'evidence.runs': '{name} runs',
  'evidence.service-missing': '{service} is not there',
  'evidence.service-unknown': "{name} is none of Sotto's services",
  'evidence.service-twice': '{name}: {service} is there twice',
  'evidence.other-image': '{name} runs another image: {image}',
  'evidence.foreign-image': "{name}: {image} is none of Sotto's images",
  'evidence.image-not-in-release': 'release {version} does not list {image}, which {name} runs',
  'evidence.image-without-layers': '{name}: the engine does not list the layers of its image',
  'evidence.image-released': '{name}: as released in {version}',
  'evidence.image-differs': '{name}: its {image} is not that of release {version}',
  'evidence.hole-version-unreadable': '{hole}: the version of {part} cannot be read',
  'evidence.hole-repaired': '{hole}: {part} {version} does not have it',
  'evidence.hole-closed': '{hole}: {part} {version} may have it; it is closed here ({requirement})',
  'evidence.hole-rebuilt':
    "{hole} ({what}): {part} {version} is a distribution's build and may be repaired: look at its security tracker",
  'evidence.hole-open': '{hole} ({what}): {part} {version} has it',
  'evidence.hole-names-leak': 'the engine itself resolves names outside for a container on an internal network',
  'evidence.hole-working-directory': 'a container can start with a folder of the machine as its working directory',
  'evidence.hole-proc-written': 'a starting container can be made to write to /proc of the machine',
  'evidence.hole-desktop': 'Docker Desktop before 4.44.3 lets every container reach the engine (CVE-2025-9074)',
  'evidence.engine-closed': 'the engine warns of no open listener',

  // Evidence: networks.
  'evidence.network-unknown': "{name} is none of Sotto's networks",
  'evidence.network-open': '{name} is not internal: it has a way out',
  'evidence.network-driver': '{name} has the driver {driver}, and is no bridge of its own',
  'evidence.networks-internal': 'internal: {names}',
  'evidence.network-gateway': '{name} leaves a gateway address on this machine',
  'evidence.networks-no-gateway': 'no gateway address: {names}',
  'evidence.network-ipv6': '{name} has IPv6',
  'evidence.networks-no-ipv6': 'without IPv6: {names}',
  'evidence.network-extra': '{name} is on {networks}, where it does not belong',
  'evidence.network-missing': '{name} is not on {networks}',
  'evidence.networks-own': 'each service is on its own networks only',
  'evidence.is-on': '{name} is on {networks}',
  'evidence.no-stranger': '{name}: no other container',
  'evidence.publishes': '{name} publishes {ports}',
  'evidence.all-ports': 'all ports',
  'evidence.publishes-nothing': 'no container publishes a port',
  'evidence.resolves': '{name} asks {servers}',
  'evidence.engine-resolvers': "the engine's name servers",
  'evidence.resolves-inside': 'each container asks its own loopback, where nothing listens',
  'evidence.hosts-added': '{name} is given {hosts}',
  'evidence.no-hosts-added': 'no container is given an address',
  'evidence.setting': '{key}={value}',
  'evidence.setting-unset': '{key}=not set',
  'evidence.forwarding-off': 'forwarding is off in each container on several networks',
  'evidence.listens': '{name} listens on {address}',
  'evidence.listens-on-nothing': '{name} listens on nothing',
  'evidence.listens-inside': '{name} listens on port {ports}, on inner networks',
  'evidence.probe-answered': 'from {network}: {answers}',
  'evidence.probe-silent': 'from {network}: {tried} tries, no answer',
  'evidence.gateway-silent': 'from {network}: the gateway address does not answer',
  'evidence.no-gateway-address': 'from {network}: there is no gateway address to try',
  'evidence.probe-blind': 'from {network}: the probe did not reach even an address that is certainly there',
  'evidence.no-internal-network': 'no internal network is there',

  // Evidence: privileges.
  'evidence.privileged': '{name} is privileged',
  'evidence.not-privileged': 'no container is privileged',
  'evidence.capabilities-added': '{name} has {capabilities}',
  'evidence.capabilities-kept': '{name} has not dropped all capabilities',
  'evidence.capabilities-dropped': 'all dropped, none added',
  'evidence.no-new-privileges': 'no-new-privileges is set',
  'evidence.same-user': '{name} and {other} run as the same user',
  'evidence.own-users': 'each service has a user of its own, and none is root',
  'evidence.in-group': '{name} is in group {groups}',
  'evidence.own-groups': 'each service is in the groups of its sockets only',
  'evidence.root-writable': '{name} can write to its root',
  'evidence.read-only': 'read-only',
  'evidence.shares': '{name} shares: {namespaces}',
  'evidence.own-namespaces': 'each container has its own network, processes, IPC, host name and users',
  'evidence.has-devices': '{name} has {devices}',
  'evidence.device-unnamed': 'a device',
  'evidence.device-driver': 'a device of the driver {driver}',
  'evidence.device-rule': 'rule {rule}',
  'evidence.no-device': 'no container has a device',
  'evidence.engine-no-filter': 'the engine filters no system calls by default',
  'evidence.filtered': "the engine's filter is on, and no container opts out",
  'evidence.opts-out': '{name} opts out',
  'evidence.mandatory-access-on': '{systems} is on, and no container opts out',
  'evidence.mandatory-access-absent': 'no container opts out; this machine has neither of them',
  'evidence.proc-unmasked': '{name} sees /proc or /sys without masks',
  'evidence.masked': 'masked',
  'evidence.has-capabilities': '{name} has capabilities, or could get some',
  'evidence.processes-confined': '{name}: {count} processes, all confined',

  // Evidence: mounts.
  'evidence.no-socket': 'no container sees it',
  'evidence.no-folder': 'none is mounted',
  'evidence.has-volumes': '{name} has {mounts}',
  'evidence.mount-at': '{source} at {target}',
  'evidence.volumes-missing': '{name} lacks {volumes}',
  'evidence.own-volumes': 'each container has its own volumes only',
  'evidence.connects-read-only': 'read-only where a container only connects',
  'evidence.volume-on-disk': '{name} is not in memory',
  'evidence.volume-loose': '{name} is not bounded, or can hold programs',
  'evidence.volume-open': '{name} is open to all',
  'evidence.sockets-in-memory': 'in memory, bounded, closed',
  'evidence.volume-device': '{name} is {device}',
  'evidence.volume-driver': '{name} has the driver {driver}',
  'evidence.plain': 'plain',
  'evidence.tmpfs-loose': '{name}: {paths} is not bounded, or can hold programs',
  'evidence.tmpfs-plain': 'bounded, noexec, nosuid, nodev',
  'evidence.uses': '{name} uses {volumes}',

  // Evidence: limits, memory and traces.
  'evidence.engine-no-memory-limit': 'the engine cannot limit memory',
  'evidence.engine-no-swap-limit': 'the engine reports "No swap limit support": the limit has no effect',
  'evidence.engine-no-pids-limit': 'the engine cannot limit processes',
  'evidence.engine-no-cpu-limit': 'the engine cannot limit processor time',
  'evidence.memory': '{name} {mebibytes} MiB',
  'evidence.amount': '{name} {amount}',
  'evidence.swaps': '{name} may use swap beyond its memory',
  'evidence.no-swap': 'memory and swap together are as much as memory alone',
  'evidence.core-limit': 'the limit is 0',
  'evidence.core-pattern': 'kernel.core_pattern is {pattern}',
  'evidence.core-handler-respectful':
    '{program} gets the memory of a crashed process; with the limit 0 it should keep none (core_pattern)',
  'evidence.core-handler': '{program} gets the memory of a crashed process, whatever the limit (core_pattern)',
  'evidence.no-swap-disk': 'this machine has no swap on a disk',
  'evidence.swapped-out': '{name}: {kib} KiB of it are on a disk',
  'evidence.swap-cgroup-two': 'this machine has swap; containers may use none of it (cgroup v2)',
  'evidence.swap-cgroup-one': 'this machine has swap, and with cgroup v1 the kernel may still page out {names}',
  'evidence.swappiness': 'this machine has swap; containers are not paged out (swappiness 0)',
  'evidence.locked': '{name}: {kib} KiB are locked (VmLck)',
  'evidence.not-locked': '{name}: nothing is locked (VmLck 0)',
  'evidence.no-program-with-keys': 'no program with keys is running',
  'evidence.logged': '{name} is logged ({driver})',
  'evidence.not-logged': 'the log driver is none',
  'evidence.health-outputs': '{name}: Docker keeps {count} outputs of its health check',
  'evidence.health-silent': 'nothing is kept',
  'evidence.always-restarts': '{name} always starts again ({policy})',
  'evidence.restarts-unbounded': '{name} is tried again without end',
  'evidence.restarts-bounded': 'only after a failure, {count} times at most',

  // Evidence: Tor.
  'evidence.tor-version-unreadable': '{name}: its version cannot be read',
  'evidence.tor-version': '{name}: {version}, at least {minimum}',
  'evidence.tor-old': '{name}: {version} is older than {minimum}',
  'evidence.no-tor': 'no Tor is there',
  'evidence.tor-sets': 'sets {options}',
  'evidence.tor-option': '{option} {value}',
  'evidence.tor-option-unset': '{option} is not set',
  'evidence.tor-offers': 'offers {options}',
  'evidence.tor-offers-socks': 'offers SOCKS',
  'evidence.tor-default-socks': 'its SocksPort is the default one, which leads everywhere',
  'evidence.tor-onions-only': 'OnionTrafficOnly on every SocksPort',
  'evidence.tor-socks-loose': 'a SocksPort leads beyond onions',
  'evidence.tor-control-port': 'a ControlPort is open',
  'evidence.tor-password': 'a password opens its control socket',
  'evidence.tor-cookie': 'a Unix socket, with a cookie',
  'evidence.tor-no-cookie': 'it asks for no cookie',
  'evidence.tor-quiet': 'SafeLogging 1, notices to its own output',
  'evidence.tor-loud': 'logs more than notices, or elsewhere',

  // Failures of the doctor itself.
  'error.usage': 'an option or argument is wrong, and is named: see --help',
  'error.docker-host':
    'DOCKER_HOST, or another DOCKER_… variable, is malformed: set it as docker itself takes it, or leave it out',
  'error.engine-unreachable': 'no Docker engine answers: start it, or set DOCKER_HOST if it is elsewhere',
  'error.engine-silent': 'the Docker engine did not answer in time: look whether docker ps does, then try again',
  'error.stack-missing': 'no container of this project is here: start the stack, or name its project with --project',
  'error.release-unreadable': 'the file of released images cannot be read or is malformed: see --help for its form',
  'error.look-failed':
    'the Docker engine did not answer as it should, or the doctor has a bug: try again, then report it',
  'error.interrupted': 'the doctor was stopped before it was done, and has removed its containers: start it again',
  'failure.line': 'sotto: {text} ({code})',

  // The command line.
  'usage.see-help': '{problem}: see --help',
  'usage.too-many': 'an argument too many: the doctor takes none',
  'usage.unknown-option': 'unknown option',
  'usage.unknown-option-named': 'unknown option {option}',
  'usage.needs-value': '{option} needs a value',
  'usage.value-refused': '{option} takes no value',
  'usage.not-a-project': '--project is not the name of a Compose project',
  'usage.help': `Usage: ./scripts/doctor [options]

Checks a running stack of Sotto from outside, and prints for each requirement
whether it is met, with the evidence: green, red, or cannot tell. It changes
nothing: it asks the Docker engine, reads /proc of this machine if the engine
runs here, and asks Tor for its version. To try whether anything gets out, it
starts a container of one of Sotto's own images for a few seconds on each
internal network. That container tries two documentation addresses
(198.51.100.1 and 198.51.100.129) and the network's gateway. The doctor removes
it again.

  --project NAME   the name that the stack was started under; sotto if absent
                   (with the private test network: sotto-tornet)
  --json           print one JSON object to standard output
  --no-probe       start no container; its requirements are then "cannot tell"
  --release FILE   the released images, as ./scripts/verify --digests prints
                   them; docs/released-digests.txt if absent
  -V, --version    show the version
  -h, --help       show this text

Exit codes: 0 every requirement is green; 1 one is red; 2 one cannot be told, or
the doctor cannot look (its code is on standard error); 64 a wrong option,
argument or variable.
`,
} as const;

export type MessageId = keyof typeof ENGLISH;

/** The text of each id. `{name}` is replaced by the parameter of that name. */
export type Catalogue = Readonly<Record<MessageId, string>>;

/** Why something could not be seen, by a code: the text is `reason.<code>`. */
export type Reason = MessageId extends infer Id ? (Id extends `reason.${infer Code}` ? Code : never) : never;

type NamesIn<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

/** Nothing for a text without parameters; one object with exactly its names for any other. */
type ParametersOf<Id extends MessageId> = [NamesIn<(typeof ENGLISH)[Id]>] extends [never]
  ? []
  : [parameters: Readonly<Record<NamesIn<(typeof ENGLISH)[Id]>, string | number>>];

const PLACE = /\{([a-z][A-Za-z]*)\}/g;

let current: Catalogue = ENGLISH;

/** Replaces the catalogue of this process, as setlocale(3) does. */
export function setCatalogue(catalogue: Catalogue): void {
  current = catalogue;
}

/** @returns the text of `id` in this process's catalogue, with its parameters filled in. */
export function message<Id extends MessageId>(id: Id, ...[parameters]: ParametersOf<Id>): string {
  const values: Readonly<Record<string, string | number>> = parameters ?? {};
  return current[id].replaceAll(PLACE, (place, name: string) => String(values[name] ?? place));
}
