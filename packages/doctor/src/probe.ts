// Runs the probes: a container with the least rights joins each internal network and must fail to
// get out. It is made of a present image, tries documentation addresses (RFC 5737) and the
// network's gateway, and is removed.

import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import { readAll, standardOutput } from './docker-stream.ts';
import { shortName } from './facts.ts';
import {
  OUTPUT_BYTES_MAX,
  PROBE_CPUS,
  PROBE_LIMIT_MS,
  PROBE_MEMORY_BYTES,
  PROBE_PIDS,
  PROBE_TRY_MS,
  STOP_LIMIT_MS,
} from './limits.ts';
import type { ProbeReport, ProbeTask } from './probe-main.ts';
import type { RawContainer, RawNetwork } from './engine-answers.ts';
import { seen, unseen } from './snapshot.ts';
import type { ContainerFacts, ProbeFacts, Seen } from './snapshot.ts';

/** Documentation addresses, which nothing uses: RFC 5737. */
const OUTSIDE = ['198.51.100.1', '198.51.100.129'];
/** Services whose image has Node, the smallest first. */
const NODE_SERVICES = ['gate', 'relay', 'host', 'client', 'host-client'];
const NODE = '/usr/local/bin/node';
const NOBODY = '65534:65534';
const IPV4 = /^(\d{1,3}\.){3}\d{1,3}$/;
/** Neighbours that are asked for an answer; one is enough. */
const NEIGHBOURS_MAX = 4;
/** A port on which nothing listens: a present neighbour refuses. */
const UNLIKELY_PORT = 9;
const EVERY_ADDRESS = ['0.0.0.0', '::'];

export interface ProbeInputs {
  readonly project: string;
  readonly networks: readonly RawNetwork[];
  readonly containers: readonly RawContainer[];
  /** Facts of the same containers: a neighbour is tried at a port that it serves. */
  readonly facts: readonly ContainerFacts[];
  /** Aborts all probes; they are removed then, too. */
  readonly signal: AbortSignal;
}

/** Probes all internal networks at once. */
export async function probeNetworks(docker: Docker, inputs: ProbeInputs): Promise<Seen<readonly ProbeFacts[]>> {
  const image = nodeImage(inputs.containers);
  if (image === undefined) return unseen('no-node-image');
  const script = readFileSync(new URL('probe-main.ts', import.meta.url), 'utf8');
  const internal = inputs.networks.filter(({ Internal }) => Internal === true);
  return seen(
    await Promise.all(
      internal.map(async (network) => ({
        network: shortName(inputs.project, network.Name),
        outcome: await probeNetwork(docker, network, image, script, inputs),
      })),
    ),
  );
}

/** @returns the image's id, so that a moved tag changes nothing. */
function nodeImage(containers: readonly RawContainer[]): string | undefined {
  const found = NODE_SERVICES.flatMap((service) =>
    containers.filter(({ Config }) => Config.Labels?.['com.docker.compose.service'] === service),
  );
  return found[0]?.Image;
}

async function probeNetwork(
  docker: Docker,
  network: RawNetwork,
  image: string,
  script: string,
  { project, facts, signal }: ProbeInputs,
): Promise<ProbeFacts['outcome']> {
  const addresses = addressesOn(network);
  const serving = servedOn(shortName(project, network.Name), facts);
  const present = addresses.map((host) => ({ host, port: UNLIKELY_PORT }));
  const task: ProbeTask = {
    tryMs: PROBE_TRY_MS,
    outside: OUTSIDE,
    gateways: gatewaysOf(network),
    neighbours: (serving.length > 0 ? serving : present).slice(0, NEIGHBOURS_MAX),
  };
  try {
    const output = await runProbe(docker, createOptions(network, image, script, task), signal);
    return outcomeOf(task, JSON.parse(output) as ProbeReport);
  } catch {
    // The engine's text may hold names and paths of the machine, so it is dropped.
    return unseen('probe-failed');
  }
}

/**
 * The machine's addresses on a network. An engine that gives the bridge no address may name none:
 * then the first of the subnet.
 */
function gatewaysOf(network: RawNetwork): string[] {
  const neighbours = addressesOn(network);
  return (network.IPAM?.Config ?? [])
    .map(({ Gateway, Subnet }) => bare(Gateway ?? '') || firstAddress(bare(Subnet ?? '')))
    .filter((address) => IPV4.test(address) && !neighbours.includes(address));
}

