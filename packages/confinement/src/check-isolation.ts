// Says of each protection whether the kernel's own words show it.

import type { Protection, ProtectionStatus } from './errors.ts';
import type { Evidence } from './evidence.ts';
import { validateNetwork } from './routes.ts';
import type { NetworkRequirement } from './routes.ts';

export type ProtectionStatuses = Readonly<Record<Protection, ProtectionStatus>>;

const SECCOMP_FILTER = '2';

export function validateIsolation(evidence: Evidence, network: NetworkRequirement): ProtectionStatuses {
  const { status, mounts, netlink } = evidence;
  return {
    user: validateUser(fieldOf(status, 'Uid')),
    capabilities: validateCapabilities(['CapPrm', 'CapEff', 'CapBnd'].map((name) => fieldOf(status, name))),
    'no-new-privileges': validateNewPrivileges(fieldOf(status, 'NoNewPrivs')),
    seccomp: validateSeccomp(fieldOf(status, 'Seccomp'), netlink),
    'read-only': validateRoot(mounts),
    network: validateNetwork(evidence, network),
  };
}

/** @returns undefined where the field is not there, or more than once. */
function fieldOf(status: string | undefined, name: string): string | undefined {
  const values = (status ?? '').split('\n').filter((line) => line.startsWith(`${name}:`));
  return values.length === 1 ? values[0]?.slice(name.length + 1).trim() : undefined;
}

/** Real, effective, saved and that of files. */
function validateUser(uids: string | undefined): ProtectionStatus {
  if (uids === undefined || !/^\d+(\s+\d+){3}$/.test(uids)) return 'unseen';
  return uids.split(/\s+/).some((uid) => Number(uid) === 0) ? 'missing' : 'in-place';
}

/** None of a privileged container's is in effect for a user that is not root, so what could come into effect counts as well. */
function validateCapabilities(sets: readonly (string | undefined)[]): ProtectionStatus {
  if (sets.some((set) => set !== undefined && /^[0-9a-f]*[1-9a-f][0-9a-f]*$/.test(set))) return 'missing';
  return sets.every((set) => set !== undefined && /^0+$/.test(set)) ? 'in-place' : 'unseen';
}

function validateNewPrivileges(value: string | undefined): ProtectionStatus {
  if (value === '1') return 'in-place';
  return value === '0' ? 'missing' : 'unseen';
}

/** That there is a filter does not say whose: with Docker's own a netlink socket can be had. */
function validateSeccomp(mode: string | undefined, netlink: Evidence['netlink']): ProtectionStatus {
  if (mode === SECCOMP_FILTER) return netlink === 'refused' ? 'in-place' : 'missing';
  return mode === '0' || mode === '1' ? 'missing' : 'unseen';
}

/** Device, mount point, type, options; spaces within are written as octal escapes. The last one lies on top. */
function validateRoot(mounts: string | undefined): ProtectionStatus {
  const roots = (mounts ?? '').split('\n').map((line) => line.split(' '));
  const options = roots.findLast(([, point]) => point === '/')?.[3];
  if (options === undefined) return 'unseen';
  return options.split(',').includes('ro') ? 'in-place' : 'missing';
}
