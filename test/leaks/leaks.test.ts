// Nothing gets out of the stack, from any container, as its user or as root beside it; and what
// would get out is seen.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { decodeInvite } from '@sotto/protocol';
import { onionAddressOf } from '@sotto/tor';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { RoomClient } from '../../scripts/room-client.ts';
import { countInMemory } from '../containers/side-container.ts';
import { eventually, Stack, STACK_NETWORKS } from '../containers/stack.ts';
import { Capture, escapes, listed, strays } from './capture.ts';
import type { Flow } from './capture.ts';
import { findOnDisk } from './disk.ts';
import { breakNames, cutFromNetwork, keepTrying, mendNames, goesOffline, TRY_MS } from './fail-closed.ts';
import { Lab } from './lab.ts';
import type { Identity, DropCounters } from './lab.ts';
import { examine } from './machine-facts.ts';
import type { Machine, Network } from './machine-facts.ts';
import { CANARY_PORT, FIRST_END, isLeak, NETWORK_PROBES, planFor, SPOOFED_SOURCE } from './plan.ts';
import type { Attempt, Place, ProbeId } from './plan.ts';
import { docker, LAB_IMAGE, LAB_LABEL } from './lab-container.ts';
import { LeakTable, renderReports } from './table.ts';

const IDENTITIES = ['user', 'filtered', 'root'] as const;
const SERVICES = ['relay', 'redis', 'host', 'gate', 'client', 'host-client'] as const;
type Service = (typeof SERVICES)[number];
const MESSAGE_LIMIT_MS = 60_000;

const startedMs = performance.now();
const stack = new Stack(inject('project'));
const table = new LeakTable(
  [...SERVICES, 'anti-test'].flatMap((name) => IDENTITIES.map((identity) => `${name} ${identity}`)),
);
const engine = docker(['version', '--format', '{{.Server.Version}}']).trim();
let lab: Lab;
let machine: Machine;
let bridges: Capture;
let talkers: readonly RoomClient[] = [];
/**
 * Two clients lose the network, or names, while the others are probed: they are watched in
 * namespaces of their own.
 */
let early: Promise<{ readonly cut: Watched; readonly nameless: Watched }>;

interface Watched {
  readonly flows: readonly Flow[];
  readonly isOffline: boolean;
}

beforeAll(async () => {
  lab = await Lab.open();
  cleanups.push(() => lab.close());
  const invite = await stack.inviteWithin();
  const names = ['prober', 'alice', 'bob', 'cut', 'nameless'];
  const [, alice, bob, cut, nameless] = await Promise.all(names.map((name) => stack.join(name, invite)));
  if (alice === undefined || bob === undefined || cut === undefined || nameless === undefined)
    throw new Error('clients');
  await stack.joinAsHost('moderator');
  talkers = [alice, bob];
  machine = await examine(STACK_NETWORKS.map((name) => `${stack.project}_${name}`));
  await lab.openWorld(machine);
  bridges = await Capture.onBridges(lab.id, machine.networks);
  cleanups.splice(1, 0, () => bridges.end());
  early = sufferEarly(cut, nameless);
  early.catch(() => undefined); // the test that waits for it says so
});

async function sufferEarly(
  cut: RoomClient,
  nameless: RoomClient,
): Promise<{ readonly cut: Watched; readonly nameless: Watched }> {
  const [cutName, namelessName] = [
    inspectOf('client', 'cut').Name.slice(1),
    inspectOf('client', 'nameless').Name.slice(1),
  ];
  const watches = await Promise.all([Capture.inside(lab.id, cutName), Capture.inside(lab.id, namelessName)]);
  const [cutSince, namelessSince] = [cut.lines.length, nameless.lines.length];
  cutFromNetwork(cutName, `${stack.project}_socks`);
  await watches[0].flows();
  await breakNames(lab.id, namelessName, nameless);
  await watches[1].flows();
  await keepTrying([cut, nameless], 'early');
  const [cutFlows, namelessFlows] = await Promise.all(watches.map((watch) => watch.flows()));
  const offline = [await goesOffline(cut, cutSince), await goesOffline(nameless, namelessSince)] as const;
  await mendNames(lab.id, namelessName);
  return {
    cut: { flows: cutFlows ?? [], isOffline: offline[0] },
    nameless: { flows: namelessFlows ?? [], isOffline: offline[1] },
  };
}

