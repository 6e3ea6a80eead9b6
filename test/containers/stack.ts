// One Sotto stack on a private Tor network for all container tests, and what a test may do to it.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { DockerComposeEnvironment, Wait } from 'testcontainers';
import { COMPOSE_FILES, removeProject, runCompose } from '../../scripts/compose.ts';
import { RoomClient } from '../../scripts/room-client.ts';
import { removeContainer } from './remove-container.ts';

const SERVICES = ['tornet', 'tor', 'tor-client', 'gate', 'relay', 'redis', 'host'] as const;
const CLIENTS: readonly string[] = ['client', 'host-client'];
export type Service = (typeof SERVICES)[number];

/** All networks of a stack, without the project's name. */
export const STACK_NETWORKS = ['egress', 'socks', 'probe', 'state'] as const;

export const JOIN_LIMIT_MS = 120_000;
const STRING_LIMIT_MS = 240_000;
const HEALTH_LIMIT_MS = 60_000;
const ASK_EVERY_MS = 250;

const docker = new Docker();

/** Starts the stack under a project name of its own; nothing else on the machine is touched. */
export async function startStack(): Promise<Stack> {
  const project = `sotto-test-${randomBytes(4).toString('hex')}`;
  let environment = new DockerComposeEnvironment('.', [...COMPOSE_FILES]).withProjectName(project);
  for (const service of SERVICES) environment = environment.withWaitStrategy(`${service}-1`, Wait.forHealthCheck());
  try {
    await environment.up([...SERVICES]);
  } catch (error) {
    removeProject(project);
    throw error;
  }
  return new Stack(project);
}

/** A running stack, by its project's name. */
export class Stack {
  readonly project: string;
  readonly #clients: RoomClient[] = [];

  constructor(project: string) {
    this.project = project;
  }

  container(service: Service): Docker.Container {
    return docker.getContainer(`${this.project}-${service}-1`);
  }

  /** What `docker compose exec host invite` says now: the string, or undefined while the room is not reachable. */
  invite(): string | undefined {
    const asked = runCompose(this.project, ['exec', '-T', 'host', 'invite']);
    return asked.code === 0 ? asked.stdout.trim() : undefined;
  }

  async inviteWithin(limitMs = STRING_LIMIT_MS): Promise<string> {
    let invite: string | undefined;
    await eventually('a connection string', () => (invite = this.invite()) !== undefined, limitMs);
    if (invite === undefined) throw new Error('no connection string');
    return invite;
  }

  client(name: string, invite: string, args: readonly string[] = []): RoomClient {
    const client = new RoomClient(this.project, name, invite, args);
    this.#clients.push(client);
    return client;
  }

  /** The host's own client, which asks the host for the connection string and moderates the room. */
  async joinAsHost(name: string): Promise<RoomClient> {
    const client = new RoomClient(this.project, name, undefined, [], 'host-client');
    this.#clients.push(client);
    await client.joined(JOIN_LIMIT_MS);
    return client;
  }

  async join(name: string, invite: string): Promise<RoomClient> {
    const client = this.client(name, invite);
    await client.joined(JOIN_LIMIT_MS);
    return client;
  }

  /** All clients leave; who does not is killed. */
  async dismiss(): Promise<void> {
    const clients = this.#clients.splice(0);
    await Promise.all(clients.map((client) => Promise.race([client.quit(), delay(10_000).then(() => client.kill())])));
    await Promise.all((await this.clientContainers()).map(removeContainer));
  }

  /** Containers of `docker compose run client` and `host-client`, newest first. */
  async clientContainers(): Promise<Docker.Container[]> {
    const label = [`com.docker.compose.project=${this.project}`];
    const listed = await docker.listContainers({ all: true, filters: { label } });
    const clients = listed.filter(({ Labels }) => CLIENTS.includes(Labels['com.docker.compose.service'] ?? ''));
    return clients.map((container) => docker.getContainer(container.Id));
  }

  /** The container of the client that was started under this name. */
  async clientContainer(name: string): Promise<Docker.Container> {
    for (const container of await this.clientContainers()) {
      const { Args } = await container.inspect();
      if (Args[Args.indexOf('--name') + 1] === name) return container;
    }
    throw new Error(`no container of client ${name}`);
  }

  /** As a crash: no signal handler runs. Docker does not restart what it killed itself. */
  async kill(service: Service): Promise<void> {
    await this.container(service).kill({ signal: 'SIGKILL' });
  }

  async start(service: Service): Promise<void> {
    await this.container(service).start();
  }

  /** Its processes stand still from now on; what comes to them waits. A kill still ends them. */
  async pause(service: Service): Promise<void> {
    await this.container(service).pause();
  }

  /** Lets every service go on that stands still: what a failed test may leave behind. */
  async thaw(): Promise<void> {
    for (const service of SERVICES) {
      const { State } = await this.container(service).inspect();
      if (State.Paused) await this.container(service).unpause();
    }
  }

  async isHealthy(service: Service): Promise<boolean> {
    const { State } = await this.container(service).inspect();
    return State.Health?.Status === 'healthy';
  }

  /** A service that stood still counts as unhealthy until its next check, for 3 s at most, and Compose starts no client then. */
  async allHealthy(): Promise<void> {
    const areHealthy = async (): Promise<boolean> => {
      const seen = await Promise.all(SERVICES.map((service) => this.isHealthy(service)));
      return seen.every(Boolean);
    };
    await eventually('every service is healthy', areHealthy, HEALTH_LIMIT_MS);
  }

  /** What a service prints from now on; the log driver is `none`, so only an attached reader sees it. */
  async screen(service: Service): Promise<Screen> {
    const stream = await this.container(service).attach({ stream: true, stdout: true, stderr: true });
    const screen: Screen = { text: '' };
    stream.on('data', (chunk: Buffer) => {
      screen.text += chunk.toString('utf8');
    });
    return screen;
  }

  remove(): void {
    removeProject(this.project);
  }
}

export interface Screen {
  text: string;
}

/** Waits until `holds` does, asking often; fails with `what` after the limit. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while (performance.now() < untilMs) {
    if (await holds()) return;
    await delay(ASK_EVERY_MS);
  }
  throw new Error(`not within ${limitMs} ms: ${what}`);
}
