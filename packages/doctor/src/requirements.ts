// Every requirement that the doctor checks, by a stable code. Its text is `requirement.<code>` in
// messages.ts.

import type { MessageId } from './messages.ts';

export interface Requirement {
  readonly topic: Topic;
  /** The next step when the requirement is not met. */
  readonly next: Extract<MessageId, `next.${string}`>;
}

export const TOPICS = [
  'stack',
  'networks',
  'privileges',
  'mounts',
  'limits and memory',
  'traces',
  'tor',
  'engine',
] as const;
export type Topic = (typeof TOPICS)[number];

export const REQUIREMENTS = {
  'stack-runs': { topic: 'stack', next: 'next.start-missing' },
  'containers-known': { topic: 'stack', next: 'next.remove-container' },
  'image-released': { topic: 'stack', next: 'next.rebuild' },

  'networks-known': { topic: 'networks', next: 'next.remove-network' },
  'networks-internal': { topic: 'networks', next: 'next.remake-networks' },
  'networks-no-gateway': { topic: 'networks', next: 'next.remake-networks' },
  'networks-ipv-four': { topic: 'networks', next: 'next.remake-networks' },
  'networks-members': { topic: 'networks', next: 'next.disconnect' },
  'networks-strangers': { topic: 'networks', next: 'next.remove-container' },
  'ports-published': { topic: 'networks', next: 'next.recreate' },
  'names-inside': { topic: 'networks', next: 'next.recreate' },
  'hosts-added': { topic: 'networks', next: 'next.recreate' },
  'forwarding-off': { topic: 'networks', next: 'next.recreate' },
  listeners: { topic: 'networks', next: 'next.rebuild' },
  'probe-outside': { topic: 'networks', next: 'next.remake-networks' },
  'probe-gateway': { topic: 'networks', next: 'next.remake-networks' },

  privileged: { topic: 'privileges', next: 'next.recreate' },
  capabilities: { topic: 'privileges', next: 'next.recreate' },
  'new-privileges': { topic: 'privileges', next: 'next.recreate' },
  users: { topic: 'privileges', next: 'next.recreate' },
  groups: { topic: 'privileges', next: 'next.recreate' },
  'root-read-only': { topic: 'privileges', next: 'next.recreate' },
  namespaces: { topic: 'privileges', next: 'next.recreate' },
  devices: { topic: 'privileges', next: 'next.recreate' },
  seccomp: { topic: 'privileges', next: 'next.recreate' },
  'mandatory-access': { topic: 'privileges', next: 'next.recreate' },
  'proc-masked': { topic: 'privileges', next: 'next.recreate' },
  'processes-confined': { topic: 'privileges', next: 'next.restart-container' },

  'engine-socket': { topic: 'mounts', next: 'next.recreate' },
  'machine-folders': { topic: 'mounts', next: 'next.recreate' },
  'volumes-known': { topic: 'mounts', next: 'next.recreate' },
  'mounts-read-only': { topic: 'mounts', next: 'next.recreate' },
  'sockets-in-memory': { topic: 'mounts', next: 'next.remake-volumes' },
  'guards-plain': { topic: 'mounts', next: 'next.remake-guards' },
  'tmpfs-plain': { topic: 'mounts', next: 'next.recreate' },
  'volumes-strangers': { topic: 'mounts', next: 'next.remove-container' },

  'limit-memory': { topic: 'limits and memory', next: 'next.recreate' },
  'limit-swap': { topic: 'limits and memory', next: 'next.limit-swap' },
  'limit-pids': { topic: 'limits and memory', next: 'next.recreate' },
  'limit-cpu': { topic: 'limits and memory', next: 'next.recreate' },
  'core-limit': { topic: 'limits and memory', next: 'next.recreate' },
  'core-pattern': { topic: 'limits and memory', next: 'next.core-pattern' },
  swap: { topic: 'limits and memory', next: 'next.swap-off' },
  'locked-memory': { topic: 'limits and memory', next: 'next.raise-memlock' },

  logging: { topic: 'traces', next: 'next.recreate' },
  'health-silent': { topic: 'traces', next: 'next.rebuild' },
  restart: { topic: 'traces', next: 'next.recreate' },

  'tor-version': { topic: 'tor', next: 'next.rebuild-tor' },
  'tor-vanguards': { topic: 'tor', next: 'next.rebuild' },
  'tor-socks': { topic: 'tor', next: 'next.rebuild' },
  'tor-control': { topic: 'tor', next: 'next.rebuild' },
  'tor-quiet': { topic: 'tor', next: 'next.rebuild' },

  'engine-holes': { topic: 'engine', next: 'next.update-engine' },
  'engine-closed': { topic: 'engine', next: 'next.close-engine' },
} as const satisfies Readonly<Record<string, Requirement>>;
export type RequirementCode = keyof typeof REQUIREMENTS;
