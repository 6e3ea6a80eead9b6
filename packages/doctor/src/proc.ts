// Reads a container's processes from this machine's /proc. It keeps only numbers and the programs'
// names.

import { readFile } from 'node:fs/promises';
import type { ListenerFacts, MachineFacts, ProcessFacts } from './snapshot.ts';

const LISTENING = '0A';
const UNCONNECTED_UDP = '07';
const IPV4_HEX_DIGITS = 8;

/**
 * Whether process `pid` of this machine is in that container: another machine's pid may be any
 * process here.
 */
export async function isInContainer(pid: number, containerId: string): Promise<boolean> {
  const text = await readOrEmpty(`/proc/${pid}/cgroup`);
  return text.includes(containerId);
}

/** @returns undefined if the process has ended meanwhile. */
export async function readProcess(pid: number): Promise<ProcessFacts | undefined> {
  const [status, limits] = await Promise.all([readOrEmpty(`/proc/${pid}/status`), readOrEmpty(`/proc/${pid}/limits`)]);
  return status === '' ? undefined : processFacts(status, limits);
}

export function processFacts(status: string, limits: string): ProcessFacts {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  const kib = (name: string): number => Number(/^(\d+) kB$/.exec(field(name))?.[1] ?? 0);
  return {
    name: field('Name'),
    uids: field('Uid').split(/\s+/).map(Number),
    capabilitiesEffective: field('CapEff'),
    capabilitiesBounding: field('CapBnd'),
    noNewPrivileges: field('NoNewPrivs') === '1',
    seccomp: Number(field('Seccomp')),
    lockedKib: kib('VmLck'),
    swappedKib: kib('VmSwap'),
    coreLimit: /^Max core file size\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? '',
  };
}

/** Every listener in the network namespace of `pid`. */
export async function readListeners(pid: number): Promise<ListenerFacts[]> {
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map(async (table) => {
    const text = await readOrEmpty(`/proc/${pid}/net/${table}`);
    return listenersIn(text, table.startsWith('tcp') ? 'tcp' : 'udp');
  });
  return (await Promise.all(tables)).flat();
}

/** The kernel's own table: local address and port are the second column, the state the fourth. */
export function listenersIn(table: string, protocol: 'tcp' | 'udp'): ListenerFacts[] {
  const state = protocol === 'tcp' ? LISTENING : UNCONNECTED_UDP;
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === state)
    .map((columns) => {
      const [address = '', port = ''] = (columns[1] ?? '').split(':');
      return { protocol, address: addressOf(address), port: Number.parseInt(port, 16) };
    });
}

/**
 * 32-bit words in the machine's byte order; every machine that Docker supports is little-endian.
 */
function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)));
  if (hex.length === IPV4_HEX_DIGITS) return bytes.join('.');
  const isMapped = bytes.slice(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff));
  if (isMapped) return bytes.slice(12).join('.');
  if (bytes.every((byte) => byte === 0)) return '::';
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '::1';
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index] ?? 0) * 256 + (bytes[2 * index + 1] ?? 0));
  return groups.map((group) => group.toString(16)).join(':');
}

export async function readMachine(): Promise<MachineFacts> {
  const [swaps, corePattern] = await Promise.all([
    readFile('/proc/swaps', 'utf8'),
    readFile('/proc/sys/kernel/core_pattern', 'utf8'),
  ]);
  return { swaps: swapsIn(swaps), corePattern: corePattern.trim() };
}

export function swapsIn(text: string): { name: string; usedKib: number }[] {
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const columns = line.trim().split(/\s+/);
      return { name: columns[0] ?? '', usedKib: Number(columns[3]) };
    });
}

/** A process may end while it is read: then its files are empty. */
async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
