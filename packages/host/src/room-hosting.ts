// The thin edge around the hosting of one room: performs its effects with Tor, the relay and the gate. A host may have two of them for a while.

import { setTimeout as delay } from 'node:timers/promises';
import { createRoomSecret, DialError, registrationOf } from '@sotto/client';
import type { RoomRegistration } from '@sotto/client';
import { coverOf, encodeInvite } from '@sotto/protocol';
import type { AccessMode, AdminCode, AdminRequest, Invite } from '@sotto/protocol';
import { adviseDial, ClientAuthKey, OnionKey, openOnionControl, TorError } from '@sotto/tor';
import type { HoldSecret, NetworkKind, OnionControl } from '@sotto/tor';
import { connectAdmin } from './admin-connection.ts';
import type { AdminConnection } from './admin-connection.ts';
import type { HostConfig } from './config.ts';
import { HostError } from './errors.ts';
import type { HostCode } from './errors.ts';
import { NEW_HOSTING, stepHosting } from './hosting.ts';
import type { Hosting, HostingEffect, HostingEvent, Notice } from './hosting.ts';
import {
  END_TIMEOUT_MS,
  INTRODUCTION_BURST,
  INTRODUCTIONS_PER_SECOND,
  PATIENCE_MS,
  PROOF_DELAY_MS,
  RECONNECT_DELAY_MS,
  REPUBLISH_AFTER_MS,
  STREAMS_PER_CIRCUIT,
} from './limits.ts';
import { Orders } from './order-signer.ts';
import { random } from './random.ts';
import { describeNetwork, describeStage } from './screen.ts';
import type { ShownStage } from './screen.ts';
import { Stopwatch } from './startup-timer.ts';
import { walkIn } from './reachability-check.ts';

const REFUSALS: Partial<Readonly<Record<AdminCode, HostCode>>> = {
  'room-unknown': 'room-lost',
  'rooms-full': 'rooms-full',
  'room-exists': 'room-refused',
  'admin-malformed': 'room-refused',
};

/** What a hosting tells while it works: a line of its progress, or a notice. */
export type HostingWord =
  { readonly type: 'line'; readonly text: string } | { readonly type: 'notice'; readonly notice: Notice };

export interface RoomHostingOptions {
  readonly config: HostConfig;
  readonly access: AccessMode;
  readonly tell: (word: HostingWord) => void;
  /** Where room secret and onion key lie. */
  readonly holdSecret: HoldSecret;
}

/** How it came to an open room. */
export interface Opening {
  readonly network: NetworkKind | undefined;
  readonly time: { readonly totalMs: number; readonly torMs: number };
}

/** One room, from nothing to its end. */
export class RoomHosting {
  /** Resolves when the room can be joined for the first time. */
  readonly opened: Promise<Opening>;
  /** Resolves with the code of the failure, or undefined after `stop`. */
  readonly ended: Promise<HostCode | undefined>;
  readonly orders: Orders;
  readonly #config: HostConfig;
  readonly #tell: (word: HostingWord) => void;
  readonly #onionKey: OnionKey;
  readonly #invite: Invite;
  readonly #registration: RoomRegistration;
  readonly #clientAuth: ClientAuthKey;
  readonly #stopwatch = new Stopwatch(() => performance.now());
  readonly #abort = new AbortController();
  #hosting: Hosting = NEW_HOSTING;
  #control: OnionControl | undefined;
  #admin: AdminConnection | undefined;
  #network: NetworkKind | undefined;
  #proof: Promise<void> = Promise.resolve();
  #failedProofs = 0;
  readonly #untold: string[] = [];
  #resolveOpened: (opening: Opening) => void = () => undefined;
  #resolveEnded: (code: HostCode | undefined) => void = () => undefined;

