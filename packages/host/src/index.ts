// The hosting side: a room behind an onion, proven reachable before its connection string is shown.

export { Host } from './host.ts';
export type { HostOptions } from './host.ts';
