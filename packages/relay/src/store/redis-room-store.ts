// The store on Redis: rooms in memory with a lifetime. It uses only commands that its ACL allows.
// An operation that fits in one command is one script call.

import { randomBytes } from 'node:crypto';
import { toHex } from '@sotto/protocol';
import type { LogFrame } from '@sotto/protocol';
import { systemClock } from '@sotto/machine/system-clock';
import type { Clock } from '@sotto/machine';
import { RelayError } from '../errors.ts';
import {
  STORE_COMMAND_BYTES_MAX,
  STORE_COMMAND_FRAME_BYTES,
  STORE_PIECE_PAUSE_MS_MAX,
  STORE_PIECE_PAUSE_TIMES,
  STORE_STAGED_TTL_MS,
} from '../limits.ts';
import { makeScript, RedisConnection, wordBytes } from './redis-connection.ts';
import type { Script, Word } from './redis-connection.ts';
import { decodeAppended, decodeLoaded, decodeRead, decodeTouched, decodeWord } from './redis-replies.ts';
import type { DecodeWords } from './redis-replies.ts';
import {
  APPEND,
  BEGIN_COMMIT,
  BEGIN_RESTORE,
  COMMIT,
  CREATE,
  FINISH_RESTORE,
  LOAD,
  READ,
  REMOVE,
  STAGE_FRAMES,
  STAGE_SNAPSHOT,
  TOUCH,
} from './redis-scripts.ts';
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
  StoreLimits,
  TouchAnswer,
} from './room-store.ts';

const SCRIPTS = {
  create: makeScript(CREATE),
  load: makeScript(LOAD),
  append: makeScript(APPEND),
  commit: makeScript(COMMIT),
  read: makeScript(READ),
  touch: makeScript(TOUCH),
  remove: makeScript(REMOVE),
  beginCommit: makeScript(BEGIN_COMMIT),
  beginRestore: makeScript(BEGIN_RESTORE),
  stageFrames: makeScript(STAGE_FRAMES),
  stageSnapshot: makeScript(STAGE_SNAPSHOT),
  finishRestore: makeScript(FINISH_RESTORE),
} as const;

/** Tells one attempt to store something in pieces from every other. */
const TOKEN_BYTES = 16;

/** Bytes that the long words of one command may take on the wire. */
const PIECE_BYTES_MAX: number = STORE_COMMAND_BYTES_MAX - STORE_COMMAND_FRAME_BYTES;

/**
 * The only place that names a key: `room:{<room id>}` and keys that begin so, all in one hash slot
 * of a cluster.
 */
export function roomKeys(roomId: Uint8Array): readonly [room: string, log: string, staged: string, stagedLog: string] {
  const room = `room:{${toHex(roomId)}}`;
  return [room, `${room}:log`, `${room}:staged`, `${room}:staged-log`];
}

/** Runs a script for one room. */
type Ask = <Value>(script: Script, rest: readonly Word[], decode: DecodeWords<Value>) => Promise<Value>;

