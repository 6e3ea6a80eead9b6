// Every requirement is broken at least once, in a snapshot of the real stack, and exactly that one turns red.

import { describe, expect, test } from 'vitest';
import { examine, overall } from '../src/checks.ts';
import type { Finding } from '../src/checks.ts';
import { REQUIREMENTS } from '../src/requirements.ts';
import type { RequirementCode } from '../src/requirements.ts';
import type { Seen, Snapshot } from '../src/snapshot.ts';
import { seen, unseen } from '../src/snapshot.ts';
import type { State } from '../src/verdict.ts';
import { network, of, processesOf, shippedStack, volume, wholeStack } from './shipped.ts';
import type { Draft } from './shipped.ts';

type Break = (snapshot: Draft<Snapshot>) => void;

function codes(findings: readonly Finding[], state: State): string[] {
  return findings.filter((finding) => finding.state === state).map(({ code }) => code);
}

function valueOf<Value>(what: Seen<Value> | undefined): Value {
  if (what?.seen !== true) throw new Error('not in the snapshot');
  return what.value;
}

const torOptions = (snapshot: Draft<Snapshot>, service: string): Draft<[string, string]>[] =>
  valueOf(of(snapshot, service).tor?.options as Seen<Draft<[string, string]>[]> | undefined);
const probe = (snapshot: Draft<Snapshot>): { outside: string[]; gateway: string[]; control: string } =>
  valueOf(valueOf(snapshot.probes as Snapshot['probes'])[0]?.outcome) as never;

