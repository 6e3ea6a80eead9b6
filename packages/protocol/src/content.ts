// Contents of members: texts, presences, receipts. PROTOCOL.md §5.3-§5.5.

import { ByteReader, ByteWriter } from './bytes.ts';
import { accept, refuse } from './errors.ts';
import type { ContentCode, Decoded } from './errors.ts';
import {
  BEFORE_BYTES,
  CONTENT_HEADER_BYTES,
  FRAGMENT_HEADER_BYTES,
  LOG_HASH_BYTES,
  NAME_BYTES_MAX,
  SIGNATURE_BYTES,
  TEXT_BYTES_MAX,
} from './limits.ts';
import { decodeSignedOrder, encodeSignedOrder } from './order.ts';
import type { PlainMode, SignedAccess } from './order.ts';

const TYPES = { text: 1, presence: 2, receipt: 3, 'roll-call': 4, order: 6 } as const;
const PRESENCE_STATUSES = { arriving: 1, here: 2, leaving: 3 } as const;

/** No frame that we can make carries less text than this, so no honest count is above it. */
const FRAGMENT_COUNT_MAX = 256;
/** before 64 + status 1 + name length 1. */
const PRESENCE_LEAST_BYTES: number = BEFORE_BYTES + 2;

export type PresenceStatus = keyof typeof PRESENCE_STATUSES;

/** The header of every content. PROTOCOL.md §5.3. */
export interface ContentHeader {
  /** Counts the member's own frames from 1 without a gap. */
  readonly number: number;
  /** The last sequence number that the member has seen. */
  readonly seen: number;
  /** 16 bytes: the log up to `seen` as the member saw it; zeros if it cannot tell. */
  readonly logHash: Uint8Array;
}

/** An access order that fits a slot of every cover mode. */
export type PlainAccess = Extract<SignedAccess, { readonly mode: PlainMode }>;

/** A content, as a member sends it. */
export type Content = ContentHeader &
  (
    | { readonly type: 'text'; readonly index: number; readonly count: number; readonly bytes: Uint8Array }
    | Presence
    | ({ readonly type: 'receipt' } & EpochsBefore)
    | { readonly type: 'roll-call' }
    /** The next committer puts it into its commit bundle. PROTOCOL.md §5.9. */
    | { readonly type: 'order'; readonly order: PlainAccess }
  );

/** Carries the log hashes of epochs on into the next ones. PROTOCOL.md §5.10. */
interface EpochsBefore {
  /**
   * 64 bytes: the last log hashes of the four epochs before this one, the latest first; zeros for
   * each that the member was not in or cannot tell of.
   */
  readonly before: Uint8Array;
}

type Presence = EpochsBefore & { readonly type: 'presence'; readonly name: string } & (
    | { readonly status: 'arriving' | 'here' }
    /** `signature`: 64 bytes, that of the member's leave proof. PROTOCOL.md §5.2. */
    | { readonly status: 'leaving'; readonly signature: Uint8Array }
  );

export type PresenceContent = Extract<Content, { readonly type: 'presence' }>;

export function encodeContent(content: Content, encodeText: (text: string) => Uint8Array): Uint8Array {
  switch (content.type) {
    case 'text': {
      const writer = header(content, FRAGMENT_HEADER_BYTES + content.bytes.length);
      return writer.u16(content.index).u16(content.count).put(content.bytes).bytes;
    }
    case 'presence':
      return encodePresence(content, encodeText(content.name));
    case 'receipt':
      return header(content, BEFORE_BYTES).put(content.before).bytes;
    case 'roll-call':
      return header(content, 0).bytes;
    case 'order': {
      const order = encodeSignedOrder(content.order);
      return header(content, order.length).put(order).bytes;
    }
  }
}

function encodePresence(content: ContentHeader & Presence, name: Uint8Array): Uint8Array {
  const signature = content.status === 'leaving' ? content.signature : new Uint8Array(0);
  return header(content, PRESENCE_LEAST_BYTES + name.length + signature.length)
    .put(content.before)
    .u8(PRESENCE_STATUSES[content.status])
    .u8(name.length)
    .put(name)
    .put(signature).bytes;
}

