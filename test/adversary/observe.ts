// Runs a plan on the testbed: one container without any network, removed behind it, and what its adversary found.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Findings } from './findings.ts';
import type { Plan } from './plan.ts';

const LABEL = 'sotto.adversary';
/** The only address besides loopback, on the container's own loopback. */
const TESTBED_HOST = 'testbed:10.99.0.1';

function setting(name: string): string {
  const found = process.env[name] ?? new RegExp(`^${name}=(.+)$`, 'm').exec(readFileSync('.env', 'utf8'))?.[1];
  if (found === undefined) throw new Error(`.env does not name ${name}`);
  return found;
}

const image = (): string => `sotto-adversary:${setting('SOTTO_VERSION')}`;

/** Out of the images that ship, which have to be there. */
export function buildTestbed(): void {
  const args = ['SOTTO_DEBIAN_IMAGE', 'SOTTO_NODE_IMAGE', 'SOTTO_VERSION'].flatMap((name) => [
    '--build-arg',
    `${name}=${setting(name)}`,
  ]);
  const files = ['--file', 'test/adversary/image/Dockerfile', 'test/adversary'];
  docker(['build', '--quiet', ...args, '--tag', image(), ...files]);
}

/** @param keep a folder for what was captured, with the truth about it. @throws if the testbed failed */
export async function observe(plan: Plan, limitMs: number, keep?: string): Promise<Findings> {
  const name = `sotto-adversary-${randomBytes(4).toString('hex')}`;
  // Packets of its own namespace are looked at, and its loopback gets addresses.
  const rights = [
    '--cap-drop',
    'ALL',
    '--cap-add',
    'NET_RAW',
    '--cap-add',
    'NET_ADMIN',
    '--security-opt',
    'no-new-privileges',
  ];
  const place = ['--network', 'none', '--hostname', 'testbed', '--add-host', TESTBED_HOST, '--tmpfs', '/run:size=512m'];
  const own = ['--name', name, '--label', LABEL, '-i', '--init', '--log-driver', 'none'];
  try {
    return JSON.parse(
      await runToEnd(['run', ...own, ...place, ...rights, image()], `${JSON.stringify(plan)}\n`, limitMs),
    ) as Findings;
  } finally {
    // Also of a testbed that failed: it may have seen for an hour what its analysis stumbles over.
    if (keep !== undefined) spawnSync('docker', ['cp', `${name}:/data/.`, keep]);
    spawnSync('docker', ['rm', '--force', name]);
  }
}

function docker(args: readonly string[]): void {
  const { status, stderr } = spawnSync('docker', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`docker ${args.slice(0, 2).join(' ')}: ${stderr}`);
}

/** @returns what it printed; what it says meanwhile goes to our standard error. */
function runToEnd(args: readonly string[], input: string, limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const running = spawn('docker', args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: limitMs });
    let printed = '';
    running.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    running.stdin.on('error', () => undefined); // one that ended early says why
    running.stdin.end(input);
    running.on('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`the testbed ended with ${String(code)}`));
    });
  });
}
