// Checks of privileges: CIS Docker benchmark section 5, and the kernel's view of each process.

import { message } from './messages.ts';
import type { ContainerFacts, ProcessFacts, Snapshot } from './snapshot.ts';
import { withPlan } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import { lookAt, of, right, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Verdict } from './verdict.ts';

const NO_NEW_PRIVILEGES = /^no-new-privileges([:=]true)?$/;
const SECCOMP_OFF = /^seccomp[:=]unconfined$/;
const MANDATORY_ACCESS_OFF = /^(apparmor[:=]unconfined|label[:=]disable)$/;
const ROOT = /^(0|root|)(:|$)/;
const ROOT_GROUP = new Set(['0', 'root']);
/** Docker's words for a namespace that it makes for each container. */
const OWN_NAMESPACE = new Set(['', 'private', 'none', 'default', 'bridge']);
const SECCOMP_FILTER = 2;

export function privileged({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, privileged: is }) => (is ? message('evidence.privileged', { name }) : undefined),
    message('evidence.not-privileged'),
  );
}

export function capabilities({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, capabilitiesAdded, capabilitiesDropped }) => {
      if (capabilitiesAdded.length > 0)
        return message('evidence.capabilities-added', { name, capabilities: capabilitiesAdded.join(', ') });
      return capabilitiesDropped.includes('ALL') ? undefined : message('evidence.capabilities-kept', { name });
    },
    message('evidence.capabilities-dropped'),
  );
}

export function newPrivileges({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, securityOptions }) =>
      securityOptions.some((option) => NO_NEW_PRIVILEGES.test(option))
        ? undefined
        : message('evidence.gains-privileges', { name }),
    message('evidence.no-new-privileges'),
  );
}

export function users({ containers }: Snapshot, plan: StackPlan): Verdict {
  const image = (container: ContainerFacts): string => plan.services[container.service]?.image ?? container.service;
  return verdictOfAll(
    containers,
    (container) => {
      const { name, user } = container;
      if (ROOT.test(user)) return message('evidence.runs-as-root', { name });
      // Client and host-client are one program; no other two services share a user.
      const other = containers.find(
        (one) => uidOf(one) === uidOf(container) && one.service !== container.service && !isSameProgram(one, container),
      );
      return other === undefined ? undefined : message('evidence.same-user', { name, other: other.name });
    },
    message('evidence.own-users'),
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
      if (extra.length > 0) return message('evidence.in-group', { name, groups: extra.join(', ') });
      return ROOT_GROUP.has(user.split(':')[1] ?? '') ? message('evidence.in-group', { name, groups: 0 }) : undefined;
    },
    message('evidence.own-groups'),
  );
}

export function rootReadOnly({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, rootReadOnly: is }) => (is ? undefined : message('evidence.root-writable', { name })),
    message('evidence.read-only'),
  );
}

export function namespaces({ containers, engine }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, namespaces: has }) => {
      const shared = Object.entries(has).filter(([kind, mode]) => {
        // With cgroup v1 Docker has only the machine's cgroup namespace.
        if (kind === 'cgroup') return mode === 'host' && engine.cgroupVersion === '2';
        // Docker names a container's own network here; the check `networks-members` covers it.
        if (kind === 'network') return mode === 'host' || mode.startsWith('container:');
        return !OWN_NAMESPACE.has(mode);
      });
      return shared.length > 0
        ? message('evidence.shares', { name, namespaces: shared.map(([kind, mode]) => `${kind} (${mode})`).join(', ') })
        : undefined;
    },
    message('evidence.own-namespaces'),
  );
}

export function devices({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, devices: has }) =>
      has.length > 0 ? message('evidence.has-devices', { name, devices: has.join(', ') }) : undefined,
    message('evidence.no-device'),
  );
}

export function seccomp({ containers, engine }: Snapshot): Verdict {
  const filter = engine.securityOptions.find((option) => option.startsWith('name=seccomp'));
  if (filter === undefined || filter.includes('profile=unconfined'))
    return { state: 'red', evidence: [message('evidence.engine-no-filter')] };
  return verdictOfAll(
    containers,
    ({ name, securityOptions }) =>
      securityOptions.some((option) => SECCOMP_OFF.test(option))
        ? message('evidence.not-filtered', { name })
        : undefined,
    message('evidence.filtered'),
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
        ? message('evidence.opts-out', { name })
        : undefined,
    there.length > 0
      ? message('evidence.mandatory-access-on', { systems: there.join(', ') })
      : message('evidence.mandatory-access-absent'),
  );
}

export function procMasked({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, maskedPaths, readOnlyPaths }) =>
      maskedPaths > 0 && readOnlyPaths > 0 ? undefined : message('evidence.proc-unmasked', { name }),
    message('evidence.masked'),
  );
}

export function processesConfined({ containers }: Snapshot): Verdict {
  const running = containers.filter((container) => container.running);
  return verdictOf(
    running.flatMap(({ name, processes }) =>
      lookAt(name, processes, (all) => {
        const faults = all.flatMap((one) => processFault(one) ?? []);
        if (faults.length > 0) return faults.map((fault) => wrong(of(name, fault)));
        return all.length > 0 ? [right(message('evidence.processes-confined', { name, count: all.length }))] : [];
      }),
    ),
  );
}

function processFault(one: ProcessFacts): string | undefined {
  const { name } = one;
  if (one.uids.includes(0)) return message('evidence.runs-as-root', { name });
  const hasCapability = [one.capabilitiesEffective, one.capabilitiesBounding].some((set) => !/^0+$/.test(set));
  if (hasCapability) return message('evidence.has-capabilities', { name });
  if (!one.noNewPrivileges) return message('evidence.gains-privileges', { name });
  return one.seccomp === SECCOMP_FILTER ? undefined : message('evidence.not-filtered', { name });
}
