// The store on Redis: rooms in RAM with a lifetime, one script call per operation, nothing asked of the server that its ACL refuses.

import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { COVERS, toHex } from '@sotto/protocol';
import type { Cover } from '@sotto/protocol';
import { RelayError } from './errors.ts';
import {
  STORE_COMMAND_TIMEOUT_MS,
  STORE_CONNECT_TIMEOUT_MS,
  STORE_RETRY_FIRST_MS,
  STORE_RETRY_MAX_MS,
} from './limits.ts';
import { APPEND, COMMIT, CREATE, LOAD, READ, REMOVE, RESTORE, TOUCH } from './redis-scripts.ts';
import { STORE_LIMITS } from './room-store.ts';
import type {
  Append,
  AppendAnswer,
  Commit,
  LogEntry,
  RoomMirror,
  RoomRecord,
  RoomStore,
  RoomTerms,
  StoredHead,
  StoreLimits,
} from './room-store.ts';

type Argument = string | number | Uint8Array;

interface Script {
  readonly text: string;
  readonly sha: string;
}

const SCRIPTS = {
  create: script(CREATE),
  load: script(LOAD),
  append: script(APPEND),
  commit: script(COMMIT),
  read: script(READ),
  touch: script(TOUCH),
  restore: script(RESTORE),
  remove: script(REMOVE),
} as const;

/** The only place that names a key: `room:{<room id>}` and `room:{<room id>}:log`, in one hash slot of a cluster. */
export function roomKeys(roomId: Uint8Array): readonly [room: string, log: string] {
  const room = `room:{${toHex(roomId)}}`;
  return [room, `${room}:log`];
}

export class RedisRoomStore implements RoomStore {
  readonly #redis: Redis;
  readonly #limits: StoreLimits;

  constructor(options: { readonly host: string; readonly port: number; readonly limits?: StoreLimits }) {
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#redis = connect(options.host, options.port);
  }

  async create(roomId: Uint8Array, terms: RoomTerms): Promise<'created' | 'room-exists'> {
    const { capabilityKey, roomTag, cover } = terms;
    const answer = await this.#run(SCRIPTS.create, roomId, [this.#limits.logTtlMs, capabilityKey, roomTag, cover]);
    return oneOf(answer, ['created', 'room-exists']);
  }

