// Whether anything that was said is on the disk: changed files of containers, volumes, logs.

import { spawnSync } from 'node:child_process';
import { docker, runArgs } from './side.ts';

const LOG_LIMIT_BYTES = 64 * 1024 * 1024;

/** Where texts were found, as a list of places; empty is what is promised. */
export function findOnDisk(
  lab: string,
  containers: readonly string[],
  volumes: readonly string[],
  texts: readonly string[],
): string[] {
  return [
    ...containers.filter((name) => hasText(lab, [], changesOf(name), texts)).map((name) => `layer of ${name}`),
    ...containers.filter((name) => hasText(lab, [], logOf(name), texts)).map((name) => `log of ${name}`),
    ...volumes
      .filter((name) => hasText(lab, ['-v', `${name}:/search:ro`], Buffer.alloc(0), texts))
      .map((name) => `volume ${name}`),
  ];
}

/** Every file that the container has changed or added, as tar archives one after another. */
function changesOf(container: string): Buffer {
  const changed = docker(['diff', container])
    .split('\n')
    .filter((line) => /^[AC] /.test(line))
    .map((line) => line.slice(2));
  // A folder comes with all that is in it: only what has nothing changed below it is fetched.
  const leaves = changed.filter((path) => !changed.some((other) => other.startsWith(`${path}/`)));
  return Buffer.concat(
    leaves.map(
      (path) => spawnSync('docker', ['cp', `${container}:${path}`, '-'], { maxBuffer: LOG_LIMIT_BYTES }).stdout,
    ),
  );
}

/** With the driver `none` the engine has kept nothing and says so. */
function logOf(container: string): Buffer {
  const { stdout, stderr } = spawnSync('docker', ['logs', container], { maxBuffer: LOG_LIMIT_BYTES });
  const health = docker([
    'inspect',
    '--format',
    '{{json .State}}{{json .Config}}{{json .NetworkSettings.Ports}}',
    container,
  ]);
  return Buffer.concat([stdout, stderr, Buffer.from(health)]);
}

function hasText(lab: string, mounts: readonly string[], content: Buffer, texts: readonly string[]): boolean {
  const first = JSON.stringify(texts.map((text) => Buffer.from(text).toString('hex')));
  const args = runArgs(lab, ['--network', 'none', ...mounts], ['/lab/search.py']);
  const result = spawnSync('docker', args, { input: Buffer.concat([Buffer.from(`${first}\n`), content]) });
  if (result.status !== 0) throw new Error(`search: ${result.stderr.toString()}`);
  const { counts } = JSON.parse(result.stdout.toString()) as { readonly counts: readonly number[] };
  return counts.some((count) => count > 0);
}
