// The thin edge around a conversation: performs its effects with a client, a screen and timers.

import { Client } from '@sotto/client';
import type { ClientEvent, Clock } from '@sotto/client';
import type { Invite } from '@sotto/protocol';
import type { NetworkKind } from '@sotto/tor';
import { NEW_CONVERSATION, stepConversation } from './conversation.ts';
import type { Conversation, ConversationEffect, ConversationEvent } from './conversation.ts';
import type { ExitCode } from './exit-codes.ts';
import type { FrontEnd, ShownEvent } from './front-end.ts';
import type { LineFeed } from './line-feed.ts';
import type { DialOwner } from './onion-dial.ts';
import type { RandomSource } from './random.ts';

export interface MessengerOptions {
  readonly invite: Invite;
  readonly name: string;
  readonly openDial: (invite: Invite, onNetwork: (network: NetworkKind) => void) => DialOwner;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly frontEnd: FrontEnd;
  readonly feed: LineFeed;
}

/** One stay in one room. */
export class Messenger {
  /** Resolves when the room has been left or is over, after the last event was shown. */
  readonly ended: Promise<ExitCode>;
  readonly #options: MessengerOptions;
  readonly #dialOwner: DialOwner;
  readonly #client: Client;
  #conversation: Conversation = NEW_CONVERSATION;
  #network: NetworkKind | undefined;
  #cancelDrain: () => void = () => undefined;
  #resolveEnded: (code: ExitCode) => void = () => undefined;

  constructor(options: MessengerOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    const { invite, name, clock, random } = options;
    this.#dialOwner = options.openDial(invite, (network) => (this.#network = network));
    // Answers to an event wait until the client has finished the step that it tells of: a step within a step would mix their frames.
    const tell = (event: ClientEvent): void => queueMicrotask(() => this.#step({ type: 'told', event }));
    this.#client = new Client({ invite, name, clock, random, dial: this.#dialOwner.dial, tell });
  }

  start(): void {
    const { feed, frontEnd } = this.#options;
    this.#client.start();
    feed.begin({
      line: (line) => {
        const command = frontEnd.read(line);
        if (command !== undefined) this.#step({ type: 'command', command });
      },
      end: () => this.#step({ type: 'input-ended' }),
    });
  }

  /** Leaves; a second time at once. */
  interrupt(): void {
    this.#step({ type: 'interrupt' });
  }

  /** Leaves, because nobody reads what is shown. */
  failOutput(): void {
    this.#step({ type: 'output-failed' });
  }

  #step(event: ConversationEvent): void {
    const [conversation, effects] = stepConversation(this.#conversation, event);
    this.#conversation = conversation;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ConversationEffect): void {
    switch (effect.type) {
      case 'show':
        this.#show(effect.event);
        return;
      case 'say':
        this.#client.say(effect.text, effect.ref);
        return;
      case 'list-members':
        this.#show({ type: 'listing', members: this.#client.members() });
        return;
      case 'leave':
        this.#client.leave();
        return;
      case 'hold-input':
        this.#options.feed.hold();
        return;
      case 'release-input':
        this.#options.feed.release();
        return;
      case 'set-drain-timer':
        this.#cancelDrain = this.#options.clock.after(effect.afterMs, () => this.#step({ type: 'drain-timeout' }));
        return;
      case 'end':
        this.#end();
        return;
    }
  }

  #show(event: ShownEvent): void {
    const self = { name: this.#options.name, fingerprint: this.#client.fingerprint };
    this.#options.frontEnd.tell(event, { self, network: this.#network });
  }

  #end(): void {
    this.#cancelDrain();
    this.#dialOwner.close();
    this.#resolveEnded(this.#conversation.exitCode);
  }
}
