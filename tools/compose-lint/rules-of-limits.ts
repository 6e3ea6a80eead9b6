// Rules of limits: bounded memory, time and processes, and nothing on a disk. CIS Docker Benchmark
// 1.6.0, section 5.

import { unless } from './rule.ts';
import type { Rule } from './rule.ts';
import type { Service } from './stack.ts';
import { isTree, numberAt, show, textAt, textsAt, treeAt } from './tree.ts';
import type { Tree, Value } from './tree.ts';

const MEMORY_MAX_BYTES = 1024 ** 3;
const CPUS_MAX = 1;
const PIDS_MAX = 128;
const OPEN_FILES_MAX = 4096;
const LOCKED_LEAST_BYTES = 1024 ** 2;
const RESTARTS_MAX = 5;
const STOP_MAX_SECONDS = 5;

const HARDENING = 'take it from the hardening anchor: `<<: *hardening`';
const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `256m` in bytes; undefined for a value that is no size. */
function bytesOf(value: Value | undefined): number | undefined {
  if (typeof value === 'number') return value;
  const match = /^(\d+)([bkmg]?)b?$/i.exec(typeof value === 'string' ? value : '');
  const unit = UNIT_BYTES[(match?.[2] ?? 'none').toLowerCase()];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

function isWithin(value: number | undefined, most: number): boolean {
  return value !== undefined && value > 0 && value <= most;
}

const rootWritable: Rule<Service> = {
  code: 'root-writable',
  cis: '5.13',
  requirement: 'the root file system is read-only',
  next: HARDENING,
  against: ({ tree }) => unless(tree['read_only'] === true, `read_only: ${show(tree['read_only'])}`),
};

/** @returns the options that a file system in memory lacks, or must not have. */
export function looseIn(options: readonly string[]): readonly string[] {
  const missing = ['noexec', 'nosuid', 'nodev'].filter((option) => !options.includes(option));
  const size = bytesOf(options.find((option) => option.startsWith('size='))?.slice('size='.length));
  const undone = ['exec', 'suid', 'dev'].filter((option) => options.includes(option));
  return [...missing, ...(size === undefined || size === 0 ? ['size'] : []), ...undone.map((option) => `no ${option}`)];
}

const tmpfsLoose: Rule<Service> = {
  code: 'tmpfs-loose',
  requirement: 'a file system in memory has a size, and no file in it can be executed',
  next: 'give it size, noexec, nosuid and nodev, as a list under `tmpfs`',
  against: ({ tree }) => {
    const stated = tree['tmpfs'];
    if (stated !== undefined && !Array.isArray(stated)) return [`tmpfs: ${show(stated)}`];
    return textsAt(tree, 'tmpfs').flatMap((entry) => {
      const [target = '', options = ''] = entry.split(':');
      const loose = looseIn(options.split(','));
      return unless(loose.length === 0, `${target} lacks ${loose.join(', ')}`);
    });
  },
};

const memoryUnlimited: Rule<Service> = {
  code: 'memory-unlimited',
  cis: '5.11',
  requirement: 'every service has a limit of memory',
  next: `set mem_limit, at most ${MEMORY_MAX_BYTES / 1024 ** 2}m, and memswap_limit to the same`,
  against: ({ tree }) =>
    unless(isWithin(bytesOf(tree['mem_limit']), MEMORY_MAX_BYTES), `mem_limit: ${show(tree['mem_limit'])}`),
};

const swapAllowed: Rule<Service> = {
  code: 'swap-allowed',
  requirement: 'no service can swap memory out to a disk',
  next: 'set memswap_limit to the value of mem_limit',
  against: ({ tree }) =>
    unless(
      bytesOf(tree['memswap_limit']) !== undefined &&
        (bytesOf(tree['mem_limit']) ?? bytesOf(tree['memswap_limit'])) === bytesOf(tree['memswap_limit']),
      `memswap_limit: ${show(tree['memswap_limit'])}`,
    ),
};

const cpuUnlimited: Rule<Service> = {
  code: 'cpu-unlimited',
  cis: '5.12',
  requirement: 'no service can use all processors of the machine',
  next: HARDENING,
  against: ({ tree }) => unless(isWithin(numberAt(tree, 'cpus'), CPUS_MAX), `cpus: ${show(tree['cpus'])}`),
};

const pidsUnlimited: Rule<Service> = {
  code: 'pids-unlimited',
  cis: '5.29',
  requirement: 'every service has a limit of processes',
  next: `set pids_limit, at most ${PIDS_MAX}`,
  against: ({ tree }) =>
    unless(isWithin(numberAt(tree, 'pids_limit'), PIDS_MAX), `pids_limit: ${show(tree['pids_limit'])}`),
};

/** The larger of a limit's two values. */
function limitOf(limits: Tree, name: string): number | undefined {
  const limit = limits[name];
  if (!isTree(limit)) return numberAt(limits, name);
  const [soft, hard] = [numberAt(limit, 'soft'), numberAt(limit, 'hard')];
  return soft === undefined || hard === undefined || soft < 0 || hard < 0 ? undefined : Math.max(soft, hard);
}

const coreDumped: Rule<Service> = {
  code: 'core-dumped',
  cis: '5.19',
  requirement: 'a crash leaves no core dump',
  next: HARDENING,
  against: ({ tree }) => {
    const limits = treeAt(tree, 'ulimits');
    return unless(limitOf(limits, 'core') === 0, `ulimits.core: ${show(limits['core'])}`);
  },
};

const filesUnlimited: Rule<Service> = {
  code: 'files-unlimited',
  cis: '5.19',
  requirement: 'every service has a limit of open files',
  next: HARDENING,
  against: ({ tree }) => {
    const limits = treeAt(tree, 'ulimits');
    return unless(isWithin(limitOf(limits, 'nofile'), OPEN_FILES_MAX), `ulimits.nofile: ${show(limits['nofile'])}`);
  },
};

const ULIMITS: readonly string[] = ['core', 'nofile', 'memlock'];
const ulimitUnknown: Rule<Service> = {
  code: 'ulimit-unknown',
  cis: '5.19',
  requirement: 'no other limit is changed, and none is removed',
  next: `keep to ${ULIMITS.join(', ')}, each with a number; a rootless engine cannot remove one`,
  against: ({ tree }) =>
    Object.entries(treeAt(tree, 'ulimits'))
      .filter(([name, limit]) => !ULIMITS.includes(name) || (name === 'memlock' && !isFinite(limit)))
      .map(([name, limit]) => `${name}: ${show(limit)}`),
};

function isFinite(limit: Value): boolean {
  return isWithin(limitOf({ limit }, 'limit'), Number.MAX_SAFE_INTEGER);
}

const keysPageable: Rule<Service> = {
  code: 'keys-pageable',
  cis: '5.19',
  requirement: 'a service with keys may lock memory for them; the others keep the engine’s limit',
  next: 'set `ulimits: *key-limits` for host, client and host-client only',
  against: ({ tree, requirement }) => {
    const limits = treeAt(tree, 'ulimits');
    const stated = limits['memlock'];
    // The rule above finds a value that is no number.
    if (stated !== undefined && !isFinite(stated)) return [];
    const least = limitOf(limits, 'memlock') ?? 0;
    const isWell = requirement?.holdsKeys === true ? least >= LOCKED_LEAST_BYTES : stated === undefined;
    return unless(isWell, `ulimits.memlock: ${show(stated)}`);
  },
};

const restartUnbounded: Rule<Service> = {
  code: 'restart-unbounded',
  cis: '5.15',
  requirement: 'a service that keeps failing stays down, and none starts again with the machine',
  next: `set restart: on-failure:${RESTARTS_MAX}, or 'no'`,
  against: ({ tree }) => {
    const tries = /^on-failure:(\d+)$/.exec(textAt(tree, 'restart') ?? '')?.[1];
    return unless(
      tree['restart'] === 'no' || isWithin(Number(tries ?? Number.NaN), RESTARTS_MAX),
      `restart: ${show(tree['restart'])}`,
    );
  },
};

const stopSlow: Rule<Service> = {
  code: 'stop-slow',
  requirement: 'every service ends within seconds after it is told to stop',
  next: HARDENING,
  against: ({ tree }) => {
    const seconds = /^(\d+)s$/.exec(textAt(tree, 'stop_grace_period') ?? '')?.[1];
    return unless(
      isWithin(Number(seconds ?? Number.NaN), STOP_MAX_SECONDS),
      `stop_grace_period: ${show(tree['stop_grace_period'])}`,
    );
  },
};

const outputKept: Rule<Service> = {
  code: 'output-kept',
  requirement: 'the engine keeps no output of a service',
  next: HARDENING,
  against: ({ tree }) => {
    const logging = treeAt(tree, 'logging');
    return unless(logging['driver'] === 'none', `logging: ${show(tree['logging'])}`);
  },
};

const outputShown: Rule<Service> = {
  code: 'output-shown',
  requirement: '`docker compose up` shows only the host’s screen',
  next: HARDENING,
  against: ({ tree, requirement }) =>
    unless((tree['attach'] === false) !== (requirement?.shown ?? false), `attach: ${show(tree['attach'])}`),
};

export const LIMIT_RULES: readonly Rule<Service>[] = [
  rootWritable,
  tmpfsLoose,
  memoryUnlimited,
  swapAllowed,
  cpuUnlimited,
  pidsUnlimited,
  coreDumped,
  filesUnlimited,
  ulimitUnknown,
  keysPageable,
  restartUnbounded,
  stopSlow,
  outputKept,
  outputShown,
];
