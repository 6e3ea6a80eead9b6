// Checks of networks: reachability between services and to the outside, by the engine's answers and
// by a probe's tries.

import { message } from './messages.ts';
import type { ContainerFacts, ListenerFacts, NetworkFacts, ProbeFacts, Snapshot } from './snapshot.ts';
import { withPlan } from './stack-plan.ts';
import type { ServicePlan, StackPlan } from './stack-plan.ts';
import { lookAt, of, right, unclear, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';

/** Docker's resolver in each container on a user-defined network. */
const EMBEDDED_RESOLVER = '127.0.0.11';
const LOOPBACK = /^(127\.|::1$)/;
const EVERY_ADDRESS = new Set(['0.0.0.0', '::']);
/** Docker's words for no network and for a shared one; the check `namespaces` covers these. */
const NOT_A_NETWORK = new Set(['none', 'host']);

export function networksKnown({ networks }: Snapshot, plan: StackPlan): Verdict {
  const known = [...plan.networksOut, ...plan.networksInternal];
  return verdictOfAll(
    networks,
    ({ name }) => (known.includes(name) ? undefined : message('evidence.network-unknown', { name })),
    networks.map(({ name }) => name).join(', '),
  );
}

export function networksInternal({ networks }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    inner(networks, plan),
    ({ name, internal, driver }) => {
      if (!internal) return message('evidence.network-open', { name });
      // Only a bridge enforces `internal`: macvlan and others are on the machine's own network.
      return driver === 'bridge' ? undefined : message('evidence.network-driver', { name, driver });
    },
    message('evidence.networks-internal', { names: namesOf(inner(networks, plan)) }),
  );
}

export function networksNoGateway({ networks }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    inner(networks, plan),
    ({ name, inhibitIpv4, gatewayMode }) =>
      inhibitIpv4 || gatewayMode.ipv4 === 'isolated' ? undefined : message('evidence.network-gateway', { name }),
    message('evidence.networks-no-gateway', { names: namesOf(inner(networks, plan)) }),
  );
}

export function networksIpv4({ networks }: Snapshot): Verdict {
  return verdictOfAll(
    networks,
    ({ name, ipv6 }) => (ipv6 ? message('evidence.network-ipv6', { name }) : undefined),
    message('evidence.networks-no-ipv6', { names: namesOf(networks) }),
  );
}

export function networksMembers({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan),
    ([{ name, networks }, service]) => {
      const has = Object.keys(networks).filter((network) => !NOT_A_NETWORK.has(network));
      const extra = has.filter((network) => !service.networks.includes(network));
      const missing = service.networks.filter((network) => !has.includes(network));
      if (extra.length > 0) return message('evidence.network-extra', { name, networks: extra.join(', ') });
      return missing.length > 0
        ? message('evidence.network-missing', { name, networks: missing.join(', ') })
        : undefined;
    },
    message('evidence.networks-own'),
  );
}

export function networksStrangers({ networks, strangers }: Snapshot): Verdict {
  const there = strangers.filter((stranger) => stranger.networks.length > 0);
  return verdictOf(
    there.length > 0
      ? there.map(({ name, networks: on }) => wrong(message('evidence.is-on', { name, networks: on.join(', ') })))
      : networks.map(({ name }) => right(message('evidence.no-stranger', { name }))),
  );
}

export function portsPublished({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, published }) =>
      published.length > 0 ? message('evidence.publishes', { name, ports: published.join(', ') }) : undefined,
    message('evidence.publishes-nothing'),
  );
}

export function namesInside({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan).filter(([, { names }]) => names === 'inside'),
    ([{ name, nameServers }]) =>
      nameServers.length > 0 && nameServers.every((server) => LOOPBACK.test(server))
        ? undefined
        : message('evidence.resolves', {
            name,
            servers: nameServers.join(', ') || message('evidence.engine-resolvers'),
          }),
    message('evidence.resolves-inside'),
  );
}

export function hostsAdded({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, hostsAdded: hosts }) =>
      hosts.length > 0 ? message('evidence.hosts-added', { name, hosts: hosts.join(', ') }) : undefined,
    message('evidence.no-hosts-added'),
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
        ? of(name, differs.map((key) => describeSetting(key, sysctls[key])).join(', '))
        : undefined;
    },
    message('evidence.forwarding-off'),
  );
}

function describeSetting(key: string, value: string | undefined): string {
  return value === undefined ? message('evidence.setting-unset', { key }) : message('evidence.setting', { key, value });
}

export function listenersPlanned({ containers }: Snapshot, plan: StackPlan): Verdict {
  const running = withPlan(containers, plan).filter(
    ([{ running: runs }, service]) => runs && service.listens !== 'everything',
  );
  return verdictOf(
    running.flatMap(([container, service]) =>
      lookAt(container.name, container.listeners, (listeners) => {
        const { name } = container;
        const reachable = listeners.filter(({ address }) => address !== EMBEDDED_RESOLVER && !LOOPBACK.test(address));
        const faults = reachable.filter((listener) => !mayListen(container, service, listener));
        if (faults.length > 0)
          return faults.map((at) => wrong(message('evidence.listens', { name, address: listenerText(at) })));
        const ports = [...new Set(reachable.map(({ port }) => port))].join(', ');
        return [
          right(
            ports === ''
              ? message('evidence.listens-on-nothing', { name })
              : message('evidence.listens-inside', { name, ports }),
          ),
        ];
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
  // A listener on every address is allowed only if all addresses of the container are.
  if (EVERY_ADDRESS.has(address)) return Object.keys(container.networks).every((on) => allowed.networks.includes(on));
  return allowed.networks.some((network) => container.networks[network] === address);
}

function listenerText({ protocol, address, port }: ListenerFacts): string {
  return `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}`;
}

export function probeOutside(snapshot: Snapshot): Verdict {
  return probed(snapshot, ({ outside, tried }, network) =>
    outside.length > 0
      ? wrong(message('evidence.probe-answered', { network, answers: outside.join('; ') }))
      : right(message('evidence.probe-silent', { network, tried })),
  );
}

export function probeGateway(snapshot: Snapshot): Verdict {
  return probed(snapshot, ({ gateway, gatewayKnown }, network) => {
    if (gateway.length > 0) return wrong(message('evidence.probe-answered', { network, answers: gateway.join('; ') }));
    return gatewayKnown
      ? right(message('evidence.gateway-silent', { network }))
      : right(message('evidence.no-gateway-address', { network }));
  });
}

type ProbeOutcome = Extract<ProbeFacts['outcome'], { seen: true }>['value'];

/** A probe that did not reach an address that is certainly there proves nothing. */
function probed({ probes }: Snapshot, look: (outcome: ProbeOutcome, network: string) => Look): Verdict {
  return verdictOf(
    lookAt(message('evidence.probe'), probes, (all) =>
      all.flatMap(({ network, outcome }) =>
        lookAt(message('evidence.from-network', { network }), outcome, (value) =>
          value.control === 'failed' ? [unclear(message('evidence.probe-blind', { network }))] : [look(value, network)],
        ),
      ),
    ),
    message('evidence.no-internal-network'),
  );
}

/**
 * Networks that must be internal: all but those that may lead out. An unknown one counts as
 * internal.
 */
function inner(networks: readonly NetworkFacts[], plan: StackPlan): NetworkFacts[] {
  return networks.filter(({ name }) => !plan.networksOut.includes(name));
}

function namesOf(networks: readonly NetworkFacts[]): string {
  return networks.map(({ name }) => name).join(', ');
}
