// The thin edge around a hosting: performs its effects with Tor, the relay, the gate and the screen.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createRoomSecret, DialError, proveAdmission, registrationOf } from '@sotto/client';
import type { RoomRegistration } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import { encodeInvite } from '@sotto/protocol';
import type { AdminCode, AdminRequest, Invite } from '@sotto/protocol';
import {
  adviseDial,
  byteStreamOf,
  ClientAuthKey,
  connectGate,
  dialOnion,
  OnionKey,
  openOnionControl,
  TorError,
} from '@sotto/tor';
import type { NetworkKind, OnionControl } from '@sotto/tor';
import { connectAdmin } from './admin-connection.ts';
import type { AdminConnection } from './admin-connection.ts';
import type { HostConfig } from './config.ts';
import { HostError } from './errors.ts';
import type { HostCode } from './errors.ts';
import { NEW_HOSTING, stepHosting } from './hosting.ts';
import type { Hosting, HostingEffect, HostingEvent } from './hosting.ts';
import {
  ADMISSION_TIMEOUT_MS,
  END_TIMEOUT_MS,
  INTRODUCTION_BURST,
  INTRODUCTIONS_PER_SECOND,
  PATIENCE_MS,
  PROOF_DELAY_MS,
  RECONNECT_DELAY_MS,
  REPUBLISH_AFTER_MS,
  STREAMS_PER_CIRCUIT,
} from './limits.ts';
import { describeNetwork, describeNotice, describeStage, renderOpening } from './screen.ts';
import type { ShownStage } from './screen.ts';
import { Stopwatch } from './stopwatch.ts';

const REFUSALS: Partial<Readonly<Record<AdminCode, HostCode>>> = {
  'room-unknown': 'room-lost',
  'rooms-full': 'rooms-full',
  'room-exists': 'room-refused',
  'admin-malformed': 'room-refused',
};

/** Plain bytes: `slice` of a Buffer is no copy, and whoever zeroes its own copy of the room secret would zero ours. */
const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));

export interface HostOptions {
  readonly config: HostConfig;
  readonly print: (text: string) => void;
}

/** One room, from nothing to its end. `ended` resolves with the code of the failure, or undefined after `stop`. */
export class Host {
  readonly ended: Promise<HostCode | undefined>;
  readonly #config: HostConfig;
  readonly #print: (text: string) => void;
  readonly #onionKey = new OnionKey();
  readonly #invite: Invite;
  readonly #registration: RoomRegistration;
  readonly #clientAuth: ClientAuthKey;
  readonly #stopwatch = new Stopwatch(() => performance.now());
  readonly #abort = new AbortController();
  #hosting: Hosting = NEW_HOSTING;
  #control: OnionControl | undefined;
  #admin: AdminConnection | undefined;
  #network: NetworkKind | undefined;
  readonly #untold: string[] = [];
  #resolveEnded: (code: HostCode | undefined) => void = () => undefined;

  constructor(options: HostOptions) {
    this.#config = options.config;
    this.#print = options.print;
    const roomSecret = createRoomSecret(random);
    this.#invite = { onionKey: this.#onionKey.publicKey, roomSecret };
    this.#registration = registrationOf(this.#invite);
    this.#clientAuth = this.#registration.clientAuthorisationSeed.use((seed) => new ClientAuthKey(seed));
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** The connection string, once it is known to work. */
  get invite(): string | undefined {
    return this.#hosting.stage === 'open' ? encodeInvite(this.#invite) : undefined;
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
        void this.#prove();
        return;
      case 'show-invite':
        this.#print(renderOpening(encodeInvite(this.#invite), this.#network, this.#stopwatch.read()));
        return;
      case 'say':
        this.#print(describeNotice(effect.what));
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
        if (error.code === 'tor-too-old') {
          this.#step({ type: 'room-refused', code: 'tor-too-old' });
          return undefined;
        }
        if (!told && performance.now() - startedMs > PATIENCE_MS) {
          told = true;
          this.#print(`tor: does not answer (${error.code}); look at docker compose ps`);
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
    else this.#print(line);
  }

  #tellNetwork(network: NetworkKind): void {
    const banner = describeNetwork(network);
    if (this.#network === undefined && banner !== undefined) this.#print(banner);
    this.#network = network;
    for (const line of this.#untold.splice(0)) this.#print(line);
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
          this.#watchRelay(admin);
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
        this.#print('relay: does not answer; look at docker compose ps');
      }
      await delay(RECONNECT_DELAY_MS);
    }
  }

  #roomRequest(operation: 'create' | 'resume'): AdminRequest {
    const { roomId, capabilityKey, roomTag } = this.#registration;
    return operation === 'create' ? { operation, roomId, capabilityKey, roomTag } : { operation, roomId };
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

  /** Walks in as a guest: the other Tor, the onion, the relay's handshake. */
  async #prove(): Promise<void> {
    try {
      await this.#walkIn();
      this.#step({ type: 'reached' });
    } catch (error) {
      if (!(error instanceof TorError) && !(error instanceof DialError)) throw error;
      const cause = error instanceof TorError ? adviseDial(error.code).cause : error.message;
      await delay(PROOF_DELAY_MS);
      this.#step({ type: 'not-reached', cause, nowMs: performance.now() });
    }
  }

  async #walkIn(): Promise<void> {
    const bootstrapped = Promise.withResolvers<undefined>();
    const onStage = (stage: { readonly state: string }): void => {
      if (this.#hosting.stage === 'opening') this.#print(describeStage('tor-client', stage));
      if (stage.state === 'done') bootstrapped.resolve(undefined);
    };
    const gate = await connectGate({ socketPath: this.#config.gateSocket, onStage });
    void gate.closed.then((code) => bootstrapped.reject(new TorError(code)));
    try {
      const stage = await gate.bootstrap();
      if (stage.state === 'done') bootstrapped.resolve(undefined);
      await this.#stopwatch.inTor(() => bootstrapped.promise);
      await this.#registration.clientAuthorisationSeed.use((seed) => gate.allow(this.#onionKey.address, seed));
      await this.#stopwatch.inTor(() => this.#dialAndProve());
    } finally {
      // The rejection that closing brings has nobody to hear it.
      bootstrapped.promise.catch(() => undefined);
      gate.close();
    }
  }

  async #dialAndProve(): Promise<void> {
    const { socks } = this.#config;
    const { signal } = this.#abort;
    const socket = await dialOnion({ socks, onion: this.#onionKey.address, signal });
    const timer = setTimeout(() => socket.destroy(), ADMISSION_TIMEOUT_MS);
    try {
      const founding = { crypto: nativeCrypto, suite: 'x-wing' } as const;
      await proveAdmission(this.#invite, byteStreamOf(socket), random, founding);
    } finally {
      clearTimeout(timer);
    }
  }

  // The end

  async #end(code: HostCode | undefined): Promise<void> {
    this.#abort.abort();
    const closing = [this.#removeOnion(), this.#closeRoom()];
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
