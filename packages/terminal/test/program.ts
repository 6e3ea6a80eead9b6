// Runs the whole program on streams in memory, with a relay in memory behind it, and waits for what
// it prints.

import { PassThrough } from 'node:stream';
import { randomBytes } from 'node:crypto';
import type { Clock } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { encodeInvite, equalBytes } from '@sotto/protocol';
import type { Invite } from '@sotto/protocol';
import type { NetworkKind } from '@sotto/tor';
import type { ExitCode } from '../src/exit-codes.ts';
import { run } from '../src/run.ts';
import { ROOM } from './memory-relay.ts';
import type { MemoryRelay } from './memory-relay.ts';

export const INVITE: string = encodeInvite(ROOM);

export const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** What a stream has been given, and a way to wait for more. */
class Printed {
  text = '';
  #waiting: (() => void)[] = [];

  constructor(stream: PassThrough) {
    stream.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('utf8');
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  async until(found: (text: string) => boolean): Promise<void> {
    while (!found(this.text)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  untilHas(part: string): Promise<void> {
    return this.until((text) => text.includes(part));
  }
}

export interface Program {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly out: Printed;
  readonly err: Printed;
  readonly ended: Promise<ExitCode>;
  interrupt(): void;
  panic(): void;
}

export interface ProgramOptions {
  readonly network?: NetworkKind;
  readonly environment?: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  /** Where rooms are that this one may move to. */
  readonly elsewhere?: readonly MemoryRelay[];
  /** Called when the way to a room is closed. */
  readonly onDialerClosed?: (room: Invite) => void;
}

export function startProgram(args: readonly string[], relay: MemoryRelay, options: ProgramOptions = {}): Program {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const program = run({
    args,
    environment: options.environment ?? {},
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr,
    clock: options.clock ?? REAL_CLOCK,
    random: (length) => Uint8Array.from(randomBytes(length)),
    crypto: nativeCrypto,
    hideArguments: () => undefined,
    prepare: () => Promise.resolve('locked'),
    openDial: (invite, onNetwork) => {
      onNetwork(options.network ?? 'public');
      const there = options.elsewhere?.find(({ room }) => equalBytes(room.onionKey, invite.onionKey)) ?? relay;
      return { dial: there.dial(), close: () => options.onDialerClosed?.(there.room) };
    },
  });
  return { stdin, stdout, out: new Printed(stdout), err: new Printed(stderr), ...program };
}