const FAULTS: readonly (readonly [code: RequirementCode, what: string, breakIt: Break])[] = [
  ['stack-runs', 'a service is missing', (s) => void (s.containers = s.containers.filter((c) => c.service !== 'gate'))],
  ['stack-runs', 'a service has ended', (s) => void (of(s, 'relay').running = false)],
  ['stack-runs', 'a service is not healthy', (s) => void (of(s, 'relay').health = 'unhealthy')],
  ['containers-known', 'a container that nobody knows', (s) => addUnknown(s, 'helper')],
  ['containers-known', 'a container without a label', (s) => addUnknown(s, '')],
  [
    'containers-known',
    "another image under a service's name",
    (s) => void (of(s, 'relay').image = 'elsewhere/relay:1'),
  ],
  ['containers-known', 'a second relay', (s) => void s.containers.push({ ...of(s, 'relay'), name: 'relay-2' })],
  [
    'image-released',
    'an image that was not released',
    (s) => void (of(s, 'relay').imageLayers = ['sha256:000000000000']),
  ],

  ['networks-known', 'a network more', (s) => void s.networks.push({ ...network(s, 'state'), name: 'back-door' })],
  ['networks-internal', 'a network with a way out', (s) => void (network(s, 'state').internal = false)],
  ['networks-internal', "a network that is the machine's own", (s) => void (network(s, 'state').driver = 'macvlan')],
  ['networks-no-gateway', 'a gateway address', (s) => void (network(s, 'socks').inhibitIpv4 = false)],
  ['networks-ipv-four', 'IPv6', (s) => void (network(s, 'egress').ipv6 = true)],
  ['networks-members', 'the relay on egress', (s) => void (of(s, 'relay').networks['egress'] = '172.20.0.9')],
  ['networks-members', 'the gate on a network', (s) => void (of(s, 'gate').networks = { bridge: '172.17.0.2' })],
  ['networks-members', 'a service off its network', (s) => void (of(s, 'host').networks = {})],
  ['networks-strangers', 'a stranger', (s) => void s.strangers.push({ name: 'x', networks: ['state'], volumes: [] })],
  ['ports-published', 'a port', (s) => void of(s, 'tor-client').published.push('127.0.0.1:9050 -> 9050/tcp')],
  ['names-inside', "the engine's name servers", (s) => void (of(s, 'client').nameServers = [])],
  ['names-inside', "somebody's name server", (s) => void (of(s, 'client').nameServers = ['198.51.100.53'])],
  ['hosts-added', 'an address', (s) => void of(s, 'client').hostsAdded.push('machine:host-gateway')],
  ['forwarding-off', 'forwarding left on', (s) => void (of(s, 'tor-client').sysctls = {})],
  ['forwarding-off', 'another setting', (s) => void (of(s, 'relay').sysctls = { 'net.ipv4.ip_forward': '1' })],
  ['listeners', 'a client that listens', (s) => listen(s, 'client', { address: '0.0.0.0', port: 80 })],
  [
    'listeners',
    'SOCKS on egress',
    (s) => listen(s, 'tor-client', { address: of(s, 'tor-client').networks['egress'] ?? '', port: 9050 }),
  ],
  ['listeners', 'SOCKS on every address', (s) => listen(s, 'tor-client', { address: '0.0.0.0', port: 9050 })],
  ['listeners', 'a control port', (s) => listen(s, 'tor', { address: '::', port: 9051 })],
  ['probe-outside', 'an answer from outside', (s) => void probe(s).outside.push('tcp 198.51.100.1:443 connected')],
  ['probe-gateway', 'an answer from the machine', (s) => void probe(s).gateway.push('tcp 172.20.0.1:22 refused')],

  ['privileged', 'a privileged container', (s) => void (of(s, 'relay').privileged = true)],
  ['capabilities', 'a capability given', (s) => void of(s, 'relay').capabilitiesAdded.push('NET_ADMIN')],
  ['capabilities', 'capabilities kept', (s) => void (of(s, 'relay').capabilitiesDropped = ['MKNOD'])],
  ['new-privileges', 'privileges to be gained', (s) => void (of(s, 'relay').securityOptions = [])],
  [
    'new-privileges',
    'the option turned off',
    (s) => void (of(s, 'relay').securityOptions = ['no-new-privileges:false']),
  ],
  ['users', 'root', (s) => void (of(s, 'relay').user = 'root')],
  ['users', 'no user at all, which is root', (s) => void (of(s, 'relay').user = '')],
  ['users', 'root with a group of its own', (s) => void (of(s, 'relay').user = '0:10004')],
  ['users', 'two services of one user', (s) => void (of(s, 'relay').user = of(s, 'redis').user)],
  ['groups', "another socket's group", (s) => void of(s, 'relay').groups.push('10101')],
  ['groups', "root's group", (s) => void (of(s, 'relay').user = '10004:0')],
  ['root-read-only', 'a root that can be written', (s) => void (of(s, 'redis').rootReadOnly = false)],
  ['namespaces', "the machine's network", (s) => void (of(s, 'relay').namespaces.network = 'host')],
  ['namespaces', "another container's network", (s) => void (of(s, 'gate').namespaces.network = 'container:abc')],
  ['namespaces', "the machine's processes", (s) => void (of(s, 'relay').namespaces.pid = 'host')],
  ['namespaces', 'IPC that is shared', (s) => void (of(s, 'relay').namespaces.ipc = 'shareable')],
  ['namespaces', "the machine's users", (s) => void (of(s, 'relay').namespaces.user = 'host')],
  ['devices', 'a device', (s) => void of(s, 'client').devices.push('/dev/kmsg')],
  ['seccomp', 'a container without a filter', (s) => void of(s, 'relay').securityOptions.push('seccomp=unconfined')],
  ['seccomp', 'an engine without a filter', (s) => void (s.engine.securityOptions = ['name=apparmor'])],
  [
    'seccomp',
    'an engine whose filter lets all pass',
    (s) => void (s.engine.securityOptions = ['name=seccomp,profile=unconfined']),
  ],
  ['mandatory-access', 'no AppArmor', (s) => void of(s, 'relay').securityOptions.push('apparmor=unconfined')],
  ['mandatory-access', 'no SELinux', (s) => void of(s, 'relay').securityOptions.push('label=disable')],
  ['proc-masked', '/proc unmasked', (s) => void (of(s, 'relay').maskedPaths = 0)],
  ['processes-confined', 'a root process', (s) => breakProcess(s, { uids: [0, 0, 0, 0] })],
  ['processes-confined', 'a capable process', (s) => breakProcess(s, { capabilitiesEffective: '000001ffffffffff' })],
  [
    'processes-confined',
    'a process that could be',
    (s) => breakProcess(s, { capabilitiesBounding: '0000000000002000' }),
  ],
  ['processes-confined', 'a process that may gain', (s) => breakProcess(s, { noNewPrivileges: false })],
  ['processes-confined', 'an unfiltered process', (s) => breakProcess(s, { seccomp: 0 })],

  ['engine-socket', "the engine's socket", (s) => mount(s, 'relay', 'bind', '/var/run/docker.sock')],
  ['engine-socket', 'the folder that it is in', (s) => mount(s, 'relay', 'bind', '/var/run/')],
  ['engine-socket', "the machine's root", (s) => mount(s, 'relay', 'bind', '/')],
  ['engine-socket', "containerd's socket", (s) => mount(s, 'relay', 'bind', '/run/containerd/containerd.sock')],
  ['machine-folders', 'a folder', (s) => mount(s, 'relay', 'bind', '/etc')],
  ['volumes-known', 'a volume without a name', (s) => mount(s, 'redis', 'volume', '0123456789ab')],
  ['volumes-known', "another service's volume", (s) => mount(s, 'relay', 'volume', 'tor-control')],
  ['volumes-known', 'a volume in another place', (s) => void (firstMount(s, 'relay').target = '/app')],
  ['volumes-known', 'a missing volume', (s) => void of(s, 'relay').mounts.pop()],
  ['mounts-read-only', 'write access', (s) => void (firstMount(s, 'client').writable = true)],
  ['sockets-in-memory', 'a socket volume on the disk', (s) => void (volume(s, 'gate-socket').options = {})],
  ['sockets-in-memory', 'one open to all', (s) => option(s, 'gate-socket', 'size=1m,mode=0777,noexec,nosuid,nodev')],
  ['sockets-in-memory', 'one without a bound', (s) => option(s, 'gate-socket', 'mode=2770,noexec,nosuid,nodev')],
  ['sockets-in-memory', 'one with programs', (s) => option(s, 'gate-socket', 'size=1m,mode=2770,nosuid,nodev')],
  [
    'guards-plain',
    'guards in a folder of the machine',
    (s) => void (volume(s, 'tor-guards').options = { type: 'none', o: 'bind', device: '/srv' }),
  ],
  ['tmpfs-plain', 'a tmpfs with programs', (s) => void (of(s, 'relay').tmpfs['/tmp'] = 'size=1m,nosuid,nodev')],
  ['tmpfs-plain', 'a tmpfs without a bound', (s) => void (of(s, 'relay').tmpfs['/tmp'] = 'noexec,nosuid,nodev')],
  ['tmpfs-plain', 'a tmpfs more', (s) => void (of(s, 'relay').tmpfs['/x'] = 'size=1m,noexec,nosuid,nodev')],
  [
    'volumes-strangers',
    'a stranger',
    (s) => void s.strangers.push({ name: 'x', networks: [], volumes: ['tor-control'] }),
  ],

  ['limit-memory', 'no limit', (s) => void Object.assign(of(s, 'relay'), { memoryBytes: 0, memoryAndSwapBytes: 0 })],
  ['limit-memory', 'an engine that cannot', (s) => void (s.engine.limits.memory = false)],
  ['limit-swap', 'more swap', (s) => void (of(s, 'relay').memoryAndSwapBytes *= 2)],
  ['limit-swap', 'swap without end', (s) => void (of(s, 'relay').memoryAndSwapBytes = -1)],
  ['limit-swap', 'an engine that cannot', (s) => void (s.engine.limits.swap = false)],
  ['limit-pids', 'no limit', (s) => void (of(s, 'relay').pids = 0)],
  ['limit-pids', 'an engine that cannot', (s) => void (s.engine.limits.pids = false)],
  ['limit-cpu', 'no limit', (s) => void (of(s, 'relay').cpus = 0)],
  ['limit-cpu', 'an engine that cannot', (s) => void (s.engine.limits.cpu = false)],
  ['core-limit', 'no limit', (s) => void (of(s, 'relay').coreBytes = null)],
  ['core-limit', 'a limit that lets one be', (s) => void (of(s, 'relay').coreBytes = -1)],
  ['core-limit', 'a process with another limit', (s) => breakProcess(s, { coreLimit: 'unlimited' })],
  ['core-pattern', 'a program that is handed core dumps', (s) => setPattern(s, '|/usr/sbin/keep-all %p')],
  ['swap', 'swap on a disk, with cgroup v1', (s) => addSwap(s, '/dev/sda2')],
  [
    'swap',
    'a process that is paged out',
    (s) => {
      addSwap(s, '/dev/sda2');
      toCgroup2(s);
      breakProcess(s, { swappedKib: 8 });
    },
  ],
  ['locked-memory', 'nothing locked', (s) => void processesOf(of(s, 'host')).map((one) => (one.lockedKib = 0))],
  ['locked-memory', 'a client that is not', (s) => void processesOf(of(s, 'client')).map((one) => (one.lockedKib = 0))],

  ['logging', "Docker's own log", (s) => void (of(s, 'relay').logDriver = 'json-file')],
  ['health-silent', 'a health check that talks', (s) => void (of(s, 'relay').healthOutputs = 1)],
  [
    'restart',
    'a container that always comes back',
    (s) => void (of(s, 'relay').restart = { policy: 'always', retries: 0 }),
  ],
  ['restart', 'tries without end', (s) => void (of(s, 'relay').restart = { policy: 'on-failure', retries: 0 })],

  ['tor-version', 'an old Tor', (s) => void Object.assign(of(s, 'tor').tor ?? {}, { version: seen('0.4.9.10') })],
  ['tor-vanguards', 'vanguards turned off', (s) => void torOptions(s, 'tor').push(['vanguardsliteenabled', '0'])],
  ['tor-vanguards', 'guards that somebody chose', (s) => void torOptions(s, 'tor-client').push(['entrynodes', ''])],
  ['tor-socks', 'SOCKS on the onion side', (s) => void torOptions(s, 'tor').push(['socksport', '9050'])],
  [
    'tor-socks',
    'SOCKS to everywhere',
    (s) => void torOptions(s, 'tor-client').push(['socksport', '9052 IsolateSOCKSAuth']),
  ],
  ['tor-socks', 'a port for names', (s) => void torOptions(s, 'tor-client').push(['dnsport', '53'])],
  ['tor-control', 'a control port', (s) => void torOptions(s, 'tor').push(['controlport', '9051'])],
  ['tor-control', 'no cookie', (s) => void torOptions(s, 'tor').push(['cookieauthentication', '0'])],
  ['tor-control', 'a password', (s) => void torOptions(s, 'tor').push(['hashedcontrolpassword', ''])],
  ['tor-quiet', 'addresses in what it prints', (s) => void torOptions(s, 'tor').push(['safelogging', '0'])],
  [
    'tor-quiet',
    'a file of what it prints',
    (s) => void torOptions(s, 'tor').push(['log', 'notice file /var/lib/tor/log']),
  ],

  ['engine-holes', 'a runc with a known hole', (s) => void (s.engine.runc = '1.1.11')],
  [
    'engine-closed',
    'an open engine',
    (s) => void s.engine.warnings.push('WARNING: API is accessible on http://0.0.0.0:2375 without encryption.'),
  ],
];

