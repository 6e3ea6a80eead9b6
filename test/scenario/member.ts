// A real client in a scenario: it dials a Unix socket, and everything that it was told is kept.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Client, DialError } from '@sotto/client';
import type { ByteStream, ClientEvent, ClientOptions, RoomCode } from '@sotto/client';
import type { Invite } from '@sotto/protocol';
import { byteStreamOf } from '@sotto/tor';
import { cryptoOfMembers } from './shared-codes.ts';

export interface MemberOptions {
  readonly name: string;
  /** The Unix socket that it dials. */
  readonly path: string;
  readonly invite: Invite;
  readonly clock: ClientOptions['clock'];
  readonly moderator?: NonNullable<ClientOptions['moderator']>;
}

type WarningCode = EventOf<'warning'>['code'];
type EventOf<Type extends ClientEvent['type']> = Extract<ClientEvent, { readonly type: Type }>;

/**
 * How long, by the wall's clock, a member waits for what it expects before the test fails and says
 * what it was told instead.
 */
const PATIENCE_MS = 60_000;
const SHOWN_EVENTS = 25;

/** The one place where a scenario makes a client. */
function makeClient({ path, ...options }: MemberOptions, emit: (event: ClientEvent) => void): Client {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  return new Client({ ...options, dialFor: () => () => dial(path), random, crypto: cryptoOfMembers, emit });
}

export class ScenarioMember {
  readonly name: string;
  readonly client: Client;
  readonly events: ClientEvent[] = [];
  /** The room code of each epoch, asked for as the epoch began. */
  readonly codes: Promise<RoomCode | undefined>[] = [];
  #wake: (() => void)[] = [];

  constructor(options: MemberOptions) {
    this.name = options.name;
    this.client = makeClient(options, (event) => {
      this.events.push(event);
      if (event.type === 'epoch') this.codes.push(this.client.roomCode());
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  async join(patienceMs?: number): Promise<this> {
    this.client.start();
    await this.until('joined', () => this.told('state').some(({ state }) => state === 'joined'), patienceMs);
    return this;
  }

  send(text: string): void {
    this.client.send(text, text);
  }

  /** Says it, and waits until the relay has it. */
  async sendConfirmed(text: string): Promise<void> {
    this.send(text);
    await this.until(`sent "${text}"`, () => this.told('sent').some(({ ref }) => ref === text));
  }

  async hears(text: string): Promise<void> {
    await this.until(`heard "${text}"`, () => this.texts.includes(text));
  }

  /** Waits until this member warns of it. */
  async warns(code: WarningCode): Promise<void> {
    await this.until(`warned of ${code}`, () => this.warnings.includes(code));
  }

  get warnings(): WarningCode[] {
    return this.told('warning').map(({ code }) => code);
  }

  get epoch(): number {
    return this.told('epoch').at(-1)?.epoch ?? 0;
  }

  get texts(): string[] {
    return this.told('message').map(({ text }) => text);
  }

  told<Type extends ClientEvent['type']>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  /**
   * Waits for what the next events bring about. Rejects after so many milliseconds of the wall's
   * clock.
   */
  async until(what: string, holds: () => boolean, patienceMs: number = PATIENCE_MS): Promise<void> {
    if (await this.within(patienceMs, holds)) return;
    throw new Error(`${this.name} waits for "${what}" in vain; was told:\n${this.report()}`);
  }

  /**
   * @returns whether the next events bring it about before so many milliseconds of the wall's clock
   * have passed.
   */
  async within(milliseconds: number, holds: () => boolean): Promise<boolean> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      for (const wake of this.#wake.splice(0)) wake();
    }, milliseconds);
    try {
      while (!holds() && !isOver(() => isLate)) await new Promise<void>((resolve) => this.#wake.push(resolve));
      return holds();
    } finally {
      clearTimeout(timer);
    }
  }

  report(): string {
    return this.events
      .slice(-SHOWN_EVENTS)
      .map((event) => JSON.stringify(event).slice(0, 200))
      .join('\n');
  }

  /** Goes without waiting for anybody. */
  async leaveAtOnce(): Promise<void> {
    this.client.leave();
    this.client.leave();
    await this.client.ended;
  }
}

/** Read through a function, because the compiler believes that nobody else writes it. */
function isOver(read: () => boolean): boolean {
  return read();
}

export async function dial(path: string): Promise<ByteStream> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (cause) {
    throw new DialError('relay-unreachable', 'nobody answers', { cause });
  }
  // 'close' follows.
  socket.on('error', () => undefined);
  return byteStreamOf(socket);
}
