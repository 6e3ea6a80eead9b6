// The packets on every bridge of a stack, or inside one namespace, and the check that they belong
// there.

import { isIn } from './machine-facts.ts';
import type { Network } from './machine-facts.ts';
import { LabProgram } from './lab-container.ts';

/** Packets from one address to another, as sniff.py counts them. */
export interface Flow {
  readonly wire: string;
  /** Carries the lab's mark: a probe. */
  readonly marked: boolean;
  readonly kind: 'arp' | 'multicast' | 'unicast' | 'other';
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  /** The lower of both ports. */
  readonly port: number;
  /** The DNS name that was asked for, on loopback. */
  readonly name: string;
  readonly packets: number;
}

/** The ports of the private Tor network's nodes (test/tornet/run). */
const TORNET_PORTS = [...Array.from({ length: 8 }, (_, index) => 5000 + index), 7000, 7001, 7002];
const SOCKS_PORTS = [9050];
const REDIS_PORTS = [6379];

export class Capture {
  readonly #program: LabProgram;

  private constructor(program: LabProgram) {
    this.#program = program;
  }

  /** On the machine's side of the bridges. */
  static async onBridges(lab: string, networks: readonly Network[]): Promise<Capture> {
    return Capture.#start(
      lab,
      'host',
      networks.map(({ bridge }) => bridge),
    );
  }

  /** On every interface of a container's namespace, loopback included. */
  static async inside(lab: string, container: string): Promise<Capture> {
    return Capture.#start(lab, `container:${container}`, []);
  }

  static async #start(lab: string, network: string, wires: readonly string[]): Promise<Capture> {
    const rights = ['--network', network, '--cap-drop', 'ALL', '--cap-add', 'NET_RAW', '--cap-add', 'NET_ADMIN'];
    const program = new LabProgram(lab, rights, ['/lab/sniff.py', JSON.stringify(wires)]);
    await program.line(0);
    return new Capture(program);
  }

  /** The flows since the last call. @throws if a frame may have been missed. */
  async flows(): Promise<Flow[]> {
    const { flows, lost } = JSON.parse(await this.#program.ask()) as { readonly flows: Flow[]; readonly lost: number };
    if (lost > 0) throw new Error(`the capture lost ${lost} frames: it cannot tell`);
    return flows;
  }

  end(): Promise<void> {
    return this.#program.end();
  }
}

/** Unicast that left its own subnet, or went to a port that nobody on that network is to serve. */
export function strays(flows: readonly Flow[], networks: readonly Network[]): Flow[] {
  return flows.filter((flow) => flow.kind === 'unicast' && !isAtHome(flow, networks, servedPorts));
}

/**
 * Unicast that left its own subnet: what neighbours are asked by probes stays with the neighbours.
 */
export function escapes(flows: readonly Flow[], networks: readonly Network[]): Flow[] {
  return flows.filter((flow) => flow.kind === 'unicast' && !isAtHome(flow, networks, () => undefined));
}

function isAtHome(
  flow: Flow,
  networks: readonly Network[],
  portsOf: (network: Network) => readonly number[] | undefined,
): boolean {
  const network = networks.find(({ bridge }) => bridge === flow.wire);
  if (network === undefined || !isIn(network.subnet, flow.from) || !isIn(network.subnet, flow.to)) return false;
  const ports = portsOf(network);
  return ports === undefined || (flow.protocol === 'tcp' && ports.includes(flow.port));
}

/** Which ports are served on a network of the stack: the private Tor network's, SOCKS, Redis. */
function servedPorts(network: Network): readonly number[] {
  if (network.name.endsWith('_egress')) return TORNET_PORTS;
  return network.name.endsWith('_state') ? REDIS_PORTS : SOCKS_PORTS;
}

/** The rest, listed: ARP and multicast by wire and goal, and how many packets. */
export function listed(flows: readonly Flow[], networks: readonly Network[]): string[] {
  const counts = new Map<string, number>();
  for (const flow of flows) {
    if (flow.kind === 'unicast') continue;
    const name = networks.find(({ bridge }) => bridge === flow.wire)?.name.replace(/^.*_/, '') ?? flow.wire;
    const key = flow.kind === 'arp' ? `${name} arp` : `${name} ${flow.kind} ${flow.protocol} to ${flow.to}`;
    counts.set(key, (counts.get(key) ?? 0) + flow.packets);
  }
  return [...counts].map(([what, packets]) => `${what}: ${packets}`).sort();
}