function addUnknown(snapshot: Draft<Snapshot>, service: string): void {
  snapshot.containers.push({ ...of(snapshot, 'relay'), name: 'helper-1', service, user: '10099:10099' });
}

function listen(snapshot: Draft<Snapshot>, service: string, at: { address: string; port: number }): void {
  valueOf(of(snapshot, service).listeners as Seen<unknown[]>).push({ protocol: 'tcp', ...at });
}

function breakProcess(snapshot: Draft<Snapshot>, change: object): void {
  Object.assign(processesOf(of(snapshot, 'relay'))[1] ?? {}, change);
}

function mount(snapshot: Draft<Snapshot>, service: string, type: string, source: string): void {
  of(snapshot, service).mounts.push({ type, source, target: '/mnt', writable: false });
}

function firstMount(
  snapshot: Draft<Snapshot>,
  service: string,
): Draft<Snapshot['containers'][number]['mounts'][number]> {
  const [first] = of(snapshot, service).mounts;
  if (first === undefined) throw new Error(`${service} has no mount`);
  return first;
}

function option(snapshot: Draft<Snapshot>, name: string, o: string): void {
  volume(snapshot, name).options = { type: 'tmpfs', device: 'tmpfs', o };
}

function setPattern(snapshot: Draft<Snapshot>, pattern: string): void {
  valueOf(snapshot.machine as Seen<{ corePattern: string }>).corePattern = pattern;
}

