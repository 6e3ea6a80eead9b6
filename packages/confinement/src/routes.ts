// Reads the kernel's routing tables: whether any of them leads to more than the neighbours on a network of the container's own.

import type { Standing } from './standing.ts';

/** What the compose file promises: networks that lead nowhere, or none at all. */
export type NetworkPromise = 'inner' | 'none';

interface Route {
  readonly device: string;
  readonly flags: number;
  /** How much of an address has to fit. */
  readonly prefixBits: number;
}

/** include/uapi/linux/route.h */
const [RTF_GATEWAY, RTF_REJECT] = [0x0002, 0x0200];
/** No network of Docker's is wider; two halves of all addresses (0.0.0.0/1 and 128.0.0.0/1) are a default route under another name. IPv6 has ff00::/8 on every link. */
const PREFIX_BITS_MIN = 8;
const LOOPBACK = 'lo';

const IPV4_HEADER = /^Iface\s/;
/** Iface, Destination, Gateway, Flags, RefCnt, Use, Metric, Mask, MTU, Window, IRTT. */
const IPV4_LINE =
  /^(\S+)\s+[0-9A-F]{8}\s+[0-9A-F]{8}\s+([0-9A-F]{4,8})(?:\s+-?\d+){3}\s+([0-9A-F]{8})(?:\s+\d+){3}\s*$/;
/** Destination, its prefix, source, its prefix, next hop, metric, references, use, flags, device. */
const IPV6_LINE =
  /^[0-9a-f]{32} ([0-9a-f]{2}) [0-9a-f]{32} [0-9a-f]{2} [0-9a-f]{32} [0-9a-f]{8} [0-9a-f]{8} [0-9a-f]{8} ([0-9a-f]{8})\s+(\S+)\s*$/;

/** @param ipv4 /proc/net/route @param ipv6 /proc/net/ipv6_route */
export function judgeRoutes(ipv4: string | undefined, ipv6: string | undefined, promise: NetworkPromise): Standing {
  const tables = [readIpv4(ipv4), readIpv6(ipv6)];
  const isBroken = promise === 'none' ? isNetwork : isWayOut;
  if (tables.some((routes) => routes?.some(isBroken) === true)) return 'missing';
  return tables.includes(undefined) ? 'unseen' : 'in-place';
}

function isWayOut({ flags, prefixBits }: Route): boolean {
  return !isRejecting(flags) && (hasFlag(flags, RTF_GATEWAY) || prefixBits < PREFIX_BITS_MIN);
}

function isNetwork({ flags, device }: Route): boolean {
  return !isRejecting(flags) && device !== LOOPBACK;
}

function isRejecting(flags: number): boolean {
  return hasFlag(flags, RTF_REJECT);
}

function hasFlag(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

/** @returns undefined for what is not such a table. */
function readIpv4(table: string | undefined): Route[] | undefined {
  const [header = '', ...lines] = linesOf(table);
  if (!IPV4_HEADER.test(header)) return undefined;
  return readLines(lines, (line) => {
    const [, device = '', flags = '', mask = ''] = IPV4_LINE.exec(line) ?? [];
    return { device, flags: Number.parseInt(flags, 16), prefixBits: countBits(Number.parseInt(mask, 16)) };
  });
}

/** There is no header, and no line at all where IPv6 is off. */
function readIpv6(table: string | undefined): Route[] | undefined {
  if (table === undefined) return undefined;
  return readLines(linesOf(table), (line) => {
    const [, prefix = '', flags = '', device = ''] = IPV6_LINE.exec(line) ?? [];
    return { device, flags: Number.parseInt(flags, 16), prefixBits: Number.parseInt(prefix, 16) };
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
