// Texts are in the clients' memory and nowhere else: not in the memory of other processes, in no
// log, and in no file.

import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { registrationOf } from '@sotto/client';
import { decodeInvite, toHex } from '@sotto/protocol';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { runCompose } from '../../scripts/compose.ts';
import type { RoomClient } from '../../scripts/room-client.ts';
import type { Canary, Findings } from './examiner.ts';
import { examineFolder, examineMemory, examineVolumes, NODE_IMAGE } from './side-container.ts';
import { printFigure, Stack } from './stack.ts';
import type { Service } from './stack.ts';

const MESSAGE_LIMIT_MS = 60_000;
const TEXTS_EACH = 10;
const SERVICES = ['tor', 'tor-client', 'gate', 'relay', 'redis', 'host'] as const satisfies readonly Service[];
/**
 * What each Tor keeps, stopped or running: which guards it chose, and public documents of the Tor
 * network (tests have those in memory).
 */
const GUARD_FILES =
  /_tor(-client)?-(guards\/(state|lock)|cache\/cached-(certs|microdesc-consensus|microdescs(\.new)?))$/;
/** Of a service that runs: with it goes the memory that they are in. */
const RUNTIME_FILES = /_tor(-client)?-control\/cookie$|_tornet\/torrc$/;

const docker = new Docker();
const stack = new Stack(inject('project'));

interface Conversation {
  readonly invite: string;
  readonly alice: RoomClient;
  readonly bob: RoomClient;
  /** The canaries that only clients may hold. */
  readonly said: readonly Canary[];
  /** The host has made it, and holds it too. */
  readonly roomSecret: readonly Canary[];
}

/**
 * A canary that a process needs for its work, so that an empty result elsewhere means something.
 */
const ROOM_ID = 'room id';
const ONION_KEY = 'onion key';
/** The same for files: the name of a node of the private Tor network. */
const AUTHORITY: Canary = textCanary('an authority', 'authority1');

let conversation: Conversation;
let roomId: string;
let everything: readonly Canary[];

beforeAll(async () => {
  const string = await stack.inviteWithin();
  const invite = decodeInvite(string);
  if (!invite.ok) throw new Error(invite.code);
  const { onionKey, roomSecret } = invite.value;
  conversation = { ...(await converse(string)), invite: string, roomSecret: halves('room secret', roomSecret) };
  roomId = toHex(registrationOf(invite.value).roomId);
  everything = [
    ...conversation.said,
    ...conversation.roomSecret,
    { name: ROOM_ID, hex: roomId },
    { name: ONION_KEY, hex: toHex(onionKey) },
  ];
});
afterAll(async () => {
  await stack.thaw();
  await stack.dismiss();
});

async function converse(invite: string): Promise<Omit<Conversation, 'invite' | 'roomSecret'>> {
  const [fromAlice, fromBob] = [randomText(), randomText()];
  const [alice, bob] = await Promise.all([stack.join(randomText(), invite), stack.join(randomText(), invite)]);
  for (let index = 0; index < TEXTS_EACH; index += 1) {
    alice.send(`${fromAlice} ${index}`, `${index}`);
    bob.send(`${fromBob} ${index}`, `${index}`);
  }
  const last = ` ${TEXTS_EACH - 1}`;
  await bob.until((line) => line['text'] === fromAlice + last, MESSAGE_LIMIT_MS);
  await alice.until((line) => line['text'] === fromBob + last, MESSAGE_LIMIT_MS);
  const said = [
    { name: "Alice's fingerprint", hex: fingerprintIn(bob, alice) },
    { name: "Bob's fingerprint", hex: fingerprintIn(alice, bob) },
    textCanary("Alice's text", fromAlice),
    textCanary("Bob's text", fromBob),
    textCanary("Alice's name", alice.name),
    textCanary("Bob's name", bob.name),
  ];
  return { alice, bob, said };
}

/** The part of a member's key that is known outside of it: 8 bytes of its hash. */
function fingerprintIn(listener: RoomClient, speaker: RoomClient): string {
  const speakers = listener.messages().map((line) => line['from'] as { name: string; fingerprint: string });
  const found = speakers.find(({ name }) => name === speaker.name)?.fingerprint;
  if (found === undefined) throw new Error('not heard');
  return found;
}

function randomText(): string {
  return randomBytes(12).toString('hex');
}

function textCanary(name: string, text: string): Canary {
  return { name, hex: Buffer.from(text).toString('hex') };
}

