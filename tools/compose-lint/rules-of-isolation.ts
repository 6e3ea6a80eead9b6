// Rules of isolation: networks, volumes, names, and files of the machine. CIS Docker Benchmark 1.6.0,
// section 5, and docs/ARCHITECTURE.md.

import { EGRESS, INNER_NETWORKS } from './requirements.ts';
import { unless } from './rule.ts';
import type { Rule } from './rule.ts';
import { looseIn } from './rules-of-limits.ts';
import { groupsOf, identityOf, mountsOf } from './stack.ts';
import type { Part, Service, Stack } from './stack.ts';
import { show, textAt, treeAt } from './tree.ts';

const TRUE: readonly unknown[] = [true, 'true'];

const networkModeShared: Rule<Service> = {
  code: 'network-shared',
  cis: '5.10',
  requirement: 'a service shares no network of the machine or of another service',
  next: 'remove `network_mode`, or make it none',
  against: ({ tree }) =>
    unless(
      [undefined, 'none'].includes(tree['network_mode'] as undefined),
      `network_mode: ${show(tree['network_mode'])}`,
    ),
};

const networksDiffer: Rule<Service> = {
  code: 'networks-differ',
  cis: '5.30',
  requirement: 'a service is on its required networks, and on no other',
  next: 'keep to docs/ARCHITECTURE.md; if that changes, tools/compose-lint/requirements.ts changes with it',
  against: ({ tree, requirement }) => {
    const names = Object.keys(treeAt(tree, 'networks'));
    const mode = tree['network_mode'];
    if (mode !== undefined && mode !== 'none') return [];
    const on = mode === 'none' ? names : names.length === 0 ? ['default'] : names;
    const required = requirement?.networks ?? on.filter((name) => name !== EGRESS && name !== 'default');
    return unless([...on].sort().join() === [...required].sort().join(), `is on ${on.join(', ') || 'none'}`);
  },
};

const NETWORK_USE_KEYS: readonly string[] = ['aliases'];
const networkUseUnknown: Rule<Service> = {
  code: 'network-use-unknown',
  requirement: 'a service has only names on a network, no address or setting of its own',
  next: `keep to ${NETWORK_USE_KEYS.join(', ')}`,
  against: ({ tree }) =>
    Object.keys(treeAt(tree, 'networks')).flatMap((network) =>
      Object.keys(treeAt(treeAt(tree, 'networks'), network))
        .filter((key) => !NETWORK_USE_KEYS.includes(key))
        .map((key) => `${network}.${key}`),
    ),
};

const namesAsked: Rule<Service> = {
  code: 'names-asked',
  requirement: 'no service resolves a name outside (CVE-2024-29018 on old engines)',
  next: 'take it from the anchors: `<<: [*hardening, *no-names-outside]`; the Tor services set no `dns`',
  against: ({ tree, requirement }) => {
    const stated = show(tree['dns']);
    if (requirement?.resolver === 'engine') return unless(tree['dns'] === undefined, `dns: ${stated}`);
    const good = stated === '["127.0.0.1"]' || (tree['dns'] === undefined && tree['network_mode'] === 'none');
    return unless(good, `dns: ${stated}`);
  },
};

const engineMounted: Rule<Service> = {
  code: 'engine-mounted',
  cis: '5.32',
  requirement: 'no container mounts the engine’s socket',
  next: 'remove the mount',
  against: (service) =>
    mountsOf(service)
      .map((mount) => `${mount.source} at ${mount.target}`)
      .filter((text) => /docker\.sock|containerd\.sock|podman\.sock/.test(text)),
};

const machineMounted: Rule<Service> = {
  code: 'machine-mounted',
  cis: '5.6, 5.20',
  requirement: 'no file of the machine is mounted into a container',
  next: 'put it into the image, or into a volume in memory',
  against: (service) =>
    mountsOf(service)
      .filter((mount) => mount.kind !== 'volume' && !/docker\.sock|containerd\.sock|podman\.sock/.test(mount.source))
      .map((mount) => `${mount.kind === 'bind' ? mount.source : 'a mount of another kind'} at ${mount.target}`),
};

