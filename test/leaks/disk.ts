// Searches the disk for texts of the room: changed files of containers, volumes, logs.

import { spawnSync } from 'node:child_process';
import { docker, runArgs } from './lab-container.ts';

/** More than that is refused, never cut. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024;

/** Where texts were found, as a list of places; empty is what is promised. */
export function findOnDisk(
  lab: string,
  containers: readonly string[],
  volumes: readonly string[],
  texts: readonly string[],
): string[] {
  const isIn = (content: Buffer): boolean => texts.some((text) => content.includes(text));
  return [
    ...containers.filter((name) => isIn(changesOf(name))).map((name) => `layer of ${name}`),
    ...containers.filter((name) => isIn(logOf(name))).map((name) => `log of ${name}`),
    ...findInVolumes(lab, volumes, texts).map((name) => `volume ${name}`),
  ];
}

function findInVolumes(lab: string, volumes: readonly string[], texts: readonly string[]): string[] {
  const mounts = volumes.flatMap((name) => ['-v', `${name}:/search/${name}:ro`]);
  const args = runArgs(lab, ['--network', 'none', ...mounts], ['/lab/search.py']);
  const hexadecimal = texts.map((text) => Buffer.from(text).toString('hex'));
  const counts = JSON.parse(docker(args, JSON.stringify(hexadecimal))) as Readonly<Record<string, number>>;
  if (Object.keys(counts).length !== volumes.length) throw new Error('not every volume was looked at');
  return volumes.filter((name) => counts[name] !== 0);
}

/** Every file that the container has changed or added, as tar archives one after another. */
function changesOf(container: string): Buffer {
  const changed = docker(['diff', container])
    .split('\n')
    .filter((line) => /^[AC] /.test(line))
    .map((line) => line.slice(2));
  // A folder comes with all that is in it: only what has nothing changed below it is fetched.
  const leaves = changed.filter((path) => !changed.some((other) => other.startsWith(`${path}/`)));
  return Buffer.concat(leaves.map((path) => output(['cp', `${container}:${path}`, '-'])));
}

/**
 * Runs a docker command.
 *
 * @returns its output.
 * @throws if the output is too long to search
 */
function output(args: readonly string[]): Buffer {
  const { stdout, stderr, error } = spawnSync('docker', args, { maxBuffer: LOG_LIMIT_BYTES });
  if (error !== undefined) throw error;
  return Buffer.concat([stdout, stderr]);
}

/** With the driver `none` the engine has kept nothing and says so. */
function logOf(container: string): Buffer {
  const health = docker([
    'inspect',
    '--format',
    '{{json .State}}{{json .Config}}{{json .NetworkSettings.Ports}}',
    container,
  ]);
  return Buffer.concat([output(['logs', container]), Buffer.from(health)]);
}
