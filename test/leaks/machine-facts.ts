// What the lab has to know about the machine and the stack before it probes: addresses, subnets,
// bridges, who is who.

import { docker, LabProgram } from './lab-container.ts';

export interface Network {
  readonly name: string;
  /** Its interface on the machine. */
  readonly bridge: string;
  readonly bridgeMac: string;
  readonly subnet: string;
  readonly gateway: string;
  /** Address by container name. */
  readonly members: ReadonlyMap<string, string>;
}

export interface Machine {
  /** Every IPv4 address of the machine but loopback. */
  readonly addresses: readonly string[];
  readonly networks: readonly Network[];
}

interface LinkReport {
  readonly ifname: string;
  readonly address?: string;
  readonly addr_info: readonly { readonly family: string; readonly local: string }[];
}

interface NetworkReport {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string }[] };
  readonly Containers: Readonly<Record<string, { readonly Name: string; readonly IPv4Address: string }>>;
}

/** The machine, and the networks whose names match. */
export async function examine(networkNames: readonly string[]): Promise<Machine> {
  const teller = new LabProgram('links', ['--network', 'host', '--cap-drop', 'ALL'], ['/lab/links.py']);
  const links = JSON.parse(await teller.line(0)) as LinkReport[];
  await teller.end();
  const reports = JSON.parse(docker(['network', 'inspect', ...networkNames])) as NetworkReport[];
  const addresses = links
    .filter((link) => link.ifname !== 'lo')
    .flatMap((link) => link.addr_info.filter(({ family }) => family === 'inet').map(({ local }) => local));
  return { addresses, networks: reports.map((report) => networkOf(report, links)) };
}

function networkOf(report: NetworkReport, links: readonly LinkReport[]): Network {
  const bridge = `br-${report.Id.slice(0, 12)}`;
  const config = report.IPAM.Config[0];
  if (config === undefined) throw new Error(`network ${report.Name} has no subnet`);
  const members = Object.values(report.Containers).map(
    ({ Name, IPv4Address }) => [Name, IPv4Address.split('/')[0] ?? ''] as const,
  );
  return {
    name: report.Name,
    bridge,
    bridgeMac: (links.find((link) => link.ifname === bridge)?.address ?? '').replaceAll(':', ''),
    subnet: config.Subnet,
    // Some engines name none for a network whose bridge has no address; the first address is where
    // they would put it.
    gateway: config.Gateway?.split('/')[0] ?? hostOf(config.Subnet, 1),
    members: new Map(members),
  };
}

/** Address number `index` of a subnet. */
export function hostOf(subnet: string, index: number): string {
  return fromNumber(toNumber(subnet.split('/')[0] ?? '') + index);
}

export function isIn(subnet: string, address: string): boolean {
  const [base, bits] = subnet.split('/');
  const size = 2 ** (32 - Number(bits));
  return Math.floor(toNumber(base ?? '') / size) === Math.floor(toNumber(address) / size);
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function fromNumber(value: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(value / 2 ** bits) % 256).join('.');
}
