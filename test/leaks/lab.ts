// The leak lab: the machine's drop rule, the world that answers, a victim without isolation, and a
// canary on the machine.

import { randomBytes } from 'node:crypto';
import { examine } from './machine-facts.ts';
import type { Machine, Network } from './machine-facts.ts';
import { CANARY_PORT, DOCUMENTATION, OWN_ADDRESSES, UDP_PORTS, WORLD_PORTS } from './plan.ts';
import type { Attempt, Plan } from './plan.ts';
import { docker, dockerAsync, LAB_IMAGE, LAB_LABEL, LabProgram, runArgs, setting } from './lab-container.ts';

/** The packets that the drop rule on the machine's way out has dropped so far. */
export interface DropCounters {
  readonly documentation: number;
  readonly foreign: number;
  readonly spoofed: number;
  readonly metadata: number;
  readonly names: number;
}

/**
 * Who probes: the service's user; `filtered`: root with raw-network rights under the service's own
 * profile of system calls, which is the most that a program in the service could become; `root`:
 * the same without that profile, from beside the service.
 */
export type Identity = 'user' | 'filtered' | 'root';
const PROFILE = 'seccomp/sotto.json';

/** Builds it, unless the images were brought over from another engine (scripts/on-engine). */
export function buildLabImage(): void {
  if (process.env['SOTTO_IMAGES_BROUGHT'] !== undefined) return;
  docker([
    'build',
    '--quiet',
    '--build-arg',
    `SOTTO_DEBIAN_IMAGE=${setting('SOTTO_DEBIAN_IMAGE')}`,
    '--tag',
    LAB_IMAGE,
    'test/leaks/image',
  ]);
}

export class Lab {
  readonly id: string = randomBytes(4).toString('hex');
  readonly dropRule: LabProgram;
  readonly canary: LabProgram;
  #world: LabProgram | undefined;

  private constructor() {
    const onMachine = ['--network', 'host'];
    this.dropRule = new LabProgram(
      this.id,
      [...onMachine, '--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN'],
      ['/lab/drop_rule.py', `sotto_leaks_${this.id}`, JSON.stringify(OWN_ADDRESSES)],
    );
    this.canary = new LabProgram(this.id, [...onMachine, '--cap-drop', 'ALL'], ['/lab/canary.py', String(CANARY_PORT)]);
  }

  /** @throws where the rule cannot be set: then nothing may be tried. */
  static async open(): Promise<Lab> {
    buildLabImage();
    const lab = new Lab();
    try {
      const first = JSON.parse(await lab.dropRule.line(0)) as { readonly error?: string };
      if (first.error !== undefined) throw new Error(first.error);
      await lab.canary.line(0);
      return lab;
    } catch (error) {
      await lab.close();
      throw new Error(
        'the leak lab does not run: the rule that keeps its probes on this machine could not be set (nftables in the machine’s network namespace)',
        { cause: error },
      );
    }
  }

  async counters(): Promise<DropCounters> {
    return JSON.parse(await this.dropRule.ask()) as DropCounters;
  }

  /**
   * The same rule in the victim's namespace, where nothing but the world is: to see that it drops
   * and counts.
   */
  async dropRuleAtVictim(): Promise<LabProgram> {
    const place = ['--network', `container:${this.victim}`, '--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN'];
    const dropRule = new LabProgram(this.id, place, [
      '/lab/drop_rule.py',
      'sotto_leaks_control',
      JSON.stringify(OWN_ADDRESSES),
    ]);
    await dropRule.line(0);
    return dropRule;
  }

  /** Packets that only cross these bridges do not leave the machine. */
  async ownBridges(networks: readonly Network[]): Promise<void> {
    for (const { bridge } of networks) await this.dropRule.ask(bridge);
  }

  get network(): string {
    return `sotto-leaklab-${this.id}`;
  }

  get victim(): string {
    return `sotto-leaklab-${this.id}-victim`;
  }

  /** Everything that the world answered. */
  get worldHeard(): readonly string[] {
    return this.#world?.lines ?? [];
  }