/** So that half of a secret is found, too. */
function halves(name: string, secret: Uint8Array): Canary[] {
  const half = secret.length / 2;
  return [
    { name: `${name}, first half`, hex: toHex(secret.subarray(0, half)) },
    { name: `${name}, second half`, hex: toHex(secret.subarray(half)) },
  ];
}

/** Names of the canaries of a list that were found. */
function foundOf(canaries: readonly Canary[], { found }: Findings): string[] {
  return canaries.map(({ name }) => name).filter((name) => found[name] !== undefined);
}

function namesOf(canaries: readonly Canary[]): string[] {
  return canaries.map(({ name }) => name);
}

/**
 * Examines a container while its processes stand still, so that nothing moves from what was not
 * read yet to what was.
 */
async function examineStill(container: Docker.Container, what: string, canaries = everything): Promise<Findings> {
  const { Id } = await container.inspect();
  await container.pause();
  try {
    const findings = examineMemory(Id, canaries);
    const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    const sum = (key: 'bytes' | 'resident'): number => findings.places.reduce((total, place) => total + place[key], 0);
    printFigure(
      `memory of ${what}: ${mebibytes(sum('bytes'))} read, ${mebibytes(sum('resident'))} resident, ${findings.seconds.toFixed(1)} s`,
    );
    return findings;
  } finally {
    await container.unpause();
  }
}

