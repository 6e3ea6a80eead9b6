// What the kernel writes for a process of the stack as it ships, and ways to spoil it.

import type { Evidence } from '../src/evidence.ts';

const PROTECTED_STATUS = `Name:\tnode-MainThread
Umask:\t0022
State:\tR (running)
Pid:\t7
PPid:\t1
Uid:\t10004\t10004\t10004\t10004
Gid:\t10004\t10004\t10004\t10004
Groups:\t10103 10104
VmLck:\t       0 kB
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
Speculation_Store_Bypass:\tvulnerable
`;

const READ_ONLY_MOUNTS = `overlay / overlay ro,relatime,lowerdir=/var/lib/docker/overlay2/l/ABC:/var/lib/docker/overlay2/l/DEF,upperdir=/var/lib/docker/x/diff,workdir=/var/lib/docker/x/work 0 0
proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
tmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755 0 0
tmpfs /tmp tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k 0 0
tmpfs /run/relay tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=2770,uid=10004,gid=10103 0 0
proc /proc/bus proc ro,relatime 0 0
`;

export const ROUTES_HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
/** 172.18.0.0/16, in the machine's byte order, as the kernel pads it. */
const NEIGHBOURS = `${'eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0'.padEnd(127)}\n`;

const ANYWHERE = '0'.repeat(32);
/** As the kernel has it where IPv6 is off on all but the loopback. */
const IPV6_LOOPBACK = `${ipv6Route({ to: `${'0'.repeat(31)}1`, bits: 128, flags: 0x80200001, device: 'lo' })}${ipv6Route({ to: ANYWHERE, bits: 0, flags: 0x00200200, device: 'lo' })}`;
const IPV6_LINK =
  ipv6Route({ to: `fe80${'0'.repeat(28)}`, bits: 64, flags: 1, device: 'eth0' }) +
  ipv6Route({ to: `ff00${'0'.repeat(28)}`, bits: 8, flags: 1, device: 'eth0' });

const NEIGHBOURS_HEADER = 'IP address       HW type     Flags       HW address            Mask     Device\n';

/** On a network that leads nowhere. */
export const PROTECTED: Evidence = {
  status: PROTECTED_STATUS,
  mounts: READ_ONLY_MOUNTS,
  routes: ROUTES_HEADER + NEIGHBOURS,
  ipv6Routes: IPV6_LOOPBACK + IPV6_LINK,
  neighbours: NEIGHBOURS_HEADER,
  gateways: 'unasked',
  netlink: 'refused',
};

/** The same without a network. */
export const WITHOUT_NETWORK: Evidence = { ...PROTECTED, routes: ROUTES_HEADER, ipv6Routes: IPV6_LOOPBACK };

/**
 * As Docker makes it: with a default route through 172.18.0.1. `flags` of that neighbour: 0x0 where
 * nobody has answered.
 */
export function withGateway(flags: string | undefined): Evidence {
  const { routes } = withRoute({ gateway: '010012AC', flags: '0003' });
  const hardware = flags === '0x0' ? '00:00:00:00:00:00' : '02:42:b2:40:dd:b6';
  const other = '172.18.0.10      0x1         0x2         02:42:ac:12:00:0a     *        eth0\n';
  const line = `172.18.0.1       0x1         ${flags ?? ''}         ${hardware}     *        eth0\n`;
  return {
    ...PROTECTED,
    routes,
    gateways: 'asked',
    neighbours: NEIGHBOURS_HEADER + other + (flags === undefined ? '' : line),
  };
}

export function withField(name: string, value: string): Evidence {
  return withStatus((line) => (line.startsWith(`${name}:`) ? `${name}:\t${value}` : line));
}

export function withoutField(name: string): Evidence {
  return withStatus((line) => (line.startsWith(`${name}:`) ? undefined : line));
}

function withStatus(change: (line: string) => string | undefined): Evidence {
  const lines = PROTECTED_STATUS.split('\n').map(change);
  return { ...PROTECTED, status: lines.filter((line) => line !== undefined).join('\n') };
}

export interface Ipv4Route {
  readonly to?: string;
  readonly gateway?: string;
  readonly flags?: string;
  readonly mask?: string;
  readonly device?: string;
}

/** Hexadecimal, as in /proc/net/route. */
export function withRoute({ to, gateway, flags, mask, device }: Ipv4Route): Evidence {
  const nothing = '00000000';
  const line = [
    device ?? 'eth0',
    to ?? nothing,
    gateway ?? nothing,
    flags ?? '0001',
    0,
    0,
    0,
    mask ?? nothing,
    0,
    0,
    0,
  ];
  return { ...PROTECTED, routes: `${PROTECTED.routes ?? ''}${line.join('\t')}\n` };
}

export interface Ipv6Route {
  readonly to: string;
  readonly bits: number;
  readonly through?: string;
  readonly flags: number;
  readonly device: string;
}

export function withIpv6Route(route: Ipv6Route): Evidence {
  return { ...PROTECTED, ipv6Routes: `${PROTECTED.ipv6Routes ?? ''}${ipv6Route(route)}` };
}

function ipv6Route({ to, bits, through, flags, device }: Ipv6Route): string {
  const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
  const [anywhere, metric] = ['0'.repeat(32), hex(256, 8)];
  const columns = [to, hex(bits, 2), anywhere, '00', through ?? anywhere, metric, hex(1, 8), hex(0, 8), hex(flags, 8)];
  return `${columns.join(' ')} ${device.padStart(8)}\n`;
}
