// A throw-away project with one container that is made like one of the running stack's but does
// nothing, so that it can be broken on purpose.

import { randomBytes } from 'node:crypto';
import Docker from 'dockerode';
import type { Service, Stack } from './stack.ts';

const docker = new Docker();
const PROJECT = 'com.docker.compose.project';
const NODE = '/usr/local/bin/node';
const IDLE = [NODE, '--eval', 'setInterval(() => {}, 1e6)'];
/** A tor that may speak to nobody, whatever network it is on. */
const SILENT_TOR = ['--DisableNetwork', '1'];

/**
 * The parts that a test may change before they are made: options of the engine's API, with their
 * final names.
 */
export interface Parts {
  readonly container: Docker.ContainerCreateOptions & { HostConfig: Docker.HostConfig };
  /** By the name that the stack gives it. */
  readonly networks: Map<string, Docker.NetworkCreateOptions>;
  readonly volumes: Map<string, Docker.VolumeCreateOptions>;
  /** Others that are started beside it. */
  readonly others: Docker.ContainerCreateOptions[];
}

/** Where the overlay of the private Tor network mounts its own volumes. */
const OF_TEST_NETWORK: readonly string[] = ['/run/tornet', '/var/cache/tor'];

export class DummyStack {
  readonly project = `sotto-doctor-${randomBytes(4).toString('hex')}`;

  /** Full names, for whoever spoils the parts. */
  name(what: string): string {
    return `${this.project}_${what}`;
  }

  /** Makes and starts it. */
  async start(stack: Stack, service: Service, spoil: (parts: Parts, dummy: DummyStack) => void): Promise<void> {
    const parts = await this.#partsLike(stack, service);
    spoil(parts, this);
    for (const network of parts.networks.values()) await docker.createNetwork(network);
    for (const volume of parts.volumes.values()) await docker.createVolume(volume);
    for (const options of [parts.container, ...parts.others]) {
      const container = await docker.createContainer(options);
      await container.start();
    }
  }

  container(service: Service): Docker.Container {
    return docker.getContainer(`${this.project}-${service}-1`);
  }

  /** Whatever of it was made; strangers bear the project's name, too. */
  async remove(): Promise<void> {
    const containers = await docker.listContainers({ all: true, filters: { name: [this.project] } });
    for (const { Id } of containers) await docker.getContainer(Id).remove({ force: true, v: true });
    for (const { Id } of await docker.listNetworks({ filters: { name: [this.project] } }))
      await docker.getNetwork(Id).remove();
    const { Volumes } = await docker.listVolumes({ filters: { name: [this.project] } });
    for (const { Name } of Volumes) await docker.getVolume(Name).remove();
  }

  /**
   * The stack's own container, network and volumes, as the engine tells of them, under another
   * project's name.
   */
  async #partsLike(stack: Stack, service: Service): Promise<Parts> {
    const { Config, HostConfig } = await stack.container(service).inspect();
    const rename = <Value>(value: Value): Value =>
      JSON.parse(JSON.stringify(value).replaceAll(stack.project, this.project)) as Value;
    // Docker chooses the masked paths anew for each container.
    const host = rename(HostConfig);
    delete host.MaskedPaths;
    delete host.ReadonlyPaths;
    const isTor = service === 'tor' || service === 'tor-client';
    const container = {
      name: `${this.project}-${service}-1`,
      Image: Config.Image,
      User: Config.User,
      ...(isTor ? { Cmd: [...withoutTestNetwork(Config.Cmd), ...SILENT_TOR] } : { Entrypoint: IDLE, Cmd: [] }),
      Healthcheck: { Test: ['NONE'] },
      Labels: { [PROJECT]: this.project, 'com.docker.compose.service': service },
      HostConfig: { ...host, Mounts: (host.Mounts ?? []).filter(({ Target }) => !OF_TEST_NETWORK.includes(Target)) },
    };
    const volumes = await Promise.all(container.HostConfig.Mounts.map(({ Source }) => this.#volumeLike(stack, Source)));
    const networks = host.NetworkMode === 'none' ? [] : [await this.#networkLike(stack, host.NetworkMode ?? '')];
    return { container, networks: new Map(networks), volumes: new Map(volumes), others: [] };
  }

  async #volumeLike(stack: Stack, name: string): Promise<[string, Docker.VolumeCreateOptions]> {
    const short = name.slice(this.project.length + 1);
    const { Options } = await docker.getVolume(`${stack.project}_${short}`).inspect();
    const Labels = { [PROJECT]: this.project, 'com.docker.compose.volume': short };
    return [short, { Name: name, Labels, ...(Options === null ? {} : { DriverOpts: Options }) }];
  }

  async #networkLike(stack: Stack, name: string): Promise<[string, Docker.NetworkCreateOptions]> {
    const short = name.slice(this.project.length + 1);
    const inspected = await docker.getNetwork(`${stack.project}_${short}`).inspect();
    return [short, this.network(short, inspected.Internal, inspected.Options)];
  }

  /** Options of a network of this project. */
  network(short: string, Internal: boolean, Options: Record<string, string> = {}): Docker.NetworkCreateOptions {
    const Labels = { [PROJECT]: this.project, 'com.docker.compose.network': short };
    return { Name: this.name(short), Driver: 'bridge', Internal, Options, Labels };
  }
}

/** A tor of the dummy's has no test network beside it, and must have none to speak to. */
function withoutTestNetwork(args: readonly string[]): string[] {
  const at = args.indexOf('--defaults-torrc');
  return at === -1 ? [...args] : [...args.slice(0, at), ...args.slice(at + 2)];
}
