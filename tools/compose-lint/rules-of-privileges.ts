// Rules of privileges: a service has only those that it needs. CIS Docker Benchmark 1.6.0, section 5.

import { unless } from './rule.ts';
import type { Rule } from './rule.ts';
import { groupsOf, identityOf, mountsOf } from './stack.ts';
import type { Service, Stack } from './stack.ts';
import { isTree, show, textAt, textsAt, treeAt } from './tree.ts';

const HARDENING = 'take it from the hardening anchor: `<<: *hardening`';

/** Keys that no service may have, each with the requirement that it would break. */
const FORBIDDEN: readonly (readonly [
  code: string,
  cis: string | undefined,
  keys: readonly string[],
  requirement: string,
])[] = [
  ['privileged', '5.5', ['privileged'], 'no service is privileged'],
  ['capability-added', '5.4', ['cap_add'], 'no service gets a capability'],
  ['device-given', '5.18', ['devices', 'device_cgroup_rules', 'gpus'], 'no service gets a device'],
  ['port-published', '5.8, 5.9, 5.14', ['ports'], 'no service publishes a port'],
  ['pid-shared', '5.16', ['pid'], 'no service sees processes of another one or of the machine'],
  ['uts-shared', '5.21', ['uts'], 'no service can set the machine’s host name'],
  ['userns-shared', '5.31', ['userns_mode'], 'every service stays in the engine’s user namespace'],
  ['cgroup-shared', '5.25', ['cgroup', 'cgroup_parent'], 'no service escapes the limits that this file sets'],
  ['host-added', undefined, ['extra_hosts'], 'no service is given an address of the machine or of another one'],
  ['service-linked', undefined, ['links', 'external_links'], 'services reach each other over their networks only'],
  ['mount-borrowed', undefined, ['volumes_from'], 'every service states its own mounts'],
  [
    'file-from-machine',
    '5.6',
    ['configs', 'secrets', 'env_file', 'credential_spec'],
    'no container gets a file of the machine',
  ],
  ['engine-handed-over', '5.32', ['use_api_socket', 'provider'], 'no service reaches the engine'],
  ['deploy-overrides', undefined, ['deploy'], 'limits and restarts are set in one place'],
  ['exec-hook', '5.23', ['post_start', 'pre_stop'], 'the engine runs no hook in a container'],
  [
    'out-of-memory-shielded',
    '5.11',
    ['oom_kill_disable', 'oom_score_adj'],
    'the kernel may end a service that takes too much memory',
  ],
  ['template-elsewhere', undefined, ['extends'], 'the compose file is complete: it takes nothing from another file'],
];

