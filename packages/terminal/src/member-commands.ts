// The commands about other members and the room: verify, admit, evict, set the access mode.
// Pure, and a part of the messenger's state.

import { message } from '@sotto/messages';
import type { ClientEvent, ListedMember, Speaker } from '@sotto/client';
import type { Step as MachineStep } from '@sotto/machine';
import type { Cover, PlainMode } from '@sotto/protocol';
import type { TerminalCode } from './errors.ts';
import type { Command, ShownEvent, ShownMember } from './front-end.ts';
import {
  chooseKnocker,
  chooseMember,
  forgetWaiting,
  listWaiting,
  markNumberShown,
  markVerified,
  addKnocker,
  addMembers,
  namesakes,
  NO_KNOWN_MEMBERS,
} from './known-members.ts';
import type { Choice, KnownMembers } from './known-members.ts';

export interface MemberCommandState {
  readonly knownMembers: KnownMembers;
  /** Whether orders of the room's moderator can be had. */
  readonly isModerator: boolean;
  /**
   * Requests to the client without a result yet: one for each admission or eviction, and one for
   * the access mode.
   */
  readonly pendingActions: ReadonlySet<string>;
  /** How much longer a deferred access order may take, in ms from its report. */
  readonly deferredMs: number;
}

export type MemberCommandEffect =
  | { readonly type: 'show'; readonly event: ShownEvent }
  /** `onSafetyNumber` takes the answer. */
  | { readonly type: 'compute-number'; readonly member: Speaker }
  /** The messenger takes the answer to `show-code`. */
  | { readonly type: 'show-code' | 'renew-circuit' }
  /** `unverified`: how many other members were not verified in this session. */
  | { readonly type: 'show-status'; readonly unverified: number }
  | { readonly type: 'admit' | 'evict'; readonly fingerprint: string }
  | { readonly type: 'set-access'; readonly mode: PlainMode }
  | { readonly type: 'move'; readonly cover: Cover | undefined };

/** The commands that this machine carries out. */
export type MemberCommand = Exclude<Command, { type: 'send' | 'leave' | 'panic' }>;
type TargetedCommand = Extract<Command, { type: 'verify' | 'verified' | 'evict' }>;
type Step = MachineStep<MemberCommandState, MemberCommandEffect>;

export const NEW_MEMBER_COMMANDS: MemberCommandState = {
  knownMembers: NO_KNOWN_MEMBERS,
  isModerator: false,
  pendingActions: new Set(),
  deferredMs: 0,
};
const ACCESS = 'access';
const EVICT = 'evict ';
const MOVE = 'move';
const ADMIT = 'admit ';

/** `members`: the members in the room now, this one included. */
export function onMemberCommand(
  state: MemberCommandState,
  command: MemberCommand,
  members: readonly ListedMember[],
): Step {
  const met = seeMembers(state, members);
  switch (command.type) {
    case 'members': {
      const waiting = listWaiting(met.knownMembers);
      return { state: met, effects: [show({ type: 'listing', members: markMembers(met, members), waiting })] };
    }
    case 'code':
      return { state: met, effects: [{ type: 'show-code' }] };
    case 'status': {
      const others = markMembers(met, members).filter(({ self, verified }) => !self && !verified);
      return { state: met, effects: [{ type: 'show-status', unverified: others.length }] };
    }
    case 'circuit':
      return { state: met, effects: [{ type: 'renew-circuit' }] };
    case 'access':
      if (!met.isModerator) return { state: met, effects: [show(refusal('moderator-needed'))] };
      return { state: addPendingAction(met, ACCESS), effects: [{ type: 'set-access', mode: command.mode }] };
    case 'move':
      if (!met.isModerator) return { state: met, effects: [show(refusal('moderator-needed'))] };
      return {
        state: addPendingAction(met, MOVE),
        effects: [show({ type: 'asked', action: 'move' }), { type: 'move', cover: command.cover }],
      };
    case 'admit':
      return onAdmit(met, command.member, members);
    case 'verify':
    case 'verified':
    case 'evict':
      return onTargetedCommand(met, command, members);
  }
}

function onTargetedCommand(
  state: MemberCommandState,
  command: TargetedCommand,
  members: readonly ListedMember[],
): Step {
  if (command.type === 'evict' && !state.isModerator) return { state, effects: [show(refusal('moderator-needed'))] };
  const chosen = chooseMember(state.knownMembers, members, command.member);
  if (!chosen.ok) return refuseChoice(state, command.member, chosen);
  const { name, fingerprint, self } = chosen.value;
  const member = { name, fingerprint };
  if (self) return refuse(state, command.member, 'member-self');
  switch (command.type) {
    case 'verified':
      if (!state.knownMembers.numberShown.has(fingerprint)) return refuse(state, command.member, 'number-not-shown');
      return {
        state: { ...state, knownMembers: markVerified(state.knownMembers, fingerprint) },
        effects: [show({ type: 'verified', member })],
      };
    case 'evict':
      return {
        state: addPendingAction(state, EVICT + fingerprint),
        effects: [show({ type: 'asked', action: 'evict', member }), { type: 'evict', fingerprint }],
      };
    case 'verify':
      return { state, effects: [{ type: 'compute-number', member }] };
  }
}

