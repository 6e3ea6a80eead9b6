// Says of each protection whether the kernel's own words show it.

import type { Protection } from './errors.ts';
import type { Evidence } from './evidence.ts';
import { judgeNetwork } from './routes.ts';
import type { NetworkPromise } from './routes.ts';
import type { Standing } from './isolation.ts';

export type Standings = Readonly<Record<Protection, Standing>>;

const SECCOMP_FILTER = '2';

export function judge(evidence: Evidence, network: NetworkPromise): Standings {
  const { status, mounts, netlink } = evidence;
  return {
    user: judgeUser(fieldOf(status, 'Uid')),
    capabilities: judgeCapabilities(['CapPrm', 'CapEff', 'CapBnd'].map((name) => fieldOf(status, name))),
    'no-new-privileges': judgeNewPrivileges(fieldOf(status, 'NoNewPrivs')),
    seccomp: judgeSeccomp(fieldOf(status, 'Seccomp'), netlink),
    'read-only': judgeRoot(mounts),
    network: judgeNetwork(evidence, network),
  };
}

/** @returns undefined where the field is not there, or more than once. */
function fieldOf(status: string | undefined, name: string): string | undefined {
  const values = (status ?? '').split('\n').filter((line) => line.startsWith(`${name}:`));
  return values.length === 1 ? values[0]?.slice(name.length + 1).trim() : undefined;
}

/** Real, effective, saved and that of files. */
function judgeUser(uids: string | undefined): Standing {
  if (uids === undefined || !/^\d+(\s+\d+){3}$/.test(uids)) return 'unseen';
  return uids.split(/\s+/).some((uid) => Number(uid) === 0) ? 'missing' : 'in-place';
}

/** None of a privileged container's is in effect for a user that is not root, so what could come into effect counts as well. */
function judgeCapabilities(sets: readonly (string | undefined)[]): Standing {
  if (sets.some((set) => set !== undefined && /^[0-9a-f]*[1-9a-f][0-9a-f]*$/.test(set))) return 'missing';
  return sets.every((set) => set !== undefined && /^0+$/.test(set)) ? 'in-place' : 'unseen';
}

function judgeNewPrivileges(value: string | undefined): Standing {
  if (value === '1') return 'in-place';
  return value === '0' ? 'missing' : 'unseen';
}

/** That there is a filter does not say whose: with Docker's own a netlink socket can be had. */
function judgeSeccomp(mode: string | undefined, netlink: Evidence['netlink']): Standing {
  if (mode === SECCOMP_FILTER) return netlink === 'refused' ? 'in-place' : 'missing';
  return mode === '0' || mode === '1' ? 'missing' : 'unseen';
}

/** Device, mount point, type, options; spaces within are written as octal escapes. The last one lies on top. */
function judgeRoot(mounts: string | undefined): Standing {
  const roots = (mounts ?? '').split('\n').map((line) => line.split(' '));
  const options = roots.findLast(([, point]) => point === '/')?.[3];
  if (options === undefined) return 'unseen';
  return options.split(',').includes('ro') ? 'in-place' : 'missing';
}
