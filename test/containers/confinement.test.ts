// The shipped programs, each time without one of the protections that docker-compose.yml builds:
// they say which one, and have not begun.

import { spawnSync } from 'node:child_process';
import { message } from '@sotto/messages';
import { EXIT_UNPROTECTED, EXIT_USAGE, PROTECTIONS } from '@sotto/confinement';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { buildLabImage } from '../leaks/lab.ts';
import { LAB_IMAGE } from '../leaks/lab-container.ts';
import { VERSION } from './side-container.ts';

type Protection = keyof typeof PROTECTIONS;
type ProtectionArguments = Readonly<Record<Protection, readonly string[]>>;

const PROFILE = 'seccomp=seccomp/sotto.json';
/**
 * As in docker-compose.yml, by hand, but for the network: without one there is nowhere to go
 * whatever a test breaks. The user is the image's.
 */
const PROTECTION_ARGUMENTS: ProtectionArguments = {
  user: [],
  capabilities: ['--cap-drop', 'ALL'],
  'no-new-privileges': ['--security-opt', 'no-new-privileges:true'],
  seccomp: ['--security-opt', PROFILE],
  'read-only': ['--read-only'],
  network: ['--network', 'none'],
};
/** The exit code of `docker run` if the engine fails. */
const ENGINE_FAILED = 125;
/** Each program, and how it is known that it has begun: it misses its environment. */
const PROGRAMS = {
  relay: {
    name: 'relay',
    begun: { code: EXIT_USAGE, said: missing(/^relay: SOTTO_RELAY_SOCKET .*\(config-relay-socket\)\n$/) },
  },
  host: {
    name: 'host',
    begun: { code: EXIT_USAGE, said: missing(/^host: SOTTO_TOR_CONTROL .*\(host-environment\)\n$/) },
  },
  gate: {
    name: 'gate',
    begun: { code: EXIT_USAGE, said: missing(/^gate: SOTTO_GATE_SOCKET .*\(gate-environment\)\n$/) },
  },
  client: {
    name: 'sotto',
    begun: { code: EXIT_USAGE, said: missing(/^sotto: SOTTO_SOCKS .*\(environment-invalid\)\n$/) },
  },
} as const;
type Program = keyof typeof PROGRAMS;

function missing(said: RegExp): string {
  return expect.stringMatching(said) as string;
}

const WIRE = [
  'ip link add near type veth peer name far',
  'ip address add 198.51.100.1/24 dev near',
  'ip link set near up',
  'ip link set far up',
];
/**
 * Namespaces to begin in. Nothing leaves the machine by any: a wire with both ends in one place,
 * and an internal bridge.
 */
const NETWORKS = {
  neighbours: { on: 'none', commands: () => WIRE },
  'a gateway that is not there': { on: 'none', commands: () => [...WIRE, 'ip route add default via 198.51.100.2'] },
  'a gateway that is there': { on: 'bridge', commands: () => [`ip route replace default via ${addressOfGateway()}`] },
  'a default route of IPv6': {
    on: 'none',
    commands: () => [
      ...WIRE,
      'ip -6 address add 2001:db8::1/64 dev near nodad',
      'ip -6 route add default via 2001:db8::2',
    ],
  },
} as const;
type Network = keyof typeof NETWORKS;

const project = inject('project');
const BRIDGE = `${project}-bridge`;
const GATEWAY = `${project}-gateway`;

function holderOf(network: Network): string {
  return `${project}-${network.replaceAll(' ', '-')}`.toLowerCase();
}

/** An internal network with a container that answers for its address, and passes nothing on. */
function makeBridge(): void {
  const inhibit = ['--opt', 'com.docker.network.bridge.inhibit_ipv4=true'];
  expect(docker(['network', 'create', '--internal', ...inhibit, BRIDGE])).toMatchObject({ code: 0 });
  hold(GATEWAY, BRIDGE, []);
}

function addressOfGateway(): string {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  return spawnSync('docker', ['inspect', '--format', format, GATEWAY], { encoding: 'utf8' }).stdout.trim();
}

/** A container that does nothing once its network is as these commands make it. */
function hold(name: string, network: string, commands: readonly string[]): void {
  const script = [...commands, 'touch /tmp/made', 'exec sleep 600'].join(' && ');
  const rights = ['--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN', '--sysctl', 'net.ipv6.conf.default.disable_ipv6=0'];
  const own = ['--detach', '--rm', '--init', '--log-driver', 'none', '--name', name, '--network', network];
  expect(docker(['run', ...own, ...rights, '--entrypoint', 'sh', LAB_IMAGE, '-c', script])).toMatchObject({ code: 0 });
  const made = docker(['exec', name, 'sh', '-c', 'until test -e /tmp/made; do sleep 0.1; done']);
  expect(made).toMatchObject({ code: 0 });
}

function docker(args: readonly string[]): { readonly code: number | null; readonly said: string } {
  const { status, stderr } = spawnSync('docker', args, { encoding: 'utf8' });
  return { code: status, said: stderr };
}