function onAdmit(state: MemberCommandState, wanted: string, members: readonly ListedMember[]): Step {
  const chosen = chooseKnocker(state.knownMembers, wanted);
  if (!chosen.ok) {
    const isInside = chosen.code !== 'member-ambiguous' && chooseMember(state.knownMembers, members, wanted).ok;
    const isKnown = isInside || chosen.code === 'member-absent';
    return isKnown ? refuse(state, wanted, 'member-not-waiting') : refuseChoice(state, wanted, chosen);
  }
  const { fingerprint } = chosen.value;
  return {
    state: addPendingAction(state, ADMIT + fingerprint),
    effects: [show({ type: 'asked', action: 'admit', member: chosen.value }), { type: 'admit', fingerprint }],
  };
}

/** The answer to `compute-number`. Undefined digits: the member has left meanwhile. */
export function onSafetyNumber(state: MemberCommandState, member: Speaker, digits: string | undefined): Step {
  if (digits === undefined) return refuse(state, member.fingerprint, 'member-absent');
  const knownMembers = markNumberShown(state.knownMembers, member.fingerprint);
  return { state: { ...state, knownMembers }, effects: [show({ type: 'safety-number', member, number: digits })] };
}

/** An event of the client for screens, with the known members of this session. */
export function annotateEvent(
  state: MemberCommandState,
  event: Exclude<ClientEvent, { type: 'sent' }>,
): { readonly state: MemberCommandState; readonly shown: ShownEvent } {
  switch (event.type) {
    case 'members': {
      const met = seeMembers(state, event.members);
      return { state: met, shown: { type: 'members', members: markMembers(met, event.members) } };
    }
    case 'arrived':
      return { state: seeMembers(state, [event.member]), shown: event };
    case 'message':
      return { state: { ...state, knownMembers: addMembers(state.knownMembers, [event.from]) }, shown: event };
    case 'knock': {
      const again = state.knownMembers.waiting.has(event.member.fingerprint);
      const knownMembers = addKnocker(state.knownMembers, event.member);
      return { state: { ...state, knownMembers }, shown: { ...event, again, waiting: knownMembers.waiting.size } };
    }
    case 'warning': {
      const others = event.from === undefined ? [] : namesakes(state.knownMembers, event.from);
      const { verified } = state.knownMembers;
      const known = others.map((other) => ({ ...other, verified: verified.has(other.fingerprint) }));
      return { state, shown: { ...event, namesakes: known } };
    }
    case 'access':
      return {
        state:
          event.mode === 'knock' || event.mode === 'listed'
            ? state
            : { ...state, knownMembers: forgetWaiting(state.knownMembers) },
        shown: event,
      };
    case 'moved':
      // Strangers that knocked at the old room have to knock at the new one.
      return { state: { ...state, knownMembers: forgetWaiting(state.knownMembers) }, shown: event };
    case 'deferred':
      return { state: { ...state, deferredMs: event.seconds * 1_000 }, shown: event };
    case 'moderated':
      return {
        state: removePendingActions(state, (what) => (event.what === 'access' ? what === ACCESS : isMove(what))),
        shown: event,
      };
    case 'error':
      // An error does not name its request, so no request stays pending after one.
      return { state: event.ref === undefined ? removePendingActions(state, () => true) : state, shown: event };
    default:
      return { state, shown: event };
  }
}

function seeMembers(state: MemberCommandState, members: readonly Speaker[]): MemberCommandState {
  const arrived = new Set(members.map(({ fingerprint }) => ADMIT + fingerprint));
  return {
    ...removePendingActions(state, (what) => arrived.has(what)),
    knownMembers: addMembers(state.knownMembers, members),
  };
}

/** Field by field: other fields of the client are not for screens. */
function markMembers(state: MemberCommandState, members: readonly ListedMember[]): ShownMember[] {
  return members.map(({ name, fingerprint, self, present }) => {
    const verified = state.knownMembers.verified.has(fingerprint);
    return { name, fingerprint, self, present, verified };
  });
}

/** Whether the host is to open another room, for an eviction or for all members. */
export function isMoveWanted(state: MemberCommandState): boolean {
  return [...state.pendingActions].some(isMove);
}

function isMove(what: string): boolean {
  return what === MOVE || what.startsWith(EVICT);
}

function addPendingAction(state: MemberCommandState, what: string): MemberCommandState {
  return { ...state, pendingActions: new Set(state.pendingActions).add(what) };
}

function removePendingActions(state: MemberCommandState, isDone: (what: string) => boolean): MemberCommandState {
  if (state.pendingActions.size === 0) return state;
  return { ...state, pendingActions: new Set([...state.pendingActions].filter((what) => !isDone(what))) };
}

function show(event: ShownEvent): MemberCommandEffect {
  return { type: 'show', event };
}

/** @returns the event for a refused command, about any member */
export function refusal(code: TerminalCode): ShownEvent {
  return { type: 'error', code, message: message(`error.terminal.${code}`) };
}

function refuse(state: MemberCommandState, member: string, code: TerminalCode): Step {
  return { state, effects: [show({ type: 'member-refused', code, member, candidates: [] })] };
}

function refuseChoice(state: MemberCommandState, member: string, choice: Choice<Speaker> & { ok: false }): Step {
  const { code, candidates } = choice;
  return { state, effects: [show({ type: 'member-refused', code, member, candidates })] };
}
