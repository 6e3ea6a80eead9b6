// A Tor that comes back goes through the guards it had: new ones at every start would hand more and
// more of the network a look at us.

import { inject, expect, test } from 'vitest';
import { NODE_IMAGE, runScript } from './side-container.ts';
import { eventually, Stack } from './stack.ts';

const SERVICES = ['tor', 'tor-client'] as const;
const START_LIMIT_MS = 60_000;
const CHOOSE_LIMIT_MS = 120_000;

const stack = new Stack(inject('project'));

/**
 * One guard of tor's `state`: who it is, and when it was chosen (a time that tor blurs by days, so
 * that no second choice has the same).
 */
type Guard = string;

const READ_STATE = `
import { existsSync, readFileSync } from 'node:fs';
const lines = existsSync('/guards/state') ? readFileSync('/guards/state', 'utf8').split('\\n') : [];
const field = (line, name) => line.match(new RegExp(' ' + name + '=(\\\\S+)'))?.[1] ?? '';
const guards = lines.filter((line) => line.startsWith('Guard '));
console.log(JSON.stringify(guards.map((line) => field(line, 'rsa_id') + ' ' + field(line, 'sampled_on')).sort()));`;

const FORGET = `
import { rmSync } from 'node:fs';
rmSync('/guards/state');
console.log('null');`;

function onVolume(service: string, script: string): unknown {
  const volume = `${stack.project}_${service}-guards:/guards`;
  return runScript(['--user', '0', '--network', 'none', '-v', volume], NODE_IMAGE, script);
}

const guardsOf = (service: string): Guard[] => onVolume(service, READ_STATE) as Guard[];

/** Tor writes its choice when it ends in order, and reads it again when it starts. */
async function endInOrder(service: (typeof SERVICES)[number]): Promise<void> {
  await stack.container(service).stop({ t: 30 });
}

async function begin(service: (typeof SERVICES)[number]): Promise<void> {
  await stack.start(service);
  await eventually(`${service} is healthy`, () => stack.isHealthy(service), START_LIMIT_MS);
}

/** Lets it choose guards, however long that takes, and ends it. */
async function chosenBy(service: (typeof SERVICES)[number]): Promise<Guard[]> {
  let guards: Guard[] = [];
  const choose = async (): Promise<boolean> => {
    await begin(service);
    await endInOrder(service);
    guards = guardsOf(service);
    return guards.length > 0;
  };
  await eventually(`${service} has chosen guards`, choose, CHOOSE_LIMIT_MS);
  return guards;
}

test.each(SERVICES)(
  'the guards of %s are the same after a restart, and others once its volume is removed',
  async (service) => {
    await endInOrder(service);
    const before = guardsOf(service);
    expect(before.length).toBeGreaterThan(0);
    await begin(service);
    await endInOrder(service);
    expect(guardsOf(service)).toEqual(before);
    // The control: this would be seen.
    onVolume(service, FORGET);
    const anew = await chosenBy(service);
    expect(anew.filter((guard) => before.includes(guard))).toEqual([]);
    await begin(service);
  },
);