  async load(roomId: Uint8Array): Promise<RoomRecord | undefined> {
    const fields = asList(await this.#run(SCRIPTS.load, roomId, []));
    if (fields.every((field) => field === null)) return undefined;
    const [capabilityKey, roomTag, cover, counter, oldest, next, ...heads] = fields;
    return {
      capabilityKey: copy(capabilityKey),
      roomTag: copy(roomTag),
      cover: asCover(cover),
      counter: asNumber(counter),
      head: asHead(heads.slice(0, 3)),
      previousHead: asHead(heads.slice(3)),
      oldest: asNumber(oldest),
      next: asNumber(next),
    };
  }

  async append(roomId: Uint8Array, { counter, first, bodies }: Append): Promise<AppendAnswer> {
    const { logTtlMs, logBytesMax } = this.#limits;
    const answer = await this.#run(SCRIPTS.append, roomId, [logTtlMs, logBytesMax, counter, first, ...bodies]);
    const [kind, ...rest] = asList(answer);
    return storedOrNot(kind, rest);
  }

  async commit(roomId: Uint8Array, { counter, first, bodies, head }: Commit): Promise<AppendAnswer> {
    const { logTtlMs, logBytesMax } = this.#limits;
    const last = first + bodies.length - 1;
    const scriptArguments = [logTtlMs, logBytesMax, counter, first, counter + 1, last, head, ...bodies];
    const [kind, ...rest] = asList(await this.#run(SCRIPTS.commit, roomId, scriptArguments));
    return storedOrNot(kind, rest);
  }

  async read(roomId: Uint8Array, from: number, maxBytes: number): Promise<readonly LogEntry[]> {
    const [first, ...bodies] = asList(await this.#run(SCRIPTS.read, roomId, [from, maxBytes]));
    if (bodies.length === 0) return [];
    const number = asNumber(first);
    return bodies.map((body, index) => ({ number: number + index, body: asBytes(body) }));
  }

  async touch(roomId: Uint8Array): Promise<'present' | 'room-unknown'> {
    const answer = await this.#run(SCRIPTS.touch, roomId, [this.#limits.logTtlMs]);
    return oneOf(answer, ['present', 'room-unknown']);
  }

  async restore(roomId: Uint8Array, mirror: RoomMirror): Promise<'restored' | 'present'> {
    const { capabilityKey, roomTag, cover, counter, head, previousHead, oldest, next, bodies } = mirror;
    const heads = [head, previousHead].flatMap(({ bytes, first, last }) => [bytes, first, last]);
    const fields = [capabilityKey, roomTag, cover, counter, oldest, next, ...heads];
    const answer = await this.#run(SCRIPTS.restore, roomId, [this.#limits.logTtlMs, ...fields, ...bodies]);
    return oneOf(answer, ['restored', 'present']);
  }

  async remove(roomId: Uint8Array): Promise<boolean> {
    const answer = await this.#run(SCRIPTS.remove, roomId, []);
    return oneOf(answer, ['removed', 'room-unknown']) === 'removed';
  }

  close(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }

  /** Redis loses its scripts with everything else, so the text is at hand; EVAL also caches it for the next EVALSHA. */
  async #run(what: Script, roomId: Uint8Array, rest: readonly Argument[]): Promise<unknown> {
    const keysAndArguments = [...roomKeys(roomId), ...rest.map(asArgument)];
    try {
      return await this.#redis.callBuffer('evalsha', what.sha, 2, ...keysAndArguments);
    } catch (error) {
      if (!isNoScript(error)) throw new RelayError('store-unavailable');
    }
    try {
      return await this.#redis.callBuffer('eval', what.text, 2, ...keysAndArguments);
    } catch {
      // Redis' own words may quote keys: only our code goes on.
      throw new RelayError('store-unavailable');
    }
  }
}

function connect(host: string, port: number): Redis {
  const redis = new Redis({
    host,
    port,
    // RESP2 and no introduction: HELLO, CLIENT and INFO are not among the commands that the relay may use.
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    // A command fails at once when there is no connection, and is never repeated behind our back: the room repeats it, in order.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: STORE_CONNECT_TIMEOUT_MS,
    commandTimeout: STORE_COMMAND_TIMEOUT_MS,
    // A connection that swallows commands (a cut network) is replaced, not waited for.
    socketTimeout: 2 * STORE_COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(STORE_RETRY_FIRST_MS * 2 ** Math.min(attempt, 10), STORE_RETRY_MAX_MS),
  });
  // Every command that this costs rejects by itself; without a listener the process would end.
  redis.on('error', () => undefined);
  return redis;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

function asArgument(value: Argument): string | number | Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

function storedOrNot(kind: unknown, rest: readonly unknown[]): AppendAnswer {
  switch (oneOf(kind, ['stored', 'stale', 'out-of-step', 'room-unknown'])) {
    case 'stored':
      return { kind: 'stored', first: asNumber(rest[0]), oldest: asNumber(rest[1]) };
    case 'stale':
      return { kind: 'stale', counter: asNumber(rest[0]) };
    case 'out-of-step':
      return { kind: 'out-of-step', next: asNumber(rest[0]) };
    case 'room-unknown':
      return { kind: 'room-unknown' };
  }
}

function asList(answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) throw new RelayError('store-reply');
  return answer;
}

function asBytes(answer: unknown): Buffer {
  if (!Buffer.isBuffer(answer)) throw new RelayError('store-reply');
  return answer;
}

/** A reply's bytes are a view of all that was read with it: what stays is copied out. */
function copy(answer: unknown): Uint8Array {
  return new Uint8Array(asBytes(answer));
}

function asHead([bytes, first, last]: readonly unknown[]): StoredHead {
  return { bytes: copy(bytes), first: asNumber(first), last: asNumber(last) };
}

function asText(answer: unknown): string {
  return asBytes(answer).toString('latin1');
}

function asCover(answer: unknown): Cover {
  return oneOf(answer, COVERS);
}

function asNumber(answer: unknown): number {
  const number = Number(asText(answer));
  if (!Number.isSafeInteger(number)) throw new RelayError('store-reply');
  return number;
}

function oneOf<const Word extends string>(answer: unknown, words: readonly Word[]): Word {
  const text = asText(answer);
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) throw new RelayError('store-reply');
  return word;
}
