// What this member does with the others beside talking: verify them, let them in, throw them out, close the room. Pure, a part of the conversation.

import { message } from '@sotto/messages';
import type { ClientEvent, ListedMember, Speaker } from '@sotto/client';
import type { AccessMode } from '@sotto/protocol';
import type { TerminalCode } from './errors.ts';
import type { Command, ShownEvent, ShownMember } from './front-end.ts';
import {
  chooseAsker,
  chooseMember,
  forgetWaiting,
  listWaiting,
  markNumbered,
  markVerified,
  meetAsker,
  meetMembers,
  namesakes,
  NOBODY,
} from './people.ts';
import type { Choice, People } from './people.ts';

export interface Dealings {
  readonly people: People;
  /** Whether orders of the room's moderator can be had. */
  readonly moderates: boolean;
  /** What the client was asked to do and has not told of: one entry for each member let in or thrown out, and one for the room's mode. */
  readonly underWay: ReadonlySet<string>;
  /** How long the room's mode may take longer than it otherwise does, from when that was said. */
  readonly deferredMs: number;
}

export type DealingEffect =
  | { readonly type: 'show'; readonly event: ShownEvent }
  /** Answered by `takeNumber`. */
  | { readonly type: 'compute-number'; readonly member: Speaker }
  | { readonly type: 'show-code' | 'renew-circuit' }
  /** `unverified`: how many of the others have not been verified in this stay. */
  | { readonly type: 'show-status'; readonly unverified: number }
  | { readonly type: 'admit' | 'evict'; readonly fingerprint: string }
  | { readonly type: 'set-access'; readonly mode: AccessMode };

/** The commands that are dealt with here. */
export type Dealing = Exclude<Command, { type: 'say' | 'leave' | 'panic' }>;
type MemberDealing = Extract<Command, { type: 'verify' | 'verified' | 'evict' }>;
type Outcome = readonly [Dealings, readonly DealingEffect[]];

export const NO_DEALINGS: Dealings = { people: NOBODY, moderates: false, underWay: new Set(), deferredMs: 0 };
const ACCESS = 'access';
const EVICT = 'evict ';
const ADMIT = 'admit ';

/** `members`: who is in the room now, this member included. */
export function deal(dealings: Dealings, command: Dealing, members: readonly ListedMember[]): Outcome {
  const met = meet(dealings, members);
  switch (command.type) {
    case 'members': {
      const waiting = listWaiting(met.people);
      return [met, [show({ type: 'listing', members: markMembers(met, members), waiting })]];
    }
    case 'code':
      return [met, [{ type: 'show-code' }]];
    case 'status': {
      const others = markMembers(met, members).filter(({ self, verified }) => !self && !verified);
      return [met, [{ type: 'show-status', unverified: others.length }]];
    }
    case 'circuit':
      return [met, [{ type: 'renew-circuit' }]];
    case 'access':
      if (!met.moderates) return [met, [show(refusal('moderator-needed'))]];
      return [begin(met, ACCESS), [{ type: 'set-access', mode: command.mode }]];
    case 'admit':
      return admit(met, command.member, members);
    case 'verify':
    case 'verified':
    case 'evict':
      return dealWithMember(met, command, members);
  }
}

function dealWithMember(dealings: Dealings, command: MemberDealing, members: readonly ListedMember[]): Outcome {
  if (command.type === 'evict' && !dealings.moderates) return [dealings, [show(refusal('moderator-needed'))]];
  const chosen = chooseMember(dealings.people, members, command.member);
  if (!chosen.ok) return refuseChoice(dealings, command.member, chosen);
  const { name, fingerprint, self } = chosen.value;
  const member = { name, fingerprint };
  if (self) return refuse(dealings, command.member, 'member-self');
  switch (command.type) {
    case 'verified':
      if (!dealings.people.numbered.has(fingerprint)) return refuse(dealings, command.member, 'number-not-shown');
      return [
        { ...dealings, people: markVerified(dealings.people, fingerprint) },
        [show({ type: 'verified', member })],
      ];
    case 'evict':
      return [
        begin(dealings, EVICT + fingerprint),
        [show({ type: 'asked', deed: 'evict', member }), { type: 'evict', fingerprint }],
      ];
    case 'verify':
      return [dealings, [{ type: 'compute-number', member }]];
  }
}