function addSwap(snapshot: Draft<Snapshot>, name: string): void {
  valueOf(snapshot.machine as Seen<{ swaps: unknown[] }>).swaps.push({ name, usedKib: 0 });
}

function toCgroup2(snapshot: Draft<Snapshot>): void {
  snapshot.engine.cgroupVersion = '2';
  for (const container of snapshot.containers) container.namespaces.cgroup = 'private';
}

describe('the shipped stack', () => {
  test('is all green where everything can be told', () => {
    const findings = examine(wholeStack());
    expect(findings.filter(({ state }) => state !== 'green')).toEqual([]);
    expect(overall(findings)).toBe('green');
  });

  test('as it was taken has nothing red, and says what cannot be told', () => {
    const findings = examine(shippedStack());
    expect(codes(findings, 'red')).toEqual([]);
    expect(codes(findings, 'cannot-tell')).toEqual(['image-released', 'engine-holes']);
    expect(overall(findings)).toBe('cannot-tell');
  });

  test('is all green for a guest, too, who runs three services and has no private network', () => {
    const snapshot = wholeStack();
    const guests = ['tor-client', 'gate', 'client'];
    snapshot.containers = snapshot.containers.filter(({ service }) => guests.includes(service));
    const ofTestNetwork = ['tornet', 'tor-client-cache'];
    const torClient = of(snapshot, 'tor-client');
    torClient.mounts = torClient.mounts.filter(({ source }) => !ofTestNetwork.includes(source));
    network(snapshot, 'egress').internal = false;
    network(snapshot, 'egress').inhibitIpv4 = false;
    expect(examine(snapshot).filter(({ state }) => state !== 'green')).toEqual([]);
  });

  test('is all green with a client that has left and whose container is still there', () => {
    const snapshot = wholeStack();
    const why = unseen('it does not run');
    const gone = { ...of(snapshot, 'client'), name: 'client-run-2', running: false, processes: why, listeners: why };
    snapshot.containers.push(gone);
    expect(overall(examine(snapshot))).toBe('green');
  });

  test('is all green on an engine with gateway_mode_ipv4 isolated', () => {
    const snapshot = wholeStack();
    for (const one of snapshot.networks)
      Object.assign(one, { inhibitIpv4: false, gatewayMode: { ipv4: 'isolated', ipv6: 'isolated' } });
    expect(overall(examine(snapshot))).toBe('green');
  });
});

