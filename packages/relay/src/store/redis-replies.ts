// Decodes Redis' answers and checks them against their questions: a reply that does not fit is a
// value with a code, and never reaches a room.

import {
  accept,
  CAPABILITY_KEY_BYTES,
  COVERS,
  isPatience,
  SNAPSHOT_BYTES_MAX,
  refuse,
  ROOM_TAG_BYTES,
} from '@sotto/protocol';
import type { Decoded, LogOperation } from '@sotto/protocol';
import type { Append, AppendAnswer, LogEntry, RoomRecord, StoredSnapshot, TouchAnswer } from './room-store.ts';

/** `store-reply` is no answer to anything; `store-reply-unasked` is one to another question. */
type ReplyCode = 'store-reply' | 'store-reply-unasked';
export type Reply<Value> = Decoded<Value, ReplyCode>;
/** A reply without the request's number. */
export type Words = readonly unknown[];
export type DecodeWords<Value> = (words: Words) => Reply<Value>;

const MALFORMED = refuse('store-reply');
const UNASKED = refuse('store-reply-unasked');

/**
 * Every script's answer begins with the number of its request, so that no answer passes for that to
 * another.
 */
export function decodeReply<Value>(request: string, reply: unknown, decode: DecodeWords<Value>): Reply<Value> {
  if (!Array.isArray(reply)) return MALFORMED;
  const [number, ...words] = reply as Words;
  if (text(number) === undefined) return MALFORMED;
  return text(number) === request ? decode(words) : UNASKED;
}

/** One word of these and nothing else. */
export function decodeWord<const Word extends string>(allowed: readonly Word[]): DecodeWords<Word> {
  return (words) => {
    const word = allowed.find((candidate) => candidate === text(words[0]));
    return word === undefined || words.length !== 1 ? MALFORMED : accept(word);
  };
}

/** Answers to append and commit. */
export function decodeAppended(asked: Omit<Append, 'bodies'> & { readonly count: number }): DecodeWords<AppendAnswer> {
  return ([kind, ...rest]) => {
    const [one, other] = rest.map(number);
    const name = text(kind);
    if (name === 'room-unknown' && rest.length === 0) return accept({ kind: name });
    if (one === undefined) return MALFORMED;
    if (name === 'stale' && rest.length === 1) {
      return one === asked.commitNumber ? UNASKED : accept({ kind: name, commitNumber: one });
    }
    if (name === 'out-of-step' && rest.length === 1) {
      return one === asked.first || one === 0 ? UNASKED : accept({ kind: name, next: one });
    }
    if (name !== 'stored' || other === undefined || rest.length !== 2) return MALFORMED;
    const fits = one === asked.first && other >= asked.oldest && other <= asked.first + asked.count;
    return fits ? accept({ kind: name, first: one, oldest: other }) : UNASKED;
  };
}

export function decodeRead(from: number, maxBytes: number): DecodeWords<readonly LogEntry[]> {
  return ([first, ...words]) => {
    if (words.length === 0) return accept([]);
    const begin = number(first);
    if (begin === undefined || !Number.isSafeInteger(begin + words.length)) return MALFORMED;
    const entries: LogEntry[] = [];
    for (let index = 0; index < words.length; index += 2) {
      const [operation, body] = [logOperation(words[index]), words[index + 1]];
      if (operation === undefined || !isBytes(body) || body.length === 0) return MALFORMED;
      entries.push({ number: begin + index / 2, operation, body });
    }
    const bytes = entries.reduce((sum, { body }) => sum + body.length, 0);
    return begin < from || (bytes > maxBytes && entries.length > 1) ? UNASKED : accept(entries);
  };
}

export function decodeTouched(asked: number): DecodeWords<TouchAnswer> {
  return ([kind, ...rest]) => {
    const [commitNumber, oldest, next] = rest.map(number);
    if (text(kind) === 'room-unknown' && rest.length === 0) return accept({ kind: 'room-unknown' });
    if (text(kind) !== 'present' || rest.length !== 3) return MALFORMED;
    if (commitNumber === undefined || oldest === undefined || next === undefined) return MALFORMED;
    if (oldest === 0 || oldest > next) return MALFORMED;
    // A store that is behind has dropped all that it had.
    return oldest < Math.min(asked, next) ? UNASKED : accept({ kind: 'present', commitNumber, oldest, next });
  };
}

export function decodeLoaded([kind, ...fields]: Words): Reply<RoomRecord | undefined> {
  if (text(kind) === 'room-unknown' && fields.length === 0) return accept(undefined);
  if (text(kind) !== 'room' || fields.length !== 13) return MALFORMED;
  const [capabilityKey, roomTag] = [bytes(fields[0]), bytes(fields[1])];
  const cover = COVERS.find((candidate) => candidate === text(fields[2]));
  const [patienceSeconds, commitNumber, oldest, next] = fields.slice(3, 7).map(number);
  if (capabilityKey?.length !== CAPABILITY_KEY_BYTES || roomTag?.length !== ROOM_TAG_BYTES) return MALFORMED;
  if (cover === undefined || !isPatience(patienceSeconds)) return MALFORMED;
  if (commitNumber === undefined || oldest === undefined || next === undefined) return MALFORMED;
  if (oldest === 0 || oldest > next) return MALFORMED;
  const [snapshot, previousSnapshot] = [
    decodeSnapshot(fields.slice(7, 10), next),
    decodeSnapshot(fields.slice(10), next),
  ];
  if (snapshot === undefined || previousSnapshot === undefined) return MALFORMED;
  const terms = { capabilityKey, roomTag, cover, patienceSeconds };
  return accept({ ...terms, commitNumber, snapshot, previousSnapshot, oldest, next });
}

/** Either there is no snapshot, or the log has had its commit. */
function decodeSnapshot([content, from, to]: Words, next: number): StoredSnapshot | undefined {
  const [snapshot, first, last] = [bytes(content), number(from), number(to)];
  if (snapshot === undefined || first === undefined || last === undefined || snapshot.length > SNAPSHOT_BYTES_MAX)
    return undefined;
  const fits = snapshot.length === 0 ? first === 0 && last === 0 : first > 0 && first <= last && last < next;
  return fits ? { bytes: snapshot, first, last } : undefined;
}

function logOperation(word: unknown): LogOperation | undefined {
  const name = text(word);
  return name === 'entry' || name === 'committed' ? name : undefined;
}

function isBytes(word: unknown): word is Buffer {
  return Buffer.isBuffer(word);
}

/**
 * A reply's bytes are a view of everything that was read with it, so bytes that stay are copied.
 */
function bytes(word: unknown): Uint8Array | undefined {
  return isBytes(word) ? new Uint8Array(word) : undefined;
}

function text(word: unknown): string | undefined {
  return isBytes(word) ? word.toString('latin1') : undefined;
}

/** As the scripts write it: no sign, no zero before it, and exact. */
function number(word: unknown): number | undefined {
  const digits = text(word);
  if (digits === undefined || !/^(0|[1-9][0-9]{0,15})$/.test(digits)) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : undefined;
}
