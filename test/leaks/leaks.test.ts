// Nothing gets out of the stack, from any container, as its user or as root beside it; and what would get out is seen.

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Stack } from '../containers/stack.ts';
import { Lab } from './lab.ts';
import type { Identity } from './lab.ts';
import { examine } from './machine.ts';
import type { Machine, Network } from './machine.ts';
import { CANARY_PORT, isLeak, NETWORK_PROBES, planFor, SPOOFED_SOURCE } from './plan.ts';
import type { Attempt, Place, ProbeId } from './plan.ts';
import { docker } from './side.ts';
import { LeakTable } from './table.ts';

const IDENTITIES = ['user', 'root'] as const;
const SERVICES = ['relay', 'redis', 'host', 'gate', 'client', 'host-client'] as const;
type Service = (typeof SERVICES)[number];

const stack = new Stack(inject('project'));
const table = new LeakTable();
const engine = docker(['version', '--format', '{{.Server.Version}}']).trim();
let lab: Lab;
let machine: Machine;

beforeAll(async () => {
  lab = await Lab.open();
  const invite = await stack.inviteWithin();
  await stack.join('prober', invite);
  await stack.joinAsHost('moderator');
  machine = examine(['egress', 'socks', 'probe', 'state'].map((name) => `${stack.project}_${name}`));
  await lab.openWorld(machine);
});

afterAll(async () => {
  await stack.dismiss();
  await lab.close();
  const text = table.render(`Leaks, engine ${engine}:`);
  process.stdout.write(`\n${text}\n`);
  const file = process.env['SOTTO_LEAK_TABLE'];
  if (file !== undefined) writeFileSync(file, text, { flag: 'a' });
});

describe('on a network without walls', () => {
  test.each(IDENTITIES)('every probe is caught (%s)', async (identity) => {
    const [open] = examine([lab.network]).networks;
    if (open === undefined) throw new Error('no open network');
    const place: Place = { networks: [open], own: [...open.members.values()].slice(0, 0), wanted: [], namesStayHere: true };
    const own = open.members.get(lab.victim) ?? '';
    const whole: Machine = { addresses: machine.addresses, networks: [...machine.networks, open] };
    const plan = planFor(whole, { ...place, own: [own] }, [open.bridgeMac, lab.worldMac()]);
    const attempts = await lab.probe(lab.victim, identity, '10007:10007', plan);
    const missed = NETWORK_PROBES.filter((probe) => !isCaught(probe, attempts, identity));
    for (const probe of NETWORK_PROBES) table.set(probe, `anti-test ${identity}`, caughtCell(probe, attempts, missed));
    expect(missed.map((probe) => ({ probe, attempts: unseen(probe, attempts) }))).toEqual([]);
    expect(lab.canary.lines).toContain(`tcp ${open.gateway} ${CANARY_PORT}`);
  });
});

/** What was tried and allowed, but neither answered nor noted by the world. */
function unseen(probe: ProbeId, attempts: readonly Attempt[]): string[] {
  const ofProbe = attempts.filter((attempt) => attempt.probe === probe && attempt.outcome !== 'not-allowed');
  const answered = new Set(
    ofProbe.filter(({ outcome }) => outcome === 'reached' || (outcome === 'refused' && probe !== 'L12')).map(({ what }) => what),
  );
  return [...new Set(ofProbe.map(({ what }) => what))].filter((what) => !answered.has(what) && !isHeard(what));
}

function isHeard(what: string): boolean {
  const [kind, address] = what.split(' ');
  return kind === 'spoofed-echo' && lab.worldHeard.includes(`icmp ${address ?? ''} from ${SPOOFED_SOURCE}`);
}

function isAllowed(probe: ProbeId, attempts: readonly Attempt[]): boolean {
  return attempts.some((attempt) => attempt.probe === probe && attempt.outcome !== 'not-allowed');
}

/** Caught: everything that the kernel lets this identity try was seen. Only frames made by hand may be forbidden altogether, to a user. */
function isCaught(probe: ProbeId, attempts: readonly Attempt[], identity: Identity): boolean {
  if (!isAllowed(probe, attempts)) return probe === 'L11' && identity === 'user';
  return unseen(probe, attempts).length === 0;
}

function caughtCell(probe: ProbeId, attempts: readonly Attempt[], missed: readonly ProbeId[]): 'caught' | 'MISSED' | 'not allowed' {
  if (missed.includes(probe)) return 'MISSED';
  return isAllowed(probe, attempts) ? 'caught' : 'not allowed';
}

describe('from inside the stack', () => {
  const cases = SERVICES.flatMap((service) => IDENTITIES.map((identity) => [service, identity] as const));
  test.each(cases)('%s, as %s, reaches nobody that it should not', async (service, identity) => {
    const { name, user, place } = placeOf(service);
    const heardBefore = lab.worldHeard.length;
    const before = await lab.counters();
    const attempts = await lab.probe(name, identity, user, planFor(machine, place));
    const after = await lab.counters();
    const leaks = attempts.filter((attempt) => isLeak(attempt, place));
    const dropped: ProbeId[] = [
      ...(after.documentation > before.documentation ? (['L1', 'L2', 'L5'] as const) : []),
      ...(after.spoofed > before.spoofed ? (['L11'] as const) : []),
      ...(after.metadata > before.metadata ? (['L7'] as const) : []),
      ...(after.names > before.names ? (['L3', 'L4'] as const) : []),
    ];
    for (const probe of NETWORK_PROBES) {
      const leaked = dropped.includes(probe) || leaks.some((leak) => leak.probe === probe) || !place.namesStayHere;
      table.set(probe, `${service} ${identity}`, leaked ? 'LEAK' : 'held');
    }
    expect(attempts.length).toBeGreaterThan(NETWORK_PROBES.length);
    expect({ leaks, dropped, namesStayHere: place.namesStayHere }).toEqual({ leaks: [], dropped: [], namesStayHere: true });
    expect(lab.worldHeard.slice(heardBefore)).toEqual([]);
  });
});

interface Inspected {
  readonly Name: string;
  readonly Config: { readonly User: string };
  readonly HostConfig: { readonly Dns: readonly string[] | null; readonly NetworkMode: string };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

function placeOf(service: Service): { readonly name: string; readonly user: string; readonly place: Place } {
  const label = ['--filter', `label=com.docker.compose.project=${stack.project}`, '--filter', `label=com.docker.compose.service=${service}`];
  const id = docker(['ps', '--quiet', ...label]).split('\n')[0] ?? '';
  const [container] = JSON.parse(docker(['inspect', id])) as Inspected[];
  if (container === undefined) throw new Error(`no container of ${service}`);
  const own = Object.values(container.NetworkSettings.Networks).map(({ IPAddress }) => IPAddress);
  const networks = machine.networks.filter(({ name }) => name in container.NetworkSettings.Networks);
  const wanted = networks.flatMap((network) => servedOn(network));
  const { Dns, NetworkMode } = container.HostConfig;
  const namesStayHere = NetworkMode === 'none' || (Dns?.length === 1 && Dns[0] === '127.0.0.1');
  return { name: container.Name.slice(1), user: container.Config.User, place: { networks, own, wanted, namesStayHere } };
}

/** What ARCHITECTURE.md lets the members of an inner network do: ask the one server on it. */
function servedOn(network: Network): string[] {
  const at = (service: string, port: number): string[] => {
    const address = network.members.get(`${stack.project}-${service}-1`);
    return address === undefined ? [] : [`${address} ${port}`];
  };
  if (network.name.endsWith('_state')) return at('redis', 6379);
  return network.name.endsWith('_egress') ? [] : at('tor-client', 9050);
}
