// Reads the kernel's tables of routes and neighbours: whether any way leads to more than those on a network of the container's own.

import type { ProtectionStatus } from './errors.ts';

/** What the compose file promises: networks that lead nowhere, or none at all. */
export type NetworkRequirement = 'inner' | 'none';

/** /proc/net/route, /proc/net/ipv6_route, and /proc/net/arp, which says something of gateways once they were asked for. */
export interface NetworkTables {
  readonly routes: string | undefined;
  readonly ipv6Routes: string | undefined;
  readonly neighbours: string | undefined;
  readonly gateways: 'unasked' | 'asked';
}

interface Route {
  readonly device: string;
  readonly flags: number;
  /** How much of an address has to fit. */
  readonly prefixBits: number;
  /** IPv4 only, dotted. */
  readonly gateway: string;
}

/** include/uapi/linux/route.h */
const [RTF_GATEWAY, RTF_REJECT] = [0x0002, 0x0200];
/** include/uapi/linux/if_arp.h: the neighbour has told its hardware address. */
const ATF_COM = 0x02;
/** No network of Docker's is wider; two halves of all addresses (0.0.0.0/1 and 128.0.0.0/1) are a default route under another name. IPv6 has ff00::/8 on every link. */
const PREFIX_BITS_MIN = 8;
const LOOPBACK = 'lo';

const IPV4_HEADER = /^Iface\s/;
/** Iface, Destination, Gateway, Flags, RefCnt, Use, Metric, Mask, MTU, Window, IRTT. */
const IPV4_LINE =
  /^(\S+)\s+[0-9A-F]{8}\s+([0-9A-F]{8})\s+([0-9A-F]{4,8})(?:\s+-?\d+){3}\s+([0-9A-F]{8})(?:\s+\d+){3}\s*$/;
/** Destination, its prefix, source, its prefix, next hop, metric, references, use, flags, device. */
const IPV6_LINE =
  /^[0-9a-f]{32} ([0-9a-f]{2}) [0-9a-f]{32} [0-9a-f]{2} [0-9a-f]{32} [0-9a-f]{8} [0-9a-f]{8} [0-9a-f]{8} ([0-9a-f]{8})\s+(\S+)\s*$/;
/** IP address, HW type, Flags, HW address, Mask, Device. */
const NEIGHBOUR_LINE = /^([\d.]+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+[0-9a-f:]+\s+\S+\s+\S+\s*$/;

export function validateNetwork(tables: NetworkTables, requirement: NetworkRequirement): ProtectionStatus {
  const [ipv4, ipv6] = [readIpv4(tables.routes), readIpv6(tables.ipv6Routes)];
  const statuses = [
    ...(ipv4?.map((route) => validateIpv4(route, tables, requirement)) ?? ['unseen' as const]),
    ...(ipv6?.map((route) => validateIpv6(route, requirement)) ?? ['unseen' as const]),
  ];
  if (statuses.includes('missing')) return 'missing';
  if (statuses.includes('unseen')) return 'unseen';
  return statuses.includes('unasked') ? 'unasked' : 'in-place';
}

/** @returns each once; none for what is not a table of routes. @param routes /proc/net/route */
export function gatewaysOf(routes: string | undefined): string[] {
  const through = (readIpv4(routes) ?? []).filter(leadsThroughGateway);
  return [...new Set(through.map(({ gateway }) => gateway))];
}

/** Docker gives a container a default route on internal networks as well, through an address that `inhibit_ipv4` keeps the machine from having. */
function validateIpv4(route: Route, tables: NetworkTables, requirement: NetworkRequirement): ProtectionStatus {
  if (isRejecting(route)) return 'in-place';
  if (requirement === 'none' && route.device !== LOOPBACK) return 'missing';
  if (leadsThroughGateway(route)) return validateGateway(route.gateway, tables);
  return route.prefixBits < PREFIX_BITS_MIN ? 'missing' : 'in-place';
}

function validateIpv6(route: Route, requirement: NetworkRequirement): ProtectionStatus {
  if (isRejecting(route)) return 'in-place';
  if (requirement === 'none' && route.device !== LOOPBACK) return 'missing';
  return leadsThroughGateway(route) || route.prefixBits < PREFIX_BITS_MIN ? 'missing' : 'in-place';
}

/** Nobody may be there. One that the kernel has not even asked for may be behind a wire that knows no neighbours. */
function validateGateway(gateway: string, { gateways, neighbours = '' }: NetworkTables): ProtectionStatus {
  if (gateways === 'unasked') return 'unasked';
  const lines = neighbours.split('\n').map((line) => NEIGHBOUR_LINE.exec(line));
  const flags = lines.filter((line) => line?.[1] === gateway).map((line) => Number.parseInt(line?.[2] ?? '', 16));
  if (flags.length === 0) return 'unseen';
  return flags.some((each) => (each & ATF_COM) !== 0) ? 'missing' : 'in-place';
}

function isRejecting({ flags }: Route): boolean {
  return (flags & RTF_REJECT) !== 0;
}

function leadsThroughGateway(route: Route): boolean {
  return !isRejecting(route) && (route.flags & RTF_GATEWAY) !== 0;
}

/** @returns undefined for what is not such a table. */
function readIpv4(table: string | undefined): Route[] | undefined {
  const [header = '', ...lines] = linesOf(table);
  if (!IPV4_HEADER.test(header)) return undefined;
  return readLines(lines, (line) => {
    const [, device = '', gateway = '', flags = '', mask = ''] = IPV4_LINE.exec(line) ?? [];
    const prefixBits = countBits(Number.parseInt(mask, 16));
    return { device, flags: Number.parseInt(flags, 16), prefixBits, gateway: dotted(gateway) };
  });
}

/** There is no header, and no line at all where IPv6 is off. */
function readIpv6(table: string | undefined): Route[] | undefined {
  if (table === undefined) return undefined;
  return readLines(linesOf(table), (line) => {
    const [, prefix = '', flags = '', device = ''] = IPV6_LINE.exec(line) ?? [];
    return { device, flags: Number.parseInt(flags, 16), prefixBits: Number.parseInt(prefix, 16), gateway: '' };
  });
}

function linesOf(table = ''): string[] {
  return table.split('\n').filter((line) => line.trim() !== '');
}

function readLines(lines: readonly string[], read: (line: string) => Route): Route[] | undefined {
  const routes = lines.map(read);
  return routes.some(({ flags }) => Number.isNaN(flags)) ? undefined : routes;
}

function countBits(mask: number): number {
  return mask.toString(2).replaceAll('0', '').length;
}

/** The kernel writes the address as a number of the machine's own; all machines that Docker runs on are little-endian. */
function dotted(hex: string): string {
  return (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}
