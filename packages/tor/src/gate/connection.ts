// One client of the gate: answers its requests, and removes its onion's key from Tor when the
// connection ends.

import type { JsonConnection, Responder } from '@sotto/json-socket';
import { fullBucket, trySpend } from '@sotto/machine';
import type { Allowance, Clock, TokenBucket } from '@sotto/machine';
import { torErrorCode } from '../errors.ts';
import type { GuardWatch } from '../control/guard-watch.ts';
import type { GateKeys } from './keys.ts';
import type { GateRequest, GateStage, Vanguards } from './protocol.ts';
import { decodeGateRequest, encodeRefusal, encodeStageEvent, encodeSuccess, stageFields } from './protocol.ts';
import { GATE_REQUEST_BURST, GATE_REQUESTS_PER_SECOND } from '../limits.ts';
import { ClientAuthKey } from '../onion/onion-key.ts';
import type { TorConnection } from '../control/tor-connection.ts';

export interface GateContext {
  readonly keys: GateKeys;
  readonly guards: GuardWatch;
  readonly tor: TorConnection;
  readonly clock: Clock;
}

const REQUESTS: Allowance = { burst: GATE_REQUEST_BURST, intervalMs: 1_000 / GATE_REQUESTS_PER_SECOND };

interface HeldOnion {
  readonly onion: string;
  readonly publicKey: Uint8Array;
}

/** The responder of one connection. `onClosed` runs before its key is removed. */
export class GateConnection implements Responder {
  readonly #connection: JsonConnection;
  readonly #context: GateContext;
  readonly #onClosed: () => void;
  #requests: TokenBucket;
  #watching = false;
  #held: HeldOnion | undefined;

  constructor(connection: JsonConnection, context: GateContext, onClosed: () => void) {
    this.#connection = connection;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#requests = fullBucket(REQUESTS, context.clock.now());
  }

  /** Sends the client a new stage, if it has sent `bootstrap`. */
  announce(stage: GateStage): void {
    if (this.#watching) this.#connection.write(encodeStageEvent(stage));
  }

  admit(): string | undefined {
    const spent = trySpend(this.#requests, REQUESTS, 1, this.#context.clock.now());
    if (spent === undefined) return encodeRefusal('gate-busy');
    this.#requests = spent;
    return undefined;
  }

  async answer(line: Buffer): Promise<string> {
    const request = decodeGateRequest(line);
    return request.ok ? this.#answer(request.value) : encodeRefusal(request.code);
  }

  async release(): Promise<void> {
    this.#onClosed();
    await this.#releaseKey();
  }

  async #answer(request: GateRequest): Promise<string> {
    switch (request.op) {
      case 'ping':
        return encodeSuccess();
      case 'bootstrap':
        this.#watching = true;
        return encodeSuccess({ stage: stageFields(this.#context.tor.stage) });
      case 'version':
        return this.#answerVersion();
      case 'allow':
        return this.#answerAllow(request);
      case 'forget':
        return this.#answerForget();
      case 'descriptor':
        return this.#held === undefined
          ? encodeRefusal('gate-onion-missing')
          : encodeSuccess({ descriptor: this.#context.keys.fetchState(this.#held.onion) });
      case 'path':
        return this.#answerPath();
    }
  }

  #answerVersion(): string {
    const live = this.#context.tor.live;
    if (live === undefined) return encodeRefusal('tor-unreachable');
    return encodeSuccess({ version: live.identity.version, network: live.identity.network });
  }

  async #answerAllow(request: GateRequest & { op: 'allow' }): Promise<string> {
    const { onion, key } = request;
    try {
      const publicKey = publicKeyOf(key);
      if (this.#held !== undefined) {
        const same = this.#held.onion === onion && Buffer.compare(this.#held.publicKey, publicKey) === 0;
        if (!same) return encodeRefusal('gate-onion-taken');
        // The Tor connection adds a held key again by itself. Without Tor the request still fails.
        return this.#context.tor.live === undefined ? encodeRefusal('tor-unreachable') : encodeSuccess();
      }
      const hold = await this.#context.keys.hold(onion, key);
      if (!hold.ok) return encodeRefusal(hold.code);
      this.#held = { onion, publicKey };
      return encodeSuccess();
    } finally {
      key.fill(0);
    }
  }

  async #answerForget(): Promise<string> {
    if (this.#held === undefined) return encodeRefusal('gate-onion-missing');
    await this.#releaseKey();
    return encodeSuccess();
  }

  async #answerPath(): Promise<string> {
    const live = this.#context.tor.live;
    if (live === undefined) return encodeRefusal('tor-unreachable');
    const { network } = live.identity;
    try {
      const guardSameSeconds = await this.#context.guards.look(live.control);
      const vanguards = readVanguards(
        (await live.control.getConf(['VanguardsLiteEnabled'])).get('VanguardsLiteEnabled'),
      );
      return encodeSuccess({ guardSameSeconds, vanguards, network });
    } catch (error) {
      return encodeRefusal(torErrorCode(error) === 'control-refused' ? 'tor-refused' : 'tor-unreachable');
    }
  }

  async #releaseKey(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) await this.#context.keys.release(held.onion);
  }
}

function readVanguards(value: string | undefined): Vanguards {
  return value === 'auto' ? 'auto' : value === '1' ? 'on' : 'off';
}

function publicKeyOf(secret: Uint8Array): Uint8Array {
  const key = new ClientAuthKey(secret);
  key.wipe();
  return key.publicKey;
}
