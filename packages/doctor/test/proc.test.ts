// What the kernel writes, read.

import { describe, expect, test } from 'vitest';
import { listenersIn, processFacts, readProcess, swapsIn } from '../src/proc.ts';

const STATUS = `Name:	node
Uid:	10004	10004	10004	10004
VmLck:	      64 kB
VmSwap:	       8 kB
CapEff:	0000000000000000
CapBnd:	00000000a80425fb
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	1
`;
const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max locked memory         8388608              8388608              bytes
`;

describe('a process', () => {
  test('has the facts of /proc/PID/status and /proc/PID/limits, with the hard limit of core dumps', () => {
    expect(processFacts(STATUS, LIMITS)).toEqual({
      name: 'node',
      uids: [10004, 10004, 10004, 10004],
      capabilitiesEffective: '0000000000000000',
      capabilitiesBounding: '00000000a80425fb',
      noNewPrivileges: true,
      seccomp: 2,
      lockedKib: 64,
      swappedKib: 8,
      coreLimit: 'unlimited',
    });
  });

  test.runIf(process.platform === 'linux')(
    'can be read while it runs, and is undefined after it has ended',
    async () => {
      const own = await readProcess(process.pid);
      expect(own?.uids[0]).toBe(process.getuid?.());
      // Above the highest pid that Linux gives.
      expect(await readProcess(4_194_305)).toBeUndefined();
    },
  );
});

describe('listeners', () => {
  const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

  test('are the listening sockets of TCP, not the connected ones', () => {
    const table = `${HEAD}   0: 020014AC:235A 00000000:0000 0A 0 0\n   1: 040012AC:D6B2 020012AC:138A 01 0 0\n`;
    expect(listenersIn(table, 'tcp')).toEqual([{ protocol: 'tcp', address: '172.20.0.2', port: 9050 }]);
  });

  test('are the sockets of UDP without a peer', () => {
    const table = `${HEAD}12310: 0B00007F:CEAA 00000000:0000 07 0 0\n12311: 0B00007F:CEAB 0100007F:0035 01 0 0\n`;
    expect(listenersIn(table, 'udp')).toEqual([{ protocol: 'udp', address: '127.0.0.11', port: 52906 }]);
  });

  test.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000001000000', '::1'],
    ['0000000000000000FFFF0000020014AC', '172.20.0.2'],
    ['B80D0120000000000000000001000000', '2001:db8:0:0:0:0:0:1'],
  ])('have their IPv6 address: %s', (hex, address) => {
    expect(listenersIn(`${HEAD}   0: ${hex}:0050 0:0 0A\n`, 'tcp')[0]?.address).toBe(address);
  });

  test('are none in an empty table', () => expect(listenersIn('', 'tcp')).toEqual([]));
});

test('swap is every line of /proc/swaps below its header', () => {
  const text =
    'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2                               partition\t975868\t\t12\t\t-2\n';
  expect(swapsIn(text)).toEqual([{ name: '/dev/sda2', usedKib: 12 }]);
  expect(swapsIn('Filename\tType\tSize\tUsed\tPriority\n')).toEqual([]);
});
