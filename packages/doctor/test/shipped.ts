// A snapshot of the shipped stack, as the doctor once took it on the private test network
// (test/containers/doctor.test.ts writes it), and ways to make one thing of it wrong.

import { readFileSync } from 'node:fs';
import type { ContainerFacts, ProcessFacts, Snapshot } from '../src/snapshot.ts';
import { seen } from '../src/snapshot.ts';

/** The same, for whoever has to break it. */
export type Draft<Value> = Value extends object ? { -readonly [Key in keyof Value]: Draft<Value[Key]> } : Value;

const TAKEN = readFileSync(new URL('shipped-stack.json', import.meta.url), 'utf8');

/** As it was taken. */
export function shippedStack(): Draft<Snapshot> {
  return JSON.parse(TAKEN) as Draft<Snapshot>;
}

/** The same on a machine and with a release of which everything can be told: all green. */
export function wholeStack(): Draft<Snapshot> {
  const snapshot = shippedStack();
  snapshot.engine.version = '28.5.2';
  snapshot.engine.runc = '1.3.3';
  const images = Object.fromEntries(
    snapshot.containers.map(({ image, imageLayers }) => [image.replace(/:.*$/, ''), [imageLayers]]),
  );
  snapshot.release = seen({ version: '0.1.0', images });
  return snapshot;
}

export function of(snapshot: Draft<Snapshot>, service: string): Draft<ContainerFacts> {
  const found = snapshot.containers.find((container) => container.service === service);
  if (found === undefined) throw new Error(`no ${service} in the snapshot`);
  return found;
}

export function processesOf(container: Draft<ContainerFacts>): Draft<ProcessFacts>[] {
  if (!container.processes.seen) throw new Error(`the processes of ${container.name} were not seen`);
  return container.processes.value;
}

export function network(snapshot: Draft<Snapshot>, name: string): Draft<Snapshot['networks'][number]> {
  const found = snapshot.networks.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no network ${name} in the snapshot`);
  return found;
}

export function volume(snapshot: Draft<Snapshot>, name: string): Draft<Snapshot['volumes'][number]> {
  const found = snapshot.volumes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no volume ${name} in the snapshot`);
  return found;
}
