// `./scripts/demo` after set-up: hosts a room on the private Tor network, joins it, sends messages,
// and gives the user a prompt. It needs no npm package.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readCommandLine, USAGE_EXIT_SYSEXITS } from './command-line.ts';
import { removeProject, startCompose } from './compose.ts';
import { RoomClient } from './room-client.ts';
import type { ClientLine } from './room-client.ts';

/**
 * A project of its own, whatever COMPOSE_PROJECT_NAME is: the demo removes it at the end, with its
 * guards.
 */
const PROJECT = 'sotto-tornet';
const STRING_LIMIT_MS = 300_000;
const JOIN_LIMIT_MS = 180_000;
const MESSAGE_LIMIT_MS = 60_000;
const MESSAGES_EACH_WAY = 10;
const CONNECTION_STRING = /\bsotto1[a-z0-9]{112}\b/;

const { values } = readCommandLine({
  usage: 'Usage: node scripts/demo.ts [--check], after ./scripts/setup; ./scripts/demo does both',
  usageExit: USAGE_EXIT_SYSEXITS,
  options: { check: { type: 'boolean' } },
});
const check = values.check === true;
const startedMs = performance.now();
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const seconds = (fromMs: number): number => Math.round((performance.now() - fromMs) / 100) / 10;

interface Report {
  readonly ok: boolean;
  readonly error?: string;
  readonly [figure: string]: unknown;
}

/** `docker compose up` in the foreground, as a host would; its screen is shown. */
function hostRoom(): { readonly up: ChildProcess; readonly invite: Promise<string> } {
  const up = startCompose(PROJECT, ['--ansi', 'never', 'up', '--no-build', '--no-color']);
  const invite = new Promise<string>((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error('no connection string in time')), STRING_LIMIT_MS);
    for (const stream of [up.stdout, up.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        say(`   ${line}`);
        const found = CONNECTION_STRING.exec(line)?.[0];
        if (found === undefined) return;
        clearTimeout(limit);
        resolve(found);
      });
    }
    up.on('close', (code) => reject(new Error(`docker compose up ended with ${String(code)}`)));
  });
  return { up, invite };
}

async function join(name: string, invite: string): Promise<{ client: RoomClient; took: number }> {
  const fromMs = performance.now();
  const client = new RoomClient(PROJECT, name, invite);
  const joined = await client.joined(JOIN_LIMIT_MS);
  if (joined['network'] !== 'private-test') throw new Error('the client did not report that this is a test network');
  const took = seconds(fromMs);
  say(`-- ${name} is in the room after ${took} s`);
  return { client, took };
}

/** Sends `MESSAGES_EACH_WAY` messages. @returns how many arrived in order. */
async function talk(from: RoomClient, to: RoomClient): Promise<number> {
  const texts = Array.from({ length: MESSAGES_EACH_WAY }, (_, index) => `${from.name} says ${index + 1}`);
  for (const text of texts) from.send(text, text);
  for (const text of texts)
    await to.until((line) => line.type === 'message' && line['text'] === text, MESSAGE_LIMIT_MS);
  const heard = to.messages().map((line) => line['text']);
  return heard.filter((text, index) => text === texts[index]).length;
}

async function runDemo(): Promise<Report> {
  say('-- starting the private Tor network and Sotto: docker compose up');
  const hostedMs = performance.now();
  const { up, invite: coming } = hostRoom();
  const invite = await coming;
  const secondsToString = seconds(hostedMs);
  say(`-- the connection string works, after ${secondsToString} s`);
  const alice = await join('alice', invite);
  const bob = await join('bob', invite);
  const aliceToBob = await talk(alice.client, bob.client);
  const bobToAlice = await talk(bob.client, alice.client);
  say(`-- ${aliceToBob} messages from alice to bob, ${bobToAlice} back, through the onion`);
  if (!check) await handOver(bob.client);
  const left = await Promise.all([alice.client.quit(), bob.client.quit()]);
  removeProject(PROJECT);
  await new Promise((resolve) => up.once('close', resolve));
  return {
    ok: aliceToBob === MESSAGES_EACH_WAY && bobToAlice === MESSAGES_EACH_WAY && left.every((code) => code === 0),
    secondsSetup: Number(process.env['SOTTO_SETUP_SECONDS'] ?? 0),
    secondsToString,
    secondsToJoin: [alice.took, bob.took],
    messages: { aliceToBob, bobToAlice },
    seconds: seconds(startedMs),
  };
}

/**
 * Gives the user a prompt in the room, as the host's own client, which needs no connection string;
 * bob answers.
 */
async function handOver(bob: RoomClient): Promise<void> {
  const answer = setInterval(() => answerNew(bob), 200);
  say('-- your turn: alice and bob are in the room, and bob answers. /quit ends the demo.');
  const you = startCompose(PROJECT, ['run', '--rm', 'host-client', '--name', 'you'], 'inherit');
  await new Promise((resolve) => you.on('close', resolve));
  clearInterval(answer);
}

const answered = new Set<unknown>();

function answerNew(bob: RoomClient): void {
  for (const line of bob.messages()) {
    if (answered.has(line['id']) || speakerOf(line) !== 'you') continue;
    answered.add(line['id']);
    bob.send(`I heard you: ${String(line['text'])}`, String(line['id']));
  }
}

function speakerOf(line: ClientLine): unknown {
  return (line['from'] as { readonly name?: unknown } | undefined)?.name;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    removeProject(PROJECT);
    process.exit(1);
  });
}

let report: Report;
try {
  report = await runDemo();
} catch (error) {
  report = { ok: false, error: error instanceof Error ? error.message : String(error), seconds: seconds(startedMs) };
}
say('-- removing everything that the demo started');
removeProject(PROJECT);
if (check) process.stdout.write(`${JSON.stringify(report)}\n`);
else if (!report.ok) say(`-- the demo failed: ${report.error ?? 'see above'}`);
process.exit(report.ok ? 0 : 1);
