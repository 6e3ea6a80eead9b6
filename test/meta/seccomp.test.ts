// The profile of system calls says what it is to say. That the kernel then refuses the rest is seen
// in test/containers/seccomp.test.ts.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Rule {
  readonly comment?: string;
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly {
    readonly index: number;
    readonly value: number;
    readonly valueTwo?: number;
    readonly op: string;
  }[];
  readonly errnoRet?: number;
  readonly includes?: unknown;
  readonly excludes?: unknown;
}
interface Profile {
  readonly defaultAction: string;
  readonly archMap: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] }[];
  readonly syscalls: readonly Rule[];
}

const profile = JSON.parse(readFileSync('seccomp/sotto.json', 'utf8')) as Profile;
const allowed = profile.syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW');
const namesOf = (rules: readonly Rule[]): string[] => rules.flatMap(({ names }) => names);
const isAnyArguments = ({ args = [] }: Rule): boolean => args.length === 0;

/**
 * What no program of ours is ever to call: into other processes, the kernel, mounts, namespaces,
 * keys, and around the file system.
 */
const NEVER = [
  ...['ptrace', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd', 'pidfd_open', 'kcmp', 'process_madvise'],
  ...['bpf', 'perf_event_open', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'io_setup', 'userfaultfd'],
  ...['init_module', 'finit_module', 'delete_module', 'kexec_load', 'reboot', 'syslog', 'iopl', 'ioperm', 'modify_ldt'],
  ...['mount', 'umount2', 'move_mount', 'open_tree', 'fsopen', 'fsmount', 'pivot_root', 'chroot', 'swapon', 'quotactl'],
  ...[
    'unshare',
    'setns',
    'clone3',
    'sethostname',
    'setdomainname',
    'personality',
    'acct',
    'settimeofday',
    'clock_settime',
  ],
  ...[
    'keyctl',
    'add_key',
    'request_key',
    'name_to_handle_at',
    'open_by_handle_at',
    'fanotify_init',
    'mknod',
    'mknodat',
  ],
  ...['setuid', 'setgid', 'setgroups', 'setresuid', 'setresgid', 'capset', 'memfd_create', 'vmsplice', 'splice', 'tee'],
  ...['shmget', 'msgget', 'semget', 'mq_open', 'socketcall', 'ipc'],
];

describe('the profile of system calls', () => {
  test('refuses unnamed calls, and calls of another architecture', () => {
    expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(profile.archMap.flatMap(({ subArchitectures }) => subArchitectures)).toEqual([]);
  });

  test('allows no call that our programs must not make', () => {
    expect(namesOf(allowed).filter((name) => NEVER.includes(name))).toEqual([]);
  });

  test('allows new processes in the namespaces of their parent only', () => {
    const clone = allowed.filter(({ names }) => names.includes('clone'));
    const everyNewNamespace = 0x7e02_0000;
    expect(clone.map(({ args }) => args)).toEqual([
      [{ index: 0, value: everyNewNamespace, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    ]);
  });

  test('allows stream and datagram sockets of three families, and no other', () => {
    const sockets = allowed.filter(({ names }) => names.includes('socket'));
    const seen = sockets.map(({ args = [] }) => [args[0]?.value, args[0]?.op, args[1]?.value, args[1]?.valueTwo]);
    const families = [1, 2, 10];
    expect(seen).toEqual(families.flatMap((family) => [1, 2].map((kind) => [family, 'SCMP_CMP_EQ', 15, kind])));
    expect(sockets.flatMap(({ args = [] }) => args.map(({ index }) => index))).toEqual(sockets.flatMap(() => [0, 1]));
  });

  test('names each unconditional call once, and needs no feature that an engine may lack', () => {
    const names = namesOf(allowed.filter(isAnyArguments));
    expect(names.length).toBe(new Set(names).size);
    expect(
      profile.syscalls.filter(({ includes, excludes }) => includes !== undefined || excludes !== undefined),
    ).toEqual([]);
    expect(profile.syscalls.filter(({ comment }) => comment === undefined)).toEqual([]);
  });
});