function admit(dealings: Dealings, wanted: string, members: readonly ListedMember[]): Outcome {
  const chosen = chooseAsker(dealings.people, wanted);
  if (!chosen.ok) {
    const isInside = chosen.code !== 'member-ambiguous' && chooseMember(dealings.people, members, wanted).ok;
    const isKnown = isInside || chosen.code === 'member-absent';
    return isKnown ? refuse(dealings, wanted, 'member-not-waiting') : refuseChoice(dealings, wanted, chosen);
  }
  const { fingerprint } = chosen.value;
  return [
    begin(dealings, ADMIT + fingerprint),
    [show({ type: 'asked', deed: 'admit', member: chosen.value }), { type: 'admit', fingerprint }],
  ];
}

/** The answer to `compute-number`; no number means that the member has gone meanwhile. */
export function takeNumber(dealings: Dealings, member: Speaker, digits: string | undefined): Outcome {
  if (digits === undefined) return refuse(dealings, member.fingerprint, 'member-absent');
  const people = markNumbered(dealings.people, member.fingerprint);
  return [{ ...dealings, people }, [show({ type: 'safety-number', member, number: digits })]];
}

/** What the client tells, as screens show it: with what this stay knows of people. */
export function hear(
  dealings: Dealings,
  event: Exclude<ClientEvent, { type: 'sent' }>,
): readonly [Dealings, ShownEvent] {
  switch (event.type) {
    case 'members': {
      const met = meet(dealings, event.members);
      return [met, { type: 'members', members: markMembers(met, event.members) }];
    }
    case 'arrived':
      return [meet(dealings, [event.member]), event];
    case 'message':
      return [{ ...dealings, people: meetMembers(dealings.people, [event.from]) }, event];
    case 'knock': {
      const again = dealings.people.waiting.has(event.member.fingerprint);
      const people = meetAsker(dealings.people, event.member);
      return [
        { ...dealings, people },
        { ...event, again, waiting: people.waiting.size },
      ];
    }
    case 'warning': {
      const others = event.from === undefined ? [] : namesakes(dealings.people, event.from);
      const { verified } = dealings.people;
      const known = others.map((other) => ({ ...other, verified: verified.has(other.fingerprint) }));
      return [dealings, { ...event, namesakes: known }];
    }
    case 'access':
      return [event.mode === 'knock' ? dealings : { ...dealings, people: forgetWaiting(dealings.people) }, event];
    case 'moved':
      // Who waited before the old room's door has to come to the new one.
      return [{ ...dealings, people: forgetWaiting(dealings.people) }, event];
    case 'deferred':
      return [{ ...dealings, deferredMs: event.seconds * 1_000 }, event];
    case 'moderated':
      return [end(dealings, (what) => (event.what === 'access' ? what === ACCESS : what.startsWith(EVICT))), event];
    case 'error':
      // It does not say what it answers: whoever waits for the end of something must not wait for ever.
      return [event.ref === undefined ? end(dealings, () => true) : dealings, event];
    default:
      return [dealings, event];
  }
}

function meet(dealings: Dealings, members: readonly Speaker[]): Dealings {
  const arrived = new Set(members.map(({ fingerprint }) => ADMIT + fingerprint));
  return { ...end(dealings, (what) => arrived.has(what)), people: meetMembers(dealings.people, members) };
}

/** Field by field: what a client may know of a member beside this is not for screens. */
function markMembers(dealings: Dealings, members: readonly ListedMember[]): ShownMember[] {
  return members.map(({ name, fingerprint, self, present }) => {
    const verified = dealings.people.verified.has(fingerprint);
    return { name, fingerprint, self, present, verified };
  });
}

export function isEvicting(dealings: Dealings): boolean {
  return [...dealings.underWay].some((what) => what.startsWith(EVICT));
}

function begin(dealings: Dealings, what: string): Dealings {
  return { ...dealings, underWay: new Set(dealings.underWay).add(what) };
}

function end(dealings: Dealings, isDone: (what: string) => boolean): Dealings {
  if (dealings.underWay.size === 0) return dealings;
  return { ...dealings, underWay: new Set([...dealings.underWay].filter((what) => !isDone(what))) };
}

function show(event: ShownEvent): DealingEffect {
  return { type: 'show', event };
}

/** @returns what is shown when a command cannot be obeyed, whomever it was about. */
export function refusal(code: TerminalCode): ShownEvent {
  return { type: 'error', code, message: message(`error.terminal.${code}`) };
}

function refuse(dealings: Dealings, member: string, code: TerminalCode): Outcome {
  return [dealings, [show({ type: 'member-refused', code, member, candidates: [] })]];
}

function refuseChoice(dealings: Dealings, member: string, choice: Choice<Speaker> & { ok: false }): Outcome {
  const { code, candidates } = choice;
  return [dealings, [show({ type: 'member-refused', code, member, candidates })]];
}
