// Requests of the host's own client to the host. Each question has a connection of its own, one
// line of JSON each way, and a limit on length and time.

import { message } from '@sotto/messages';
import { ModeratorError } from '@sotto/client';
import type { Moderator, MoveOffer } from '@sotto/client';
import { JsonClient, JsonSocketError, parseJsonObject } from '@sotto/json-socket';
import type { ConnectionEnd, JsonObject } from '@sotto/json-socket';
import type { Clock } from '@sotto/machine';
import { concatBytes, decodeMove, decodeSignedOrder, equalBytes, fromHex, toHex } from '@sotto/protocol';
import type { Cover, Move, PlainAccess, PlainMode, SignedOrder } from '@sotto/protocol';
import { isHostRefusal } from './errors.ts';
import type { TerminalCode } from './errors.ts';
import {
  MODERATOR_ANSWER_MS,
  MODERATOR_EVICTION_MS,
  MODERATOR_FLUSH_MS,
  MODERATOR_LINE_BYTES_MAX,
  MODERATOR_RETRY_MS,
  MODERATOR_TRIES_MAX,
} from './limits.ts';

export interface ModeratorSocketOptions {
  readonly path: string;
  readonly clock: Clock;
  /** Called when the host could not be told whether the room has moved. */
  readonly onProblem: (problem: ModeratorError) => void;
}

type SocketCode = TerminalCode & `moderator-${string}`;

const CODES: Readonly<Record<ConnectionEnd, SocketCode>> = {
  unreachable: 'moderator-unreachable',
  closed: 'moderator-closed',
  timeout: 'moderator-timeout',
  malformed: 'moderator-malformed',
};

/** The form of a code of the host. Any other code is not repeated on a screen. */
const HOST_CODE = /^[a-z]{1,20}(?:-[a-z]{1,20}){0,4}$/;

/**
 * Asks the host. Every question rejects with a ModeratorError: `moderator-unreachable`,
 * `moderator-closed`, `moderator-timeout`, `moderator-malformed`, or the host's own code
 * (`not-open`, `busy`, …).
 */
export class ModeratorSocket implements Moderator {
  readonly #options: ModeratorSocketOptions;
  readonly #open = new Set<JsonClient<JsonObject>>();
  #telling: Promise<void> = Promise.resolve();

  constructor(options: ModeratorSocketOptions) {
    this.#options = options;
  }

  /**
   * The connection string of the room as it is now. Rejects with `not-open` until the room was
   * reached.
   */
  async invite(): Promise<string> {
    const { invite } = await this.#ask({ operation: 'invite' }, MODERATOR_ANSWER_MS);
    return typeof invite === 'string' ? invite : refuse('moderator-malformed');
  }

  async setAccess(mode: PlainMode): Promise<PlainAccess> {
    const order = readOrder(await this.#ask({ operation: 'access', mode }, MODERATOR_ANSWER_MS));
    if (order.type !== 'access' || order.mode === 'listed' || order.mode !== mode) refuse('moderator-malformed');
    return order;
  }

  /** The host opens another room first, so this takes as long as that. */
  async evict(memberId: Uint8Array, listed: readonly Uint8Array[]): Promise<MoveOffer> {
    const question = { operation: 'evict', member: toHex(memberId), listed: listed.map(toHex) };
    const fields = await this.#ask(question, MODERATOR_EVICTION_MS);
    const order = readOrder(fields);
    const isAsked =
      order.type === 'evict' &&
      equalBytes(order.memberId, memberId) &&
      equalBytes(concatBytes(...order.listed), concatBytes(...listed));
    return isAsked ? { order, move: readMove(fields) } : refuse('moderator-malformed');
  }

  async move(listed: readonly Uint8Array[], cover: Cover): Promise<MoveOffer> {
    const fields = await this.#ask({ operation: 'move', listed: listed.map(toHex), cover }, MODERATOR_EVICTION_MS);
    const move = readMove(fields);
    return move.cover === cover ? { order: undefined, move } : refuse('moderator-malformed');
  }

  /** Repeated if the host does not answer: until then both rooms stay open. */
  moved(): void {
    this.#tellLater('moved');
  }

  notMoved(): void {
    this.#tellLater('not-moved');
  }

  /**
   * Resolves when the host has answered what it was told, or after MODERATOR_FLUSH_MS. Every other open
   * question is given up.
   */
  async close(): Promise<void> {
    const late = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.after(MODERATOR_FLUSH_MS, () => late.resolve(undefined));
    await Promise.race([this.#telling, late.promise]);
    cancel();
    for (const socket of this.#open) socket.close();
  }

  #tellLater(operation: 'moved' | 'not-moved'): void {
    this.#telling = Promise.all([this.#telling, this.#tell(operation)]).then(() => undefined);
  }

  async #tell(operation: 'moved' | 'not-moved'): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#ask({ operation }, MODERATOR_ANSWER_MS);
        return;
      } catch (error) {
        if (!(error instanceof ModeratorError)) throw error;
        if (attempt < MODERATOR_TRIES_MAX && !isHostRefusal(error.code)) await this.#pause(MODERATOR_RETRY_MS);
        else {
          this.#options.onProblem(error);
          return;
        }
      }
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(milliseconds, () => resolve()));
  }

  /** @returns the fields of an answer that is `ok` */
  async #ask(question: JsonObject, limitMs: number): Promise<JsonObject> {
    const fields = await this.#exchange(`${JSON.stringify(question)}\n`, limitMs);
    if (fields['ok'] === true) return fields;
    const { code } = fields;
    if (fields['ok'] !== false || typeof code !== 'string' || !HOST_CODE.test(code)) refuse('moderator-malformed');
    throw new ModeratorError(
      code,
      message(isHostRefusal(code) ? `error.moderator.${code}` : 'error.terminal.moderator-refused'),
    );
  }

  /**
   * @returns the first line that comes back on a connection of its own, made and answered within
   * `limitMs`.
   */
  async #exchange(question: string, limitMs: number): Promise<JsonObject> {
    const socket = new JsonClient<JsonObject>({
      path: this.#options.path,
      clock: this.#options.clock,
      maxLineBytes: MODERATOR_LINE_BYTES_MAX,
      maxWaitingRequests: 1,
      decode: parseJsonObject,
    });
    this.#open.add(socket);
    try {
      return await socket.ask(question, limitMs);
    } catch (error) {
      if (!(error instanceof JsonSocketError)) throw error;
      return refuse(error.code === 'busy' ? 'moderator-closed' : CODES[error.code]);
    } finally {
      this.#open.delete(socket);
      socket.close();
    }
  }
}

/** @throws ModeratorError */
function refuse(code: SocketCode): never {
  throw new ModeratorError(code, message(`error.terminal.${code}`));
}

function readOrder(fields: JsonObject): SignedOrder {
  const order = decodeSignedOrder(readHex(fields['order']));
  return order.ok ? order.value : refuse('moderator-malformed');
}

function readMove(fields: JsonObject): Move {
  const move = decodeMove(readHex(fields['move']));
  return move.ok ? move.value : refuse('moderator-malformed');
}

function readHex(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? fromHex(value, Math.floor(value.length / 2)) : undefined;
  return bytes ?? refuse('moderator-malformed');
}