describe('the examiner', () => {
  /** Holds a secret in every form that its own encoders know, and in a file in memory. */
  const holderScript = (inverted: string): string => `
import { writeFileSync } from 'node:fs';
const held = Buffer.from('${inverted}', 'hex').map((byte) => byte ^ 0xff);
const wide = (text) => Buffer.from(text, 'utf16le');
const hex = held.toString('hex');
globalThis.kept = [held, wide(held.toString('latin1')), hex, wide(hex), hex.toUpperCase(), wide(hex.toUpperCase())];
for (const around of ['', 'x', 'xy']) {
  const whole = Buffer.concat([Buffer.from(around), held, Buffer.from(around)]);
  for (const form of ['base64', 'base64url']) kept.push(Buffer.from(whole.toString(form)), wide(whole.toString(form)));
}
writeFileSync('/tmp/file', held);
setInterval(() => kept.length, 1000);
console.log('ready');`;

  test('finds a secret in every form in which a process may hold it, and no other secret', async () => {
    const [secret, other] = [randomBytes(16), randomBytes(16)];
    const name = `${stack.project}-holder`;
    const options = ['--name', name, '--tmpfs', '/tmp', '--network', 'none', '--log-driver', 'none'];
    const holder = spawn('docker', ['run', '--rm', '-i', ...options, NODE_IMAGE, 'node', '-'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    holder.stdin.end(holderScript(toHex(secret.map((byte) => byte ^ 0xff))));
    await once(holder.stdout, 'data');
    try {
      const { found } = examineMemory(name, [
        { name: 'held', hex: toHex(secret) },
        { name: 'not held', hex: toHex(other) },
      ]);
      const forms = ['as it is', 'hex', 'HEX', 'base64', 'base64url'].flatMap((form) => [form, `${form}, two-byte`]);
      const inProcess = forms.map((form) => `${form} in /usr/local/bin/node`);
      expect(Object.keys(found)).toEqual(['held']);
      expect(Object.keys(found['held'] ?? {})).toEqual(
        expect.arrayContaining([...inProcess, 'as it is in /proc/1/root/tmp/file']),
      );
    } finally {
      await docker.getContainer(name).kill();
    }
  });
});

describe('texts, names, and the room secret', () => {
  test('are in the memory of both clients', async () => {
    for (const client of [conversation.alice, conversation.bob]) {
      const findings = await examineStill(await stack.clientContainer(client.name), 'a client');
      expect(foundOf(everything, findings)).toEqual(namesOf(everything));
    }
  });

  // The control is what each has to hold for its work. Both Tors carry ATTACH frames, which name
  // the room, to and from the onion's own encryption.
  test.each([
    { service: 'relay', control: ROOM_ID, passing: [] },
    { service: 'redis', control: ROOM_ID, passing: [] },
    { service: 'gate', control: ONION_KEY, passing: [] },
    { service: 'tor-client', control: ONION_KEY, passing: [ROOM_ID] },
    { service: 'tor', control: ONION_KEY, passing: [ROOM_ID] },
  ] as const)('are not in the memory of $service, where the $control is', async ({ service, control, passing }) => {
    const { found } = await examineStill(stack.container(service), service);
    const known: readonly string[] = [control, ...passing];
    expect(Object.keys(found)).toContain(control);
    expect(Object.keys(found).filter((name) => !known.includes(name))).toEqual([]);
  });

  test('are not in the memory of the host, but for the room secret, which it made', async () => {
    const findings = await examineStill(stack.container('host'), 'host');
    const { said, roomSecret } = conversation;
    expect(foundOf(said, findings)).toEqual([]);
    expect(foundOf(roomSecret, findings)).toEqual(namesOf(roomSecret));
  });

  test('are in no log of Docker, because there is none', async () => {
    for (const container of await everyContainer(2)) await expectNoLog(container);
  });

  test('are in no layer of a container, which has nothing new but mount points', async () => {
    for (const container of await everyContainer(2)) expect(await writtenIn(container)).toEqual([]);
  });

  test('are in no file of a volume', async () => {
    const findings = examineVolumes(await volumes(), [...everything, AUTHORITY]);
    expect(Object.keys(findings.found)).toEqual([AUTHORITY.name]);
    const files = findings.places.map(({ name }) => name);
    expect(files.filter((name) => !GUARD_FILES.test(name) && !RUNTIME_FILES.test(name))).toEqual([]);
  });
});

/**
 * What a process that has forgotten the room still has to hold, so that finding nothing else means
 * something.
 */
const OWN_WORDS = {
  relay: textCanary('its own settings', 'SOTTO_RELAY_SOCKET'),
  redis: textCanary('its own settings', '--maxmemory-policy'),
} as const;

/** What is left of the room, of all that was said and who was there, in a process that goes on. */
async function leftIn(service: keyof typeof OWN_WORDS, canaries: readonly Canary[]): Promise<string[]> {
  const own = OWN_WORDS[service];
  const findings = await examineStill(stack.container(service), service, [...canaries, own]);
  expect(Object.keys(findings.found)).toContain(own.name);
  return foundOf(canaries, findings);
}

/**
 * Wherever a service could hold it; one client is still there. Each service is seen to hold what it
 * needs.
 */
async function expectNothingLeft(said: readonly Canary[]): Promise<void> {
  const { roomSecret } = conversation;
  const secret = [...said, ...roomSecret];
  const onionKey = everything.filter(({ name }) => name === ONION_KEY);
  expect(await leftIn('relay', secret)).toEqual([]);
  expect(await leftIn('redis', secret)).toEqual([]);
  for (const service of ['gate', 'tor', 'tor-client'] as const) {
    const findings = await examineStill(stack.container(service), service, [...secret, ...onionKey]);
    expect(Object.keys(findings.found)).toEqual([ONION_KEY]);
  }
  const host = await examineStill(stack.container('host'), 'host', secret);
  expect(foundOf(secret, host)).toEqual(namesOf(roomSecret));
  expect(Object.keys(examineVolumes(await volumes(), [...secret, AUTHORITY]).found)).toEqual([AUTHORITY.name]);
  for (const container of await everyContainer(1)) {
    await expectNoLog(container);
    expect(await writtenIn(container)).toEqual([]);
  }
}

describe('a client after a panic', () => {
  test('is gone with all that it held, and is unknown to the engine', async () => {
    const { bob, said, roomSecret } = conversation;
    const container = await stack.clientContainer(bob.name);
    const names = said.filter(({ name }) => name.endsWith('name'));
    // The control: a client that runs was started with a name, and the engine keeps how.
    expect(Object.keys((await examineEngine(names)).found).toSorted()).toEqual(
      names.map(({ name }) => name).toSorted(),
    );
    bob.write({ cmd: 'panic' });
    expect(await bob.ended).toBe(3);
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
    const left = await examineEngine([...said, ...roomSecret]);
    expect(Object.keys(left.found)).toEqual(["Alice's name"]);
  });

  test('leaves no trace in a service, volume, log or layer but the host’s room secret', async () => {
    await expectNothingLeft(conversation.said);
  });

  test('sends no goodbye: the others see only a silent member', () => {
    const { alice, bob } = conversation;
    const gone = alice.lines.filter((line) => line.type === 'member' && line['change'] !== 'arrived');
    expect(gone.map((line) => (line['member'] as { name: string }).name)).not.toContain(bob.name);
  });

  test('leaves nothing of its texts after SIGQUIT either', async () => {
    const { alice, invite } = conversation;
    await stack.allHealthy();
    const carol = await stack.join(randomText(), invite);
    const text = randomText();
    carol.send(text, '0');
    await alice.until((line) => line['text'] === text, MESSAGE_LIMIT_MS);
    const name = textCanary("Carol's name", carol.name);
    const fingerprint = { name: "Carol's fingerprint", hex: fingerprintIn(alice, carol) };
    const said = [name, fingerprint, textCanary("Carol's text", text)];
    const container = await stack.clientContainer(carol.name);
    // The control: of the client that runs, all of it is found.
    expect(foundOf(said, await examineStill(container, 'a client', said))).toEqual(namesOf(said));
    expect(Object.keys((await examineEngine(said)).found)).toEqual([name.name]);
    await container.kill({ signal: 'SIGQUIT' });
    expect(await carol.ended).toBe(3);
    expect(carol.lines.at(-1)).not.toMatchObject({ type: 'state', state: 'closed' });
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect(Object.keys((await examineEngine(said)).found)).toEqual([]);
    await expectNothingLeft(said);
  });
});

describe('the end of the room', () => {
  const ended: Service[] = [];
  afterAll(async () => {
    for (const service of ended.reverse()) await stack.start(service);
    if (ended.length > 0) await stack.inviteWithin();
  });

  test('ends the last client, and leaves no text in the relay or in Redis', async () => {
    const { alice, said, roomSecret } = conversation;
    const container = await stack.clientContainer(alice.name);
    expect(roomsInRedis()).toBe('1');
    ended.push('host');
    await stack.container('host').stop();
    expect(await alice.ended).toBe(1);
    expect(alice.lines.at(-1)).toMatchObject({ type: 'state', state: 'closed', code: 'room-closed' });
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect(roomsInRedis()).toBe('0');
    const secret = [...said, ...roomSecret];
    expect(await leftIn('relay', secret)).toEqual([]);
    expect(await leftIn('redis', secret)).toEqual([]);
    expect(Object.keys((await examineEngine(secret)).found)).toEqual([]);
  });

  test('leaves nothing of the room in the files that both Tors write', async () => {
    for (const service of ['tor', 'tor-client'] as const) {
      ended.push(service);
      await stack.container(service).stop();
    }
    // Tor writes its state when it ends.
    const findings = examineVolumes(await volumes(), [...everything, AUTHORITY]);
    expect(Object.keys(findings.found)).toEqual([AUTHORITY.name]);
    const files = findings.places.map(({ name }) => name).filter((name) => !name.endsWith('_tornet/torrc'));
    expect(files.filter((name) => !GUARD_FILES.test(name))).toEqual([]);
    expect(files.filter((name) => name.endsWith('/state'))).toHaveLength(2);
  });
});

async function everyContainer(clientCount: number): Promise<Docker.Container[]> {
  const clients = await stack.clientContainers();
  expect(clients).toHaveLength(clientCount);
  return [...SERVICES.map((service) => stack.container(service)), ...clients];
}

async function expectNoLog(container: Docker.Container): Promise<void> {
  await expect(container.logs({ stdout: true, stderr: true })).rejects.toThrow('does not support reading');
}

/** Paths of what was written into a container's layer. */
async function writtenIn(container: Docker.Container): Promise<string[]> {
  const { Mounts, HostConfig } = await container.inspect();
  const mounts = [...Mounts.map(({ Destination }) => Destination), ...Object.keys(HostConfig.Tmpfs ?? {})];
  const changed = (await container.changes()) as readonly { readonly Path: string }[] | null;
  return (changed ?? []).map(({ Path }) => Path).filter((path) => !isMountPlace(path, mounts));
}

/**
 * Looks in what the engine itself keeps of containers: their settings, and logs if there were any.
 */
async function examineEngine(canaries: readonly Canary[]): Promise<Findings> {
  const { DockerRootDir } = (await docker.info()) as { readonly DockerRootDir: string };
  return examineFolder(join(DockerRootDir, 'containers'), canaries);
}

async function volumes(): Promise<string[]> {
  const listed = await docker.listVolumes({ filters: { label: [`com.docker.compose.project=${stack.project}`] } });
  return listed.Volumes.map(({ Name }) => Name);
}

/** A mount's own folder, one above it, or the init program that Docker mounts (`init: true`). */
function isMountPlace(path: string, mounts: readonly string[]): boolean {
  const places = [...mounts, '/sbin/docker-init', '/usr/sbin/docker-init'];
  return places.some((place) => place === path || place.startsWith(`${path}/`));
}

/**
 * Redis lets nobody list its keys; this one is named after the room (its pattern is in
 * docker-compose.yml).
 */
function roomsInRedis(): string {
  return runCompose(stack.project, ['exec', '-T', 'redis', 'redis-cli', 'exists', `room:{${roomId}}`]).stdout.trim();
}
