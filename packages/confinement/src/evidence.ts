// Reads the kernel's evidence on this process, and asks whether its gateways are there. It sends
// nothing else.

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
  /** Whether the kernel has looked for the gateways of `routes`. */
  readonly gateways: 'unasked' | 'asked';
  /**
   * Whether the kernel gives a netlink socket: Docker's own seccomp profile allows it, Sotto's does
   * not.
   */
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

/**
 * An empty datagram to the discard port makes the kernel look for the neighbour. Without an answer
 * it is never sent.
 */
export async function askGateways(evidence: Evidence): Promise<Evidence> {
  const socket = createSocket('udp4');
  // A gateway that could not be asked is not among the neighbours, and counts as unseen.
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
    // Not Linux, or a system that hides the file. Unseen evidence counts as missing, so the reason
    // does not matter.
    return (error as { readonly code?: unknown }).code === 'ENOENT' ? ifAbsent : undefined;
  }
}

/** Node lists interfaces over a netlink socket, and throws without one. */
function tryNetlink(): Evidence['netlink'] {
  try {
    networkInterfaces();
    return 'open';
  } catch {
    // For any reason: this process gets no such socket.
    return 'refused';
  }
}
