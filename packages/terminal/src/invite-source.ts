// Reads the connection string from its source, and names the fault of a bad one.

import { open } from 'node:fs/promises';
import type { Clock } from '@sotto/client';
import { message } from '@sotto/messages';
import type { Invite, InviteCode } from '@sotto/protocol';
import type { TerminalCode } from './errors.ts';
import { askHidden } from './hidden-prompt.ts';
import type { HiddenInput } from './hidden-prompt.ts';
import { findInvite } from './invite-finder.ts';
import type { FoundInvite, InviteNotFound } from './invite-finder.ts';
import type { LineQueue } from './line-queue.ts';
import { INVITE_BYTES_MAX, INVITE_LINE_LIMIT_MS, INVITE_LINES_MAX, PROMPT_TRIES_MAX } from './limits.ts';
import type { InviteSource } from './options.ts';

type NextStep = 'again' | 'rest' | 'version';

/**
 * The streams and signals for reading a connection string. `terminal` is standard input if that is
 * a terminal.
 */
export interface InviteEdge {
  readonly terminal: HiddenInput | undefined;
  /**
   * The next reader of the terminal needs raw mode. The terminal stays raw in between, so that no
   * echo shows typed keys.
   */
  readonly staysRaw: boolean;
  /** Lines of standard input; only with `-`. */
  readonly lines: () => LineQueue;
  /** Standard error. */
  readonly show: (text: string) => void;
  readonly showsOnTerminal: boolean;
  /** Shows one filtered line to the user. */
  readonly note: (line: string) => void;
  readonly clock: Pick<Clock, 'after'>;
  /**
   * Cancels. The prompt still waits for the end of a paste, so that the user's shell does not get
   * it.
   */
  readonly signal: AbortSignal;
  /** Cancels without any wait. */
  readonly atOnce: AbortSignal;
}

export type ReadInvite =
  | { readonly ok: true; readonly value: Invite }
  | { readonly ok: false; readonly code: 'cancelled' }
  | { readonly ok: false; readonly code: InviteCode | TerminalCode; readonly message: string };

/**
 * Reads the connection string from the one place that the command line names; the signals cancel.
 * Only the prompt asks again.
 */
export function readInvite(source: InviteSource, edge: InviteEdge): Promise<ReadInvite> {
  const { terminal } = edge;
  // The prompt reads the lines of a terminal, because it does not echo them.
  if (terminal !== undefined && (source.from === 'ask' || source.from === 'stdin')) return ask(terminal, edge);
  const cancelled = new Promise<ReadInvite>((resolve) => {
    edge.signal.addEventListener('abort', () => resolve({ ok: false, code: 'cancelled' }), { once: true });
  });
  return Promise.race([readFrom(source, edge), cancelled]);
}

async function readFrom(source: InviteSource, edge: InviteEdge): Promise<ReadInvite> {
  switch (source.from) {
    case 'argument':
      edge.note(message('prompt.argument-warning'));
      return explain(findInvite(source.text), 'again');
    case 'file':
      return readFile(source.path);
    case 'stdin':
      return readLines(edge.lines(), edge.clock);
    case 'ask':
      return refuse('invite-missing');
  }
}

/** Restores the terminal on every path, except for a next reader that needs raw mode. */
async function ask(terminal: HiddenInput, edge: InviteEdge): Promise<ReadInvite> {
  let read: ReadInvite = { ok: false, code: 'cancelled' };
  try {
    read = await askAgain(terminal, edge);
    return read;
  } finally {
    if (!read.ok || !edge.staysRaw) terminal.setRawMode(false);
  }
}

/** A part of a string is kept for the next answer; an answer that extends it is not counted. */
async function askAgain(terminal: HiddenInput, edge: InviteEdge): Promise<ReadInvite> {
  const { show, showsOnTerminal, clock, signal, atOnce } = edge;
  let begun = '';
  for (let attempt = 1; ;) {
    const find = (text: string): FoundInvite => findInvite(`${begun}${text}`);
    const isWhole = (text: string): boolean => find(text).ok;
    const answer = await askHidden(message('prompt.invite'), {
      input: terminal,
      show,
      showsOnTerminal,
      clock,
      signal,
      atOnce,
      isWhole,
    });
    if (answer.type === 'cancelled') return { ok: false, code: 'cancelled' };
    const found = find(answer.text);
    if (found.ok) return found;
    const isPart = found.unfinished && found.code !== 'invite-empty';
    begun = isPart ? `${begun}${answer.text}\n` : '';
    if (!isPart || isEmpty(answer.text)) attempt += 1;
    const refused = explain(found, isPart ? 'rest' : 'again');
    if (attempt > PROMPT_TRIES_MAX) return refused;
    edge.note(refused.message);
  }
}

function isEmpty(text: string): boolean {
  const found = findInvite(text);
  return !found.ok && found.code === 'invite-empty';
}

async function readFile(path: string): Promise<ReadInvite> {
  const bytes = Buffer.alloc(INVITE_BYTES_MAX);
  try {
    await using file = await open(path, 'r');
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return explain(findInvite(bytes.toString('utf8', 0, length)), 'again');
  } catch (error) {
    // The path may reveal something about its owner, so the error does not repeat it.
    if (error instanceof Error && 'syscall' in error) return refuse('invite-file-unreadable');
    throw error;
  } finally {
    bytes.fill(0);
  }
}

/**
 * Reads lines while the string is incomplete and could continue. The queue then waits for its next
 * reader.
 */
function readLines(queue: LineQueue, clock: Pick<Clock, 'after'>): Promise<ReadInvite> {
  return new Promise((resolve) => {
    let text = '';
    let found: FoundInvite = findInvite('');
    let lines = 0;
    let cancelWait = (): void => undefined;
    const settle = (read: ReadInvite): void => {
      cancelWait();
      queue.hold();
      resolve(read);
    };
    queue.begin({
      line: (line) => {
        cancelWait();
        if (!line.ok) {
          settle(refuse(line.code));
          return;
        }
        text += `${line.text}\n`;
        lines += 1;
        found = findInvite(text);
        if (found.ok || !found.unfinished || lines === INVITE_LINES_MAX) settle(explain(found, 'again'));
        else cancelWait = clock.after(INVITE_LINE_LIMIT_MS, () => settle(explain(found, 'again')));
      },
      end: () => settle(explain(found, 'again')),
    });
  });
}

function explain(found: InviteNotFound, next: NextStep): Exclude<ReadInvite, { ok: true } | { code: 'cancelled' }>;
function explain(found: FoundInvite, next: NextStep): ReadInvite;
function explain(found: FoundInvite, next: NextStep): ReadInvite {
  if (found.ok) return found;
  const { code, detail } = found;
  if (code === 'invite-several') return refuse(code);
  const nextStep = code === 'invite-version' || code === 'invite-flags' ? 'version' : next;
  const cause = message(`error.invite.${code}`);
  const step = message(`prompt.next-${nextStep}`);
  const text =
    detail === '' ? message('prompt.wrong', { cause, step }) : message('prompt.wrong-detail', { cause, detail, step });
  return { ok: false, code, message: text };
}

function refuse(code: TerminalCode): ReadInvite {
  return { ok: false, code, message: message(`error.terminal.${code}`) };
}
