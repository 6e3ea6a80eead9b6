// Asks the host for the connection string, for the host's own client, and waits while the host
// opens its room.

import { message } from '@sotto/messages';
import { ModeratorError } from '@sotto/client';
import type { Clock } from '@sotto/machine';
import { decodeInvite } from '@sotto/protocol';
import { isTerminalCode } from './errors.ts';
import { HOST_NOTICE_MS, HOST_POLL_MS, HOST_START_LIMIT_MS } from './limits.ts';
import type { ReadInvite } from './invite-source.ts';

export interface HostInviteOptions {
  readonly host: { invite(): Promise<string> };
  readonly clock: Clock;
  /** Gets the reason of the wait, at once and again after each HOST_NOTICE_MS. */
  readonly report: (waiting: string) => void;
  readonly signal: AbortSignal;
}

type HostPhase = 'opening' | 'starting';
/** A host that is just starting answers so. */
const MAY_BE_STARTING: ReadonlySet<string> = new Set([
  'moderator-unreachable',
  'moderator-closed',
  'moderator-timeout',
]);

/**
 * Waits without end for a host that opens its room, and HOST_START_LIMIT_MS for one that does not
 * answer; `signal` cancels.
 */
export function awaitHostInvite(options: HostInviteOptions): Promise<ReadInvite> {
  const cancelled = new Promise<ReadInvite>((resolve) => {
    options.signal.addEventListener('abort', () => resolve({ ok: false, code: 'cancelled' }), { once: true });
  });
  return Promise.race([askUntilOpen(options), cancelled]);
}

async function askUntilOpen({ host, clock, report, signal }: HostInviteOptions): Promise<ReadInvite> {
  const startedMs = clock.now();
  let answeredMs = startedMs;
  let reported: { readonly phase: HostPhase; readonly atMs: number } | undefined;
  while (!signal.aborted) {
    const answer = await ask(host);
    if (typeof answer === 'string') return decode(answer);
    const nowMs = clock.now();
    if (answer.code === 'not-open') answeredMs = nowMs;
    else if (!MAY_BE_STARTING.has(answer.code) || nowMs - answeredMs > HOST_START_LIMIT_MS) {
      return {
        ok: false,
        code: isTerminalCode(answer.code) ? answer.code : 'moderator-refused',
        message: answer.message,
      };
    }
    const phase = answer.code === 'not-open' ? 'opening' : 'starting';
    if (reported?.phase !== phase || nowMs - reported.atMs >= HOST_NOTICE_MS) {
      report(describeWait(phase, Math.round((nowMs - startedMs) / 1_000)));
      reported = { phase, atMs: nowMs };
    }
    await pause(clock, signal);
  }
  return { ok: false, code: 'cancelled' };
}

function describeWait(phase: HostPhase, seconds: number): string {
  return seconds < 1 ? message(`prompt.host-${phase}`) : message(`prompt.host-${phase}-since`, { seconds });
}

async function ask(host: HostInviteOptions['host']): Promise<string | ModeratorError> {
  try {
    return await host.invite();
  } catch (error) {
    if (error instanceof ModeratorError) return error;
    throw error;
  }
}

function decode(text: string): ReadInvite {
  const invite = decodeInvite(text);
  if (invite.ok) return invite;
  return { ok: false, code: 'moderator-malformed', message: message('error.terminal.moderator-malformed') };
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(HOST_POLL_MS, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
