// One hosted room: performs the effects of room-hosting-machine.ts with Tor, the relay and the
// gate. The host has two of them during a room move.

import { message } from '@sotto/messages';
import { setTimeout as delay } from 'node:timers/promises';
import { createRoomSecret, DialError, registrationOf } from '@sotto/client';
import type { RoomRegistration } from '@sotto/client';
import { coverOf, encodeInvite, patienceSecondsMax } from '@sotto/protocol';
import type { Access, AdminCode, AdminRequest, Cover, Invite } from '@sotto/protocol';
import { adviseDial, ClientAuthKey, OnionKey, openOnionControl, TorError } from '@sotto/tor';
import type { HoldSecret, NetworkKind, OnionControl } from '@sotto/tor';
import { connectAdmin } from './admin-connection.ts';
import type { AdminConnection } from './admin-connection.ts';
import type { HostConfig } from './config.ts';
import { HostError } from './errors.ts';
import type { HostCode } from './errors.ts';
import { NEW_ROOM_HOSTING, stepRoomHosting } from './room-hosting-machine.ts';
import type { RoomHostingState, RoomHostingEffect, RoomHostingEvent, Notice } from './room-hosting-machine.ts';
import {
  END_TIMEOUT_MS,
  INTRODUCTION_BURST,
  INTRODUCTIONS_PER_SECOND,
  SILENT_AFTER_MS,
  CHECK_DELAY_MS,
  RECONNECT_DELAY_MS,
  REPUBLISH_AFTER_MS,
  STREAMS_PER_CIRCUIT,
} from './limits.ts';
import { OrderSigner } from './order-signer.ts';
import { random } from './random.ts';
import { describeNetwork, describeStage } from './screen.ts';
import type { ShownStage } from './screen.ts';
import { StartupTimer } from './startup-timer.ts';
import { checkReachability } from './reachability-check.ts';

const REFUSALS: Partial<Readonly<Record<AdminCode, HostCode>>> = {
  'room-unknown': 'room-lost',
  'rooms-full': 'rooms-full',
  'room-exists': 'room-refused',
  'admin-malformed': 'room-refused',
};

/** The reports of a hosted room: a line of its progress, or a notice. */
export type HostingReport =
  { readonly type: 'line'; readonly text: string } | { readonly type: 'notice'; readonly notice: Notice };

export interface RoomHostingOptions {
  readonly config: HostConfig;
  readonly access: Access;
  readonly cover: Cover;
  readonly emit: (report: HostingReport) => void;
  /** The allocator of room secret and onion key. */
  readonly holdSecret: HoldSecret;
}

/** How the room was opened. */
export interface Opening {
  readonly network: NetworkKind | undefined;
  readonly time: { readonly totalMs: number; readonly torMs: number };
}

/** One room, from its creation to its end. */
export class RoomHosting {
  /** Resolves when the room can be joined for the first time. */
  readonly opened: Promise<Opening>;
  /** Resolves with the code of the failure, or undefined after `stop`. */
  readonly ended: Promise<HostCode | undefined>;
  readonly orderSigner: OrderSigner;
  readonly #config: HostConfig;
  readonly #emit: (report: HostingReport) => void;
  readonly #onionKey: OnionKey;
  readonly #invite: Invite;
  readonly #registration: RoomRegistration;
  readonly #clientAuth: ClientAuthKey;
  readonly #startupTimer = new StartupTimer(() => performance.now());
  readonly #abort = new AbortController();
  #state: RoomHostingState = NEW_ROOM_HOSTING;
  #control: OnionControl | undefined;
  #admin: AdminConnection | undefined;
  #network: NetworkKind | undefined;
  #check: Promise<void> = Promise.resolve();
  #failedChecks = 0;
  readonly #heldLines: string[] = [];
  #resolveOpened: (opening: Opening) => void = () => undefined;
  #resolveEnded: (code: HostCode | undefined) => void = () => undefined;

