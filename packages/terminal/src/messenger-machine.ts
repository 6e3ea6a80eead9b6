// Decides whether own texts may be sent, when the client leaves, and the exit code. Pure:
// `messenger.ts` performs the effects.

import type { ClientEvent, ListedMember, RoomCode, Speaker } from '@sotto/client';
import type { Step as MachineStep } from '@sotto/machine';
import {
  onMemberCommand,
  annotateEvent,
  isMoveWanted,
  NEW_MEMBER_COMMANDS,
  refusal,
  onSafetyNumber,
} from './member-commands.ts';
import type { MemberCommandEffect, MemberCommandState } from './member-commands.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Command, ShownEvent } from './front-end.ts';
import { DRAIN_LIMIT_MS, MODERATOR_EVICTION_MS, PENDING_TEXTS_MAX } from './limits.ts';

/** `draining`: the input has ended, and own texts or answers are still awaited. */
type Phase = 'open' | 'draining' | 'leaving' | 'over';

interface OwnText {
  readonly text: string;
  readonly ref: string | undefined;
}

export interface MessengerState {
  readonly phase: Phase;
  readonly joined: boolean;
  readonly held: boolean;
  /** Own texts that the relay has not acknowledged, by the client's reference. */
  readonly pending: ReadonlyMap<string, OwnText>;
  readonly count: number;
  readonly memberCommands: MemberCommandState;
  /** Room codes that the client computes. */
  readonly awaitedCodes: number;
  /** The room goes on at another onion, which has not been joined yet. */
  readonly awaitsNewRoom: boolean;
  readonly exitCode: ExitCode;
}

export type MessengerEvent =
  /** `members`: the members in the room now. */
  | { readonly type: 'command'; readonly command: Command; readonly members: readonly ListedMember[] }
  /** The answer to `compute-number`. */
  | { readonly type: 'numbered'; readonly member: Speaker; readonly number: string | undefined }
  /** The answer to `show-code`: undefined outside of the room. */
  | { readonly type: 'code-computed'; readonly code: RoomCode | undefined }
  /** `exitCode`: the exit code if nothing else fails; 0 if all of the input could be read. */
  | { readonly type: 'input-ended'; readonly exitCode?: ExitCode }
  | { readonly type: 'client-event'; readonly event: ClientEvent }
  | { readonly type: 'drain-timeout' }
  | { readonly type: 'interrupt' }
  /** The terminal was closed. */
  | { readonly type: 'hang-up' }
  | { readonly type: 'panic' }
  | { readonly type: 'output-failed' };

export type MessengerEffect =
  | MemberCommandEffect
  | { readonly type: 'send'; readonly text: string; readonly ref: string }
  | { readonly type: 'leave' | 'hold-input' | 'release-input' | 'end' }
  /** Zeroes keys, cuts the connection and clears the screen; `end` follows. */
  | { readonly type: 'panic' }
  /** Closes the dialers of rooms that were left. */
  | { readonly type: 'close-former-dialers' }
  | { readonly type: 'set-drain-timer'; readonly afterMs: number };

type Step = MachineStep<MessengerState, MessengerEffect>;

export const NEW_MESSENGER: MessengerState = {
  phase: 'open',
  joined: false,
  held: false,
  pending: new Map(),
  count: 0,
  memberCommands: NEW_MEMBER_COMMANDS,
  awaitedCodes: 0,
  awaitsNewRoom: false,
  exitCode: EXIT_CODES.left,
};