/**
 * `decodeText` returns undefined for bytes that are not UTF-8: this package has no text codec of
 * its own. PROTOCOL.md §5.3.
 */
export function decodeContent(
  bytes: Uint8Array,
  decodeText: (bytes: Uint8Array) => string | undefined,
): Decoded<Content, ContentCode> {
  if (bytes.length < CONTENT_HEADER_BYTES) return refuse('content-length');
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  const number = reader.u64();
  const seen = reader.u64();
  if (number === undefined || number === 0 || seen === undefined) return refuse('content-number');
  const snapshot: ContentHeader = { number, seen, logHash: reader.take(LOG_HASH_BYTES) };
  switch (type) {
    case TYPES.text:
      return decodeFragment(reader, snapshot);
    case TYPES.presence:
      return decodePresence(reader, snapshot, decodeText);
    case TYPES.receipt:
      if (reader.remaining !== BEFORE_BYTES) return refuse('content-length');
      return accept({ ...snapshot, type: 'receipt', before: reader.rest() });
    case TYPES['roll-call']:
      return reader.remaining === 0 ? accept({ ...snapshot, type: 'roll-call' }) : refuse('content-length');
    case TYPES.order:
      return decodeOrder(reader, snapshot);
    default:
      return refuse('content-kind');
  }
}

/** Only access orders without a list are contents: an eviction does not wait. */
function decodeOrder(reader: ByteReader, snapshot: ContentHeader): Decoded<Content, ContentCode> {
  const order = decodeSignedOrder(reader.rest());
  if (!order.ok) return order;
  return order.value.type === 'access' && order.value.mode !== 'listed'
    ? accept({ ...snapshot, type: 'order', order: order.value })
    : refuse('content-kind');
}

function header(content: ContentHeader & { readonly type: keyof typeof TYPES }, bodyBytes: number): ByteWriter {
  return new ByteWriter(CONTENT_HEADER_BYTES + bodyBytes)
    .u8(TYPES[content.type])
    .u64(content.number)
    .u64(content.seen)
    .put(content.logHash);
}

function decodeFragment(reader: ByteReader, snapshot: ContentHeader): Decoded<Content, ContentCode> {
  if (reader.remaining < FRAGMENT_HEADER_BYTES) return refuse('content-length');
  const index = reader.u16();
  const count = reader.u16();
  // The first fragment's number names the message, so no fragment may stand before its member's
  // first frame.
  if (count === 0 || count > FRAGMENT_COUNT_MAX || index >= count || index >= snapshot.number) {
    return refuse('fragment-index');
  }
  const bytes = reader.rest();
  if (bytes.length > TEXT_BYTES_MAX) return refuse('content-length');
  return accept({ ...snapshot, type: 'text', index, count, bytes });
}

function decodePresence(
  reader: ByteReader,
  snapshot: ContentHeader,
  decodeText: (bytes: Uint8Array) => string | undefined,
): Decoded<Content, ContentCode> {
  if (reader.remaining < PRESENCE_LEAST_BYTES) return refuse('content-length');
  const before = reader.take(BEFORE_BYTES);
  const statusNumber = reader.u8();
  const status = (Object.keys(PRESENCE_STATUSES) as PresenceStatus[]).find(
    (key) => PRESENCE_STATUSES[key] === statusNumber,
  );
  if (status === undefined) return refuse('content-kind');
  const length = reader.u8();
  const signatureBytes = status === 'leaving' ? SIGNATURE_BYTES : 0;
  if (length + signatureBytes !== reader.remaining) return refuse('content-length');
  const name = decodeText(reader.take(length));
  if (name === undefined || length === 0 || length > NAME_BYTES_MAX) return refuse('content-text');
  const presence = { ...snapshot, type: 'presence', before, name } as const;
  return accept(status === 'leaving' ? { ...presence, status, signature: reader.rest() } : { ...presence, status });
}
