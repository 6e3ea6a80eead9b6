// Many members of one room in one program, which says when what happened to whom. side-program.ts hands it to node in a container of its own.

import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, DialError, registrationOf } from '@sotto/client';
import type { ByteStream, ClientEvent, Dial } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { systemClock } from '@sotto/machine/system-clock';
import { decodeInvite } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import { byteStreamOf, connectGate, dialOnion, onionAddressOf, TorError } from '@sotto/tor';

/** `invite` comes first. `await-idle` is answered with `idle` when no member has work left. Members are told apart by their names. */
export type PopulationCommand =
  | { readonly cmd: 'invite'; readonly invite: string }
  | { readonly cmd: 'join'; readonly name: string }
  | { readonly cmd: 'send'; readonly name: string; readonly text: string }
  | { readonly cmd: 'await-idle' };

/** When something happened to a member, in milliseconds of the machine's clock, which all containers share. */
export interface PopulationLine {
  readonly at: number;
  readonly name: string;
  readonly event: ClientEvent | { readonly type: 'ready' | 'join' | 'send' | 'idle' };
}

const REPORTED: ReadonlySet<ClientEvent['type']> = new Set(['state', 'epoch', 'message', 'warning', 'error', 'gap']);
/** As the shipped compose file sets them for clients. */
const SOCKS = { host: 'tor-client', port: 9050 };
const GATE_SOCKET = '/run/gate/gate.sock';
const LOOK_EVERY_MS = 100;
const IDLE_LOOKS = 5;

const members = new Map<string, Client>();
let room: { readonly invite: Invite; readonly dial: Dial } | undefined;

function report(name: string, event: PopulationLine['event']): void {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), name, event } satisfies PopulationLine)}\n`);
}

/** All members share the connection to the gate, which stands for the onion; each has circuits of its own. */
async function openRoom(text: string): Promise<void> {
  const invite = decodeInvite(text);
  if (!invite.ok) throw new Error(invite.code);
  const onion = onionAddressOf(invite.value.onionKey);
  const gate = await connectGate({ socketPath: GATE_SOCKET });
  await registrationOf(invite.value).clientAuthorisationSeed.use((seed) => gate.allow(onion, seed));
  const dial: Dial = async (_emit, signal): Promise<ByteStream> => {
    try {
      return byteStreamOf(await dialOnion({ socks: SOCKS, onion, signal }));
    } catch (error) {
      if (error instanceof TorError) throw new DialError(error.code, error.message);
      throw error;
    }
  };
  room = { invite: invite.value, dial };
  report('', { type: 'ready' });
}

function join(name: string): void {
  if (room === undefined) throw new Error('no invite yet');
  const { invite, dial } = room;
  const emit = (event: ClientEvent): void => {
    if (REPORTED.has(event.type)) report(name, event);
  };
  const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));
  const client = new Client({
    invite,
    name,
    dialFor: () => dial,
    clock: systemClock,
    random,
    crypto: nativeCrypto,
    emit,
  });
  members.set(name, client);
  report(name, { type: 'join' });
  client.start();
}

async function awaitIdle(): Promise<void> {
  for (let looks = 0; looks < IDLE_LOOKS; looks += 1) {
    await delay(LOOK_EVERY_MS);
    if ([...members.values()].some((client) => client.isBusy)) looks = -1;
  }
  report('', { type: 'idle' });
}

async function execute(command: PopulationCommand): Promise<void> {
  switch (command.cmd) {
    case 'invite':
      return openRoom(command.invite);
    case 'join':
      join(command.name);
      return;
    case 'send':
      report(command.name, { type: 'send' });
      members.get(command.name)?.send(command.text);
      return;
    case 'await-idle':
      return awaitIdle();
  }
}

createInterface({ input: process.stdin })
  .on('line', (text) => void execute(JSON.parse(text) as PopulationCommand))
  // The room goes with the stack.
  .on('close', () => process.exit(0));