  /**
   * A network as it must not be: the machine is on it (no inhibit_ipv4), names go to the world, and
   * so does every other packet, over a wire of its own. The network itself is internal, so that
   * nothing leaves the machine by it.
   */
  async openWorld(stack: Machine): Promise<void> {
    const holder = `sotto-leaklab-${this.id}-world`;
    const label = ['--label', `${LAB_LABEL}=${this.id}`];
    docker(['network', 'create', '--internal', ...label, this.network]);
    // Wires that come later have IPv6; Docker turns it off on its own.
    const sysctl = ['--sysctl', 'net.ipv6.conf.default.disable_ipv6=0'];
    const still = ['--detach', '--init', '--log-driver', 'none', ...label, ...sysctl, '--entrypoint', 'sleep'];
    const onNetwork = ['--network', this.network];
    docker(['run', ...still, ...onNetwork, '--network-alias', 'tor-client', '--name', holder, LAB_IMAGE, 'infinity']);
    const { networks } = await examine([this.network]);
    await this.ownBridges([...stack.networks, ...networks]);
    const nameServer = networks[0]?.members.get(holder);
    if (nameServer === undefined) throw new Error('the world has no address');
    docker(['run', ...still, ...onNetwork, '--dns', nameServer, '--name', this.victim, LAB_IMAGE, 'infinity']);
    const addresses = [
      ...DOCUMENTATION,
      '169.254.169.254/32',
      ...stack.networks.map(({ subnet }) => subnet),
      ...stack.addresses.map((address) => `${address}/32`),
    ];
    const place = ['--network', `container:${holder}`, '--pid', `container:${this.victim}`, '--cap-add', 'NET_ADMIN'];
    this.#world = new LabProgram(this.id, place, [
      '/lab/world.py',
      JSON.stringify({ addresses, ports: WORLD_PORTS, udp_ports: UDP_PORTS }),
    ]);
    await this.#world.line(0);
    await dockerAsync(
      runArgs(this.id, ['--network', `container:${this.victim}`, '--cap-add', 'NET_ADMIN'], ['/lab/victim.py']),
      '',
    );
  }

  /** The hardware address of the world's end of the wire. */
  worldMac(): string {
    const holder = `sotto-leaklab-${this.id}-world`;
    return docker(['exec', holder, 'cat', '/sys/class/net/world0/address']).trim().replaceAll(':', '');
  }

  /** Runs the plan in the network namespace of a container. */
  async probe(container: string, identity: Identity, user: string, plan: Plan): Promise<Attempt[]> {
    const asRoot = ['--user', '0', '--cap-add', 'NET_RAW', '--cap-add', 'NET_ADMIN'];
    const confined = ['--security-opt', 'no-new-privileges', '--security-opt', `seccomp=${PROFILE}`];
    const rights = {
      user: ['--user', user, '--cap-drop', 'ALL', ...confined],
      filtered: [...asRoot, ...confined],
      root: asRoot,
    };
    const place = ['--network', `container:${container}`, '--read-only', ...rights[identity]];
    const args = runArgs(this.id, place, ['/lab/probe.py']);
    return JSON.parse(await dockerAsync(args, JSON.stringify(plan))) as Attempt[];
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.dropRule.end(), this.canary.end()]);
    removeLab(this.id);
  }
}

/** Removes what a lab has left, if anything. */
function removeLab(id: string): void {
  const label = `label=${LAB_LABEL}=${id}`;
  const containers = docker(['ps', '--all', '--quiet', '--filter', label]).split('\n').filter(Boolean);
  if (containers.length > 0) docker(['rm', '--force', ...containers]);
  const networks = docker(['network', 'ls', '--quiet', '--filter', label]).split('\n').filter(Boolean);
  if (networks.length > 0) docker(['network', 'rm', ...networks]);
  const volumes = docker(['volume', 'ls', '--quiet', '--filter', label]).split('\n').filter(Boolean);
  if (volumes.length > 0) docker(['volume', 'rm', ...volumes]);
}
