// The system calls that the programs of the stack never need are refused to them, and to root with
// capabilities, too.

import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import Docker from 'dockerode';
import { describe, expect, inject, test } from 'vitest';
import { buildLabImage } from '../leaks/lab.ts';
import { LAB_IMAGE } from '../leaks/lab-container.ts';
import { Stack } from './stack.ts';

const PROFILE = 'seccomp/sotto.json';
const SERVICES = ['tor', 'tor-client', 'gate', 'relay', 'redis', 'host'] as const;
/** The capabilities that the calls would need without a filter. */
const CAPABILITIES = [
  'SYS_ADMIN',
  'SYS_PTRACE',
  'SYS_CHROOT',
  'NET_ADMIN',
  'NET_RAW',
  'MKNOD',
  'DAC_READ_SEARCH',
  'SYSLOG',
];
const [EPERM, ENOSYS] = [1, 38];

const stack = new Stack(inject('project'));

/**
 * Makes each call with arguments that change nothing, and prints its error number, 0 if there was
 * none.
 */
const CALLS = `
import ctypes, json, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
at = 0 if platform.machine() == 'x86_64' else 1
NUMBERS = {
  'ptrace': (101, 117), 'process_vm_readv': (310, 270), 'process_vm_writev': (311, 271), 'kcmp': (312, 272),
  'pidfd_getfd': (438, 438), 'io_uring_setup': (425, 425), 'io_setup': (206, 0), 'userfaultfd': (323, 282),
  'bpf': (321, 280), 'perf_event_open': (298, 241), 'keyctl': (250, 219), 'add_key': (248, 217),
  'request_key': (249, 218), 'mount': (165, 40), 'umount2': (166, 39), 'move_mount': (429, 429),
  'open_tree': (428, 428), 'fsopen': (430, 430), 'pivot_root': (155, 41), 'chroot': (161, 51),
  'unshare': (272, 97), 'setns': (308, 268), 'open_by_handle_at': (304, 265), 'name_to_handle_at': (303, 264),
  'fanotify_init': (300, 262), 'memfd_create': (319, 279), 'personality': (135, 92), 'syslog': (103, 116),
  'mknodat': (259, 33), 'setxattr': (188, 5), 'shmget': (29, 194), 'msgget': (68, 186), 'semget': (64, 190),
  'mq_open': (240, 180), 'quotactl': (179, 60), 'clone3': (435, 435),
}
# Only those that would do something if they were called with nothing get arguments of their own.
ARGUMENTS = {
  'ptrace': (-1, 0, 0, 0), 'personality': (0xffffffff,), 'unshare': (0,), 'setns': (-1, 0), 'syslog': (10, 0, 0),
  'memfd_create': (0, 0), 'shmget': (0, 0, 0), 'msgget': (0x5077, 0), 'semget': (0x5077, 0, 0), 'keyctl': (0, -1, 0),
  'pidfd_getfd': (-1, 0, 0), 'fanotify_init': (-1, -1), 'userfaultfd': (-1,), 'mknodat': (-1, 0, 0, 0),
}
result = {}
for name, numbers in NUMBERS.items():
  if numbers[at] == 0: continue
  ctypes.set_errno(0)
  # Six arguments in any case: what the call does not take must not be left to chance.
  given = (ARGUMENTS.get(name, ()) + (0,) * 6)[:6]
  value = libc.syscall(ctypes.c_long(numbers[at]), *(ctypes.c_long(one) for one in given))
  result[name] = ctypes.get_errno() if value == -1 else 0
for name, family, kind in [
  ('packet socket', socket.AF_PACKET, socket.SOCK_RAW), ('packet socket of datagrams', socket.AF_PACKET, socket.SOCK_DGRAM),
  ('netlink socket', socket.AF_NETLINK, socket.SOCK_RAW), ('raw IPv4 socket', socket.AF_INET, socket.SOCK_RAW),
  ('raw IPv6 socket', socket.AF_INET6, socket.SOCK_RAW), ('vsock', 40, socket.SOCK_STREAM), ('xdp socket', 44, socket.SOCK_RAW),
  ('alg socket', 38, socket.SOCK_SEQPACKET),
]:
  try:
    socket.socket(family, kind, 1 if kind == socket.SOCK_RAW and family in (socket.AF_INET, socket.AF_INET6) else 0).close()
    result[name] = 0
  except OSError as error:
    result[name] = error.errno
wanted = {}
for name, family, kind in [('unix', 1, 1), ('unix datagram', 1, 2), ('tcp', 2, 1), ('udp', 2, 2), ('tcp6', 10, 1), ('udp6', 10, 2)]:
  try:
    socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK).close()
    wanted[name] = 0
  except OSError as error:
    wanted[name] = error.errno
print(json.dumps({'refused': result, 'wanted': wanted}))
`;

interface Outcome {
  readonly refused: Readonly<Record<string, number>>;
  readonly wanted: Readonly<Record<string, number>>;
}

/** As root with capabilities that no service has, in a container with no network at all. */
function callsUnder(profile: string): Outcome {
  buildLabImage();
  const options = [`seccomp=${profile}`, 'no-new-privileges'].flatMap((option) => ['--security-opt', option]);
  const capabilities = CAPABILITIES.flatMap((capability) => ['--cap-add', capability]);
  const rights = ['--user', '0', ...capabilities, '--network', 'none', ...options];
  const args = ['run', '--rm', '--log-driver', 'none', ...rights, '--entrypoint', 'python3', LAB_IMAGE, '-c', CALLS];
  const result = spawnSync('docker', args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as Outcome;
}

describe('a program’s system calls', () => {
  const { refused, wanted } = callsUnder(PROFILE);

  test('are refused under the profile if no program of ours needs them, for root too', () => {
    const { clone3, ...others } = refused;
    expect(Object.keys(others).length).toBeGreaterThan(35);
    expect(Object.entries(others).filter(([, error]) => error !== EPERM)).toEqual([]);
    // The C library is to take `clone` instead, whose arguments the filter can read.
    expect(clone3).toBe(ENOSYS);
  });

  test('reach the kernel without the profile: control, with the same calls by the same root', () => {
    const open = callsUnder('unconfined').refused;
    const stillRefused = Object.entries(open).filter(([, error]) => error === EPERM);
    expect(stillRefused).toEqual([]);
  });

  test('are allowed for the sockets that the stack uses', () => {
    expect(Object.entries(wanted).filter(([, error]) => error === EPERM)).toEqual([]);
  });

  test.each(SERVICES)('are filtered by this profile in %s', async (service) => {
    const { HostConfig } = await new Docker().getContainer(`${stack.project}-${service}-1`).inspect();
    const options = HostConfig.SecurityOpt as readonly string[];
    const profile = options.find((option) => option.startsWith('seccomp='))?.slice('seccomp='.length) ?? '';
    expect(JSON.parse(profile)).toEqual(JSON.parse(readFileSync(PROFILE, 'utf8')));
  });
});