/** Consecutive frames; `index` is the place of the first among all. */
interface FrameRun {
  readonly index: number;
  readonly frames: readonly LogFrame[];
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class RedisRoomStore implements RoomStore {
  readonly #redis: RedisConnection;
  readonly #limits: StoreLimits;
  readonly #pieces: PieceQueue;

  constructor(options: {
    readonly host: string;
    readonly port: number;
    readonly limits?: StoreLimits;
    readonly clock?: Clock;
  }) {
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#pieces = new PieceQueue(options.clock ?? systemClock);
    this.#redis = new RedisConnection(options.host, options.port, Object.values(SCRIPTS));
  }

  create(roomId: Uint8Array, terms: RoomTerms): Promise<'created' | 'room-exists'> {
    const { capabilityKey, roomTag, cover, patienceSeconds } = terms;
    const rest = [this.#limits.roomTtlMs, capabilityKey, roomTag, cover, patienceSeconds];
    return this.#room(roomId)(SCRIPTS.create, rest, decodeWord(['created', 'room-exists']));
  }

  load(roomId: Uint8Array): Promise<RoomRecord | undefined> {
    return this.#room(roomId)(SCRIPTS.load, [], decodeLoaded);
  }

  append(roomId: Uint8Array, append: Append): Promise<AppendAnswer> {
    const { commitNumber, first, oldest, bodies } = append;
    const rest = [this.#limits.roomTtlMs, commitNumber, first, oldest, ...bodies];
    return this.#room(roomId)(SCRIPTS.append, rest, decodeAppended({ ...append, count: bodies.length }));
  }

  async commit(roomId: Uint8Array, commit: Commit): Promise<AppendAnswer> {
    const { commitNumber, first, oldest, bodies, snapshot } = commit;
    const ask = this.#room(roomId);
    const token = randomBytes(TOKEN_BYTES);
    const cut = splitSnapshot(snapshot, bodies);
    if (cut > 0 && (await this.#stageCommit(ask, { token, begin: snapshot.subarray(0, cut) })) === 'room-unknown') {
      return { kind: 'room-unknown' };
    }
    const numbers = [this.#limits.roomTtlMs, commitNumber, first, oldest, commitNumber + 1, first + bodies.length - 1];
    const rest = [...numbers, token, cut, snapshot.subarray(cut), ...bodies];
    const decode = decodeAppended({ ...commit, count: bodies.length });
    return allStaged(await ask(SCRIPTS.commit, rest, orUnstaged(decode)));
  }

  read(roomId: Uint8Array, from: number, maxBytes: number): Promise<readonly LogEntry[]> {
    return this.#room(roomId)(SCRIPTS.read, [from, maxBytes], decodeRead(from, maxBytes));
  }

  touch(roomId: Uint8Array, oldest: number): Promise<TouchAnswer> {
    return this.#room(roomId)(SCRIPTS.touch, [this.#limits.roomTtlMs, oldest], decodeTouched(oldest));
  }

  async restore(roomId: Uint8Array, mirror: RoomMirror, wanted?: AbortSignal): Promise<'restored' | 'present'> {
    const { capabilityKey, roomTag, cover, patienceSeconds, commitNumber, oldest, next } = mirror;
    const { snapshot, previousSnapshot } = mirror;
    const token = randomBytes(TOKEN_BYTES);
    const ask = this.#inOrder(this.#room(roomId), wanted);
    const begin = [STORE_STAGED_TTL_MS, token, capabilityKey, roomTag, commitNumber, oldest, next];
    const begun = await ask(SCRIPTS.beginRestore, begin, decodeWord(['staged', 'present']));
    if (begun === 'present') return begun;
    await stageSnapshot(ask, 'snapshot', { token, snapshot: snapshot.bytes });
    await stageSnapshot(ask, 'previous', { token, snapshot: previousSnapshot.bytes });
    for (const { index, frames } of cutFrames(mirror.frames)) {
      const words = frames.flatMap(({ operation, body }) => [operation, body]);
      const rest = [STORE_STAGED_TTL_MS, token, oldest + index, ...words];
      allStaged(await ask(SCRIPTS.stageFrames, rest, decodeWord(['staged', 'unstaged'])));
    }
    const snapshots = [snapshot, previousSnapshot].flatMap(({ bytes, first, last }) => [bytes.length, first, last]);
    const finish = [
      this.#limits.roomTtlMs,
      token,
      capabilityKey,
      roomTag,
      cover,
      patienceSeconds,
      commitNumber,
      oldest,
      next,
      ...snapshots,
    ];
    return allStaged(await ask(SCRIPTS.finishRestore, finish, decodeWord(['restored', 'present', 'unstaged'])));
  }

  async remove(roomId: Uint8Array): Promise<boolean> {
    const answer = await this.#room(roomId)(SCRIPTS.remove, [], decodeWord(['removed', 'room-unknown']));
    return answer === 'removed';
  }

  close(): Promise<void> {
    this.#redis.close();
    return Promise.resolve();
  }

  /** Stages the beginning of a long snapshot. It counts for nothing until its commit. */
  async #stageCommit(
    ask: Ask,
    { token, begin }: { readonly token: Uint8Array; readonly begin: Uint8Array },
  ): Promise<'staged' | 'room-unknown'> {
    const rest = [STORE_STAGED_TTL_MS, token];
    const begun = await ask(SCRIPTS.beginCommit, rest, decodeWord(['staged', 'room-unknown']));
    if (begun === 'staged') await stageSnapshot(ask, 'snapshot', { token, snapshot: begin });
    return begun;
  }

  #room(roomId: Uint8Array): Ask {
    return (script, rest, decode) => this.#redis.run(script, roomKeys(roomId), rest, decode);
  }

  #inOrder(ask: Ask, wanted: AbortSignal | undefined): Ask {
    return (script, rest, decode) =>
      this.#pieces.run(() => {
        if (wanted?.aborted === true) throw new RelayError('store-unavailable');
        return ask(script, rest, decode);
      });
  }
}

