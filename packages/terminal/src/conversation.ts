// One stay in a room as the screen sees it: who may speak when, what waits, when to leave, how it ended. Pure: (conversation, event) -> effects.

import type { ClientEvent, ListedMember, Speaker } from '@sotto/client';
import { deal, hear as hearDealings, isEvicting, NO_DEALINGS, refusal, takeNumber } from './member-commands.ts';
import type { DealingEffect, Dealings } from './member-commands.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Command, ShownEvent } from './front-end.ts';
import { DRAIN_LIMIT_MS, MODERATOR_EVICTION_MS, PENDING_TEXTS_MAX } from './limits.ts';

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
  readonly dealings: Dealings;
  /** The room goes on at another onion, which has not been joined yet. */
  readonly moving: boolean;
  readonly exitCode: ExitCode;
}

export type ConversationEvent =
  /** `members`: who is in the room now. */
  | { readonly type: 'command'; readonly command: Command; readonly members: readonly ListedMember[] }
  /** The answer to `compute-number`. */
  | { readonly type: 'numbered'; readonly member: Speaker; readonly number: string | undefined }
  /** `exitCode`: what the program ends with if nothing else goes wrong; 0 if all of the input could be read. */
  | { readonly type: 'input-ended'; readonly exitCode?: ExitCode }
  | { readonly type: 'told'; readonly event: ClientEvent }
  | { readonly type: 'drain-timeout' }
  | { readonly type: 'interrupt' }
  /** The terminal was closed. */
  | { readonly type: 'hang-up' }
  | { readonly type: 'panic' }
  | { readonly type: 'output-failed' };

export type ConversationEffect =
  | DealingEffect
  | { readonly type: 'say'; readonly text: string; readonly ref: string }
  | { readonly type: 'leave' | 'hold-input' | 'release-input' | 'end' }
  /** Zeroes keys, cuts the connection and clears the screen; `end` follows. */
  | { readonly type: 'panic' }
  /** The ways to rooms that were left are not needed any more. */
  | { readonly type: 'close-former-ways' }
  | { readonly type: 'set-drain-timer'; readonly afterMs: number };

type Step = readonly [Conversation, readonly ConversationEffect[]];

export const NEW_CONVERSATION: Conversation = {
  phase: 'open',
  joined: false,
  held: false,
  pending: new Map(),
  count: 0,
  dealings: NO_DEALINGS,
  moving: false,
  exitCode: EXIT_CODES.left,
};

/** The one way a conversation changes. After `over` nothing happens any more. */
export function stepConversation(conversation: Conversation, event: ConversationEvent): Step {
  if (conversation.phase === 'over') return [conversation, []];
  switch (event.type) {
    case 'command':
      return obey(conversation, event.command, event.members);
    case 'numbered': {
      const [dealings, effects] = takeNumber(conversation.dealings, event.member, event.number);
      return [{ ...conversation, dealings }, effects];
    }
    case 'input-ended':
      if (conversation.phase !== 'open') return [conversation, []];
      return drain({ ...conversation, phase: 'draining', exitCode: event.exitCode ?? conversation.exitCode });
    case 'drain-timeout':
      return conversation.phase === 'draining' ? leave(conversation) : [conversation, []];
    case 'told':
      return hear(conversation, event.event);
    case 'interrupt':
      // The client takes a second request to leave as "at once".
      return leave(conversation);
    case 'panic':
      return panic(conversation);
    case 'hang-up':
      return leaveOnce(conversation);
    case 'output-failed':
      return leaveOnce({ ...conversation, exitCode: EXIT_CODES.failed });
  }
}

function obey(conversation: Conversation, command: Command, members: readonly ListedMember[]): Step {
  if (command.type === 'panic') return panic(conversation);
  if (conversation.phase !== 'open') return [conversation, []];
  switch (command.type) {
    case 'leave':
      return leave(conversation);
    case 'say':
      return say(conversation, command);
    default: {
      const [dealings, effects] = deal(conversation.dealings, command, members);
      return [{ ...conversation, dealings }, effects];
    }
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
      const [dealings] = hearDealings(conversation.dealings, event);
      return settle({ ...conversation, dealings }, event.ref ?? '', shown);
    }
    case 'pace': {
      const own = conversation.pending.get(event.ref ?? '');
      return [conversation, [{ type: 'show', event: { ...event, ref: own?.ref } }]];
    }
    case 'deferred': {
      const [dealings, shown] = hearDealings(conversation.dealings, event);
      const show = { type: 'show', event: shown } as const;
      const next = { ...conversation, dealings };
      // Whoever waits for the end of it waits longer.
      return next.phase === 'draining' ? prefixed(show, drain(next)) : [next, [show]];
    }
    case 'state':
      if (event.state === 'closed') return close(conversation, event);
      return event.state === 'joined' ? join(conversation, event) : [conversation, [{ type: 'show', event }]];
    default: {
      const [dealings, shown] = hearDealings(conversation.dealings, event);
      const moving = conversation.moving || event.type === 'moved';
      return goOn({ ...conversation, dealings, moving }, { type: 'show', event: shown });
    }
  }
}