describe('a broken requirement', () => {
  test.each(FAULTS)('%s: %s turns red, and nothing else does', (code, _what, breakIt) => {
    const snapshot = wholeStack();
    breakIt(snapshot);
    const findings = examine(snapshot);
    expect(codes(findings, 'red')).toEqual([code]);
    expect(overall(findings)).toBe('red');
    const red = findings.find((finding) => finding.state === 'red');
    expect(red?.evidence.length).toBeGreaterThan(0);
    expect(red?.next).toBe(REQUIREMENTS[code].next);
  });

  test('is there for every requirement', () => {
    const broken = new Set<string>(FAULTS.map(([code]) => code));
    expect(Object.keys(REQUIREMENTS).filter((code) => !broken.has(code))).toEqual([]);
    expect(broken.size).toBeGreaterThan(50);
  });
});

describe('what could not be looked at', () => {
  test('is never green', () => {
    const blind = wholeStack();
    const why = unseen('no access');
    Object.assign(blind, { machine: why, release: why, probes: why });
    for (const container of blind.containers) {
      Object.assign(container, { processes: why, listeners: why });
      if (container.tor !== null) Object.assign(container.tor, { version: why, options: why });
    }
    const findings = examine(blind);
    expect(codes(findings, 'red')).toEqual([]);
    expect(codes(findings, 'cannot-tell')).toEqual([
      'image-released',
      'listeners',
      'probe-outside',
      'probe-gateway',
      'processes-confined',
      'core-pattern',
      'swap',
      'locked-memory',
      'tor-version',
      'tor-vanguards',
      'tor-socks',
      'tor-control',
      'tor-quiet',
    ]);
    expect(findings.filter(({ state, next }) => state !== 'red' && next !== undefined)).toEqual([]);
  });

  test('is not green either if there is nothing of it at all', () => {
    const empty: Snapshot = { ...wholeStack(), containers: [], networks: [], volumes: [], probes: seen([]) };
    const findings = examine(empty);
    // What is of the engine and the machine alone is still there.
    expect(codes(findings, 'green')).toEqual(['core-pattern', 'swap', 'engine-holes', 'engine-closed']);
  });

  test.each([
    [
      'one probe could not be started',
      (s: Draft<Snapshot>) =>
        void Object.assign(valueOf(s.probes as Seen<object[]>)[0] ?? {}, { outcome: unseen('not started') }),
    ],
    ['one probe did not see what is certainly there', (s: Draft<Snapshot>) => void (probe(s).control = 'failed')],
  ])('leaves it open: %s', (_what, breakIt) => {
    const snapshot = wholeStack();
    breakIt(snapshot);
    expect(codes(examine(snapshot), 'cannot-tell')).toEqual(['probe-outside', 'probe-gateway']);
  });

  test('core dumps that are handed to a program which says that it minds the limit', () => {
    const snapshot = wholeStack();
    setPattern(snapshot, '|/usr/lib/systemd/systemd-coredump %P %u');
    const findings = examine(snapshot);
    expect(codes(findings, 'cannot-tell')).toEqual(['core-pattern']);
    expect(codes(findings, 'red')).toEqual([]);
  });

  test('a service that is still starting', () => {
    const snapshot = wholeStack();
    of(snapshot, 'host').health = 'starting';
    expect(codes(examine(snapshot), 'cannot-tell')).toEqual(['stack-runs']);
  });

  test('a release that does not name an image', () => {
    const snapshot = wholeStack();
    delete valueOf(snapshot.release as Seen<{ images: Record<string, string[]> }>).images['sotto-relay'];
    expect(codes(examine(snapshot), 'cannot-tell')).toEqual(['image-released']);
  });
});