async function stageSnapshot(
  ask: Ask,
  name: 'snapshot' | 'previous',
  { token, snapshot }: { readonly token: Uint8Array; readonly snapshot: Uint8Array },
): Promise<void> {
  for (const { offset, bytes } of cutBytes(snapshot)) {
    const rest = [STORE_STAGED_TTL_MS, token, name, offset, bytes];
    allStaged(await ask(SCRIPTS.stageSnapshot, rest, decodeWord(['staged', 'unstaged'])));
  }
}

function orUnstaged<Value>(decode: DecodeWords<Value>): DecodeWords<Value | 'unstaged'> {
  const decodeUnstaged = decodeWord(['unstaged']);
  return (words) => {
    const unstaged = decodeUnstaged(words);
    return unstaged.ok ? unstaged : decode(words);
  };
}

/**
 * Otherwise the staged pieces are gone: the store was emptied, or another attempt or a removal
 * came. The caller begins anew.
 */
function allStaged<Answer>(answer: Answer | 'unstaged'): Exclude<Answer, 'unstaged'> {
  if (answer === 'unstaged') throw new RelayError('store-unstaged');
  return answer as Exclude<Answer, 'unstaged'>;
}

function* cutFrames(frames: Iterable<LogFrame>): Generator<FrameRun> {
  let run: LogFrame[] = [];
  let [index, bytes] = [0, 0];
  for (const frame of frames) {
    const taken = wordBytes(frame.operation.length) + wordBytes(frame.body.length);
    if (bytes + taken > PIECE_BYTES_MAX && run.length > 0) {
      yield { index, frames: run };
      index += run.length;
      [run, bytes] = [[], 0];
    }
    run.push(frame);
    bytes += taken;
  }
  if (run.length > 0) yield { index, frames: run };
}

function* cutBytes(whole: Uint8Array): Generator<Piece> {
  // The word's own length prefix is within STORE_COMMAND_FRAME_BYTES.
  for (let offset = 0; offset < whole.length; offset += PIECE_BYTES_MAX) {
    yield { offset, bytes: whole.subarray(offset, offset + PIECE_BYTES_MAX) };
  }
}

/**
 * @returns the offset behind which the rest of a snapshot fits into one command with these bodies:
 *   0 if all of it does.
 */
function splitSnapshot(snapshot: Uint8Array, bodies: readonly Uint8Array[]): number {
  const taken = bodies.reduce((bytes, { length }) => bytes + wordBytes(length), 0);
  return Math.max(0, snapshot.length - Math.max(0, PIECE_BYTES_MAX - taken));
}

/**
 * Pieces of all rooms, one after the other in the order in which they are asked for. So rooms
 * alternate, and after each piece the store has time for other commands.
 */
class PieceQueue {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const before = this.#last;
    let end: () => void = () => undefined;
    this.#last = new Promise((resolve) => (end = resolve));
    await before;
    const begun = this.#clock.now();
    try {
      return await work();
    } finally {
      const took = this.#clock.now() - begun;
      this.#clock.after(Math.min(STORE_PIECE_PAUSE_TIMES * took, STORE_PIECE_PAUSE_MS_MAX), end);
    }
  }
}