const mountsDiffer: Rule<Service> = {
  code: 'mounts-differ',
  requirement: 'a service mounts its required volumes, and writes only to those of which it is the one writer',
  next: 'keep to docs/ARCHITECTURE.md; if that changes, tools/compose-lint/requirements.ts changes with it',
  against: (service) => {
    const mounts = mountsOf(service).filter((mount) => mount.kind === 'volume');
    const required = new Map(Object.entries(service.requirement?.mounts ?? {}));
    const has = new Set(mounts.map((mount) => mount.source));
    return [
      ...mounts.flatMap(({ source, readOnly }) => {
        const way = required.get(source);
        if (way === undefined) return [`mounts ${source === '' ? 'an anonymous volume' : source}`];
        return unless(
          (way === 'reads') === readOnly,
          `${way === 'reads' ? 'may write to' : 'cannot write to'} ${source}`,
        );
      }),
      ...[...required.keys()].filter((source) => !has.has(source)).map((source) => `does not mount ${source}`),
    ];
  },
};

const mountFilled: Rule<Service> = {
  code: 'mount-filled',
  requirement: 'a volume in memory starts empty: the engine copies nothing of an image into it',
  next: 'write the mount out, with `volume: { nocopy: true }`',
  against: (service) =>
    mountsOf(service)
      .filter((mount) => mount.kind === 'volume' && !mount.kept && !service.stack.plan.kept.includes(mount.source))
      .map((mount) => `${mount.source} at ${mount.target}`),
};

export const ISOLATION_RULES: readonly Rule<Service>[] = [
  networkModeShared,
  networksDiffer,
  networkUseUnknown,
  namesAsked,
  engineMounted,
  machineMounted,
  mountsDiffer,
  mountFilled,
];

const networkUnknown: Rule<Part> = {
  code: 'network-unknown',
  requirement: 'every network is in the list of requirements',
  next: 'add it to tools/compose-lint/requirements.ts and docs/ARCHITECTURE.md',
  against: ({ name }) => unless(name === EGRESS || INNER_NETWORKS.includes(name), 'it has no requirement'),
};

const isClosed = ({ name, stack }: Part): boolean => name !== EGRESS || stack.plan.egress === 'closed';

const networkLeadsOut: Rule<Part> = {
  code: 'network-leads-out',
  requirement: 'only egress leads out; in a test no network does',
  next: 'set internal: true',
  against: (part) =>
    isClosed(part) ? unless(TRUE.includes(part.tree['internal']), `internal: ${show(part.tree['internal'])}`) : [],
};

const machineReached: Rule<Part> = {
  code: 'machine-reached',
  requirement: 'the machine is not reachable as the gateway of an internal network',
  next: "set driver_opts: { com.docker.network.bridge.inhibit_ipv4: 'true' }",
  against: (part) => {
    const inhibited = treeAt(part.tree, 'driver_opts')['com.docker.network.bridge.inhibit_ipv4'];
    return isClosed(part) ? unless(inhibited === 'true', `inhibit_ipv4: ${show(inhibited)}`) : [];
  },
};

const addressesOfTheOtherKind: Rule<Part> = {
  code: 'ipv6-on',
  requirement: 'no network has IPv6, which would need rules of its own',
  next: 'set enable_ipv6: false',
  against: ({ tree }) => unless(tree['enable_ipv6'] === false, `enable_ipv6: ${show(tree['enable_ipv6'])}`),
};

const NETWORK_KEYS: readonly string[] = ['driver', 'internal', 'enable_ipv6', 'driver_opts'];
const networkKeyUnknown: Rule<Part> = {
  code: 'network-key-unknown',
  requirement: 'every network is a bridge of this stack, with settings that this linter knows',
  next: `keep to ${NETWORK_KEYS.join(', ')}, with the driver bridge`,
  against: ({ tree }) => [
    ...unless(tree['driver'] === 'bridge', `driver: ${show(tree['driver'])}`),
    ...Object.keys(tree).filter((key) => !NETWORK_KEYS.includes(key)),
    ...Object.keys(treeAt(tree, 'driver_opts')).filter((key) => key !== 'com.docker.network.bridge.inhibit_ipv4'),
  ],
};

export const NETWORK_RULES: readonly Rule<Part>[] = [
  networkUnknown,
  networkLeadsOut,
  machineReached,
  addressesOfTheOtherKind,
  networkKeyUnknown,
];

/** The mount options of a volume in memory. */
function optionsOf(volume: Part): readonly string[] {
  return (textAt(treeAt(volume.tree, 'driver_opts'), 'o') ?? '').split(',');
}