const cleanups: (() => Promise<void>)[] = [() => stack.dismiss()];

afterAll(async () => {
  for (const clean of cleanups) await clean();
  const report = table.report(engine, (performance.now() - startedMs) / 60_000);
  process.stdout.write(`\n${renderReports([report])}\n`);
  const file = process.env['SOTTO_LEAK_TABLE'];
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report)}\n`, { flag: 'a' });
});

describe('the lab on a network without isolation', () => {
  test.each(IDENTITIES)('catches every probe (%s)', async (identity) => {
    const [open] = (await examine([lab.network])).networks;
    if (open === undefined) throw new Error('no open network');
    const own = [open.members.get(lab.victim) ?? ''];
    const place: Place = { networks: [open], own, wanted: [], namesStayHere: true };
    const whole: Machine = { addresses: machine.addresses, networks: [...machine.networks, open] };
    const plan = planFor(whole, place, [open.bridgeMac, lab.worldMac()]);
    const [onBridge, inside] = [await Capture.onBridges(lab.id, [open]), await Capture.inside(lab.id, lab.victim)];
    const attempts = await lab.probe(lab.victim, identity, '10007:10007', plan);
    const seen = { onBridge: strays(await onBridge.flows(), [open]), inside: await inside.flows() };
    await Promise.all([onBridge.end(), inside.end()]);
    const isCaptured =
      seen.onBridge.length > 0 && seen.inside.some((flow) => flow.to === FIRST_END && flow.port === 42);
    table.set('L15', `anti-test ${identity}`, isCaptured ? 'caught' : 'MISSED');
    expect(isCaptured).toBe(true);
    const missed = NETWORK_PROBES.filter((probe) => !isCaught(probe, attempts, identity));
    for (const probe of NETWORK_PROBES) table.set(probe, `anti-test ${identity}`, caughtCell(probe, attempts, missed));
    expect(missed.map((probe) => ({ probe, attempts: unseen(probe, attempts) }))).toEqual([]);
    expect(lab.canary.lines).toContain(`tcp ${open.gateway} ${CANARY_PORT}`);
  });
});

/** Attempts that were allowed, but neither answered nor noted by the world. */
function unseen(probe: ProbeId, attempts: readonly Attempt[]): string[] {
  const ofProbe = attempts.filter((attempt) => attempt.probe === probe && attempt.outcome !== 'not-allowed');
  const answered = new Set(
    ofProbe
      .filter(({ outcome }) => outcome === 'reached' || (outcome === 'refused' && probe !== 'L12'))
      .map(({ what }) => what),
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

/**
 * Caught: everything that the kernel lets this identity try was seen. Only frames made by hand may
 * be forbidden altogether, but to root.
 */
function isCaught(probe: ProbeId, attempts: readonly Attempt[], identity: Identity): boolean {
  if (!isAllowed(probe, attempts)) return probe === 'L11' && identity !== 'root';
  return unseen(probe, attempts).length === 0;
}

function caughtCell(
  probe: ProbeId,
  attempts: readonly Attempt[],
  missed: readonly ProbeId[],
): 'caught' | 'MISSED' | 'not allowed' {
  if (missed.includes(probe)) return 'MISSED';
  return isAllowed(probe, attempts) ? 'caught' : 'not allowed';
}

const casesOf = (services: readonly Service[]): (readonly [Service, Identity])[] =>
  services.flatMap((service) => IDENTITIES.map((identity) => [service, identity] as const));

describe('a probe inside the stack', () => {
  test.each(casesOf(['relay', 'redis', 'host', 'gate']))('in %s, as %s, reaches nothing that it should not', probeFrom);
});

async function probeFrom(service: Service, identity: Identity): Promise<void> {
  const { name, user, place } = placeOf(service);
  const heardBefore = lab.worldHeard.length;
  const before = await lab.counters();
  const attempts = await lab.probe(name, identity, user, planFor(machine, place));
  const after = await lab.counters();
  const found = attempts.filter((attempt) => isLeak(attempt, place));
  const leaks = found.filter(({ probe }) => !isByHand(probe, identity));
  const dropped: ProbeId[] = [
    ...(after.documentation > before.documentation ? (['L1', 'L2', 'L5'] as const) : []),
    ...(after.metadata > before.metadata ? (['L7'] as const) : []),
    ...(after.names > before.names ? (['L3', 'L4'] as const) : []),
    ...(after.spoofed > before.spoofed && identity !== 'root' ? (['L11'] as const) : []),
  ];
  for (const probe of NETWORK_PROBES) {
    const leaked = dropped.includes(probe) || leaks.some((leak) => leak.probe === probe) || !place.namesStayHere;
    const answered = found.some((each) => each.probe === probe) || (probe === 'L11' && after.spoofed > before.spoofed);
    const byHand = answered && isByHand(probe, identity);
    table.set(probe, `${service} ${identity}`, leaked ? 'LEAK' : byHand ? 'machine*' : 'held');
  }
  expect(attempts.length).toBeGreaterThan(NETWORK_PROBES.length);
  expect({ leaks, dropped, namesStayHere: place.namesStayHere }).toEqual({
    leaks: [],
    dropped: [],
    namesStayHere: true,
  });
  expect(lab.worldHeard.slice(heardBefore)).toEqual([]);
}

/**
 * The machine's own end of a bridge answers frames made by hand (an IPv6 link-local echo; an IPv4
 * packet for one of its addresses), on every engine that was tried (adr/0010). Making them takes
 * CAP_NET_RAW, which no service has, and a packet socket, which the profile of system calls refuses
 * to every service, whoever asks.
 */
function isByHand(probe: ProbeId, identity: Identity): boolean {
  return identity === 'root' && (probe === 'L9' || probe === 'L11');
}

describe('the search on disk and in memory', () => {
  const canary = `canary-${randomBytes(12).toString('hex')}`;

  test('finds no text, but finds the text that a careless container leaves', async () => {
    const [alice, bob] = talkers;
    if (alice === undefined || bob === undefined) throw new Error('nobody talks');
    alice.send(canary, 'canary');
    await bob.until((line) => line['text'] === canary, MESSAGE_LIMIT_MS);
    const invite = await stack.inviteWithin();
    const decoded = decodeInvite(invite);
    if (!decoded.ok) throw new Error(decoded.code);
    const onion = onionAddressOf(decoded.value.onionKey).replace('.onion', '');
    const containers = docker([
      'ps',
      '--format',
      '{{.Names}}',
      '--filter',
      `label=com.docker.compose.project=${stack.project}`,
    ]);
    const volumes = docker([
      'volume',
      'ls',
      '--quiet',
      '--filter',
      `label=com.docker.compose.project=${stack.project}`,
    ]);
    const found = findOnDisk(lab.id, lines(containers), lines(volumes), [canary, invite, onion]);
    for (const service of SERVICES) table.set('L13', `${service} user`, found.length === 0 ? 'held' : 'LEAK');

    const careless = `sotto-leaklab-${lab.id}-careless`;
    const own = ['--detach', '--label', `${LAB_LABEL}=${lab.id}`, '--network', 'none', '--log-driver', 'json-file'];
    docker(['volume', 'create', '--label', `${LAB_LABEL}=${lab.id}`, careless]);
    docker(['run', ...own, '--name', careless, '-v', `${careless}:/volume`, '--entrypoint', 'sleep', LAB_IMAGE, '600']);
    // From outside, so that the container's own configuration does not hold the text.
    docker(['exec', careless, 'sh', '-c', `echo ${canary} | tee /layer /volume/file >/proc/1/fd/1`]);
    await eventually('the engine has logged it', () => docker(['logs', careless]).includes(canary), MESSAGE_LIMIT_MS);
    const caught = findOnDisk(lab.id, [careless], [careless], [canary]);
    table.set('L13', 'anti-test user', caught.length === 3 ? 'caught' : 'MISSED');
    expect(caught).toEqual([`layer of ${careless}`, `log of ${careless}`, `volume ${careless}`]);
    expect(found).toEqual([]);
  });

  test('finds no plaintext in relay, Redis, gate and host, but in the client that shows it', () => {
    const inMiddle = ['relay', 'redis', 'gate', 'host'] as const;
    const counts = inMiddle.map((service) => countInMemory(`${stack.project}-${service}-1`, [canary])[0]);
    const control = countInMemory(inspectOf('client', 'bob').Name.slice(1), [canary])[0] ?? 0;
    for (const [index, service] of inMiddle.entries())
      table.set('L14', `${service} user`, counts[index] === 0 ? 'held' : 'LEAK');
    table.set('L14', 'anti-test user', control > 0 ? 'caught' : 'MISSED');
    expect(counts).toEqual([0, 0, 0, 0]);
    expect(control).toBeGreaterThan(0);
  });
});

describe(`for ${TRY_MS / 1000} s of attempted sending there is not one packet elsewhere, and the client says that it is offline,`, () => {
  test('sends nothing elsewhere when its network is cut', async () => {
    const { cut } = await early;
    const out = cut.flows.filter((flow) => flow.wire !== 'lo');
    table.set('L15', 'client user', out.length === 0 && cut.isOffline ? 'held' : 'LEAK');
    expect({ out, isOffline: cut.isOffline }).toEqual({ out: [], isOffline: true });
  });

  test('asks for no name but its Tor’s when name lookups fail', async () => {
    const { nameless } = await early;
    const socks = machine.networks.filter(({ name }) => name.endsWith('_socks'));
    const outside = nameless.flows.filter(({ wire }) => wire !== 'lo');
    const out = strays(
      outside.map((flow) => ({ ...flow, wire: socks[0]?.bridge ?? flow.wire })),
      socks,
    );
    const names = new Set(
      nameless.flows.filter(({ wire, name }) => wire === 'lo' && name !== '').map(({ name }) => name),
    );
    table.set('L15', 'client user', out.length === 0 && nameless.isOffline ? 'held' : 'LEAK');
    table.set('L4', 'client user', names.size === 1 && names.has('tor-client') ? 'held' : 'LEAK');
    expect({ out, isOffline: nameless.isOffline, names: [...names] }).toEqual({
      out: [],
      isOffline: true,
      names: ['tor-client'],
    });
  });
});

// Only now: these two share a network with the clients above, whose every packet counts.
describe('a probe inside the stack', () => {
  test.each(casesOf(['client', 'host-client']))('in %s, as %s, reaches nothing that it should not', probeFrom);
});

test('no packet on the stack’s bridges has left its subnet during all probes, but forged frames', async () => {
  const flows = await bridges.flows();
  const made = (flow: Flow): boolean =>
    flow.from === SPOOFED_SOURCE || (flow.protocol === 'icmp6' && flow.from.startsWith('fe80:'));
  expect(escapes(flows, machine.networks).filter((flow) => !made(flow))).toEqual([]);
  expect(flows.some((flow) => flow.kind === 'unicast')).toBe(true);
  process.stdout.write(`beside unicast, while probing:\n  ${listed(flows, machine.networks).join('\n  ')}\n`);
});

describe(`for ${TRY_MS / 1000} s of attempted sending there is not one packet elsewhere, and the client says that it is offline,`, () => {
  test.each(['tor', 'tor-client'] as const)('clients send nothing elsewhere when %s is killed', async (service) => {
    await bridges.flows();
    const since = talkers.map((client) => client.lines.length);
    await stack.kill(service);
    await keepTrying(talkers, service);
    const flows = await bridges.flows();
    const out = strays(flows, machine.networks);
    const offline = await Promise.all(
      talkers.map((client, index) => goesOffline(client, service === 'tor' ? (since[index] ?? 0) : 0)),
    );
    for (const each of SERVICES) table.set('L15', `${each} user`, out.length === 0 ? 'held' : 'LEAK');
    process.stdout.write(`beside unicast, ${service} killed:\n  ${listed(flows, machine.networks).join('\n  ')}\n`);
    expect({ out, offline }).toEqual({ out: [], offline: [true, true] });
  });
});

test('the drop rule drops and counts: the same rule before the world lets nothing through', async () => {
  const dropRule = await lab.dropRuleAtVictim();
  const heardBefore = lab.worldHeard.length;
  const place: Place = { networks: [], own: [], wanted: [], namesStayHere: true };
  const attempts = await lab.probe(lab.victim, 'user', '10007:10007', planFor({ addresses: [], networks: [] }, place));
  const counted = JSON.parse(await dropRule.ask()) as DropCounters;
  // Before the rule is gone: an engine's resolver sends again what was dropped, and then gets
  // through.
  const heard = lab.worldHeard.slice(heardBefore);
  await dropRule.end();
  const through = attempts.filter(
    ({ probe, outcome }) => ['L1', 'L2', 'L3', 'L4', 'L9'].includes(probe) && outcome === 'reached',
  );
  expect(through.filter(({ what }) => !what.startsWith('address '))).toEqual([]);
  expect(heard.filter((line) => /^(udp|dns)/.test(line))).toEqual([]);
  expect(counted.documentation).toBeGreaterThan(5);
  expect(counted.names).toBeGreaterThan(0);
});

test('the machine’s drop rule has dropped nothing but answers to forged frames', async () => {
  const { documentation, metadata, names, foreign, spoofed } = await lab.counters();
  process.stdout.write(
    `dropped on the way out: ${spoofed} answers of the machine to frames made by hand, ${foreign} of others’\n`,
  );
  expect({ documentation, metadata, names }).toEqual({ documentation: 0, metadata: 0, names: 0 });
});

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean);
}

interface Inspected {
  readonly Name: string;
  readonly Args: readonly string[];
  readonly Config: { readonly User: string };
  readonly HostConfig: { readonly Dns: readonly string[] | null; readonly NetworkMode: string };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

function placeOf(service: Service): { readonly name: string; readonly user: string; readonly place: Place } {
  const container = inspectOf(service, service === 'client' ? 'prober' : '');
  const own = Object.values(container.NetworkSettings.Networks).map(({ IPAddress }) => IPAddress);
  const networks = machine.networks.filter(({ name }) => name in container.NetworkSettings.Networks);
  const wanted = networks.flatMap((network) => servedOn(network));
  const { Dns, NetworkMode } = container.HostConfig;
  const namesStayHere = NetworkMode === 'none' || (Dns?.length === 1 && Dns[0] === '127.0.0.1');
  return {
    name: container.Name.slice(1),
    user: container.Config.User,
    place: { networks, own, wanted, namesStayHere },
  };
}

/**
 * Attempts that ARCHITECTURE.md allows to members of an inner network: ask the one server on it.
 */
function servedOn(network: Network): string[] {
  const at = (service: string, port: number): string[] => {
    const address = network.members.get(`${stack.project}-${service}-1`);
    return address === undefined ? [] : [`${address} ${port}`];
  };
  if (network.name.endsWith('_state')) return at('redis', 6379);
  return network.name.endsWith('_egress') ? [] : at('tor-client', 9050);
}

/** The running container of a service; of several clients the one of that name. */
function inspectOf(service: Service, clientName: string): Inspected {
  const label = [
    '--filter',
    `label=com.docker.compose.project=${stack.project}`,
    '--filter',
    `label=com.docker.compose.service=${service}`,
  ];
  const all = JSON.parse(docker(['inspect', ...lines(docker(['ps', '--quiet', ...label]))])) as Inspected[];
  const found = clientName === '' ? all[0] : all.find(({ Args }) => Args.includes(clientName));
  if (found === undefined) throw new Error(`no container of ${service} ${clientName}`);
  return found;
}