/** One own text less waits: more input may come, or the last one was awaited. */
function settle(conversation: Conversation, ref: string, shown: ShownEvent): Step {
  const pending = new Map(conversation.pending);
  pending.delete(ref);
  const released = conversation.held && pending.size <= PENDING_TEXTS_MAX / 2;
  const next = { ...conversation, pending, held: conversation.held && !released };
  const show = { type: 'show', event: shown } as const;
  if (released && next.phase === 'open') return [next, [show, { type: 'release-input' }]];
  if (next.phase !== 'draining' || isSettled(next)) return goOn(next, show);
  // Slow is not stuck: the wait counts from the last text that was taken.
  return prefixed(show, drain(next));
}

/** Shows, and leaves if this was the last thing that was awaited. */
function goOn(conversation: Conversation, show: ConversationEffect): Step {
  if (conversation.phase === 'draining' && isSettled(conversation)) return prefixed(show, leave(conversation));
  return [conversation, [show]];
}

function isSettled({ pending, dealings }: Conversation): boolean {
  return pending.size === 0 && dealings.underWay.size === 0;
}

function join(conversation: Conversation, event: ClientEvent & { type: 'state' }): Step {
  const effects: ConversationEffect[] = [{ type: 'show', event }];
  if (conversation.moving) effects.push({ type: 'close-former-ways' });
  const next = { ...conversation, joined: true, moving: false };
  if (conversation.joined || next.phase !== 'draining') return [next, effects];
  const [draining, further] = drain(next);
  return [draining, [...effects, ...further]];
}

/** Before the first join the client's own limit counts; from then on ours does. */
function drain(conversation: Conversation): Step {
  if (isSettled(conversation)) return leave(conversation);
  const { dealings } = conversation;
  const afterMs = dealings.deferredMs + (isEvicting(dealings) ? MODERATOR_EVICTION_MS : DRAIN_LIMIT_MS);
  return [conversation, conversation.joined ? [{ type: 'set-drain-timer', afterMs }] : []];
}

function leave(conversation: Conversation): Step {
  return [{ ...conversation, phase: 'leaving' }, [{ type: 'hold-input' }, { type: 'leave' }]];
}

/** A closed window ends input and output and is a signal, perhaps two: none of it is a second request to leave. */
function leaveOnce(conversation: Conversation): Step {
  return conversation.phase === 'leaving' ? [conversation, []] : leave(conversation);
}

/** In every phase, and without a word: neither the room nor the screen is told. */
function panic(conversation: Conversation): Step {
  const over = { ...conversation, phase: 'over', pending: new Map(), exitCode: EXIT_CODES.panic } as const;
  return [over, [{ type: 'panic' }, { type: 'end' }]];
}

function close(conversation: Conversation, event: ClientEvent & { type: 'state' }): Step {
  const unsent = Array.from(conversation.pending.values(), ({ ref }) => ref);
  const isUndone = conversation.dealings.underWay.size > 0;
  const failed = event.code !== undefined || unsent.length > 0 || isUndone;
  return [
    {
      ...conversation,
      phase: 'over',
      pending: new Map(),
      exitCode: failed ? EXIT_CODES.failed : conversation.exitCode,
    },
    [
      ...(unsent.length > 0 ? [{ type: 'show', event: { type: 'unsent', refs: unsent } } as const] : []),
      ...(isUndone ? [{ type: 'show', event: refusal('not-done') } as const] : []),
      { type: 'show', event },
      { type: 'end' },
    ],
  ];
}

function prefixed(effect: ConversationEffect, [conversation, effects]: Step): Step {
  return [conversation, [effect, ...effects]];
}
