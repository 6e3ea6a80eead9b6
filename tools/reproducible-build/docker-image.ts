// Builds images from a clone, reads their layers from the engine, and unpacks them where they
// differ.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nameLayers } from './layers.ts';
import type { Layer } from './layers.ts';
import { readTar } from './tar.ts';
import type { TarEntry } from './tar.ts';

const OUTPUT_MAX_BYTES = 1024 ** 3;
const BUILD_LIMIT_MS = 20 * 60_000;
const LINES_SHOWN = 5;

export class DockerError extends Error {
  override readonly name = 'DockerError';
  readonly code = 'docker-failed';
}

/** What an image is built from: names of .env stand in `args` already. */
export interface BuildPlan {
  readonly name: string;
  readonly image: string;
  readonly dockerfile: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
}

/** Runs docker to its end. @throws DockerError with the last lines that it wrote. */
function docker(args: readonly string[], cwd?: string): Buffer {
  const run = spawnSync('docker', [...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, DOCKER_BUILDKIT: '1' },
    maxBuffer: OUTPUT_MAX_BYTES,
    timeout: BUILD_LIMIT_MS,
  });
  if (run.error !== undefined) throw new DockerError(`docker ${args[0] ?? ''} failed: ${run.error.message}`);
  if (run.status === 0) return run.stdout;
  const said = run.stderr.toString('utf8').trim().split('\n').slice(-LINES_SHOWN);
  throw new DockerError(`docker ${args[0] ?? ''} failed: ${said.join('\n')}`);
}

/**
 * Builds every stage without a cache; a builder that supports SOURCE_DATE_EPOCH uses it for the
 * image's times.
 */
export function build(plan: BuildPlan, context: string, tag: string, epochSeconds: number): void {
  const args = Object.entries({ ...plan.args, SOURCE_DATE_EPOCH: String(epochSeconds) });
  const file = ['--file', plan.dockerfile, '--target', plan.target];
  docker(
    [
      'build',
      '--progress',
      'plain',
      '--no-cache',
      ...file,
      ...args.flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
      '--tag',
      tag,
      '.',
    ],
    context,
  );
}

interface Inspected {
  readonly Id: string;
  readonly Os: string;
  readonly Architecture: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null } & Readonly<Record<string, unknown>>;
  readonly RootFS: { readonly Layers: readonly string[] };
}

function inspect(tag: string): Inspected {
  const [image] = JSON.parse(docker(['image', 'inspect', tag]).toString('utf8')) as Inspected[];
  if (image === undefined) throw new DockerError(`there is no image ${tag}`);
  return image;
}

export function hasImage(tag: string): boolean {
  return spawnSync('docker', ['image', 'inspect', tag], { stdio: 'ignore' }).status === 0;
}

export interface Image {
  readonly id: string;
  /** `linux/amd64`. */
  readonly platform: string;
  readonly layers: readonly Layer[];
  /** What a container of it is told: user, programs, labels. */
  readonly settings: string;
  /** Whether it was made here because no registry had it. */
  readonly isTwin: boolean;
}

export function readImage(tag: string): Image {
  const { Id, Os, Architecture, Config, RootFS } = inspect(tag);
  const history = docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', tag])
    .toString('utf8')
    .trim()
    .split('\n');
  return {
    id: Id,
    platform: `${Os}/${Architecture}`,
    layers: nameLayers(RootFS.Layers, history.reverse()),
    settings: JSON.stringify({ ...Config, Image: undefined, Hostname: undefined }),
    isTwin: Config.Labels?.['org.sotto.twin'] !== undefined,
  };
}

/** The layers' archives, in the order of the layers. */
export function readLayerArchives(tag: string): readonly (readonly TarEntry[])[] {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-layers-'));
  try {
    const archive = join(folder, 'image.tar');
    docker(['save', '--output', archive, tag]);
    const files = new Map(readTar(readFileSync(archive)).map((entry) => [entry.path, entry]));
    const manifest = Buffer.from(files.get('manifest.json')?.content ?? []).toString('utf8');
    const [image] = JSON.parse(manifest) as { readonly Layers: readonly string[] }[];
    return (image?.Layers ?? []).map((path) => {
      const file = files.get(path);
      // The same layer twice in an image is stored once, and linked.
      const linked = file?.kind === 'link' ? files.get(join(path, '..', file.target)) : file;
      return readTar(linked?.content ?? new Uint8Array());
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * An image has the label of its project: without this, `up` would show its container, and
 * ./scripts/stop would end it.
 */
const NO_PROJECT: readonly string[] = ['--label', 'com.docker.compose.project='];

/** What lies at a path of an image, without starting it; undefined if nothing does. */
export function readPath(tag: string, path: string): readonly TarEntry[] | undefined {
  const container = docker(['create', ...NO_PROJECT, '--network', 'none', tag, 'none'])
    .toString('utf8')
    .trim();
  try {
    const run = spawnSync('docker', ['cp', `${container}:${path}`, '-'], { maxBuffer: OUTPUT_MAX_BYTES });
    return run.status === 0 ? readTar(run.stdout) : undefined;
  } finally {
    docker(['rm', '--force', container]);
  }
}

export function removeImage(tag: string): void {
  spawnSync('docker', ['image', 'rm', tag], { stdio: 'ignore' });
}

/** Runs one program of an image without network or privileges. @returns what it printed. */
export function runProgram(tag: string, program: string, argument: string): string {
  const walls = ['--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  return docker([
    'run',
    '--rm',
    ...NO_PROJECT,
    ...walls,
    '--log-driver',
    'none',
    '--entrypoint',
    program,
    tag,
    argument,
  ]).toString('utf8');
}
