// The one connection to Redis, through which every command goes. It bounds each command's length,
// and checks each answer against its question.

import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { RelayError } from '../errors.ts';
import {
  STORE_COMMAND_BYTES_MAX,
  STORE_COMMAND_TIMEOUT_MS,
  STORE_CONNECT_TIMEOUT_MS,
  STORE_RETRY_FIRST_MS,
  STORE_RETRY_MAX_MS,
} from '../limits.ts';
import { decodeReply } from './redis-replies.ts';
import type { DecodeWords } from './redis-replies.ts';

export type Word = string | number | Uint8Array;

/** A script and the name under which Redis keeps it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/**
 * Errors of a server that is not, or not now, the one to write to: the address may lead to another.
 * It copies from another one (LOADING), is a replica (READONLY, MASTERDOWN), became one just now
 * (UNBLOCKED), or is a master that has lost sight of its replicas (NOREPLICAS). After all other
 * errors (OOM, BUSY) the same connection is asked again.
 */
const ELSEWHERE = /^(READONLY|LOADING|MASTERDOWN|UNBLOCKED|NOREPLICAS)\b/;

export function makeScript(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

export class RedisConnection {
  readonly #redis: Redis;
  #requests = 0;
  #isLeaving = false;

  constructor(host: string, port: number, scripts: readonly Script[]) {
    this.#redis = connect(host, port, ({ message }) => ELSEWHERE.test(message) && this.#leave());
    // On each connection before other commands: a script that arrives late is loaded all the same.
    this.#redis.on('ready', () => {
      this.#isLeaving = false;
      for (const script of scripts) this.#load(script).catch(() => undefined);
    });
  }

  /** @returns the decoded answer of the script. Rejects with a RelayError. */
  async run<Value>(
    script: Script,
    keys: readonly string[],
    rest: readonly Word[],
    decode: DecodeWords<Value>,
  ): Promise<Value> {
    const request = String((this.#requests += 1));
    const words = [script.sha, keys.length, ...keys, request, ...rest];
    const decoded = decodeReply(request, await this.#runLoaded(script, words), decode);
    if (decoded.ok) return decoded.value;
    // Answers and questions no longer match on this connection, whichever side is wrong.
    if (this.#leave()) this.#redis.disconnect(true);
    throw new RelayError(decoded.code);
  }

  close(): void {
    this.#redis.disconnect();
  }

  /**
   * @returns whether this connection is to be left now: once for each connection, whatever else is
   *   answered on it.
   */
  #leave(): boolean {
    const isFirst = !this.#isLeaving;
    this.#isLeaving = true;
    return isFirst;
  }

  /** A server may lose its scripts, or be replaced, while the connection stays open. */
  async #runLoaded(script: Script, words: readonly Word[]): Promise<unknown> {
    try {
      return await this.#send('evalsha', words);
    } catch (error) {
      if (!isNoScript(error)) throw unavailable(error);
    }
    try {
      await this.#load(script);
      return await this.#send('evalsha', words);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #load({ text }: Script): Promise<unknown> {
    return this.#send('script', ['load', text]);
  }

  async #send(command: string, words: readonly Word[]): Promise<unknown> {
    if (commandBytes([command, ...words]) > STORE_COMMAND_BYTES_MAX) throw new RelayError('store-command-long');
    return this.#redis.callBuffer(command, ...words.map(asArgument));
  }
}

/**
 * @returns the bytes that a command takes on the wire: `*<words>`, and of each word `$<length>` and
 *   its bytes, every line with its end.
 */
function commandBytes(words: readonly Word[]): number {
  return words.reduce((bytes: number, word) => bytes + wordBytes(length(word)), lineBytes(words.length));
}

/** @returns the bytes that a word of this length takes on the wire. */
export function wordBytes(length: number): number {
  return lineBytes(length) + length + 2;
}

function lineBytes(number: number): number {
  return 1 + String(number).length + 2;
}

function length(word: Word): number {
  return word instanceof Uint8Array ? word.length : Buffer.byteLength(String(word));
}

function asArgument(word: Word): string | number | Buffer {
  return word instanceof Uint8Array ? Buffer.from(word.buffer, word.byteOffset, word.byteLength) : word;
}

/** Redis' own messages may quote keys, so only our code is passed on. */
function unavailable(error: unknown): RelayError {
  return error instanceof RelayError ? error : new RelayError('store-unavailable');
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

function connect(host: string, port: number, reconnectOnError: (error: Error) => boolean): Redis {
  const redis = new Redis({
    host,
    port,
    // RESP2 and no introduction: HELLO, CLIENT and INFO are not among the commands that the relay
    // may use.
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    // A command fails at once when there is no connection, and the client library never repeats it:
    // the room repeats it, in order.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: STORE_CONNECT_TIMEOUT_MS,
    commandTimeout: STORE_COMMAND_TIMEOUT_MS,
    // A connection that answers nothing (a cut network) is replaced.
    socketTimeout: 2 * STORE_COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(STORE_RETRY_FIRST_MS * 2 ** Math.min(attempt, 10), STORE_RETRY_MAX_MS),
    reconnectOnError,
  });
  // Every command that fails rejects by itself; without a listener the process would end.
  redis.on('error', () => undefined);
  return redis;
}
