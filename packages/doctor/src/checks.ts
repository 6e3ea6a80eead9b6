// The examination: every requirement has its check, a pure function of what was seen; what comes out is one finding for each.

import * as limits from './check-limits.ts';
import * as mounts from './check-mounts.ts';
import * as networks from './check-networks.ts';
import * as privileges from './check-privileges.ts';
import * as stack from './check-stack.ts';
import * as tor from './check-tor.ts';
import { EVIDENCE_CHARS_MAX, EVIDENCE_LINES_MAX } from './limits.ts';
import { REQUIREMENTS } from './requirements.ts';
import type { RequirementCode, Topic } from './requirements.ts';
import type { Snapshot } from './snapshot.ts';
import { planOf } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import type { State, Verdict } from './verdict.ts';

export interface Finding {
  readonly code: RequirementCode;
  readonly topic: Topic;
  readonly requirement: string;
  readonly state: State;
  /** What was seen, in printable ASCII. */
  readonly evidence: readonly string[];
  /** What to do, where the requirement is broken. */
  readonly next?: string;
}

const CHECKS: Readonly<Record<RequirementCode, (snapshot: Snapshot, plan: StackPlan) => Verdict>> = {
  'stack-runs': stack.stackRuns,
  'containers-known': stack.containersKnown,
  'image-released': stack.imageReleased,
  'networks-known': networks.networksKnown,
  'networks-internal': networks.networksInternal,
  'networks-no-gateway': networks.networksNoGateway,
  'networks-ipv-four': networks.networksIpv4,
  'networks-members': networks.networksMembers,
  'networks-strangers': networks.networksStrangers,
  'ports-published': networks.portsPublished,
  'names-inside': networks.namesInside,
  'hosts-added': networks.hostsAdded,
  'forwarding-off': networks.forwardingOff,
  listeners: networks.listenersPlanned,
  'probe-outside': networks.probeOutside,
  'probe-gateway': networks.probeGateway,
  privileged: privileges.privileged,
  capabilities: privileges.capabilities,
  'new-privileges': privileges.newPrivileges,
  users: privileges.users,
  groups: privileges.groups,
  'root-read-only': privileges.rootReadOnly,
  namespaces: privileges.namespaces,
  devices: privileges.devices,
  seccomp: privileges.seccomp,
  'mandatory-access': privileges.mandatoryAccess,
  'proc-masked': privileges.procMasked,
  'processes-confined': privileges.processesConfined,
  'engine-socket': mounts.engineSocket,
  'machine-folders': mounts.machineFolders,
  'volumes-known': mounts.volumesKnown,
  'mounts-read-only': mounts.mountsReadOnly,
  'sockets-in-memory': mounts.socketsInMemory,
  'guards-plain': mounts.guardsPlain,
  'tmpfs-plain': mounts.tmpfsPlain,
  'volumes-strangers': mounts.volumesStrangers,
  'limit-memory': limits.limitMemory,
  'limit-swap': limits.limitSwap,
  'limit-pids': limits.limitPids,
  'limit-cpu': limits.limitCpu,
  'core-limit': limits.coreLimit,
  'core-pattern': limits.corePattern,
  swap: limits.swap,
  'locked-memory': limits.lockedMemory,
  logging: limits.logging,
  'health-silent': limits.healthSilent,
  restart: limits.restart,
  'tor-version': tor.torVersion,
  'tor-vanguards': tor.torVanguards,
  'tor-socks': tor.torSocks,
  'tor-control': tor.torControl,
  'tor-quiet': tor.torQuiet,
  'engine-holes': stack.engineHoles,
  'engine-closed': stack.engineClosed,
};

/** One finding for each requirement, in the order of the table. */
export function examine(snapshot: Snapshot, plan?: StackPlan): Finding[] {
  const measure = plan ?? planOf(snapshot.containers.map(({ service }) => service));
  return (Object.keys(REQUIREMENTS) as RequirementCode[]).map((code) => {
    const { topic, requirement, next } = REQUIREMENTS[code];
    const { state, evidence } = CHECKS[code](snapshot, measure);
    const shown = presentable(evidence);
    return { code, topic, requirement, state, evidence: shown, ...(state === 'red' ? { next } : {}) };
  });
}

/** The worst of them: one broken requirement is enough, and what cannot be told is not well. */
export function overall(findings: readonly Pick<Finding, 'state'>[]): State {
  const states = new Set(findings.map(({ state }) => state));
  if (states.has('red')) return 'red';
  return states.has('cannot-tell') || states.size === 0 ? 'cannot-tell' : 'green';
}

/** Names and labels are whatever somebody chose: nothing of them may reach a terminal but what can be printed. */
export function presentable(lines: readonly string[]): string[] {
  const shown = lines.slice(0, EVIDENCE_LINES_MAX).map((line) => {
    const printable = line.replaceAll(/[^\x20-\x7e]/gu, '?');
    return printable.length > EVIDENCE_CHARS_MAX ? `${printable.slice(0, EVIDENCE_CHARS_MAX - 3)}...` : printable;
  });
  const left = lines.length - shown.length;
  return left > 0 ? [...shown, `and ${left} more`] : shown;
}