/** The only function that changes the state. After `over` nothing happens any more. */
export function stepMessenger(state: MessengerState, event: MessengerEvent): Step {
  if (state.phase === 'over') return { state, effects: [] };
  switch (event.type) {
    case 'command':
      return onCommand(state, event.command, event.members);
    case 'numbered': {
      const { state: memberCommands, effects } = onSafetyNumber(state.memberCommands, event.member, event.number);
      return { state: { ...state, memberCommands }, effects };
    }
    case 'code-computed':
      return onCodeComputed(state, event.code);
    case 'input-ended':
      if (state.phase !== 'open') return { state, effects: [] };
      return drain({ ...state, phase: 'draining', exitCode: event.exitCode ?? state.exitCode });
    case 'drain-timeout':
      return state.phase === 'draining' ? leave(state) : { state, effects: [] };
    case 'client-event':
      return onClientEvent(state, event.event);
    case 'interrupt':
      // A second request makes the client leave at once.
      return leave(state);
    case 'panic':
      return onPanic(state);
    case 'hang-up':
      return leaveOnce(state);
    case 'output-failed':
      return leaveOnce({ ...state, exitCode: EXIT_CODES.failed });
  }
}

function onCommand(state: MessengerState, command: Command, members: readonly ListedMember[]): Step {
  if (command.type === 'panic') return onPanic(state);
  if (state.phase !== 'open') return { state, effects: [] };
  switch (command.type) {
    case 'leave':
      return leave(state);
    case 'send':
      return sendText(state, command);
    default: {
      const { state: memberCommands, effects } = onMemberCommand(state.memberCommands, command, members);
      const asked = effects.filter(({ type }) => type === 'show-code').length;
      return { state: { ...state, memberCommands, awaitedCodes: state.awaitedCodes + asked }, effects };
    }
  }
}

function onCodeComputed(state: MessengerState, code: RoomCode | undefined): Step {
  const event: ShownEvent =
    code === undefined ? refusal('code-absent') : { type: 'code', epoch: code.epoch, code: code.words };
  return showAndContinue({ ...state, awaitedCodes: state.awaitedCodes - 1 }, { type: 'show', event });
}

/** The input is held before the client is asked: the answer may release it at once. */
function sendText(state: MessengerState, { text, ref }: OwnText): Step {
  const count = state.count + 1;
  const internalRef = String(count);
  const pending = new Map(state.pending).set(internalRef, { text, ref });
  const held = pending.size >= PENDING_TEXTS_MAX;
  return {
    state: { ...state, pending, count, held },
    effects: [
      { type: 'show', event: { type: 'queued' } },
      ...(held ? [{ type: 'hold-input' } as const] : []),
      { type: 'send', text, ref: internalRef },
    ],
  };
}

function onClientEvent(state: MessengerState, event: ClientEvent): Step {
  switch (event.type) {
    case 'sent': {
      const own = state.pending.get(event.ref ?? '');
      if (own === undefined) return { state, effects: [] };
      return onTextSettled(state, event.ref ?? '', { type: 'sent', ref: own.ref, id: event.id, text: own.text });
    }
    case 'error': {
      const own = state.pending.get(event.ref ?? '');
      const shown: ShownEvent = { type: 'error', code: event.code, message: event.message, ref: own?.ref };
      const { state: memberCommands } = annotateEvent(state.memberCommands, event);
      return onTextSettled({ ...state, memberCommands }, event.ref ?? '', shown);
    }
    case 'pace': {
      const own = state.pending.get(event.ref ?? '');
      return { state, effects: [{ type: 'show', event: { ...event, ref: own?.ref } }] };
    }
    case 'deferred': {
      const { state: memberCommands, shown } = annotateEvent(state.memberCommands, event);
      const show = { type: 'show', event: shown } as const;
      const next = { ...state, memberCommands };
      // A drain waits longer by the same time.
      return next.phase === 'draining' ? prependEffect(show, drain(next)) : { state: next, effects: [show] };
    }
    case 'state':
      if (event.state === 'closed') return onClosed(state, event);
      return event.state === 'joined' ? onJoined(state, event) : { state, effects: [{ type: 'show', event }] };
    default: {
      const { state: memberCommands, shown } = annotateEvent(state.memberCommands, event);
      const awaitsNewRoom = state.awaitsNewRoom || event.type === 'moved';
      return showAndContinue({ ...state, memberCommands, awaitsNewRoom }, { type: 'show', event: shown });
    }
  }
}

