// Inspects a running stack through the engine, and in this machine's /proc if the engine runs here.
// It changes nothing.

import type Docker from 'dockerode';
import { readAll, fileInArchive, standardOutput } from './docker-stream.ts';
import { DoctorError } from './errors.ts';
import { containerFacts, engineFacts, filesAdded, networkFacts, shortName, volumeFacts } from './facts.ts';
import { OUTPUT_BYTES_MAX, TORRC_BYTES_MAX, VERSION_LIMIT_MS } from './limits.ts';
import { isInContainer, readListeners, readMachine, readProcess } from './proc.ts';
import type { RawContainer, RawEngine, RawNetwork, RawVolume } from './engine-answers.ts';
import { seen, unseen } from './snapshot.ts';
import type { ContainerFacts, ProcessFacts, Seen, Snapshot, StrangerFacts, TorFacts } from './snapshot.ts';
import { readTorCommand, readTorrc } from './torrc.ts';
import type { TorOption } from './torrc.ts';

const PROJECT_LABEL = 'com.docker.compose.project';
const TOR_SERVICES = new Set(['tor', 'tor-client']);

/** The engine's answers on the stack; the probe needs `networks` and `containers`. */
export interface Inspected {
  readonly snapshot: Omit<Snapshot, 'release' | 'probes'>;
  readonly networks: readonly RawNetwork[];
  readonly containers: readonly RawContainer[];
}

/** @throws DoctorError `stack-missing` */
export async function inspectStack(docker: Docker, project: string): Promise<Inspected> {
  const filters = { label: [`${PROJECT_LABEL}=${project}`] };
  const [engine, containers, networks, volumes, everybody] = await Promise.all([
    inspectEngine(docker),
    inspectContainers(docker, filters),
    inspectNetworks(docker, filters),
    docker.listVolumes({ filters }).then(({ Volumes }) => Volumes as unknown as readonly RawVolume[]),
    docker.listContainers({ all: true }),
  ]);
  if (containers.length === 0) throw new DoctorError('stack-missing');
  const isHere = await runsHere(containers);
  const facts = await Promise.all(containers.map((raw) => lookInto(docker, project, raw, isHere)));
  return {
    networks,
    containers,
    snapshot: {
      project,
      filesAdded: filesAdded(containers),
      engine: engineFacts(engine),
      machine: isHere ? seen(await readMachine()) : unseen('not-this-machine'),
      containers: facts.sort((one, two) => one.name.localeCompare(two.name)),
      networks: networks.map((raw) => networkFacts(project, raw)),
      volumes: volumes.map((raw) => volumeFacts(project, raw)),
      strangers: strangersOf(project, everybody, networks, volumes),
    },
  };
}

async function inspectEngine(docker: Docker): Promise<RawEngine> {
  const asked: Promise<unknown>[] = [docker.info(), docker.version()];
  const [info, version] = await Promise.all(asked);
  return { info, version } as RawEngine;
}

async function inspectContainers(docker: Docker, filters: { label: string[] }): Promise<RawContainer[]> {
  const listed = await docker.listContainers({ all: true, filters });
  const inspected = await Promise.all(listed.map(({ Id }) => whileThere(docker.getContainer(Id).inspect())));
  return inspected.flatMap((raw) => raw ?? []) as unknown as RawContainer[];
}

async function inspectNetworks(docker: Docker, filters: { label: string[] }): Promise<RawNetwork[]> {
  const listed = await docker.listNetworks({ filters });
  const inspected = await Promise.all(listed.map(({ Id }) => whileThere(docker.getNetwork(Id).inspect())));
  return inspected.flatMap((raw) => raw ?? []);
}

/** A client may leave between the list and the inspection: then it is left out. */
async function whileThere<Value>(looking: Promise<Value>): Promise<Value | undefined> {
  try {
    return await looking;
  } catch (error) {
    if ((error as { readonly statusCode?: unknown }).statusCode === 404) return undefined;
    throw error;
  }
}

/**
 * Whether the engine runs on this machine: a container's process is then in that container's cgroup
 * here.
 */
async function runsHere(containers: readonly RawContainer[]): Promise<boolean> {
  const running = containers.filter(({ State }) => State.Running === true);
  const found = await Promise.all(running.map(({ Id, State }) => isInContainer(State.Pid ?? 0, Id)));
  return found.includes(true);
}