/** Without the length of its prefix. */
function bare(address: string): string {
  return address.replace(/\/.*$/, '');
}

function firstAddress(subnet: string): string {
  return subnet.replace(/\d+$/, (last) => String(Number(last) + 1));
}

/** The addresses of all containers on a network. */
function addressesOn({ Containers }: RawNetwork): string[] {
  return Object.values(Containers ?? {})
    .map(({ IPv4Address }) => bare(IPv4Address ?? ''))
    .filter((address) => address !== '');
}

/** One TCP port of each container that serves one on a network. */
export function servedOn(network: string, containers: readonly ContainerFacts[]): ProbeTask['neighbours'] {
  return containers.flatMap(({ networks, listeners }) => {
    const host = networks[network];
    if (host === undefined || !listeners.seen) return [];
    const ports = listeners.value
      .filter(({ protocol, address }) => protocol === 'tcp' && [host, ...EVERY_ADDRESS].includes(address))
      .map(({ port }) => port);
    return ports.length > 0 ? [{ host, port: Math.min(...ports) }] : [];
  });
}

function createOptions(
  network: RawNetwork,
  image: string,
  script: string,
  task: ProbeTask,
): Docker.ContainerCreateOptions {
  return {
    name: `sotto-doctor-probe-${randomBytes(6).toString('hex')}`,
    Image: image,
    Entrypoint: [NODE, '--no-warnings', '--input-type=module-typescript', '--eval', script],
    Cmd: [JSON.stringify(task)],
    User: NOBODY,
    WorkingDir: '/',
    AttachStdout: true,
    AttachStderr: true,
    // A container inherits the project's labels of an image that Compose built: a probe is of no
    // project.
    Labels: { 'org.sotto.doctor': 'probe', 'com.docker.compose.project': '', 'com.docker.compose.service': '' },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: network.Id,
      // The engine removes the container when it ends, even if the doctor has ended.
      AutoRemove: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      ReadonlyRootfs: true,
      IpcMode: 'private',
      Init: true,
      Dns: ['127.0.0.1'],
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      Memory: PROBE_MEMORY_BYTES,
      MemorySwap: PROBE_MEMORY_BYTES,
      PidsLimit: PROBE_PIDS,
      NanoCpus: PROBE_CPUS * 1_000_000_000,
      Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
    },
  };
}

/**
 * @returns its output.
 * @throws Error if it does not start, or does not end within PROBE_LIMIT_MS
 */
async function runProbe(docker: Docker, options: Docker.ContainerCreateOptions, signal: AbortSignal): Promise<string> {
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(PROBE_LIMIT_MS)]);
  const container = await docker.createContainer(options);
  try {
    const stream = await container.attach({ stream: true, stdout: true, stderr: true, abortSignal });
    const printed = readAll(stream, OUTPUT_BYTES_MAX);
    await container.start({ abortSignal });
    return standardOutput(await Promise.race([printed, whenAborted(abortSignal)]));
  } finally {
    await removeQuietly(container);
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  });
}

/** The container may be gone, or the engine may be removing it: then the doctor waits for that. */
async function removeQuietly(container: Docker.Container): Promise<void> {
  try {
    await container.remove({ force: true, v: true });
  } catch (error) {
    if (isGone(error)) return;
    if ((error as { readonly statusCode?: unknown }).statusCode !== 409) throw error;
    await container
      .wait({ condition: 'removed', abortSignal: AbortSignal.timeout(STOP_LIMIT_MS) })
      .catch((failure: unknown) => {
        if (!isGone(failure)) throw failure;
      });
  }
}

function isGone(error: unknown): boolean {
  return (error as { readonly statusCode?: unknown }).statusCode === 404;
}

/** @returns the answers, and whether the probe could have seen one. It decides nothing. */
export function outcomeOf(task: ProbeTask, report: ProbeReport): ProbeFacts['outcome'] {
  const isOnNetwork = report.addresses.length > 0;
  const hasNeighbour = task.neighbours.length > 0;
  const isAble = report.loopback && isOnNetwork && (!hasNeighbour || report.neighbour);
  return seen({
    control: isAble ? (hasNeighbour ? 'neighbour' : 'loopback') : 'failed',
    tried: report.tried,
    outside: report.outside,
    gateway: report.gateway,
    gatewayKnown: task.gateways.length > 0,
  });
}
