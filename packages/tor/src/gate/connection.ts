// One client of the gate: reads its requests one after the other, answers each from the closed vocabulary, and gives its onion's key back when it goes.

import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Decoded, TorErrorCode } from '../errors.ts';
import { torErrorCode } from '../errors.ts';
import type { GuardWatch } from '../control/guard-watch.ts';
import type { GateKeys } from './keys.ts';
import type { GateRefusal, GateRequest, GateStage, Vanguards } from './protocol.ts';
import { decodeGateRequest, encodeRefusal, encodeStageEvent, encodeSuccess, stageFields } from './protocol.ts';
import {
  GATE_REQUEST_BURST,
  GATE_REQUESTS_PER_SECOND,
  MAX_GATE_LINE_BYTES,
  MAX_GATE_PENDING_REQUESTS,
  MAX_GATE_UNREAD_BYTES,
} from '../limits.ts';
import { LineSplitter } from '../line-splitter.ts';
import { ClientAuthKey } from '../onion/onion-key.ts';
import type { RequestBudget } from './request-budget.ts';
import { spendRequest } from './request-budget.ts';
import type { TorLink } from '../control/tor-connection.ts';

export interface GateContext {
  readonly keys: GateKeys;
  readonly guards: GuardWatch;
  readonly link: TorLink;
  readonly clock: Clock;
}

interface HeldOnion {
  readonly onion: string;
  readonly publicKey: Uint8Array;
}

/** Owns its socket. `onClosed` runs once, after the key has been given back. */
export class GateConnection {
  readonly #socket: Socket;
  readonly #context: GateContext;
  readonly #splitter = new LineSplitter(MAX_GATE_LINE_BYTES);
  readonly #pending: Decoded<GateRequest, GateRefusal>[] = [];
  #budget: RequestBudget;
  #answering = false;
  #closed = false;
  #watching = false;
  #held: HeldOnion | undefined;

  constructor(socket: Socket, context: GateContext, onClosed: () => void) {
    this.#socket = socket;
    this.#context = context;
    this.#budget = { tokens: GATE_REQUEST_BURST, atMs: context.clock.nowMs() };
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // A reset is just an end here; 'close' follows and does the work.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      onClosed();
      this.#letGo().catch(() => this.#socket.destroy());
    });
  }

  /** Tells the client of a new stage, if it asked for stages. */
  announce(stage: GateStage): void {
    if (this.#watching) this.#write(encodeStageEvent(stage));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const { lines, overflow } = this.#splitter.push(chunk);
    for (const line of lines) {
      if (this.#closed || !this.#accept(line)) return;
    }
    if (overflow) this.#endWith('gate-line-too-long');
    // Only a bug rejects here. It costs this client its connection, and the key goes back as at any other end.
    this.#answerAll().catch(() => this.#socket.destroy());
  }

  #accept(line: Buffer): boolean {
    const { clock } = this.#context;
    const budget = spendRequest(this.#budget, clock.nowMs(), GATE_REQUEST_BURST, GATE_REQUESTS_PER_SECOND);
    if (budget === undefined || this.#pending.length >= MAX_GATE_PENDING_REQUESTS) {
      this.#endWith('gate-busy');
      return false;
    }
    this.#budget = budget;
    this.#pending.push(decodeGateRequest(line));
    line.fill(0);
    return true;
  }

  async #answerAll(): Promise<void> {
    if (this.#answering) return;
    this.#answering = true;
    for (let next = this.#pending.shift(); next !== undefined && !this.#closed; next = this.#pending.shift()) {
      this.#write(next.ok ? await this.#answer(next.value) : encodeRefusal(next.code));
    }
    this.#answering = false;
    if (this.#closed) await this.#letGo();
  }

  async #answer(request: GateRequest): Promise<string> {
    switch (request.op) {
      case 'ping':
        return encodeSuccess();
      case 'bootstrap':
        this.#watching = true;
        return encodeSuccess({ stage: stageFields(this.#context.link.stage) });
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
    const live = this.#context.link.live;
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
        // Held, and given again by the link itself; without Tor there is still nothing to be had.
        return this.#context.link.live === undefined ? encodeRefusal('tor-unreachable') : encodeSuccess();
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
    await this.#letGo();
    return encodeSuccess();
  }

  async #answerPath(): Promise<string> {
    const live = this.#context.link.live;
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

  async #letGo(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) await this.#context.keys.release(held.onion);
  }

  #write(line: string): void {
    if (this.#closed) return;
    this.#socket.write(line);
    // A client that does not read must not make the gate keep its answers.
    if (this.#socket.writableLength > MAX_GATE_UNREAD_BYTES) this.#socket.destroy();
  }

  #endWith(code: TorErrorCode): void {
    this.#write(encodeRefusal(code));
    this.#closed = true;
    this.#pending.length = 0;
    this.#socket.end(() => this.#socket.destroy());
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
