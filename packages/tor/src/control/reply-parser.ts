// Turns the byte stream of Tor's control port into replies and events (tor control-spec §2.3).
// Holds no socket, throws nothing and keeps at most one bounded message of each kind.

import type { Decoded } from '../errors.ts';
import { MAX_CONTROL_LINE_BYTES, MAX_CONTROL_REPLY_BYTES, MAX_CONTROL_REPLY_LINES } from '../limits.ts';

const CR = 0x0d;
const LF = 0x0a;
const LINE_HEAD = /^([1-6][0-9]{2})([-+ ])/;
const EVENT_STATUS = 650;

/**
 * One line of a reply. `data` holds the block after a `+` line: dots unstuffed, lines joined by
 * `\n`.
 */
interface ReplyLine {
  readonly status: number;
  readonly text: string;
  readonly data?: string;
}

/**
 * A whole reply, or a whole asynchronous event (status 650). `status` is that of the last line.
 * Text is Latin-1.
 */
export interface ControlMessage {
  readonly kind: 'reply' | 'event';
  readonly status: number;
  readonly lines: readonly ReplyLine[];
}

export type ReplyViolation = 'control-malformed' | 'control-line-too-long' | 'control-reply-too-large';

export interface ReplyLimits {
  readonly maxLineBytes: number;
  readonly maxReplyBytes: number;
  readonly maxReplyLines: number;
}

export const REPLY_LIMITS: ReplyLimits = {
  maxLineBytes: MAX_CONTROL_LINE_BYTES,
  maxReplyBytes: MAX_CONTROL_REPLY_BYTES,
  maxReplyLines: MAX_CONTROL_REPLY_LINES,
};

interface Unfinished {
  readonly kind: ControlMessage['kind'];
  lines: ReplyLine[];
  bytes: number;
  lineCount: number;
}

interface OpenBlock {
  readonly owner: Unfinished;
  readonly status: number;
  readonly text: string;
  readonly data: string[];
}

/**
 * An incremental parser. Replies and events are gathered apart, so that a 650 line between two
 * lines of a reply harms neither. After a violation it stays failed: the position in the stream is
 * lost, and the connection must be closed.
 */
export class ReplyParser {
  readonly #limits: ReplyLimits;
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  #block: OpenBlock | undefined;
  #violation: ReplyViolation | undefined;
  readonly #reply = emptyMessage('reply');
  readonly #event = emptyMessage('event');

  constructor(limits: ReplyLimits = REPLY_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Bytes kept at the moment: an unfinished line plus unfinished messages. Bounded by `maxLineBytes
   * + 2 * maxReplyBytes`.
   */
  get retainedBytes(): number {
    return this.#heldBytes + this.#reply.bytes + this.#event.bytes;
  }

  /** Parses the next bytes, split anywhere. @returns the messages that they complete. */
  push(bytes: Uint8Array): Decoded<ControlMessage[], ReplyViolation> {
    const messages: ControlMessage[] = [];
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    while (this.#violation === undefined && start < chunk.length) {
      const end = chunk.indexOf(LF, start) + 1;
      const fits = this.#hold(chunk.subarray(start, end === 0 ? chunk.length : end));
      if (fits && end !== 0) this.#finishLine(messages);
      start = end === 0 ? chunk.length : end;
    }
    return this.#violation === undefined ? { ok: true, value: messages } : { ok: false, code: this.#violation };
  }

  #hold(piece: Buffer): boolean {
    const lineBreakBytes = 2;
    if (this.#heldBytes + piece.length > this.#limits.maxLineBytes + lineBreakBytes) {
      this.#fail('control-line-too-long');
      return false;
    }
    // Copied, because the socket may use its chunk again.
    this.#pieces.push(Buffer.from(piece));
    this.#heldBytes += piece.length;
    return true;
  }

  #finishLine(messages: ControlMessage[]): void {
    const line = this.#pieces.length === 1 ? (this.#pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#heldBytes = 0;
    const body = line.subarray(0, -2);
    if (line.at(-2) !== CR || body.includes(CR)) {
      this.#fail('control-malformed');
      return;
    }
    const text = body.toString('latin1');
    if (this.#block !== undefined) {
      this.#processBlockLine(this.#block, text);
      return;
    }
    const message = this.#processReplyLine(text);
    if (message !== undefined) messages.push(message);
  }

  #processBlockLine(block: OpenBlock, text: string): void {
    if (text === '.') {
      this.#block = undefined;
      block.owner.lines.push({ status: block.status, text: block.text, data: block.data.join('\n') });
      return;
    }
    if (this.#charge(block.owner, text)) block.data.push(text.startsWith('.') ? text.slice(1) : text);
  }

  #processReplyLine(line: string): ControlMessage | undefined {
    const head = LINE_HEAD.exec(line);
    if (head === null) {
      this.#fail('control-malformed');
      return undefined;
    }
    const status = Number(head[1]);
    const text = line.slice(head[0].length);
    const owner = status === EVENT_STATUS ? this.#event : this.#reply;
    if (!this.#charge(owner, line)) return undefined;
    if (head[2] === '+') {
      this.#block = { owner, status, text, data: [] };
      return undefined;
    }
    owner.lines.push({ status, text });
    return head[2] === ' ' ? finishMessage(owner, status) : undefined;
  }

  #charge(owner: Unfinished, text: string): boolean {
    owner.bytes += text.length;
    owner.lineCount += 1;
    if (owner.bytes <= this.#limits.maxReplyBytes && owner.lineCount <= this.#limits.maxReplyLines) return true;
    this.#fail('control-reply-too-large');
    return false;
  }

  #fail(code: ReplyViolation): void {
    this.#violation = code;
    this.#pieces = [];
    this.#heldBytes = 0;
    this.#block = undefined;
    finishMessage(this.#reply, 0);
    finishMessage(this.#event, 0);
  }
}

function emptyMessage(kind: ControlMessage['kind']): Unfinished {
  return { kind, lines: [], bytes: 0, lineCount: 0 };
}

function finishMessage(unfinished: Unfinished, status: number): ControlMessage {
  const message = { kind: unfinished.kind, status, lines: unfinished.lines };
  unfinished.lines = [];
  unfinished.bytes = 0;
  unfinished.lineCount = 0;
  return message;
}
