// What a container may use, and what could be left of its memory and of what it printed.

import { RESTARTS_MAX } from './limits.ts';
import type { ContainerFacts, ProcessFacts, Snapshot } from './snapshot.ts';
import { withPlan } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import { lookAt, right, unclear, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';

const MEBIBYTE = 1_048_576;
/** They look at the crashed process's own limit before they keep anything. */
const RESPECTFUL_HANDLERS = ['systemd-coredump', 'apport'];
/** Swap that is memory again, compressed. */
const IN_MEMORY_SWAP = /(^|\/)zram\d+$/;

export function limitMemory({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.memory) return { state: 'red', evidence: ['the engine cannot limit memory'] };
  return verdictOfAll(
    containers,
    ({ name, memoryBytes }) => (memoryBytes > 0 ? undefined : `${name} has no limit`),
    listed(containers, ({ memoryBytes }) => `${Math.round(memoryBytes / MEBIBYTE)} MiB`),
  );
}

export function limitSwap({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.swap)
    return { state: 'red', evidence: ['the engine says "No swap limit support": the limit is void'] };
  return verdictOfAll(
    containers,
    ({ name, memoryBytes, memoryAndSwapBytes }) =>
      memoryAndSwapBytes === memoryBytes ? undefined : `${name} may use swap beyond its memory`,
    'memory and swap together are as much as memory alone',
  );
}

export function limitPids({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.pids) return { state: 'red', evidence: ['the engine cannot limit processes'] };
  return verdictOfAll(
    containers,
    ({ name, pids }) => (pids > 0 ? undefined : `${name} has no limit`),
    listed(containers, ({ pids }) => `${pids}`),
  );
}

export function limitCpu({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.cpu) return { state: 'red', evidence: ['the engine cannot limit processor time'] };
  return verdictOfAll(
    containers,
    ({ name, cpus }) => (cpus > 0 ? undefined : `${name} has no limit`),
    listed(containers, ({ cpus }) => `${cpus}`),
  );
}

function listed(containers: readonly ContainerFacts[], value: (container: ContainerFacts) => string): string {
  return containers.map((container) => `${container.name} ${value(container)}`).join(', ');
}

export function coreLimit({ containers }: Snapshot): Verdict {
  const set = verdictOfAll(
    containers,
    ({ name, coreBytes }) => (coreBytes === 0 ? undefined : `${name} may leave a core dump`),
    'the limit is 0',
  );
  if (set.state !== 'green') return set;
  // A process of which the kernel says otherwise was started some other way.
  const loose = processesOf(containers).filter(([, { coreLimit: limit }]) => limit !== '0');
  return loose.length > 0
    ? verdictOf(loose.map(([container, process]) => wrong(`${container}: ${process.name} may leave a core dump`)))
    : set;
}

export function corePattern({ machine }: Snapshot): Verdict {
  return verdictOf(lookAt('this machine', machine, ({ corePattern: pattern }) => [lookAtPattern(pattern)]));
}

/** The kernel ignores the limit of who hands its dump to a program (core(5)); some programs ask for it themselves. */
function lookAtPattern(pattern: string): Look {
  if (!pattern.startsWith('|')) return right(`kernel.core_pattern is ${pattern}`);
  const program = /^\|\s*(\S*\/)?(\S*)/.exec(pattern)?.[2] ?? '';
  return RESPECTFUL_HANDLERS.includes(program)
    ? unclear(`${program} is handed the memory of who crashes; it should keep none where the limit is 0 (core_pattern)`)
    : wrong(`${program} is handed the memory of who crashes, whatever the limit (core_pattern)`);
}

export function swap({ containers, machine, engine }: Snapshot): Verdict {
  const out = processesOf(containers).filter(([, { swappedKib }]) => swappedKib > 0);
  return verdictOf(
    lookAt('this machine', machine, ({ swaps }): readonly Look[] => {
      const disks = swaps.filter(({ name }) => !IN_MEMORY_SWAP.test(name));
      if (disks.length === 0) return [right('this machine has no swap on a disk')];
      if (out.length > 0)
        return out.map(([name, { swappedKib }]) => wrong(`${name}: ${swappedKib} KiB of it are on a disk`));
      if (engine.cgroupVersion === '2')
        return [right('this machine has swap; containers may use none of it (cgroup v2)')];
      const loose = containers.filter(({ swappiness }) => swappiness !== 0);
      return loose.length > 0
        ? [
            wrong(
              `this machine has swap, and with cgroup v1 the kernel may still page out ${loose.map(({ name }) => name).join(', ')}`,
            ),
          ]
        : [right('this machine has swap; containers are not paged out (swappiness 0)')];
    }),
  );
}

export function lockedMemory({ containers }: Snapshot, plan: StackPlan): Verdict {
  const withKeys = withPlan(containers, plan).filter(([{ running }, { holdsKeys }]) => running && holdsKeys === true);
  return verdictOf(
    withKeys.flatMap(([{ name, processes }]) =>
      lookAt(name, processes, (all): readonly Look[] => {
        const lockedKib = Math.max(0, ...all.map((process) => process.lockedKib));
        return [
          lockedKib > 0
            ? right(`${name}: ${lockedKib} KiB are locked (VmLck)`)
            : wrong(`${name}: nothing is locked (VmLck 0)`),
        ];
      }),
    ),
    'no program with keys is running',
  );
}

function processesOf(containers: readonly ContainerFacts[]): (readonly [container: string, ProcessFacts])[] {
  return containers.flatMap(({ name, processes }) =>
    processes.seen ? processes.value.map((process) => [name, process] as const) : [],
  );
}

export function logging({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, logDriver }) => (logDriver === 'none' ? undefined : `${name} is logged (${logDriver})`),
    'the log driver is none',
  );
}

export function healthSilent({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, healthOutputs }) =>
      healthOutputs > 0 ? `${name}: Docker keeps ${healthOutputs} outputs of its health check` : undefined,
    'nothing is kept',
  );
}

export function restart({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, restart: { policy, retries } }) => {
      if (policy === 'no' || policy === '') return undefined;
      if (policy !== 'on-failure') return `${name} always comes back (${policy})`;
      return retries > 0 && retries <= RESTARTS_MAX ? undefined : `${name} is tried again without end`;
    },
    `only after a failure, ${RESTARTS_MAX} times at most`,
  );
}