  constructor(options: RoomHostingOptions) {
    this.#config = options.config;
    this.#tell = options.tell;
    const { holdSecret } = options;
    const { cover } = options.config;
    this.#onionKey = new OnionKey(undefined, holdSecret);
    const roomSecret = holdSecret(createRoomSecret(random));
    this.#invite = { onionKey: this.#onionKey.publicKey, roomSecret, ...(cover === 'off' ? {} : { cover }) };
    this.#registration = registrationOf(this.#invite);
    this.#clientAuth = this.#registration.clientAuthorisationSeed.use((seed) => new ClientAuthKey(seed, holdSecret));
    this.orders = new Orders(this.#onionKey, this.#registration.roomId, options.access);
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Onion key and room secret, once it is known that they lead into the room. The secret is zero after the room's end. */
  get invite(): Invite | undefined {
    return this.#hosting.stage === 'open' ? this.#invite : undefined;
  }

  /** The connection string, as long as there is an invite. */
  get connectionString(): string | undefined {
    return this.invite === undefined ? undefined : encodeInvite(this.invite);
  }

  get network(): NetworkKind | undefined {
    return this.#network;
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  /** Ends the room: within 5 s nothing is left of it. */
  stop(): void {
    this.#step({ type: 'stop' });
  }

  #step(event: HostingEvent): void {
    const limits = { republishAfterMs: REPUBLISH_AFTER_MS, patienceMs: PATIENCE_MS };
    const { hosting, effects } = stepHosting(this.#hosting, event, performance.now(), limits);
    this.#hosting = hosting;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: HostingEffect): void {
    switch (effect.type) {
      case 'connect-tor':
        void this.#connectTor();
        return;
      case 'create-room':
        void this.#askForRoom('create');
        return;
      case 'resume-room':
        void this.#askForRoom('resume');
        return;
      case 'publish':
        void this.#publish();
        return;
      case 'republish':
        void this.#republish();
        return;
      case 'prove':
        this.#proof = this.#prove();
        return;
      case 'show-invite':
        this.#resolveOpened({ network: this.#network, time: this.#stopwatch.read() });
        return;
      case 'say':
        this.#tell({ type: 'notice', notice: effect.what });
        return;
      case 'end':
        void this.#end(effect.code);
        return;
    }
  }

  // Tor's onion side

  async #connectTor(): Promise<void> {
    const bootstrapped = Promise.withResolvers<undefined>();
    const control = await this.#stopwatch.inTor(() => this.#openControl(() => bootstrapped.resolve(undefined)));
    if (control === undefined) return;
    if (this.#abort.signal.aborted) {
      control.close();
      return;
    }
    this.#control = control;
    this.#tellNetwork(control.network);
    this.#step({ type: 'tor-connected' });
    void control.closed.then(() => {
      this.#control = undefined;
      if (!this.#abort.signal.aborted) this.#step({ type: 'tor-lost' });
    });
    await this.#stopwatch.inTor(() => Promise.race([bootstrapped.promise, control.closed]));
    if (this.#control === control) this.#step({ type: 'tor-bootstrapped' });
  }

  /** Tries until Tor's control socket is there. Stages are shown from the first on, before this is done. */
  async #openControl(onBootstrapped: () => void): Promise<OnionControl | undefined> {
    const startedMs = performance.now();
    const address = { socketPath: this.#config.torControl, cookiePath: this.#config.torCookie };
    const onStage = (stage: ShownStage): void => {
      this.#tellStage(stage);
      if (stage.state === 'done') onBootstrapped();
    };
    for (let told = false; !this.#abort.signal.aborted;) {
      try {
        return await openOnionControl({ ...address, onStage });
      } catch (error) {
        if (!(error instanceof TorError)) throw error;
        if (error.code === 'tor-too-old' || error.code === 'tor-unprotected') {
          this.#step({ type: 'room-refused', code: error.code });
          return undefined;
        }
        if (!told && performance.now() - startedMs > PATIENCE_MS) {
          told = true;
          this.#tellLine(`tor: does not answer (${error.code}); look at docker compose ps`);
        }
        await delay(RECONNECT_DELAY_MS);
      }
    }
    return undefined;
  }

  /** The first word on the screen is which network this is, so stages wait until that is known. */
  #tellStage(stage: ShownStage): void {
    const line = describeStage('tor', stage);
    if (this.#network === undefined) this.#untold.push(line);
    else this.#tellLine(line);
  }

  #tellNetwork(network: NetworkKind): void {
    const banner = describeNetwork(network);
    if (this.#network === undefined && banner !== undefined) this.#tellLine(banner);
    this.#network = network;
    for (const line of this.#untold.splice(0)) this.#tellLine(line);
  }

  #tellLine(text: string): void {
    this.#tell({ type: 'line', text });
  }

  async #publish(): Promise<void> {
    const control = this.#control;
    if (control === undefined) return;
    try {
      await this.#stopwatch.inTor(() =>
        control.publish(
          {
            key: this.#onionKey,
            clientAuthPublicKey: this.#clientAuth.publicKey,
            targetSocketPath: this.#config.relaySocket,
            maxStreams: STREAMS_PER_CIRCUIT,
            proofOfWork: { queueRate: INTRODUCTIONS_PER_SECOND, queueBurst: INTRODUCTION_BURST },
          },
          { signal: this.#abort.signal },
        ),
      );
      if (this.#control === control) this.#step({ type: 'published' });
    } catch (error) {
      if (!(error instanceof TorError)) throw error;
      await delay(RECONNECT_DELAY_MS);
      if (this.#control === control) this.#step({ type: 'publish-failed', cause: error.code });
    }
  }

  async #republish(): Promise<void> {
    try {
      await this.#removeOnion();
    } catch (error) {
      // Not there any more is what was wanted.
      if (!(error instanceof TorError)) throw error;
    }
    await this.#publish();
  }

  // The relay

  async #askForRoom(operation: 'create' | 'resume'): Promise<void> {
    const startedMs = performance.now();
    for (let told = false; !this.#abort.signal.aborted;) {
      try {
        const admin = await connectAdmin(this.#config.adminSocket);
        const reply = await admin.ask(this.#roomRequest(operation));
        if (reply.ok) {
          await this.#takeRoom(admin);
          return;
        }
        admin.close();
        const refusal = REFUSALS[reply.code];
        if (refusal !== undefined) {
          this.#step({ type: 'room-refused', code: refusal });
          return;
        }
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
      }
      if (!told && performance.now() - startedMs > PATIENCE_MS) {
        told = true;
        this.#tellLine('relay: does not answer; look at docker compose ps');
      }
      await delay(RECONNECT_DELAY_MS);
    }
  }

  #roomRequest(operation: 'create' | 'resume'): AdminRequest {
    const { roomId, capabilityKey, roomTag } = this.#registration;
    return operation === 'create'
      ? { operation, roomId, capabilityKey, roomTag, cover: coverOf(this.#invite) }
      : { operation, roomId };
  }

  /** A room that comes when it is not wanted any more is given back at once. */
  async #takeRoom(admin: AdminConnection): Promise<void> {
    if (!this.#abort.signal.aborted) {
      this.#watchRelay(admin);
      return;
    }
    try {
      await admin.ask({ operation: 'close', roomId: this.#registration.roomId });
    } finally {
      admin.close();
    }
  }

  #watchRelay(admin: AdminConnection): void {
    this.#admin = admin;
    void admin.closed.then(() => {
      this.#admin = undefined;
      if (!this.#abort.signal.aborted) this.#step({ type: 'relay-lost' });
    });
    this.#step({ type: 'room-held' });
  }

  // The proof

  async #prove(): Promise<void> {
    try {
      await walkIn({
        gateSocket: this.#config.gateSocket,
        socks: this.#config.socks,
        onion: this.#onionKey.address,
        invite: this.#invite,
        registration: this.#registration,
        access: this.orders.founding,
        stopwatch: this.#stopwatch,
        onStage: (stage) => {
          if (this.#hosting.stage === 'opening') this.#tellLine(describeStage('tor-client', stage));
        },
        failures: this.#failedProofs,
        signal: this.#abort.signal,
      });
      this.#failedProofs = 0;
      this.#step({ type: 'reached' });
    } catch (error) {
      if (!(error instanceof TorError) && !(error instanceof DialError)) throw error;
      if (this.#abort.signal.aborted) return;
      this.#failedProofs += 1;
      const cause = error instanceof TorError ? adviseDial(error.code).cause : error.message;
      await delay(PROOF_DELAY_MS);
      this.#step({ type: 'not-reached', cause, nowMs: performance.now() });
    }
  }

  // The end

  async #end(code: HostCode | undefined): Promise<void> {
    this.#abort.abort();
    const closing = [this.#removeOnion(), this.#closeRoom(), this.#proof];
    await Promise.race([Promise.allSettled(closing), delay(END_TIMEOUT_MS)]);
    // Their connections own onion and room: what could not be asked for ends with them.
    this.#control?.close();
    this.#admin?.close();
    this.#onionKey.wipe();
    this.#clientAuth.wipe();
    this.#registration.clientAuthorisationSeed.destroy();
    this.#invite.roomSecret.fill(0);
    this.#resolveEnded(code);
  }

  async #removeOnion(): Promise<void> {
    await this.#control?.remove(this.#onionKey.address);
  }

  async #closeRoom(): Promise<void> {
    await this.#admin?.ask({ operation: 'close', roomId: this.#registration.roomId });
  }
}
