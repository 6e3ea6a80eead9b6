// A short-lived container beside the stack: a stranger on a network, or an examiner of another container's memory. It runs Node scripts.

import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

/** The base image of our own images, by the name in .env. */
const NODE_IMAGE: string = /^NODE_IMAGE=(.+)$/m.exec(readFileSync('.env', 'utf8'))?.[1] ?? '';
export const VERSION: string = /^SOTTO_VERSION=(.+)$/m.exec(readFileSync('.env', 'utf8'))?.[1] ?? '';

/** Runs `script` (an ES module) in a container; arguments for `docker run` come first. @returns what it printed, parsed as JSON. */
export function runScript(dockerArgs: readonly string[], image: string, script: string): unknown {
  const args = [
    'run',
    '--rm',
    '-i',
    '--log-driver',
    'none',
    ...dockerArgs,
    '--entrypoint',
    '/usr/local/bin/node',
    image,
  ];
  const result = spawnSync('docker', [...args, '--input-type=module', '-'], { input: script, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`side container: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

/**
 * Counts each canary (as UTF-8 text) in the writable memory of every process of a container, read as root from beside it.
 * The canaries travel to the examiner with their bytes inverted, so that it does not find its own copy anywhere but where it looks.
 */
export function countInMemory(containerName: string, canaries: readonly string[]): number[] {
  const inverted = canaries.map((canary) => [...Buffer.from(canary)].map((byte) => byte ^ 0xff));
  const privileges = [
    '--pid',
    `container:${containerName}`,
    '--user',
    '0',
    '--cap-add',
    'SYS_PTRACE',
    '--network',
    'none',
  ];
  return runScript(privileges, NODE_IMAGE, memoryScript(JSON.stringify(inverted))) as number[];
}

function memoryScript(inverted: string): string {
  return `
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
const canaries = ${inverted}.map((bytes) => Buffer.from(bytes.map((byte) => byte ^ 0xff)));
const counts = canaries.map(() => 0);
let regions = 0;
for (const pid of readdirSync('/proc')) {
  if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue;
  const maps = readFileSync('/proc/' + pid + '/maps', 'utf8').split('\\n');
  const memory = openSync('/proc/' + pid + '/mem', 'r');
  for (const line of maps) {
    const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (\\S+)/.exec(line) ?? [];
    if (from === undefined || !mode.startsWith('rw') || line.includes('[vvar')) continue;
    let at = BigInt('0x' + from);
    const end = BigInt('0x' + to);
    let carried = Buffer.alloc(0);
    while (at < end) {
      const chunk = Buffer.alloc(Number(end - at > 4194304n ? 4194304n : end - at));
      let read = 0;
      try {
        read = readSync(memory, chunk, 0, chunk.length, at);
      } catch {
        break; // a guard page, or a mapping that ended meanwhile
      }
      if (read === 0) break;
      regions += 1;
      const bytes = Buffer.concat([carried, chunk.subarray(0, read)]);
      for (const [index, canary] of canaries.entries()) {
        for (let found = bytes.indexOf(canary); found !== -1; found = bytes.indexOf(canary, found + 1)) counts[index] += 1;
      }
      carried = bytes.subarray(Math.max(0, bytes.length - 128));
      at += BigInt(read);
    }
  }
  closeSync(memory);
}
if (regions === 0) throw new Error('no memory could be read');
process.stdout.write(JSON.stringify(counts));
`;
}
