// One stay in a room as the screen sees it: who may speak when, what waits, when to leave, how it ended. Pure: (conversation, event) -> effects.

import type { ClientEvent } from '@sotto/client';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Command, ShownEvent } from './front-end.ts';
import { DRAIN_LIMIT_MS, PENDING_TEXTS_MAX } from './limits.ts';

/** `draining`: the input has ended, and own texts still wait for the relay. */
type Phase = 'open' | 'draining' | 'leaving' | 'over';

interface OwnText {
  readonly text: string;
  readonly ref: string | undefined;
}

export interface Conversation {
  readonly phase: Phase;
  readonly joined: boolean;
  readonly held: boolean;
  /** Own texts that the relay has not acknowledged, by the reference that the client knows them by. */
  readonly pending: ReadonlyMap<string, OwnText>;
  readonly count: number;
  readonly exitCode: ExitCode;
}

export type ConversationEvent =
  | { readonly type: 'command'; readonly command: Command }
  | { readonly type: 'input-ended' }
  | { readonly type: 'told'; readonly event: ClientEvent }
  | { readonly type: 'drain-timeout' }
  | { readonly type: 'interrupt' }
  | { readonly type: 'output-failed' };

export type ConversationEffect =
  | { readonly type: 'show'; readonly event: ShownEvent }
  | { readonly type: 'say'; readonly text: string; readonly ref: string }
  | { readonly type: 'list-members' | 'leave' | 'hold-input' | 'release-input' | 'end' }
  | { readonly type: 'set-drain-timer'; readonly afterMs: number };

type Step = readonly [Conversation, readonly ConversationEffect[]];

export const NEW_CONVERSATION: Conversation = {
  phase: 'open',
  joined: false,
  held: false,
  pending: new Map(),
  count: 0,
  exitCode: EXIT_CODES.left,
};

/** The one way a conversation changes. After `over` nothing happens any more. */
export function stepConversation(conversation: Conversation, event: ConversationEvent): Step {
  if (conversation.phase === 'over') return [conversation, []];
  switch (event.type) {
    case 'command':
      return obey(conversation, event.command);
    case 'input-ended':
      return conversation.phase === 'open' ? drain({ ...conversation, phase: 'draining' }) : [conversation, []];
    case 'drain-timeout':
      return conversation.phase === 'draining' ? leave(conversation) : [conversation, []];
    case 'told':
      return hear(conversation, event.event);
    case 'interrupt':
      // The client takes a second request to leave as "at once".
      return leave(conversation);
    case 'output-failed':
      return leave({ ...conversation, exitCode: EXIT_CODES.failed });
  }
}

function obey(conversation: Conversation, command: Command): Step {
  if (conversation.phase !== 'open') return [conversation, []];
  switch (command.type) {
    case 'leave':
      return leave(conversation);
    case 'members':
      return [conversation, [{ type: 'list-members' }]];
    case 'say':
      return say(conversation, command);
  }
}

/** The input is held before the client is asked, so that its answer cannot be overtaken by the holding. */
function say(conversation: Conversation, { text, ref }: OwnText): Step {
  const count = conversation.count + 1;
  const internalRef = String(count);
  const pending = new Map(conversation.pending).set(internalRef, { text, ref });
  const held = pending.size >= PENDING_TEXTS_MAX;
  return [
    { ...conversation, pending, count, held },
    [
      { type: 'show', event: { type: 'queued' } },
      ...(held ? [{ type: 'hold-input' } as const] : []),
      { type: 'say', text, ref: internalRef },
    ],
  ];
}

function hear(conversation: Conversation, event: ClientEvent): Step {
  switch (event.type) {
    case 'sent': {
      const own = conversation.pending.get(event.ref ?? '');
      if (own === undefined) return [conversation, []];
      return settle(conversation, event.ref ?? '', { type: 'sent', ref: own.ref, id: event.id, text: own.text });
    }
    case 'error': {
      const own = conversation.pending.get(event.ref ?? '');
      const shown: ShownEvent = { type: 'error', code: event.code, message: event.message, ref: own?.ref };
      return settle(conversation, event.ref ?? '', shown);
    }
    case 'state':
      if (event.state === 'closed') return close(conversation, event);
      return event.state === 'joined' ? join(conversation, event) : [conversation, [{ type: 'show', event }]];
    default:
      return [conversation, [{ type: 'show', event }]];
  }
}

/** One own text less waits: more input may come, or the last one was awaited. */
function settle(conversation: Conversation, ref: string, shown: ShownEvent): Step {
  const pending = new Map(conversation.pending);
  pending.delete(ref);
  const released = conversation.held && pending.size <= PENDING_TEXTS_MAX / 2;
  const next = { ...conversation, pending, held: conversation.held && !released };
  const show = { type: 'show', event: shown } as const;
  if (next.phase === 'draining' && pending.size === 0) return prefixed(show, leave(next));
  return [next, released && next.phase === 'open' ? [show, { type: 'release-input' }] : [show]];
}

function join(conversation: Conversation, event: ClientEvent & { type: 'state' }): Step {
  const show = { type: 'show', event } as const;
  const next = { ...conversation, joined: true };
  return conversation.joined || next.phase !== 'draining' ? [next, [show]] : prefixed(show, drain(next));
}

/** Before the first join the client's own limit counts; from then on ours does. */
function drain(conversation: Conversation): Step {
  if (conversation.pending.size === 0) return leave(conversation);
  return [conversation, conversation.joined ? [{ type: 'set-drain-timer', afterMs: DRAIN_LIMIT_MS }] : []];
}

function leave(conversation: Conversation): Step {
  return [{ ...conversation, phase: 'leaving' }, [{ type: 'hold-input' }, { type: 'leave' }]];
}

function close(conversation: Conversation, event: ClientEvent & { type: 'state' }): Step {
  const unsent = Array.from(conversation.pending.values(), ({ ref }) => ref);
  const failed = event.code !== undefined || unsent.length > 0;
  return [
    {
      ...conversation,
      phase: 'over',
      pending: new Map(),
      exitCode: failed ? EXIT_CODES.failed : conversation.exitCode,
    },
    [
      ...(unsent.length > 0 ? [{ type: 'show', event: { type: 'unsent', refs: unsent } } as const] : []),
      { type: 'show', event },
      { type: 'end' },
    ],
  ];
}

function prefixed(effect: ConversationEffect, [conversation, effects]: Step): Step {
  return [conversation, [effect, ...effects]];
}