function optionOf(volume: Part, name: string): string | undefined {
  return optionsOf(volume)
    .find((option) => option.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

const isKept = ({ name, stack }: Part): boolean => stack.plan.kept.includes(name);

function isInMemory({ tree }: Part): boolean {
  const options = treeAt(tree, 'driver_opts');
  return options['type'] === 'tmpfs' && options['device'] === 'tmpfs';
}

const volumeOnDisk: Rule<Part> = {
  code: 'volume-on-disk',
  requirement: 'only the guards are on the disk; all other volumes are in memory',
  next: 'set driver_opts: { type: tmpfs, device: tmpfs, o: … }',
  against: (volume) => unless(isKept(volume) || isInMemory(volume), `driver_opts: ${show(volume.tree['driver_opts'])}`),
};

const volumeLoose: Rule<Part> = {
  code: 'volume-loose',
  requirement: 'a volume in memory has a size, and no file in it can be executed',
  next: 'give it size, noexec, nosuid and nodev',
  against: (volume) => {
    const loose = isInMemory(volume) ? looseIn(optionsOf(volume)) : [];
    return unless(loose.length === 0, `lacks ${loose.join(', ')}`);
  },
};

const volumeOpen: Rule<Part> = {
  code: 'volume-open',
  requirement: 'only the owner and the group can use a volume in memory',
  next: 'set mode=2770, 0750 for a control socket of Tor, or 0700',
  against: (volume) => {
    if (!isInMemory(volume)) return [];
    const mode = optionOf(volume, 'mode') ?? 'none';
    const most = volume.stack.plan.readByAll.includes(volume.name) ? /^0755$/ : /^(0700|[02]7[57]0)$/;
    return unless(most.test(mode), `mode: ${mode}`);
  },
};

const mountersOf = (volume: Part): readonly Service[] =>
  volume.stack.services.filter((service) => mountsOf(service).some((mount) => mount.source === volume.name));

const volumeOwner: Rule<Part> = {
  code: 'volume-owner',
  requirement: 'a volume in memory belongs to its one writer, and to a group that every mounting service has',
  next: 'set uid= to its writer’s, and gid= to a group that the other services have under `group_add`',
  against: (volume) => {
    if (!isInMemory(volume)) return [];
    const [owner, group] = [Number(optionOf(volume, 'uid')), Number(optionOf(volume, 'gid'))];
    const mounters = mountersOf(volume);
    const writers = volume.stack.services.filter((service) => service.requirement?.mounts[volume.name] === 'writes');
    const strangers = volume.stack.plan.readByAll.includes(volume.name)
      ? []
      : mounters.filter((service) => !groupsOf(service).includes(group));
    return [
      ...unless(writers.length === 1, `${writers.length === 0 ? 'no service writes' : 'several services write'} to it`),
      ...writers
        .filter((writer) => identityOf(writer)?.uid !== owner)
        .map((writer) => `uid ${owner} is not ${writer.name}'s`),
      ...strangers.map((service) => `${service.name} is not in group ${group}`),
    ];
  },
};

const VOLUME_KEYS: readonly string[] = ['driver_opts'];
const volumeKeyUnknown: Rule<Part> = {
  code: 'volume-key-unknown',
  requirement: 'every volume is of this stack, with the engine’s own driver',
  next: `keep to ${VOLUME_KEYS.join(', ')}`,
  against: (volume) => [
    ...Object.keys(volume.tree).filter((key) => !VOLUME_KEYS.includes(key)),
    ...(isKept(volume) && volume.tree['driver_opts'] !== undefined ? ['driver_opts'] : []),
  ],
};

export const VOLUME_RULES: readonly Rule<Part>[] = [
  volumeOnDisk,
  volumeLoose,
  volumeOpen,
  volumeOwner,
  volumeKeyUnknown,
];

const SECTIONS = /^(name|services|networks|volumes|x-[a-z-]+)$/;
const sectionUnknown: Rule<Stack> = {
  code: 'section-unknown',
  requirement: 'the compose file is complete: it includes no other file, and gives none to a container',
  next: 'remove the section',
  against: ({ tree }) => Object.keys(tree).filter((key) => !SECTIONS.test(key)),
};

const partMissing: Rule<Stack> = {
  code: 'part-missing',
  requirement: 'every required service and network is there',
  next: 'put it back, or change tools/compose-lint/requirements.ts and docs/ARCHITECTURE.md',
  against: ({ plan, services, networks }) => [
    ...Object.keys(plan.services).filter((name) => !services.some((service) => service.name === name)),
    ...[EGRESS, ...INNER_NETWORKS].filter((name) => !networks.some((network) => network.name === name)),
  ],
};

const variableUnset: Rule<Stack> = {
  code: 'variable-unset',
  requirement: 'every variable is in .env or has a default',
  next: 'set it in .env',
  against: ({ unresolved }) => unresolved,
};

export const STACK_RULES: readonly Rule<Stack>[] = [sectionUnknown, partMissing, variableUnset];