const forbidden: readonly Rule<Service>[] = FORBIDDEN.map(([code, cis, keys, requirement]) => ({
  code,
  ...(cis === undefined ? {} : { cis }),
  requirement,
  next: `remove ${keys.map((key) => `\`${key}\``).join(', ')}`,
  against: ({ tree }) => keys.filter((key) => Object.hasOwn(tree, key)).map((key) => `${key}: ${show(tree[key])}`),
}));

/** Keys that a rule checks, or that cannot weaken anything. */
const KNOWN_KEYS: readonly string[] = [
  ...[
    'image',
    'build',
    'pull_policy',
    'command',
    'entrypoint',
    'environment',
    'depends_on',
    'healthcheck',
    'profiles',
    'attach',
  ],
  ...['user', 'group_add', 'read_only', 'cap_drop', 'security_opt', 'ipc', 'init', 'logging', 'restart', 'tmpfs'],
  ...['stop_grace_period', 'cpus', 'mem_limit', 'memswap_limit', 'pids_limit', 'ulimits', 'dns', 'sysctls'],
  ...['networks', 'network_mode', 'volumes', 'stdin_open', 'tty'],
];

const FORBIDDEN_KEYS = new Set(FORBIDDEN.flatMap(([, , keys]) => keys));
const CONFINEMENT_OFF = /unconfined|label[:=]disable/;

const capabilitiesKept: Rule<Service> = {
  code: 'capabilities-kept',
  cis: '5.4',
  requirement: 'every service drops all capabilities',
  next: HARDENING,
  against: ({ tree }) => unless(textsAt(tree, 'cap_drop').includes('ALL'), `cap_drop: ${show(tree['cap_drop'])}`),
};

const privilegesGained: Rule<Service> = {
  code: 'privileges-gained',
  cis: '5.26',
  requirement: 'no program gains privileges when it starts',
  next: HARDENING,
  against: ({ tree }) =>
    unless(
      textsAt(tree, 'security_opt').some((option) => /^no-new-privileges([:=]true)?$/.test(option)) &&
        !textsAt(tree, 'security_opt').some((option) => /^no-new-privileges[:=]false$/.test(option)),
      `security_opt: ${show(tree['security_opt'])}`,
    ),
};

const confinementOff: Rule<Service> = {
  code: 'confinement-off',
  cis: '5.2, 5.3, 5.22',
  requirement: 'seccomp, AppArmor and SELinux are as the engine sets them, or stricter',
  next: 'remove the option; a stricter seccomp profile is a file of this repository',
  against: ({ tree }) => textsAt(tree, 'security_opt').filter((option) => CONFINEMENT_OFF.test(option)),
};

const filterMissing: Rule<Service> = {
  code: 'filter-missing',
  cis: '5.22',
  requirement: 'a seccomp profile of this repository filters system calls; it is stricter than the engine’s',
  next: HARDENING,
  against: ({ tree }) =>
    unless(
      textsAt(tree, 'security_opt').some((option) => /^seccomp[:=]/.test(option)),
      `security_opt: ${show(tree['security_opt'])}`,
    ),
};

const securityOptionUnknown: Rule<Service> = {
  code: 'security-option-unknown',
  requirement: 'this linter knows every security option',
  next: 'write it without spaces, or add it to tools/compose-lint/rules-of-privileges.ts with a reason why it weakens nothing',
  against: ({ tree, stack }) =>
    textsAt(tree, 'security_opt').filter(
      (option) =>
        !/^no-new-privileges([:=](true|false))?$/.test(option) &&
        !CONFINEMENT_OFF.test(option) &&
        !isProfileOfOurs(option, stack),
    ),
};

function isProfileOfOurs(option: string, stack: Stack): boolean {
  const path = /^seccomp[:=](?:\.\/)?(\w[\w./-]*\.json)$/.exec(option)?.[1];
  return path !== undefined && !path.includes('..') && stack.readText(path) !== undefined;
}

const userMissing: Rule<Service> = {
  code: 'user-missing',
  requirement: 'every service states its user and group, as numbers',
  next: 'give it a user of its own: `user: "uid:gid"`',
  against: (service) => unless(identityOf(service) !== undefined, `user: ${show(service.tree['user'])}`),
};

const userRoot: Rule<Service> = {
  code: 'user-root',
  cis: '4.1, 5.24',
  requirement: 'no service is root or in its group',
  next: 'give it a user and groups of its own, above 10000',
  against: (service) => {
    const { uid, gid } = identityOf(service) ?? { uid: 1, gid: 1 };
    return [
      ...unless(uid !== 0 && gid !== 0, `user: ${show(service.tree['user'])}`),
      ...textsAt(service.tree, 'group_add').filter((group) => !/^[1-9]\d*$/.test(group)),
    ];
  },
};

const userShared: Rule<Service> = {
  code: 'user-shared',
  requirement: 'no two services share a user',
  next: 'give it a uid that no other service has',
  against: (service) => {
    const uid = identityOf(service)?.uid;
    const others = service.stack.services.filter(
      (other) => other.name < service.name && uid !== undefined && identityOf(other)?.uid === uid,
    );
    return others.map((other) => `${other.name} has uid ${uid ?? ''} too`);
  },
};

const groupUnneeded: Rule<Service> = {
  code: 'group-unneeded',
  requirement: 'a service is only in the groups of the volumes that it mounts',
  next: 'remove the group, or mount the volume that it is for',
  against: (service) => {
    const mounted = new Set(mountsOf(service).map((mount) => mount.source));
    const options = service.stack.volumes
      .filter((volume) => mounted.has(volume.name))
      .map((volume) => textAt(treeAt(volume.tree, 'driver_opts'), 'o') ?? '');
    const needed = new Set(options.map((text) => /\bgid=(\d+)/.exec(text)?.[1]));
    return groupsOf(service)
      .slice(identityOf(service) === undefined ? 0 : 1)
      .filter((group) => group > 0 && !needed.has(String(group)))
      .map((group) => `group ${group} is of no volume that it mounts`);
  },
};

const ipcShared: Rule<Service> = {
  code: 'ipc-shared',
  cis: '5.17',
  requirement: 'every service has its own shared memory',
  next: HARDENING,
  against: ({ tree }) => unless(tree['ipc'] === 'private', `ipc: ${show(tree['ipc'])}`),
};

const initMissing: Rule<Service> = {
  code: 'init-missing',
  requirement: 'an init process reaps ended health checks, and forwards signals',
  next: HARDENING,
  against: ({ tree }) => unless(tree['init'] === true, `init: ${show(tree['init'])}`),
};

const sysctlSet: Rule<Service> = {
  code: 'sysctl-set',
  requirement: 'the services on egress forward nothing, and no other kernel setting is changed',
  next: 'set `sysctls: { net.ipv4.ip_forward: "0" }` for the Tor services, none for others',
  against: ({ tree, requirement }) => {
    const set = Object.entries(treeAt(tree, 'sysctls')).map(([name, value]) => `${name}=${show(value)}`);
    const allowed = requirement?.resolver === 'engine' ? ['net.ipv4.ip_forward=0'] : [];
    return unless(set.join() === allowed.join(), `sysctls: ${set.join(', ') || 'none'}`);
  },
};

const terminalOpen: Rule<Service> = {
  code: 'terminal-open',
  requirement: 'only a client has a terminal',
  next: 'remove `tty` and `stdin_open`',
  against: ({ tree, requirement }) =>
    ['tty', 'stdin_open']
      .filter((key) => tree[key] !== undefined && tree[key] !== false && requirement?.profile !== 'client')
      .map((key) => `${key}: ${show(tree[key])}`),
};

const keyUnknown: Rule<Service> = {
  code: 'key-unknown',
  requirement: 'this linter knows every key of a service',
  next: 'remove it, or add it to tools/compose-lint/rules-of-privileges.ts, with a rule if it can weaken something',
  against: ({ tree }) => Object.keys(tree).filter((key) => !KNOWN_KEYS.includes(key) && !FORBIDDEN_KEYS.has(key)),
};

const BUILD_KEYS: readonly string[] = ['context', 'dockerfile', 'target', 'args'];
const buildKeyUnknown: Rule<Service> = {
  code: 'build-key-unknown',
  requirement: 'a build has a context, a file, a target and arguments: no secret, no host network, no privileges',
  next: `keep to ${BUILD_KEYS.join(', ')}`,
  against: ({ tree }) => {
    const build = tree['build'];
    if (build === undefined) return [];
    if (!isTree(build)) return [`build: ${show(build)}`];
    return Object.keys(build).filter((key) => !BUILD_KEYS.includes(key));
  },
};

export const PRIVILEGE_RULES: readonly Rule<Service>[] = [
  ...forbidden,
  capabilitiesKept,
  privilegesGained,
  confinementOff,
  filterMissing,
  securityOptionUnknown,
  userMissing,
  userRoot,
  userShared,
  groupUnneeded,
  ipcShared,
  initMissing,
  sysctlSet,
  terminalOpen,
  keyUnknown,
  buildKeyUnknown,
];
