// Asks the kernel what it knows of this process, and whether the gateways that it names are there. Nothing is said to anybody else.

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { GATEWAY_ANSWER_MS, GATEWAYS_ASKED_MAX } from './limits.ts';
import { gatewaysOf } from './routes.ts';

/** RFC 863 */
const DISCARD_PORT = 9;

/** Texts as the kernel writes them (proc(5)); undefined where they cannot be read. */
export interface Evidence {
  /** /proc/self/status */
  readonly status: string | undefined;
  /** /proc/self/mounts */
  readonly mounts: string | undefined;
  /** /proc/self/net/route */
  readonly routes: string | undefined;
  /** /proc/self/net/ipv6_route; empty where the kernel has no IPv6. */
  readonly ipv6Routes: string | undefined;
  /** /proc/self/net/arp */
  readonly neighbours: string | undefined;
  /** Whether the kernel has been made to look for the gateways of `routes`. */
  readonly gateways: 'unasked' | 'asked';
  /** Whether a netlink socket can be had: Docker's own profile of system calls allows it, ours does not. */
  readonly netlink: 'open' | 'refused';
}

/** Sends nothing. */
export function readEvidence(): Evidence {
  return {
    status: readOrUndefined('/proc/self/status'),
    mounts: readOrUndefined('/proc/self/mounts'),
    routes: readOrUndefined('/proc/self/net/route'),
    ipv6Routes: readOrUndefined('/proc/self/net/ipv6_route', ''),
    neighbours: readOrUndefined('/proc/self/net/arp'),
    gateways: 'unasked',
    netlink: tryNetlink(),
  };
}

/** An empty datagram to the port that discards everything makes the kernel look for the neighbour; where nobody answers, it is never sent. */
export async function askGateways(evidence: Evidence): Promise<Evidence> {
  const socket = createSocket('udp4');
  // Whoever could not be asked for is not among the neighbours, and counts as unseen.
  socket.on('error', () => undefined);
  for (const address of gatewaysOf(evidence.routes).slice(0, GATEWAYS_ASKED_MAX))
    socket.send('', DISCARD_PORT, address, () => undefined);
  await delay(GATEWAY_ANSWER_MS);
  socket.close();
  return { ...evidence, neighbours: readOrUndefined('/proc/self/net/arp'), gateways: 'asked' };
}

function readOrUndefined(path: string, ifAbsent?: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    // Not Linux, or a system that hides it. What nobody can see counts as missing, so nothing is lost by not saying why.
    return (error as { readonly code?: unknown }).code === 'ENOENT' ? ifAbsent : undefined;
  }
}

/** Node lists interfaces over a netlink socket, and throws if it gets none. */
function tryNetlink(): Evidence['netlink'] {
  try {
    networkInterfaces();
    return 'open';
  } catch {
    // Whatever the reason, there is no such socket for this process.
    return 'refused';
  }
}