function start(
  program: Program,
  changed: Partial<ProtectionArguments> = {},
  options: readonly string[] = [],
): ReturnType<typeof docker> {
  const built = Object.values({ ...PROTECTION_ARGUMENTS, ...changed }).flat();
  return docker(['run', '--rm', '--log-driver', 'none', ...built, ...options, `sotto-${program}:${VERSION}`]);
}

function refused(program: Program, ...missing: Protection[]): ReturnType<typeof docker> {
  const { name } = PROGRAMS[program];
  const what = missing.map((protection) => message('confinement.missing', { protection })).join(', ');
  return {
    code: EXIT_UNPROTECTED,
    said: `${name}: unprotected: ${what}\n${name}: ${message('error.confinement.unprotected')}\n`,
  };
}

describe.each(['relay', 'client'] as const)('the %s', (program) => {
  test.each<[Protection, string, readonly string[]]>([
    ['user', 'as root', ['--user', '0']],
    ['capabilities', 'with the capabilities that Docker gives', []],
    ['seccomp', 'with no filter of system calls', ['--security-opt', 'seccomp=unconfined']],
    ['seccomp', "with Docker's own filter", []],
    ['read-only', 'on a root that can be written to', []],
  ])('refuses to begin without %s: %s', (protection, _how, instead) => {
    expect(start(program, { [protection]: instead })).toEqual(refused(program, protection));
  });

  test('refuses to begin without no-new-privileges, which the seccomp filter needs too', () => {
    const gaining = { 'no-new-privileges': [] };
    // The engine installs the filter before it becomes the user, which the filter refuses.
    expect(start(program, gaining)).toMatchObject({ code: ENGINE_FAILED });
    expect(start(program, { ...gaining, seccomp: [] })).toEqual(refused(program, 'no-new-privileges', 'seccomp'));
  });
});

describe('a program on a network', () => {
  beforeAll(() => {
    buildLabImage();
    makeBridge();
    for (const [network, { on, commands }] of Object.entries(NETWORKS))
      hold(holderOf(network as Network), on === 'bridge' ? BRIDGE : on, commands());
  });
  afterAll(() => {
    docker(['rm', '--force', ...(Object.keys(NETWORKS) as Network[]).map(holderOf), GATEWAY]);
    docker(['network', 'rm', BRIDGE]);
  });

  const onto = (network: Network): Partial<ProtectionArguments> => ({
    network: ['--network', `container:${holderOf(network)}`],
  });

  test.each<[Program, Network]>([
    ['relay', 'a gateway that is there'],
    ['relay', 'a default route of IPv6'],
    ['host', 'a gateway that is there'],
    ['client', 'a gateway that is there'],
    ['client', 'a default route of IPv6'],
    ['gate', 'a gateway that is not there'],
    ['gate', 'neighbours'],
  ])('is the %s, and refuses %s', (program, network) => {
    expect(start(program, onto(network))).toEqual(refused(program, 'network'));
  });

  test.each<[Program, Network]>([
    ['relay', 'a gateway that is not there'],
    ['host', 'neighbours'],
    ['client', 'a gateway that is not there'],
    ['client', 'neighbours'],
  ])('is the %s, and begins on a network with %s', (program, network) => {
    expect(start(program, onto(network))).toEqual(PROGRAMS[program].begun);
  });
});

describe.each(Object.keys(PROGRAMS) as Program[])('the %s', (program) => {
  test('begins with all of its protections', () => {
    expect(start(program)).toEqual(PROGRAMS[program].begun);
  });

  test('refuses to begin under a plain `docker run`, and lists every missing protection', () => {
    const nothing = Object.fromEntries(Object.keys(PROTECTION_ARGUMENTS).map((protection) => [protection, []]));
    const missing = ['capabilities', 'no-new-privileges', 'seccomp', 'read-only'] as const;
    expect(start(program, { ...nothing, network: PROTECTION_ARGUMENTS.network })).toEqual(refused(program, ...missing));
  });
});

test.each(Object.keys(PROGRAMS) as Program[])(
  'the %s answers --version and --help without a single protection',
  (program) => {
    for (const question of ['--version', '--help']) {
      const args = [
        'run',
        '--rm',
        '--log-driver',
        'none',
        '--network',
        'none',
        `sotto-${program}:${VERSION}`,
        question,
      ];
      expect(docker(args)).toEqual({ code: 0, said: '' });
    }
  },
);

test('SOTTO_UNPROTECTED waives the protections that it lists, and no other', () => {
  const aloud = ['--env', 'SOTTO_UNPROTECTED=read-only'];
  const said = missing(/^relay: SOTTO_UNPROTECTED: goes on without read-only\nrelay: SOTTO_RELAY_SOCKET /);
  expect(start('relay', { 'read-only': [] }, aloud)).toEqual({ ...PROGRAMS.relay.begun, said });
  expect(start('relay', { capabilities: [] }, aloud)).toEqual(refused('relay', 'capabilities'));
});
