// The doctor's program: inspects, probes, checks, prints.

import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import { examine } from './checks.ts';
import { DoctorError } from './errors.ts';
import type { DoctorCode } from './errors.ts';
import { inspectStack } from './inspect.ts';
import { RUN_LIMIT_MS, STOP_LIMIT_MS } from './limits.ts';
import { DOCTOR_VERSION, readOptions } from './options.ts';
import type { DoctorOptions } from './options.ts';
import { message } from './messages.ts';
import { probeNetworks } from './probe.ts';
import { readRelease, RELEASE_FILE } from './release.ts';
import { exitCode, page, reportOf } from './report.ts';
import { unseen } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

const EXIT_CANNOT_LOOK = 2;
/** EX_USAGE of sysexits.h, because 2 has another meaning. */
const EXIT_USAGE = 64;
const USAGE_CODES: readonly DoctorCode[] = ['usage', 'docker-host'];
const OWN_RELEASE = fileURLToPath(new URL(`../../../${RELEASE_FILE}`, import.meta.url));

async function look(options: DoctorOptions, signal: AbortSignal): Promise<Snapshot> {
  const docker = openDocker();
  const release = await readRelease(options.release, OWN_RELEASE);
  await docker.ping().catch((cause: unknown) => {
    throw new DoctorError('engine-unreachable', { cause });
  });
  const { snapshot, networks, containers } = await inspectStack(docker, options.project);
  signal.throwIfAborted();
  const probes = options.isProbing
    ? await probeNetworks(docker, {
        project: options.project,
        networks,
        containers,
        facts: snapshot.containers,
        signal,
      })
    : unseen('no-probe');
  return { ...snapshot, release, probes };
}

/** It sends nothing yet: only the environment can be wrong. */
function openDocker(): Docker {
  try {
    return new Docker();
  } catch (cause) {
    throw new DoctorError('docker-host', { cause });
  }
}

async function run(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.wants !== 'look') {
    process.stdout.write(options.wants === 'help' ? message('usage.help') : `${DOCTOR_VERSION}\n`);
    return 0;
  }
  const snapshot = await look(options, signal);
  signal.throwIfAborted();
  const report = reportOf(snapshot, examine(snapshot));
  process.stdout.write(options.isJson ? `${JSON.stringify(report)}\n` : page(report));
  return exitCode(report);
}

const stop = new AbortController();
const why: { code: DoctorCode } = { code: 'interrupted' };
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const limit = setTimeout(() => {
  why.code = 'engine-silent';
  stop.abort();
}, RUN_LIMIT_MS);

/** The probes are removed first; the doctor does not wait for an engine that is silent. */
const stopped = new Promise<never>((_, reject) => {
  stop.signal.addEventListener('abort', () => setTimeout(() => reject(new Error('stopped')), STOP_LIMIT_MS));
});

try {
  process.exitCode = await Promise.race([run(stop.signal), stopped]);
} catch (error) {
  // The text of another error is the engine's and may hold names, so it is not shown.
  const code = error instanceof DoctorError ? error.code : stop.signal.aborted ? why.code : 'look-failed';
  const text = error instanceof DoctorError ? error.message : message(`error.${code}`);
  process.stderr.write(`${message('failure.line', { text, code })}\n`);
  process.exit(USAGE_CODES.includes(code) ? EXIT_USAGE : EXIT_CANNOT_LOOK);
} finally {
  clearTimeout(limit);
}