  constructor(options: RoomHostingOptions) {
    this.#config = options.config;
    this.#emit = options.emit;
    const { cover, holdSecret } = options;
    this.#onionKey = new OnionKey(undefined, holdSecret);
    const roomSecret = holdSecret(createRoomSecret(random));
    this.#invite = { onionKey: this.#onionKey.publicKey, roomSecret, ...(cover === 'off' ? {} : { cover }) };
    this.#registration = registrationOf(this.#invite);
    this.#clientAuth = this.#registration.clientAuthorisationSeed.use((seed) => new ClientAuthKey(seed, holdSecret));
    this.orderSigner = new OrderSigner(this.#onionKey, this.#registration.roomId, options.access);
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /**
   * Onion key and room secret, once a check has reached the room with them. The secret is zero
   * after the room's end.
   */
  get invite(): Invite | undefined {
    return this.#state.stage === 'open' ? this.#invite : undefined;
  }

  /**
   * How long its log keeps a frame: as the host was told. After a move the cover mode may be one
   * that allows less.
   */
  get patienceSeconds(): number {
    return Math.min(this.#config.patienceSeconds, patienceSecondsMax(this.cover));
  }

  /** The invite as text, as users see it: the connection string. */
  get inviteText(): string | undefined {
    return this.invite === undefined ? undefined : encodeInvite(this.invite);
  }

  get cover(): Cover {
    return coverOf(this.#invite);
  }

  get network(): NetworkKind | undefined {
    return this.#network;
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  /** Ends the room within 5 s. */
  stop(): void {
    this.#step({ type: 'stop' });
  }

  #step(event: RoomHostingEvent): void {
    const limits = { republishAfterMs: REPUBLISH_AFTER_MS, silentAfterMs: SILENT_AFTER_MS };
    const { state, effects } = stepRoomHosting(this.#state, event, performance.now(), limits);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: RoomHostingEffect): void {
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
      case 'check-reachability':
        this.#check = this.#checkReachability();
        return;
      case 'show-invite':
        this.#resolveOpened({ network: this.#network, time: this.#startupTimer.read() });
        return;
      case 'notify':
        this.#emit({ type: 'notice', notice: effect.what });
        return;
      case 'end':
        void this.#end(effect.code);
        return;
    }
  }

  // Tor's onion side

  async #connectTor(): Promise<void> {
    const bootstrapped = Promise.withResolvers<undefined>();
    const control = await this.#startupTimer.inTor(() => this.#openControl(() => bootstrapped.resolve(undefined)));
    if (control === undefined) return;
    if (this.#abort.signal.aborted) {
      control.close();
      return;
    }
    this.#control = control;
    this.#emitNetwork(control.network);
    this.#step({ type: 'tor-connected' });
    void control.closed.then(() => {
      this.#control = undefined;
      if (!this.#abort.signal.aborted) this.#step({ type: 'tor-lost' });
    });
    await this.#startupTimer.inTor(() => Promise.race([bootstrapped.promise, control.closed]));
    if (this.#control === control) this.#step({ type: 'tor-bootstrapped' });
  }

  /**
   * Tries until Tor's control socket answers. Stages are shown from the first on, even before this
   * resolves.
   */
  async #openControl(onBootstrapped: () => void): Promise<OnionControl | undefined> {
    const startedMs = performance.now();
    const address = { socketPath: this.#config.torControl, cookiePath: this.#config.torCookie };
    const onStage = (stage: ShownStage): void => {
      this.#emitStage(stage);
      if (stage.state === 'done') onBootstrapped();
    };
    for (let isTold = false; !this.#abort.signal.aborted;) {
      try {
        return await openOnionControl({ ...address, onStage });
      } catch (error) {
        if (!(error instanceof TorError)) throw error;
        if (error.code === 'tor-too-old' || error.code === 'tor-unprotected') {
          this.#step({ type: 'room-refused', code: error.code });
          return undefined;
        }
        if (!isTold && performance.now() - startedMs > SILENT_AFTER_MS) {
          isTold = true;
          this.#emitLine(message('host.tor-silent', { code: error.code }));
        }
        await delay(RECONNECT_DELAY_MS);
      }
    }
    return undefined;
  }

  /** The screen names the network first, so stages wait until it is known. */
  #emitStage(stage: ShownStage): void {
    const line = describeStage('tor', stage);
    if (this.#network === undefined) this.#heldLines.push(line);
    else this.#emitLine(line);
  }

  #emitNetwork(network: NetworkKind): void {
    const banner = describeNetwork(network);
    if (this.#network === undefined && banner !== undefined) this.#emitLine(banner);
    this.#network = network;
    for (const line of this.#heldLines.splice(0)) this.#emitLine(line);
  }

  #emitLine(text: string): void {
    this.#emit({ type: 'line', text });
  }

  async #publish(): Promise<void> {
    const control = this.#control;
    if (control === undefined) return;
    try {
      await this.#startupTimer.inTor(() =>
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
      // An onion that Tor does not know is gone, as wanted.
      if (!(error instanceof TorError)) throw error;
    }
    await this.#publish();
  }

  // The relay

  async #askForRoom(operation: 'create' | 'resume'): Promise<void> {
    const startedMs = performance.now();
    for (let isTold = false; !this.#abort.signal.aborted;) {
      try {
        const admin = await connectAdmin(this.#config.adminSocket);
        const reply = await admin.ask(this.#roomRequest(operation));
        if (reply.ok) {
          await this.#onRoomGranted(admin);
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
      if (!isTold && performance.now() - startedMs > SILENT_AFTER_MS) {
        isTold = true;
        this.#emitLine(message('host.relay-silent'));
      }
      await delay(RECONNECT_DELAY_MS);
    }
  }

  #roomRequest(operation: 'create' | 'resume'): AdminRequest {
    const { roomId, capabilityKey, roomTag } = this.#registration;
    const { cover, patienceSeconds } = this;
    return operation === 'create'
      ? { operation, roomId, capabilityKey, roomTag, cover, patienceSeconds }
      : { operation, roomId };
  }

  /** A room that is granted after the end is closed at once. */
  async #onRoomGranted(admin: AdminConnection): Promise<void> {
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

  // The reachability check

  /** @returns the room's commit number; undefined if the room could not be reached now. */
  async readCommitNumber(): Promise<number | undefined> {
    try {
      return await this.#reach();
    } catch (error) {
      if (!(error instanceof TorError) && !(error instanceof DialError)) throw error;
      return undefined;
    }
  }

  #reach(): Promise<number> {
    return checkReachability({
      gateSocket: this.#config.gateSocket,
      socks: this.#config.socks,
      onion: this.#onionKey.address,
      invite: this.#invite,
      registration: this.#registration,
      access: this.orderSigner.founding,
      startupTimer: this.#startupTimer,
      onStage: (stage) => {
        if (this.#state.stage === 'opening') this.#emitLine(describeStage('tor-client', stage));
      },
      failures: this.#failedChecks,
      signal: this.#abort.signal,
    });
  }

  async #checkReachability(): Promise<void> {
    try {
      await this.#reach();
      this.#failedChecks = 0;
      this.#step({ type: 'reached' });
    } catch (error) {
      if (!(error instanceof TorError) && !(error instanceof DialError)) throw error;
      if (this.#abort.signal.aborted) return;
      this.#failedChecks += 1;
      const cause = error instanceof TorError ? adviseDial(error.code).cause : error.message;
      await delay(CHECK_DELAY_MS);
      this.#step({ type: 'not-reached', cause, nowMs: performance.now() });
    }
  }

  // The end

  async #end(code: HostCode | undefined): Promise<void> {
    this.#abort.abort();
    const closing = [this.#removeOnion(), this.#closeRoom(), this.#check];
    await Promise.race([Promise.allSettled(closing), delay(END_TIMEOUT_MS)]);
    // The two connections own onion and room: both end with them, even without an answer.
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
