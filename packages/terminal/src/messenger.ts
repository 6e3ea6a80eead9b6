// The edge of `messenger-machine.ts`: it performs the effects with a client, a screen and timers.

import { Client } from '@sotto/client';
import type { ClientEvent, ClientOptions, Clock, ListedMember } from '@sotto/client';
import type { Invite } from '@sotto/protocol';
import type { NetworkKind } from '@sotto/tor';
import { NEW_MESSENGER, stepMessenger } from './messenger-machine.ts';
import type { MessengerState, MessengerEffect, MessengerEvent } from './messenger-machine.ts';
import { NEW_MEMBER_COMMANDS } from './member-commands.ts';
import { Dialers } from './dialers.ts';
import { exitCodeOfInput } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Command, FrontEnd, ShownEvent } from './front-end.ts';
import type { LineQueue } from './line-queue.ts';
import type { Dialer } from './onion-dial.ts';
import type { RandomSource } from './random.ts';

export interface MessengerOptions {
  readonly invite: Invite;
  readonly name: string;
  readonly openDial: (invite: Invite, onNetwork: (network: NetworkKind) => void) => Dialer;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** The primitives of the group's keys. */
  readonly crypto: ClientOptions['crypto'];
  /** The circuit is renewed about so often. Undefined: only on request. */
  readonly renewEveryMs?: number | undefined;
  /** Signs orders for this room; only the host's own client has one. */
  readonly moderator?: ClientOptions['moderator'];
  readonly frontEnd: FrontEnd;
  /** Clears the screen as far as the terminal allows. */
  readonly wipeScreen: () => void;
  readonly queue: LineQueue;
}

/** One session in one room, at any onion to which the room moves. */
export class Messenger {
  /** Resolves when the room has been left or is over, after the last event was shown. */
  readonly ended: Promise<ExitCode>;
  readonly #options: MessengerOptions;
  readonly #dialers: Dialers;
  readonly #client: Client;
  #state: MessengerState;
  #network: NetworkKind | undefined;
  #cancelDrain: () => void = () => undefined;
  #resolveEnded: (code: ExitCode) => void = () => undefined;

  constructor(options: MessengerOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    const { invite, name, clock, random, crypto, moderator, renewEveryMs } = options;
    this.#state = {
      ...NEW_MESSENGER,
      memberCommands: { ...NEW_MEMBER_COMMANDS, isModerator: moderator !== undefined },
    };
    this.#dialers = new Dialers((to) => options.openDial(to, (network) => (this.#network = network)));
    // Answers to an event wait until the client has finished the step of that event. A step within
    // a step would mix their frames.
    const emit = (event: ClientEvent): void => queueMicrotask(() => this.#step({ type: 'client-event', event }));
    this.#client = new Client({
      invite,
      name,
      clock,
      random,
      crypto,
      renewEveryMs,
      dialFor: (to) => this.#dialers.dialFor(to),
      ...(moderator === undefined ? {} : { moderator }),
      emit,
    });
  }

  start(): void {
    const { queue, frontEnd } = this.#options;
    const lines = { read: 0, refused: 0 };
    this.#client.start();
    queue.begin({
      line: (line) => {
        if (!line.ok) lines.refused += 1;
        else if (line.text.trim() !== '') lines.read += 1;
        const command = frontEnd.read(line);
        if (command !== undefined) this.#step({ type: 'command', command, members: this.#membersFor(command) });
      },
      end: () => this.#step({ type: 'input-ended', exitCode: exitCodeOfInput(lines) }),
      supersede: (line) => {
        const isPanic = frontEnd.isPanic(line);
        if (isPanic) this.panic();
        return isPanic;
      },
    });
  }

  /** Leaves; a second call leaves at once. */
  interrupt(): void {
    this.#step({ type: 'interrupt' });
  }

  /** Leaves, because the terminal was closed. */
  hangUp(): void {
    this.#step({ type: 'hang-up' });
  }

  /** Zeroes keys and closes everything, at once. */
  panic(): void {
    this.#step({ type: 'panic' });
  }

  /** Leaves, because the output has failed. */
  failOutput(): void {
    this.#step({ type: 'output-failed' });
  }

  /** Shows an error from outside of the client. */
  report(code: string, message: string): void {
    this.#step({ type: 'client-event', event: { type: 'error', code, message } });
  }

  #step(event: MessengerEvent): void {
    const { state, effects } = stepMessenger(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: MessengerEffect): void {
    switch (effect.type) {
      case 'show':
        this.#show(effect.event);
        return;
      case 'send':
        this.#client.send(effect.text, effect.ref);
        return;
      case 'compute-number': {
        const number = this.#client.verify(effect.member.fingerprint)?.number;
        this.#step({ type: 'numbered', member: effect.member, number });
        return;
      }
      case 'show-code':
        void this.#client.roomCode().then((code) => this.#step({ type: 'code-computed', code }));
        return;
      case 'show-status':
        void this.#showStatus(effect.unverified);
        return;
      case 'renew-circuit':
        this.#client.renew();
        return;
      case 'admit':
        this.#client.admit(effect.fingerprint);
        return;
      case 'evict':
        this.#client.evict(effect.fingerprint);
        return;
      case 'set-access':
        this.#client.setAccess(effect.mode);
        return;
      case 'move':
        this.#client.move(effect.cover);
        return;
      case 'close-former-dialers':
        this.#dialers.closeFormer();
        return;
      case 'leave':
        this.#client.leave();
        return;
      case 'panic':
        this.#client.panic();
        this.#options.wipeScreen();
        return;
      case 'hold-input':
        this.#options.queue.hold();
        return;
      case 'release-input':
        this.#options.queue.release();
        return;
      case 'set-drain-timer':
        this.#cancelDrain();
        this.#cancelDrain = this.#options.clock.after(effect.afterMs, () => this.#step({ type: 'drain-timeout' }));
        return;
      case 'end':
        this.#end();
        return;
    }
  }

  /** Fields that the gate does not answer are unknown; the others are shown all the same. */
  async #showStatus(unverified: number): Promise<void> {
    const path = await this.#dialers.path();
    const { guardSameSeconds = null, vanguards = null } = path ?? {};
    if (this.#state.phase === 'over') return;
    const { connectedSeconds, ...status } = this.#client.status();
    // Each connection has a circuit of its own.
    const tor = { circuitAgeSeconds: connectedSeconds ?? null, guardSameSeconds, vanguards };
    this.#show({ type: 'status', ...status, unverified, ...tor });
  }

  /** A text needs no list of members, because it goes to all. */
  #membersFor(command: Command): readonly ListedMember[] {
    return command.type === 'send' ? [] : this.#client.members();
  }

  #show(event: ShownEvent): void {
    const self = { name: this.#options.name, fingerprint: this.#client.fingerprint };
    this.#options.frontEnd.notify(event, { self, network: this.#network });
  }

  #end(): void {
    this.#cancelDrain();
    this.#dialers.closeAll();
    this.#resolveEnded(this.#state.exitCode);
  }
}