async function lookInto(docker: Docker, project: string, raw: RawContainer, isHere: boolean): Promise<ContainerFacts> {
  const container = docker.getContainer(raw.Id);
  const facts = containerFacts(project, raw, await layersOf(docker, raw.Image));
  const [processes, listeners, tor] = await Promise.all([
    facts.running ? processesOf(container, raw.Id, isHere) : facts.processes,
    facts.running ? listenersOf(raw, isHere) : facts.listeners,
    TOR_SERVICES.has(facts.service) ? torFacts(container, raw, facts.running) : null,
  ]);
  return { ...facts, processes, listeners, tor };
}

async function layersOf(docker: Docker, image: string): Promise<readonly string[]> {
  const inspected = await whileThere(docker.getImage(image).inspect());
  return inspected?.RootFS.Layers ?? [];
}

async function processesOf(
  container: Docker.Container,
  id: string,
  isHere: boolean,
): Promise<Seen<readonly ProcessFacts[]>> {
  if (!isHere) return unseen('not-this-machine');
  const top = (await whileThere(container.top())) as
    { Titles: readonly string[]; Processes: readonly string[][] } | undefined;
  const column = top?.Titles.indexOf('PID') ?? -1;
  const pids = (top?.Processes ?? []).map((row) => Number(row[column])).filter((pid) => pid > 0);
  const here = await Promise.all(
    pids.map(async (pid) => ((await isInContainer(pid, id)) ? readProcess(pid) : undefined)),
  );
  const processes = here.flatMap((process) => process ?? []);
  return processes.length > 0 ? seen(processes) : unseen('no-process-seen');
}

async function listenersOf({ Id, State }: RawContainer, isHere: boolean): Promise<ContainerFacts['listeners']> {
  const pid = State.Pid ?? 0;
  if (!isHere || !(await isInContainer(pid, Id))) return unseen('not-this-machine');
  return seen(await readListeners(pid));
}

async function torFacts(container: Docker.Container, raw: RawContainer, isRunning: boolean): Promise<TorFacts> {
  const [version, options] = await Promise.all([
    isRunning ? torVersion(container) : unseen('not-running'),
    torOptions(container, raw.Config.Cmd ?? []),
  ]);
  return { version, options };
}

/** Asks the container's tor for its version: a second process that prints it and ends. */
async function torVersion(container: Docker.Container): Promise<Seen<string>> {
  try {
    const asked = await container.exec({ Cmd: ['/usr/bin/tor', '--version'], AttachStdout: true, AttachStderr: true });
    const stream = await asked.start({ abortSignal: AbortSignal.timeout(VERSION_LIMIT_MS) });
    const text = standardOutput(await readAll(stream, OUTPUT_BYTES_MAX));
    const version = /^Tor version (\S+?)\.?(?:\s|$)/m.exec(text)?.[1];
    return version === undefined ? unseen('no-version') : seen(version);
  } catch {
    // The engine's text on a failed exec may hold names, so it is dropped.
    return unseen('version-unasked');
  }
}

async function torOptions(container: Docker.Container, args: readonly string[]): Promise<Seen<readonly TorOption[]>> {
  const command = readTorCommand(args);
  try {
    const files = await Promise.all(command.files.map((path) => readFromContainer(container, path)));
    return seen([...files.flatMap(readTorrc), ...command.options]);
  } catch {
    return unseen('no-configuration');
  }
}

/** @throws Error if there is no such file, or it is too long */
async function readFromContainer(container: Docker.Container, path: string): Promise<string> {
  const archive = await container.getArchive({ path });
  const text = fileInArchive(await readAll(archive, TORRC_BYTES_MAX));
  if (text === undefined) throw new Error('not a file');
  return text;
}

function strangersOf(
  project: string,
  everybody: readonly Docker.ContainerInfo[],
  networks: readonly RawNetwork[],
  volumes: readonly RawVolume[],
): StrangerFacts[] {
  const others = everybody.filter(({ Labels }) => Labels[PROJECT_LABEL] !== project);
  return others
    .map(({ Id, Names, NetworkSettings, Mounts }) => ({
      name: shortName('', Names[0] ?? Id.slice(0, 12)),
      networks: networks
        .filter(({ Name, Containers }) => Id in (Containers ?? {}) || Name in NetworkSettings.Networks)
        .map(({ Name }) => shortName(project, Name)),
      volumes: volumes
        .filter(({ Name }) => Mounts.some((mount) => mount.Name === Name))
        .map(({ Name }) => shortName(project, Name)),
    }))
    .filter((stranger) => stranger.networks.length > 0 || stranger.volumes.length > 0);
}