describe('swap', () => {
  test('in compressed memory is none', () => {
    const snapshot = wholeStack();
    addSwap(snapshot, '/dev/zram0');
    expect(overall(examine(snapshot))).toBe('green');
  });

  test('on a disk is out of reach with cgroup v2, and with swappiness 0', () => {
    const second = wholeStack();
    addSwap(second, '/dev/sda2');
    toCgroup2(second);
    expect(overall(examine(second))).toBe('green');
    const first = wholeStack();
    addSwap(first, '/dev/sda2');
    for (const container of first.containers) container.swappiness = 0;
    expect(overall(examine(first))).toBe('green');
  });
});

describe('evidence', () => {
  test('holds nothing that a terminal would obey, and is bounded', () => {
    const snapshot = wholeStack();
    for (let index = 0; index < 40; index += 1)
      snapshot.strangers.push({
        name: `\u001b]52;c;x\u0007\u202e${'n'.repeat(400)}`,
        networks: ['state'],
        volumes: [],
      });
    const red = examine(snapshot).find(({ state }) => state === 'red');
    expect(red?.evidence.join('')).toMatch(/^[\x20-\x7e]+$/);
    expect(red?.evidence.length).toBe(13);
    expect(red?.evidence.at(-1)).toBe('and 28 more');
    expect(Math.max(...(red?.evidence ?? []).map((line) => line.length))).toBeLessThanOrEqual(240);
  });
});
