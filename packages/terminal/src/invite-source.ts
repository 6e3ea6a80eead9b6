// Gets the connection string from where it was put, and says which part of a bad one is wrong.

import { open } from 'node:fs/promises';
import { decodeInvite, INVITE_CODES } from '@sotto/protocol';
import type { Invite, InviteCode } from '@sotto/protocol';
import { TERMINAL_CODES } from './errors.ts';
import type { TerminalCode } from './errors.ts';
import { askHidden } from './hidden-prompt.ts';
import type { HiddenInput } from './hidden-prompt.ts';
import type { LineFeed } from './line-feed.ts';
import { INVITE_BYTES_MAX, PROMPT_TRIES_MAX } from './limits.ts';
import type { InputLine } from './line-splitter.ts';
import type { InviteSource } from './options.ts';

const QUESTION = 'Connection string (it is not shown): ';
const ARGUMENT_WARNING =
  "the connection string is now in your shell's history and in `docker inspect`: next time give none, and the client asks";
const ASK_AGAIN = 'copy it once more from the host; the host shows it again with: docker compose exec host invite';
const SEE_VERSION = 'both sides need the same version: see --version';

/** What the reading of a connection string may use. `terminal` is standard input if that is a terminal. */
export interface InviteEdge {
  readonly terminal: HiddenInput | undefined;
  /** Lines of standard input; only with `-`. */
  readonly lines: () => LineFeed;
  /** Standard error. */
  readonly show: (text: string) => void;
  /** One line for people, through the gate. */
  readonly note: (line: string) => void;
  readonly signal: AbortSignal;
}

export type ReadInvite =
  | { readonly ok: true; readonly value: Invite }
  | { readonly ok: false; readonly code: 'cancelled' }
  | { readonly ok: false; readonly code: InviteCode | TerminalCode; readonly message: string };

/** Reads the connection string from the one place that the command line names; `signal` cancels. Only the prompt asks again. */
export function readInvite(source: InviteSource, edge: InviteEdge): Promise<ReadInvite> {
  const cancelled = new Promise<ReadInvite>((resolve) => {
    edge.signal.addEventListener('abort', () => resolve({ ok: false, code: 'cancelled' }), { once: true });
  });
  return Promise.race([readFrom(source, edge), cancelled]);
}

async function readFrom(source: InviteSource, edge: InviteEdge): Promise<ReadInvite> {
  switch (source.from) {
    case 'argument':
      edge.note(ARGUMENT_WARNING);
      return decode(source.text);
    case 'file':
      return readFile(source.path);
    case 'stdin':
      // On a terminal the first line would be seen: the prompt reads the same input without that.
      return edge.terminal === undefined ? decodeLine(await firstLine(edge.lines())) : ask(edge.terminal, edge);
    case 'ask':
      return edge.terminal === undefined ? refuse('invite-missing') : ask(edge.terminal, edge);
  }
}

async function ask(terminal: HiddenInput, edge: InviteEdge): Promise<ReadInvite> {
  let read: ReadInvite = refuse('invite-missing');
  for (let attempt = 1; attempt <= PROMPT_TRIES_MAX; attempt += 1) {
    const answer = await askHidden(QUESTION, terminal, edge.show, edge.signal);
    if (answer.type === 'cancelled') return { ok: false, code: 'cancelled' };
    read = decode(answer.text);
    if (read.ok || read.code === 'cancelled') return read;
    if (attempt < PROMPT_TRIES_MAX) edge.note(read.message);
  }
  return read;
}

async function readFile(path: string): Promise<ReadInvite> {
  const bytes = Buffer.alloc(INVITE_BYTES_MAX);
  try {
    await using file = await open(path, 'r');
    let length = 0;
    while (length < bytes.length && !bytes.subarray(0, length).includes('\n')) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return decode(bytes.subarray(0, length).toString('utf8').split('\n', 1)[0] ?? '');
  } catch (error) {
    // The path may tell something of its owner, and the owner knows it: only that it failed is said.
    if (error instanceof Error && 'syscall' in error) return refuse('invite-file-unreadable');
    throw error;
  } finally {
    bytes.fill(0);
  }
}

/** The first line of the feed, or nothing if it ends before; the feed then waits for its next taker. */
function firstLine(feed: LineFeed): Promise<InputLine> {
  return new Promise((resolve) => {
    feed.begin({
      line: (line) => {
        feed.hold();
        resolve(line);
      },
      end: () => resolve({ ok: true, text: '' }),
    });
  });
}

function decodeLine(line: InputLine): ReadInvite {
  return line.ok ? decode(line.text) : refuse(line.code);
}

function decode(text: string): ReadInvite {
  const invite = decodeInvite(text);
  if (invite.ok) return invite;
  const { code } = invite;
  const nextStep = code === 'invite-version' || code === 'invite-flags' ? SEE_VERSION : ASK_AGAIN;
  return { ok: false, code, message: `the connection string is not right: ${INVITE_CODES[code]}. Next: ${nextStep}` };
}

function refuse(code: TerminalCode): ReadInvite {
  return { ok: false, code, message: TERMINAL_CODES[code] };
}
