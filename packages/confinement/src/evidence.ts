// Asks the kernel what it knows of this process. Nothing is sent: the one socket that is tried never gets an address.

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

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
  /** Whether a netlink socket can be had: Docker's own profile of system calls allows it, ours does not. */
  readonly netlink: 'open' | 'refused';
}

export function readEvidence(): Evidence {
  return {
    status: readOrUndefined('/proc/self/status'),
    mounts: readOrUndefined('/proc/self/mounts'),
    routes: readOrUndefined('/proc/self/net/route'),
    ipv6Routes: readOrUndefined('/proc/self/net/ipv6_route', ''),
    netlink: tryNetlink(),
  };
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
