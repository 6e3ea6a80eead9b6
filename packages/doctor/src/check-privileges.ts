// What a container may do to the machine that runs it: CIS Docker benchmark section 5, and what the kernel says of each process.

import type { ContainerFacts, ProcessFacts, Snapshot } from './snapshot.ts';
import { withPlan } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import { lookAt, right, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Verdict } from './verdict.ts';

const NO_NEW_PRIVILEGES = /^no-new-privileges([:=]true)?$/;
const SECCOMP_OFF = /^seccomp[:=]unconfined$/;
const MANDATORY_ACCESS_OFF = /^(apparmor[:=]unconfined|label[:=]disable)$/;
const ROOT = /^(0|root|)(:|$)/;
const ROOT_GROUP = new Set(['0', 'root']);
/** Namespaces that Docker makes for each container by itself, by the words that it then uses for them. */
const OWN_NAMESPACE = new Set(['', 'private', 'none', 'default', 'bridge']);
const SECCOMP_FILTER = 2;

export function privileged({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, privileged: is }) => (is ? `${name} is privileged` : undefined),
    'none is privileged',
  );
}

export function capabilities({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, capabilitiesAdded, capabilitiesDropped }) => {
      if (capabilitiesAdded.length > 0) return `${name} has been given ${capabilitiesAdded.join(', ')}`;
      return capabilitiesDropped.includes('ALL') ? undefined : `${name} has not dropped all capabilities`;
    },
    'all dropped, none added',
  );
}

export function newPrivileges({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, securityOptions }) =>
      securityOptions.some((option) => NO_NEW_PRIVILEGES.test(option)) ? undefined : `${name} may gain privileges`,
    'no-new-privileges is set',
  );
}

export function users({ containers }: Snapshot, plan: StackPlan): Verdict {
  const image = (container: ContainerFacts): string => plan.services[container.service]?.image ?? container.service;
  return verdictOfAll(
    containers,
    (container) => {
      const { name, user } = container;
      if (ROOT.test(user)) return `${name} runs as root`;
      // Client and host's client are one program; no other two share a user.
      const other = containers.find(
        (one) => uidOf(one) === uidOf(container) && one.service !== container.service && !isSameProgram(one, container),
      );
      return other === undefined ? undefined : `${name} and ${other.name} run as the same user`;
    },
    'each service has a user of its own, and none is root',
  );

  function isSameProgram(one: ContainerFacts, two: ContainerFacts): boolean {
    const isClient = (container: ContainerFacts): boolean => plan.services[container.service]?.isClient === true;
    return isClient(one) && isClient(two) && image(one) === image(two);
  }
}

function uidOf({ user }: ContainerFacts): string {
  return user.split(':')[0] ?? '';
}

export function groups({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan),
    ([{ name, user, groups: has }, service]) => {
      const extra = has.filter((group) => !service.groups.includes(group));
      if (extra.length > 0) return `${name} is in group ${extra.join(', ')}`;
      return ROOT_GROUP.has(user.split(':')[1] ?? '') ? `${name} is in group 0` : undefined;
    },
    'each is in the groups of its sockets only',
  );
}

export function rootReadOnly({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, rootReadOnly: is }) => (is ? undefined : `${name} can write to its root`),
    'read-only',
  );
}

export function namespaces({ containers, engine }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, namespaces: of }) => {
      const shared = Object.entries(of).filter(([kind, mode]) => {
        // With cgroup v1 Docker knows the machine's only.
        if (kind === 'cgroup') return mode === 'host' && engine.cgroupVersion === '2';
        // A network of its own is called by that network's name; `networks-members` judges it.
        if (kind === 'network') return mode === 'host' || mode.startsWith('container:');
        return !OWN_NAMESPACE.has(mode);
      });
      return shared.length > 0
        ? `${name} shares: ${shared.map(([kind, mode]) => `${kind} (${mode})`).join(', ')}`
        : undefined;
    },
    'network, processes, IPC, host name and users are its own',
  );
}

export function devices({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, devices: has }) => (has.length > 0 ? `${name} has ${has.join(', ')}` : undefined),
    'none has a device',
  );
}

export function seccomp({ containers, engine }: Snapshot): Verdict {
  const filter = engine.securityOptions.find((option) => option.startsWith('name=seccomp'));
  if (filter === undefined || filter.includes('profile=unconfined'))
    return { state: 'red', evidence: ['the engine filters no system calls by default'] };
  return verdictOfAll(
    containers,
    ({ name, securityOptions }) =>
      securityOptions.some((option) => SECCOMP_OFF.test(option)) ? `${name} is not filtered` : undefined,
    "the engine's filter is on, and none opts out",
  );
}

export function mandatoryAccess({ containers, engine }: Snapshot): Verdict {
  const there = ['apparmor', 'selinux'].filter((name) =>
    engine.securityOptions.some((option) => option.includes(name)),
  );
  return verdictOfAll(
    containers,
    ({ name, securityOptions, appArmorProfile }) =>
      securityOptions.some((option) => MANDATORY_ACCESS_OFF.test(option)) || appArmorProfile === 'unconfined'
        ? `${name} opts out`
        : undefined,
    there.length > 0
      ? `${there.join(', ')} is on, and none opts out`
      : 'none opts out; this machine has neither of them',
  );
}

export function procMasked({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, maskedPaths, readOnlyPaths }) =>
      maskedPaths > 0 && readOnlyPaths > 0 ? undefined : `${name} sees /proc or /sys unmasked`,
    'masked',
  );
}

export function processesConfined({ containers }: Snapshot): Verdict {
  const running = containers.filter((container) => container.running);
  return verdictOf(
    running.flatMap(({ name, processes }) =>
      lookAt(name, processes, (all) => {
        const faults = all.flatMap((one) => processFault(one) ?? []);
        if (faults.length > 0) return faults.map((fault) => wrong(`${name}: ${fault}`));
        return all.length > 0 ? [right(`${name}: ${all.length} processes, all confined`)] : [];
      }),
    ),
  );
}

function processFault(one: ProcessFacts): string | undefined {
  if (one.uids.includes(0)) return `${one.name} runs as root`;
  const hasCapability = [one.capabilitiesEffective, one.capabilitiesBounding].some((set) => !/^0+$/.test(set));
  if (hasCapability) return `${one.name} has capabilities, or could get some`;
  if (!one.noNewPrivileges) return `${one.name} may gain privileges`;
  return one.seccomp === SECCOMP_FILTER ? undefined : `${one.name} is not filtered`;
}
