// Checks of limits, and of traces: core dumps, swap, logs.

import { message } from './messages.ts';
import { RESTARTS_MAX } from './limits.ts';
import type { ContainerFacts, ProcessFacts, Snapshot } from './snapshot.ts';
import { withPlan } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import { lookAt, of, right, unclear, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';

const MEBIBYTE = 1_048_576;
/** Programs that read the crashed process's own limit before they keep a dump. */
const RESPECTFUL_HANDLERS = ['systemd-coredump', 'apport'];
/** Swap in compressed memory. */
const IN_MEMORY_SWAP = /(^|\/)zram\d+$/;

export function limitMemory({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.memory) return { state: 'red', evidence: [message('evidence.engine-no-memory-limit')] };
  return verdictOfAll(
    containers,
    ({ name, memoryBytes }) => (memoryBytes > 0 ? undefined : message('evidence.no-limit', { name })),
    listed(containers, ({ name, memoryBytes }) =>
      message('evidence.memory', { name, mebibytes: Math.round(memoryBytes / MEBIBYTE) }),
    ),
  );
}

export function limitSwap({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.swap) return { state: 'red', evidence: [message('evidence.engine-no-swap-limit')] };
  return verdictOfAll(
    containers,
    ({ name, memoryBytes, memoryAndSwapBytes }) =>
      memoryAndSwapBytes === memoryBytes ? undefined : message('evidence.swaps', { name }),
    message('evidence.no-swap'),
  );
}

export function limitPids({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.pids) return { state: 'red', evidence: [message('evidence.engine-no-pids-limit')] };
  return verdictOfAll(
    containers,
    ({ name, pids }) => (pids > 0 ? undefined : message('evidence.no-limit', { name })),
    listed(containers, ({ name, pids }) => message('evidence.amount', { name, amount: pids })),
  );
}

export function limitCpu({ containers, engine }: Snapshot): Verdict {
  if (!engine.limits.cpu) return { state: 'red', evidence: [message('evidence.engine-no-cpu-limit')] };
  return verdictOfAll(
    containers,
    ({ name, cpus }) => (cpus > 0 ? undefined : message('evidence.no-limit', { name })),
    listed(containers, ({ name, cpus }) => message('evidence.amount', { name, amount: cpus })),
  );
}

function listed(containers: readonly ContainerFacts[], text: (container: ContainerFacts) => string): string {
  return containers.map(text).join(', ');
}

export function coreLimit({ containers }: Snapshot): Verdict {
  const set = verdictOfAll(
    containers,
    ({ name, coreBytes }) => (coreBytes === 0 ? undefined : message('evidence.dumps-core', { name })),
    message('evidence.core-limit'),
  );
  if (set.state !== 'green') return set;
  // The kernel may show another limit for a process that was started otherwise.
  const loose = processesOf(containers).filter(([, { coreLimit: limit }]) => limit !== '0');
  return loose.length > 0
    ? verdictOf(
        loose.map(([container, process]) =>
          wrong(of(container, message('evidence.dumps-core', { name: process.name }))),
        ),
      )
    : set;
}

export function corePattern({ machine }: Snapshot): Verdict {
  return verdictOf(
    lookAt(message('evidence.this-machine'), machine, ({ corePattern: pattern }) => [lookAtPattern(pattern)]),
  );
}

/**
 * The kernel ignores the limit if it passes dumps to a program (core(5)); some programs read the
 * limit themselves.
 */
function lookAtPattern(pattern: string): Look {
  if (!pattern.startsWith('|')) return right(message('evidence.core-pattern', { pattern }));
  const program = /^\|\s*(\S*\/)?(\S*)/.exec(pattern)?.[2] ?? '';
  return RESPECTFUL_HANDLERS.includes(program)
    ? unclear(message('evidence.core-handler-respectful', { program }))
    : wrong(message('evidence.core-handler', { program }));
}

export function swap({ containers, machine, engine }: Snapshot): Verdict {
  const out = processesOf(containers).filter(([, { swappedKib }]) => swappedKib > 0);
  return verdictOf(
    lookAt(message('evidence.this-machine'), machine, ({ swaps }): readonly Look[] => {
      const disks = swaps.filter(({ name }) => !IN_MEMORY_SWAP.test(name));
      if (disks.length === 0) return [right(message('evidence.no-swap-disk'))];
      if (out.length > 0)
        return out.map(([name, { swappedKib }]) => wrong(message('evidence.swapped-out', { name, kib: swappedKib })));
      if (engine.cgroupVersion === '2') return [right(message('evidence.swap-cgroup-two'))];
      const loose = containers.filter(({ swappiness }) => swappiness !== 0);
      return loose.length > 0
        ? [wrong(message('evidence.swap-cgroup-one', { names: loose.map(({ name }) => name).join(', ') }))]
        : [right(message('evidence.swappiness'))];
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
            ? right(message('evidence.locked', { name, kib: lockedKib }))
            : wrong(message('evidence.not-locked', { name })),
        ];
      }),
    ),
    message('evidence.no-program-with-keys'),
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
    ({ name, logDriver }) =>
      logDriver === 'none' ? undefined : message('evidence.logged', { name, driver: logDriver }),
    message('evidence.not-logged'),
  );
}

export function healthSilent({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, healthOutputs }) =>
      healthOutputs > 0 ? message('evidence.health-outputs', { name, count: healthOutputs }) : undefined,
    message('evidence.health-silent'),
  );
}

export function restart({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, restart: { policy, retries } }) => {
      if (policy === 'no' || policy === '') return undefined;
      if (policy !== 'on-failure') return message('evidence.always-restarts', { name, policy });
      return retries > 0 && retries <= RESTARTS_MAX ? undefined : message('evidence.restarts-unbounded', { name });
    },
    message('evidence.restarts-bounded', { count: RESTARTS_MAX }),
  );
}