/** One pending text fewer: more input may come, or the last one was awaited. */
function onTextSettled(state: MessengerState, ref: string, shown: ShownEvent): Step {
  const pending = new Map(state.pending);
  pending.delete(ref);
  const released = state.held && pending.size <= PENDING_TEXTS_MAX / 2;
  const next = { ...state, pending, held: state.held && !released };
  const show = { type: 'show', event: shown } as const;
  if (released && next.phase === 'open') return { state: next, effects: [show, { type: 'release-input' }] };
  if (next.phase !== 'draining' || isSettled(next)) return showAndContinue(next, show);
  // The wait counts from the last acknowledged text, so a slow relay is not a stuck one.
  return prependEffect(show, drain(next));
}

/** Shows the event, and leaves if this was the last pending answer. */
function showAndContinue(state: MessengerState, show: MessengerEffect): Step {
  if (state.phase === 'draining' && isSettled(state)) return prependEffect(show, leave(state));
  return { state, effects: [show] };
}

function isSettled({ pending, memberCommands, awaitedCodes }: MessengerState): boolean {
  return pending.size === 0 && memberCommands.pendingActions.size === 0 && awaitedCodes === 0;
}

function onJoined(state: MessengerState, event: ClientEvent & { type: 'state' }): Step {
  const effects: MessengerEffect[] = [{ type: 'show', event }];
  if (state.awaitsNewRoom) effects.push({ type: 'close-former-dialers' });
  const next = { ...state, joined: true, awaitsNewRoom: false };
  if (state.joined || next.phase !== 'draining') return { state: next, effects };
  const { state: draining, effects: further } = drain(next);
  return { state: draining, effects: [...effects, ...further] };
}

/** Before the first join the client's own limit counts; from then on ours does. */
function drain(state: MessengerState): Step {
  if (isSettled(state)) return leave(state);
  const { memberCommands } = state;
  const afterMs = memberCommands.deferredMs + (isMoveWanted(memberCommands) ? MODERATOR_EVICTION_MS : DRAIN_LIMIT_MS);
  return { state, effects: state.joined ? [{ type: 'set-drain-timer', afterMs }] : [] };
}

function leave(state: MessengerState): Step {
  return { state: { ...state, phase: 'leaving' }, effects: [{ type: 'hold-input' }, { type: 'leave' }] };
}

/**
 * A closed window ends input and output and sends a signal or two. None of them is a second request
 * to leave.
 */
function leaveOnce(state: MessengerState): Step {
  return state.phase === 'leaving' ? { state, effects: [] } : leave(state);
}

/** Works in every phase, and tells neither the room nor the screen. */
function onPanic(state: MessengerState): Step {
  const over = { ...state, phase: 'over', pending: new Map(), exitCode: EXIT_CODES.panic } as const;
  return { state: over, effects: [{ type: 'panic' }, { type: 'end' }] };
}

function onClosed(state: MessengerState, event: ClientEvent & { type: 'state' }): Step {
  const unsent = Array.from(state.pending.values(), ({ ref }) => ref);
  const isUndone = state.memberCommands.pendingActions.size > 0;
  const failed = event.code !== undefined || unsent.length > 0 || isUndone;
  return {
    state: {
      ...state,
      phase: 'over',
      pending: new Map(),
      exitCode: failed ? EXIT_CODES.failed : state.exitCode,
    },
    effects: [
      ...(unsent.length > 0 ? [{ type: 'show', event: { type: 'unsent', refs: unsent } } as const] : []),
      ...(isUndone ? [{ type: 'show', event: refusal('not-done') } as const] : []),
      { type: 'show', event },
      { type: 'end' },
    ],
  };
}

function prependEffect(effect: MessengerEffect, { state, effects }: Step): Step {
  return { state, effects: [effect, ...effects] };
}
