// Who could reach whom, and whether anybody could reach out: judged from what Docker says, and from what a probe tried.

import type { ContainerFacts, ListenerFacts, NetworkFacts, ProbeFacts, Snapshot } from './snapshot.ts';
import { withPlan } from './stack-plan.ts';
import type { ServicePlan, StackPlan } from './stack-plan.ts';
import { lookAt, right, unclear, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';

/** The resolver that Docker puts into each container on a network of its own. */
const EMBEDDED_RESOLVER = '127.0.0.11';
const LOOPBACK = /^(127\.|::1$)/;
const EVERY_ADDRESS = new Set(['0.0.0.0', '::']);
/** Docker's names for "none of its own" and "that of somebody else", which `namespaces` judges. */
const NOT_A_NETWORK = new Set(['none', 'host']);

export function networksKnown({ networks }: Snapshot, plan: StackPlan): Verdict {
  const known = [...plan.networksOut, ...plan.networksInternal];
  return verdictOfAll(
    networks,
    ({ name }) => (known.includes(name) ? undefined : `${name} is none of Sotto's networks`),
    networks.map(({ name }) => name).join(', '),
  );
}

export function networksInternal({ networks }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    inner(networks, plan),
    ({ name, internal, driver }) => {
      if (!internal) return `${name} is not internal: it has a way out`;
      // What internal means is a bridge's own rule: macvlan and others are on the machine's own network.
      return driver === 'bridge' ? undefined : `${name} is of the driver ${driver}, not a bridge of its own`;
    },
    `internal: ${namesOf(inner(networks, plan))}`,
  );
}

export function networksNoGateway({ networks }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    inner(networks, plan),
    ({ name, inhibitIpv4, gatewayMode }) =>
      inhibitIpv4 || gatewayMode.ipv4 === 'isolated' ? undefined : `${name} leaves a gateway address on the machine`,
    `no gateway address: ${namesOf(inner(networks, plan))}`,
  );
}

export function networksIpv4({ networks }: Snapshot): Verdict {
  return verdictOfAll(
    networks,
    ({ name, ipv6 }) => (ipv6 ? `${name} has IPv6` : undefined),
    `without IPv6: ${namesOf(networks)}`,
  );
}

export function networksMembers({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan),
    ([{ name, networks }, service]) => {
      const has = Object.keys(networks).filter((network) => !NOT_A_NETWORK.has(network));
      const extra = has.filter((network) => !service.networks.includes(network));
      const missing = service.networks.filter((network) => !has.includes(network));
      if (extra.length > 0) return `${name} is on ${extra.join(', ')}, where it does not belong`;
      return missing.length > 0 ? `${name} is not on ${missing.join(', ')}` : undefined;
    },
    'each is on its own networks and on no other',
  );
}

export function networksStrangers({ networks, strangers }: Snapshot): Verdict {
  const there = strangers.filter((stranger) => stranger.networks.length > 0);
  return verdictOf(
    there.length > 0
      ? there.map(({ name, networks: on }) => wrong(`${name} is on ${on.join(', ')}`))
      : networks.map(({ name }) => right(`${name}: nobody else`)),
  );
}

export function portsPublished({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, published }) => (published.length > 0 ? `${name} publishes ${published.join(', ')}` : undefined),
    'no container publishes a port',
  );
}

export function namesInside({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan).filter(([, { names }]) => names === 'inside'),
    ([{ name, nameServers }]) =>
      nameServers.length > 0 && nameServers.every((server) => LOOPBACK.test(server))
        ? undefined
        : `${name} asks ${nameServers.length > 0 ? nameServers.join(', ') : "the engine's name servers"}`,
    'names are asked for at the own loopback, where nothing listens',
  );
}

export function hostsAdded({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, hostsAdded: hosts }) => (hosts.length > 0 ? `${name} is told ${hosts.join(', ')}` : undefined),
    'no address is told to any container',
  );
}

export function forwardingOff({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan),
    ([{ name, sysctls }, service]) => {
      const differs = [...new Set([...Object.keys(sysctls), ...Object.keys(service.sysctls)])].filter(
        (key) => sysctls[key] !== service.sysctls[key],
      );
      return differs.length > 0
        ? `${name}: ${differs.map((key) => `${key}=${sysctls[key] ?? 'not set'}`).join(', ')}`
        : undefined;
    },
    'forwarding is off where a container is on several networks',
  );
}

export function listenersPlanned({ containers }: Snapshot, plan: StackPlan): Verdict {
  const running = withPlan(containers, plan).filter(
    ([{ running: runs }, service]) => runs && service.listens !== 'everything',
  );
  return verdictOf(
    running.flatMap(([container, service]) =>
      lookAt(container.name, container.listeners, (listeners) => {
        const reachable = listeners.filter(({ address }) => address !== EMBEDDED_RESOLVER && !LOOPBACK.test(address));
        const faults = reachable.filter((listener) => !mayListen(container, service, listener));
        if (faults.length > 0) return faults.map((at) => wrong(`${container.name} listens on ${listenerText(at)}`));
        const ports = [...new Set(reachable.map(({ port }) => port))].join(', ');
        return [right(`${container.name} listens on ${ports === '' ? 'nothing' : `port ${ports}, on inner networks`}`)];
      }),
    ),
  );
}

function mayListen(
  container: ContainerFacts,
  service: ServicePlan,
  { protocol, address, port }: ListenerFacts,
): boolean {
  if (service.listens === 'everything') return true;
  const allowed = protocol === 'tcp' ? service.listens.find((listener) => listener.port === port) : undefined;
  if (allowed === undefined) return false;
  // On every address is as good as on the allowed ones only where the container has no other.
  if (EVERY_ADDRESS.has(address)) return Object.keys(container.networks).every((on) => allowed.networks.includes(on));
  return allowed.networks.some((network) => container.networks[network] === address);
}

function listenerText({ protocol, address, port }: ListenerFacts): string {
  return `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}`;
}

export function probeOutside(snapshot: Snapshot): Verdict {
  return probed(snapshot, ({ outside, tried }, network) =>
    outside.length > 0
      ? wrong(`from ${network}: ${outside.join('; ')}`)
      : right(`from ${network}: ${tried} tries, none answered`),
  );
}

export function probeGateway(snapshot: Snapshot): Verdict {
  return probed(snapshot, ({ gateway, gatewayKnown }, network) => {
    if (gateway.length > 0) return wrong(`from ${network}: ${gateway.join('; ')}`);
    return gatewayKnown
      ? right(`from ${network}: the gateway address does not answer`)
      : right(`from ${network}: there is no gateway address that could be tried`);
  });
}

type ProbeOutcome = Extract<ProbeFacts['outcome'], { seen: true }>['value'];

/** A probe that could not see what is certainly there proves nothing. */
function probed({ probes }: Snapshot, look: (outcome: ProbeOutcome, network: string) => Look): Verdict {
  return verdictOf(
    lookAt('probe', probes, (all) =>
      all.flatMap(({ network, outcome }) =>
        lookAt(`from ${network}`, outcome, (value) =>
          value.control === 'failed'
            ? [unclear(`from ${network}: the probe did not even reach what is certainly there`)]
            : [look(value, network)],
        ),
      ),
    ),
    'no internal network is there',
  );
}

/** Networks that must have no way out: all but those that may. An unknown one is judged as an inner one. */
function inner(networks: readonly NetworkFacts[], plan: StackPlan): NetworkFacts[] {
  return networks.filter(({ name }) => !plan.networksOut.includes(name));
}

function namesOf(networks: readonly NetworkFacts[]): string {
  return networks.map(({ name }) => name).join(', ');
}
