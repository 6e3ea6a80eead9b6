// Every way in which one line of docker-compose.yml can go wrong, each with the one finding that it must give.

import type { Tree, Value } from '../../tools/compose-lint/tree.ts';

/** What a break of one path of the shipped file is, and the one finding that it must give. */
type Break = readonly [path: string, value: Value | undefined, finding: string];

const HOST_SOCKET = { type: 'bind', source: '/var/run/docker.sock', target: '/run/docker.sock' };
const gateMount = {
  type: 'volume',
  source: 'gate-socket',
  target: '/run/gate',
  read_only: true,
  volume: { nocopy: true },
};
/** Options of a volume in memory. */
export const tmpfs = (o: string): Tree => ({ type: 'tmpfs', device: 'tmpfs', o });

const BIND_IN_DISGUISE: Tree = { type: 'none', device: '/srv', o: 'bind,uid=10004,gid=10104' };

/** The profile that every service has. */
const FILTER = 'seccomp:seccomp/sotto.json';

export const BREAKS: readonly Break[] = [
  ['include', ['other.yml'], 'stack: section-unknown: include'],
  ['secrets', { key: { file: './key' } }, 'stack: section-unknown: secrets'],
  ['services redis', undefined, 'stack: part-missing: redis'],
  ['networks probe', undefined, 'stack: part-missing: probe'],
  ['services relay build args SOTTO_NODE_IMAGE', '${NODE_BASE}', 'stack: variable-unset: ${NODE_BASE}'],

  ['services gate pull_policy', undefined, 'service gate: image-asked-for: pull_policy: nothing'],
  ['services gate pull_policy', 'missing', 'service gate: image-asked-for: pull_policy: missing'],

  ['services gate privileged', true, 'service gate: privileged: privileged: true'],
  ['services gate privileged', 'true', 'service gate: privileged: privileged: true'],
  ['services tor cap_add', ['NET_ADMIN'], 'service tor: capability-added: cap_add: ["NET_ADMIN"]'],
  ['services relay devices', ['/dev/kvm'], 'service relay: device-given: devices: ["/dev/kvm"]'],
  [
    'services relay device_cgroup_rules',
    ['c 1:3 mr'],
    'service relay: device-given: device_cgroup_rules: ["c 1:3 mr"]',
  ],
  ['services relay ports', ['6697:6697'], 'service relay: port-published: ports: ["6697:6697"]'],
  ['services redis ports', ['127.0.0.1::6379'], 'service redis: port-published: ports: ["127.0.0.1::6379"]'],
  ['services host pid', 'host', 'service host: pid-shared: pid: host'],
  ['services host uts', 'host', 'service host: uts-shared: uts: host'],
  ['services host userns_mode', 'host', 'service host: userns-shared: userns_mode: host'],
  ['services host cgroup', 'host', 'service host: cgroup-shared: cgroup: host'],
  ['services client extra_hosts', ['m:host-gateway'], 'service client: host-added: extra_hosts: ["m:host-gateway"]'],
  ['services client links', ['redis'], 'service client: service-linked: links: ["redis"]'],
  ['services client volumes_from', ['tor'], 'service client: mount-borrowed: volumes_from: ["tor"]'],
  ['services client env_file', '.env.local', 'service client: file-from-machine: env_file: .env.local'],
  ['services client secrets', ['key'], 'service client: file-from-machine: secrets: ["key"]'],
  ['services gate use_api_socket', true, 'service gate: engine-handed-over: use_api_socket: true'],
  ['services gate deploy', { replicas: 2 }, 'service gate: deploy-overrides: deploy: {"replicas":2}'],
  ['services gate post_start', [], 'service gate: exec-hook: post_start: []'],
  ['services gate oom_kill_disable', true, 'service gate: out-of-memory-shielded: oom_kill_disable: true'],
  [
    'services gate extends',
    { file: 'a.yml', service: 'a' },
    'service gate: template-elsewhere: extends: {"file":"a.yml","service":"a"}',
  ],

  ['services tor cap_drop', ['NET_RAW'], 'service tor: capabilities-kept: cap_drop: ["NET_RAW"]'],
  [
    'services tor security_opt',
    ['no-new-privileges:false', FILTER],
    `service tor: privileges-gained: security_opt: ["no-new-privileges:false","${FILTER}"]`,
  ],
  [
    'services tor security_opt',
    ['no-new-privileges:true', 'no-new-privileges:false', FILTER],
    `service tor: privileges-gained: security_opt: ["no-new-privileges:true","no-new-privileges:false","${FILTER}"]`,
  ],
  [
    'services tor security_opt',
    ['no-new-privileges:true', 'seccomp:unconfined'],
    'service tor: confinement-off: seccomp:unconfined',
  ],
  [
    'services tor security_opt',
    ['no-new-privileges:true', FILTER, 'apparmor=unconfined'],
    'service tor: confinement-off: apparmor=unconfined',
  ],
  [
    'services tor security_opt',
    ['no-new-privileges:true', FILTER, 'label=disable'],
    'service tor: confinement-off: label=disable',
  ],
  [
    'services tor security_opt',
    ['no-new-privileges:true', 'seccomp=/etc/all.json'],
    'service tor: security-option-unknown: seccomp=/etc/all.json',
  ],
  [
    'services tor security_opt',
    ['no-new-privileges:true'],
    'service tor: filter-missing: security_opt: ["no-new-privileges:true"]',
  ],
  ['services redis user', undefined, 'service redis: user-missing: user: nothing'],
  ['services redis user', 'redis', 'service redis: user-missing: user: redis'],
  ['services redis user', '10005', 'service redis: user-missing: user: 10005'],
  ['services redis user', '0:0', 'service redis: user-root: user: 0:0'],
  ['services redis user', '10005:0', 'service redis: user-root: user: 10005:0'],
  ['services redis group_add', ['0'], 'service redis: user-root: 0'],
  ['services redis group_add', ['docker'], 'service redis: user-root: docker'],
  ['services redis user', '10004:10005', 'service relay: user-shared: redis has uid 10004 too'],
  ['services redis group_add', ['10105'], 'service redis: group-unneeded: group 10105 is of no volume that it mounts'],
  ['services redis ipc', 'host', 'service redis: ipc-shared: ipc: host'],
  ['services redis ipc', 'shareable', 'service redis: ipc-shared: ipc: shareable'],
  ['services redis init', false, 'service redis: init-missing: init: false'],
  ['services relay sysctls', { 'net.core.somaxconn': '9' }, 'service relay: sysctl-set: sysctls: net.core.somaxconn=9'],
  ['services tor-client sysctls', undefined, 'service tor-client: sysctl-set: sysctls: none'],
  ['services relay tty', true, 'service relay: terminal-open: tty: true'],
  ['services relay runtime', 'other', 'service relay: key-unknown: runtime'],
  ['services relay cgroup_parent', 'a', 'service relay: cgroup-shared: cgroup_parent: a'],
  ['services relay build network', 'host', 'service relay: build-key-unknown: network'],
  ['services relay build', '.', 'service relay: build-key-unknown: build: .'],

  ['services relay read_only', false, 'service relay: root-writable: read_only: false'],
  ['services relay tmpfs', ['/tmp:size=1m,mode=1777,nosuid,nodev'], 'service relay: tmpfs-loose: /tmp lacks noexec'],
  ['services relay tmpfs', ['/tmp'], 'service relay: tmpfs-loose: /tmp lacks noexec, nosuid, nodev, size'],
  ['services relay tmpfs', ['/tmp:size=1m,noexec,nosuid,nodev,exec'], 'service relay: tmpfs-loose: /tmp lacks no exec'],
  ['services relay tmpfs', '/tmp', 'service relay: tmpfs-loose: tmpfs: /tmp'],
  ['services relay mem_limit', undefined, 'service relay: memory-unlimited: mem_limit: nothing'],
  ['services relay memswap_limit', '512m', 'service relay: swap-allowed: memswap_limit: 512m'],
  ['services relay memswap_limit', -1, 'service relay: swap-allowed: memswap_limit: -1'],
  ['services relay memswap_limit', undefined, 'service relay: swap-allowed: memswap_limit: nothing'],
  ['services relay cpus', undefined, 'service relay: cpu-unlimited: cpus: nothing'],
  ['services relay cpus', 0, 'service relay: cpu-unlimited: cpus: 0'],
  ['services relay pids_limit', -1, 'service relay: pids-unlimited: pids_limit: -1'],
  ['services relay ulimits core', undefined, 'service relay: core-dumped: ulimits.core: nothing'],
  [
    'services relay ulimits core',
    { soft: 0, hard: -1 },
    'service relay: core-dumped: ulimits.core: {"soft":0,"hard":-1}',
  ],
  ['services relay ulimits nofile', -1, 'service relay: files-unlimited: ulimits.nofile: -1'],
  ['services relay ulimits nproc', 9, 'service relay: ulimit-unknown: nproc: 9'],
  ['services relay ulimits memlock', -1, 'service relay: ulimit-unknown: memlock: -1'],
  ['services host ulimits memlock', undefined, 'service host: keys-pageable: ulimits.memlock: nothing'],
  [
    'services client ulimits memlock',
    { soft: 4096, hard: 4096 },
    'service client: keys-pageable: ulimits.memlock: {"soft":4096,"hard":4096}',
  ],
  ['services redis ulimits memlock', 9, 'service redis: keys-pageable: ulimits.memlock: 9'],
  ['services relay restart', 'always', 'service relay: restart-unbounded: restart: always'],
  ['services relay restart', 'on-failure', 'service relay: restart-unbounded: restart: on-failure'],
  ['services relay restart', 'on-failure:6', 'service relay: restart-unbounded: restart: on-failure:6'],
  ['services relay stop_grace_period', '1m', 'service relay: stop-slow: stop_grace_period: 1m'],
  ['services relay logging', { driver: 'json-file' }, 'service relay: output-kept: logging: {"driver":"json-file"}'],
  ['services relay logging', undefined, 'service relay: output-kept: logging: nothing'],
  ['services relay attach', undefined, 'service relay: output-shown: attach: nothing'],
  ['services host attach', false, 'service host: output-shown: attach: false'],

  ['services relay image', 'sotto-relay:latest', 'service relay: image-unpinned: image: sotto-relay:latest'],
  ['services relay image', 'sotto-relay:0.1.0', 'service relay: image-unpinned: image: sotto-relay:0.1.0'],
  ['services relay build', undefined, 'service relay: image-foreign: image: sotto-relay:${SOTTO_VERSION}'],
  ['services client profiles', undefined, 'service client: profile-differs: profiles: none'],
  ['services relay profiles', ['host'], 'service relay: profile-differs: profiles: host'],
  ['services relay environment SOTTO_UNPROTECTED', 'seccomp', 'service relay: protection-waived: SOTTO_UNPROTECTED'],
  ['services client environment HOME', null, 'service client: environment-passed-through: HOME'],
  ['services client environment NO_COLOR', null, 'service client: environment-passed-through: NO_COLOR'],
  [
    'services host environment SOTTO_ROOM_SECRET',
    '${SOTTO_VERSION}',
    'service host: secret-in-environment: environment.SOTTO_ROOM_SECRET',
  ],
  [
    'services host environment SOTTO_ROOM',
    'sotto1qyqrwulu3u784e6mg2j6',
    'service host: secret-in-environment: environment.SOTTO_ROOM',
  ],
  [
    'services host environment SOTTO_SEED',
    'ab'.repeat(32),
    'service host: secret-in-environment: environment.SOTTO_SEED',
  ],
  ['services host command', ['--from', `${'Qm9i'.repeat(11)}=`], 'service host: secret-in-environment: command[1]'],
  ['services host build args NPM_TOKEN', 'short', 'service host: secret-in-environment: build.args.NPM_TOKEN'],
  ['services relay healthcheck', { disable: true }, 'service relay: health-unasked: healthcheck: {"disable":true}'],
  ['services relay healthcheck', undefined, 'service relay: health-unasked: healthcheck: nothing'],
  [
    'services redis healthcheck test',
    ['CMD-SHELL', 'redis-cli ping'],
    'service redis: health-prints: healthcheck.test: ["CMD-SHELL","redis-cli ping"]',
  ],
  [
    'services redis healthcheck test',
    ['CMD-SHELL', 'redis-cli info; true >/dev/null 2>&1'],
    'service redis: health-prints: healthcheck.test: ["CMD-SHELL","redis-cli info; true >/dev/null 2>&1"]',
  ],
  [
    'services redis healthcheck test',
    ['CMD', '/usr/bin/redis-cli'],
    'service redis: health-prints: healthcheck.test: ["CMD","/usr/bin/redis-cli"]',
  ],
  [
    'services relay healthcheck test',
    ['CMD', '/usr/local/bin/node', '/app/node_modules/@sotto/relay/src/main.js'],
    'service relay: health-prints: healthcheck.test: ["CMD","/usr/local/bin/node","/app/node_modules/@sotto/relay/src/main.js"]',
  ],
  ['services redis healthcheck start_interval', '1s', 'service redis: health-key-unknown: start_interval'],

  ['services relay network_mode', 'host', 'service relay: network-shared: network_mode: host'],
  ['services relay network_mode', 'service:tor', 'service relay: network-shared: network_mode: service:tor'],
  ['services relay networks', { state: null, egress: null }, 'service relay: networks-differ: is on state, egress'],
  ['services relay networks', {}, 'service relay: networks-differ: is on default'],
  ['services redis networks', undefined, 'service redis: networks-differ: is on default'],
  ['services client networks', { probe: null }, 'service client: networks-differ: is on probe'],
  [
    'services client networks socks',
    { ipv4_address: '198.51.100.9' },
    'service client: network-use-unknown: socks.ipv4_address',
  ],
  ['services relay dns', ['198.51.100.53'], 'service relay: names-asked: dns: ["198.51.100.53"]'],
  ['services relay dns', undefined, 'service relay: names-asked: dns: nothing'],
  ['services tor dns', ['198.51.100.53'], 'service tor: names-asked: dns: ["198.51.100.53"]'],
  ['services redis volumes', [HOST_SOCKET], 'service redis: engine-mounted: /var/run/docker.sock at /run/docker.sock'],
  [
    'services redis volumes',
    ['/run/docker.sock:/run/docker.sock:ro'],
    'service redis: engine-mounted: /run/docker.sock at /run/docker.sock',
  ],
  ['services redis volumes', ['/etc:/host:ro'], 'service redis: machine-mounted: /etc at /host'],
  [
    'services redis volumes',
    [{ type: 'bind', source: '.', target: '/src' }],
    'service redis: machine-mounted: . at /src',
  ],
  [
    'services redis volumes',
    [{ type: 'image', source: 'a', target: '/a' }],
    'service redis: machine-mounted: a mount of another kind at /a',
  ],
  [
    'services client volumes',
    [{ ...gateMount, read_only: false }],
    'service client: mounts-differ: may write to gate-socket',
  ],
  [
    'services client volumes',
    [gateMount, { ...gateMount, source: 'tor-guards' }],
    'service client: mounts-differ: mounts tor-guards',
  ],
  ['services client volumes', [{ ...gateMount, volume: {} }], 'service client: mount-filled: gate-socket at /run/gate'],

  [
    'networks other',
    {
      driver: 'bridge',
      internal: true,
      enable_ipv6: false,
      driver_opts: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
    },
    'network other: network-unknown: it has no requirement',
  ],
  ['networks state internal', undefined, 'network state: network-leads-out: internal: nothing'],
  ['networks state driver_opts', undefined, 'network state: machine-reached: inhibit_ipv4: nothing'],
  ['networks egress enable_ipv6', true, 'network egress: ipv6-on: enable_ipv6: true'],
  ['networks socks enable_ipv6', undefined, 'network socks: ipv6-on: enable_ipv6: nothing'],
  ['networks egress driver', 'macvlan', 'network egress: network-key-unknown: driver: macvlan'],
  ['networks state external', true, 'network state: network-key-unknown: external'],
  ['networks state attachable', true, 'network state: network-key-unknown: attachable'],
  [
    'networks egress driver_opts',
    { 'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0' },
    'network egress: network-key-unknown: com.docker.network.bridge.host_binding_ipv4',
  ],

  [
    'volumes admin-socket driver_opts',
    BIND_IN_DISGUISE,
    `volume admin-socket: volume-on-disk: driver_opts: ${JSON.stringify(BIND_IN_DISGUISE)}`,
  ],
  [
    'volumes admin-socket driver_opts',
    tmpfs('size=1m,uid=10004,gid=10104,mode=2770,nosuid'),
    'volume admin-socket: volume-loose: lacks noexec, nodev',
  ],
  [
    'volumes admin-socket driver_opts',
    tmpfs('uid=10004,gid=10104,mode=2770,noexec,nosuid,nodev'),
    'volume admin-socket: volume-loose: lacks size',
  ],
  [
    'volumes admin-socket driver_opts',
    tmpfs('size=1m,uid=10004,gid=10104,mode=2777,noexec,nosuid,nodev'),
    'volume admin-socket: volume-open: mode: 2777',
  ],
  [
    'volumes admin-socket driver_opts',
    tmpfs('size=1m,uid=10004,gid=10104,noexec,nosuid,nodev'),
    'volume admin-socket: volume-open: mode: none',
  ],
  [
    'volumes admin-socket driver_opts',
    tmpfs('size=1m,uid=10006,gid=10104,mode=2770,noexec,nosuid,nodev'),
    "volume admin-socket: volume-owner: uid 10006 is not relay's",
  ],
  ['volumes tor-guards driver', 'local', 'volume tor-guards: volume-key-unknown: driver'],
  ['volumes tor-guards external', true, 'volume tor-guards: volume-key-unknown: external'],
];
