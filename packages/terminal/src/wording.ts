// The words of the plain screen, line by line: what happens, why, and what to do next. Names and reasons come in through safe-text alone.

import { message } from '@sotto/messages';
import type { RemovalReason, Speaker, StateEvent, WarningCode } from '@sotto/client';
import { coverMembersMax, isStealth } from '@sotto/protocol';
import type { AccessMode, Cover, CoverCost } from '@sotto/protocol';
import type { KnownSpeaker, MemberAction, ShownEvent, ShownMember } from './front-end.ts';
import { describePath } from './path-words.ts';
import { joinSafe, safeDigits, safeFingerprint, safeLine, safely, safeName } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

/** How a member is called on this screen. */
export type Label = (speaker: Speaker) => SafeText;

const NOTHING = safely``;
const BLANK = safely` `;
const COMMA = safely`, `;
const NUMBER_GROUP = /[0-9]{5}/g;
const GROUPS_PER_ROW = 4;
const COMPARE_CODE = safely`compare /code with the others over another channel; who has other words is shown another room`;

const COMPARE_FINGERPRINTS = safely`compare the digits behind the names, and /verify whom you talk to before you trust a name`;
/** So many are named in one warning. */
const NAMESAKES_SHOWN_MAX = 4;

export const HELP: readonly SafeText[] = [
  safely`talk`,
  safely`  what you type goes to everybody in the room when you press Enter; each line is a message`,
  safely`  //text           sends "/text"`,
  safely`the others (WHO is a name, or the first four or more digits of a fingerprint)`,
  safely`  /members, /who   who is in the room, with fingerprints, and whom you have verified`,
  safely`  /verify WHO      shows the safety number that you and WHO compare over another channel`,
  safely`  /verified WHO    marks WHO as verified until you leave, when the numbers were equal`,
  safely`  /code            six words that are the same for everybody if the relay splits nobody off`,
  safely`  /circuit         goes over to another circuit through Tor, now, without a break`,
  safely`  /status          how the room hides you, and what a watcher could see now`,
  safely`  /admit WHO       lets WHO in, who has asked to be let in`,
  safely`the room (the host's own client only: docker compose run --rm host-client)`,
  safely`  /knock           newcomers have to be let in`,
  safely`  /lock, /unlock   nobody joins; whoever has the connection string joins`,
  safely`  /evict WHO       moves the room to another onion, without WHO`,
  safely`leave`,
  safely`  /quit, /exit     or quit or exit alone on the line, Ctrl-C, Ctrl-D`,
  safely`  /panic           at once, without a word: keys are zeroed, the screen is cleared`,
];

export function describeStage(event: StateEvent): SafeText {
  const detail = event.detail === undefined ? NOTHING : safely`: ${safeLine(event.detail)}`;
  switch (event.state) {
    case 'bootstrapping':
      return safely`Tor ${event.percent ?? 0} %${detail}`;
    case 'descriptor':
      return safely`looking up the room's onion${detail}`;
    case 'rendezvous':
      return safely`found it; meeting it at a rendezvous point${detail}`;
    case 'joining':
      return safely`reached it; joining the room${detail}`;
    case 'knocking':
      return safely`asked to be let in: somebody in the room has to type /admit${detail}`;
    case 'leaving':
      return safely`leaving: what you say now is not sent; again to go at once${detail}`;
    case 'joined':
    case 'reconnecting':
    case 'closed':
      return safely`${event.state as SafeText}${detail}`;
  }
}

/** The number is of frames, and a long message has several: it may be fewer messages, never more. */
export function countMessages(count: number, whose: SafeText = NOTHING): SafeText {
  return count === 1 ? safely`1 message${whose} was` : safely`${count} messages${whose} were`;
}

export function describeListing(
  { members, waiting }: Extract<ShownEvent, { type: 'listing' }>,
  label: Label,
): readonly SafeText[] {
  const here = members.filter(({ present, self }) => present || self).length;
  const total = members.length === 1 ? safely`1 member` : safely`${members.length} members`;
  return [
    safely`${total}, ${here} here`,
    ...members.map((member) => describeMember(member, label)),
    ...waiting.map((asker) => safely`  ${withDigits(asker, label)}  asks to be let in`),
  ];
}

function describeMember(member: ShownMember, label: Label): SafeText {
  const standing = member.self ? safely`you` : member.present ? safely`here` : safely`not heard of now`;
  return safely`  ${withDigits(member, label)}  ${standing}${member.verified ? safely`, verified` : NOTHING}`;
}

function withDigits(speaker: Speaker, label: Label): SafeText {
  return safely`${label(speaker)}  ${safeFingerprint(speaker.fingerprint)}`;
}

export function describeNumber(member: Speaker, number: string, label: Label): readonly SafeText[] {
  const groups = (safeDigits(number).match(NUMBER_GROUP) ?? []) as SafeText[];
  const rows = Array.from({ length: Math.ceil(groups.length / GROUPS_PER_ROW) }, (_, row) =>
    joinSafe(groups.slice(row * GROUPS_PER_ROW, (row + 1) * GROUPS_PER_ROW), BLANK),
  );
  return [
    safely`safety number of you and ${label(member)} (${safeFingerprint(member.fingerprint)}):`,
    ...rows.map((row) => safely`  ${row}`),
    safely`the other one types /verify with your name. Read it to each other over another channel: by voice, or face to face`,
    safely`all 60 digits equal: nobody stands between you; type /verified ${markOf(member, label)}`,
    safely`any digit differs: it is not who you think; say nothing here that matters, and tell the host`,
  ];
}

/** What to type for a member: enough digits that no other is meant. */
function markOf(member: Speaker, label: Label): SafeText {
  return label(member).slice(safeName(member.name).length + 1) as SafeText;
}

export function describeCode(code: readonly string[], epoch: number | undefined): readonly SafeText[] {
  const when = epoch === undefined ? NOTHING : safely` (epoch ${epoch})`;
  return [
    safely`room code${when}: ${joinSafe(code.map(safeLine), BLANK)}`,
    safely`everybody in the room has these six words until its keys change: compare them over another channel, at the same moment`,
    safely`who has other words is shown another room by the relay: leave, and ask the host for a new room`,
  ];
}

export function describeRefusal(
  { code, member, candidates }: Extract<ShownEvent, { type: 'member-refused' }>,
  label: Label,
): readonly SafeText[] {
  const whom = safely`${safeLine(member)}: ${safeLine(message(`error.terminal.${code}`))} (${safeLine(code)})`;
  return [whom, ...candidates.map((candidate) => safely`  ${withDigits(candidate, label)}`)];
}

/** `typed` is not lost: it is shown, and was sent to nobody. */
export function describeUnknown(meant: string | undefined, typed: string): readonly SafeText[] {
  const next = meant === undefined ? safely`/help lists them.` : safely`did you mean /${safeLine(meant)}?`;
  return [safely`no such command: ${next} To send it as a text, begin with two slashes.`, describeUnsent(typed)];
}

export function describeTooMuch(word: string, typed: string): readonly SafeText[] {
  return [
    safely`/${safeLine(word)} takes nothing behind it: type it alone. To send it as a text, begin with two slashes.`,
    describeUnsent(typed),
  ];
}

function describeUnsent(typed: string): SafeText {
  return safely`not sent: ${safeLine(typed.trim())}`;
}

const ACTION_WORDS: Readonly<Record<MemberAction, SafeText>> = {
  verify: safely`/verify`,
  verified: safely`/verified`,
  admit: safely`/admit`,
  evict: safely`/evict`,
};

export function askForMember(action: MemberAction): SafeText {
  return safely`say about whom: ${ACTION_WORDS[action]} and a name, or the first digits of a fingerprint; /members lists both`;
}

export function describeAsked({ action, member }: Extract<ShownEvent, { type: 'asked' }>, label: Label): SafeText {
  return action === 'admit'
    ? safely`letting ${label(member)} in`
    : safely`throwing ${label(member)} out: the host opens the room at another onion, which takes a minute or two`;
}

export function describeKnocker(member: Speaker, label: Label): SafeText {
  return safely`${label(member)} asks to be let in: /admit ${markOf(member, label)}`;
}

export const MORE_KNOCKERS: SafeText = safely`more ask to be let in than are told one by one: /members lists them`;

export const ACCESS_WORDS: Readonly<Record<AccessMode, SafeText>> = {
  open: safely`the room is open: whoever has the connection string joins`,
  knock: safely`newcomers have to be let in from now on: every member can, with /admit`,
  locked: safely`the room is locked: nobody joins, not even with the connection string`,
};

const REMOVAL_WORDS: Readonly<Record<RemovalReason, SafeText>> = {
  left: safely`has left`,
  silent: safely`was taken out of the room: nothing was heard of it any more`,
  evicted: safely`was thrown out by the host`,
};
const OWN_REMOVAL_WORDS: Readonly<Record<RemovalReason, SafeText>> = {
  left: safely`you have left`,
  silent: safely`you were taken out of the room, because nothing was heard of you: the client joins again`,
  evicted: safely`you were thrown out by the host`,
};

export function describeRemoval(member: Speaker, reason: RemovalReason, isSelf: boolean, label: Label): SafeText {
  return isSelf ? OWN_REMOVAL_WORDS[reason] : safely`${label(member)} ${REMOVAL_WORDS[reason]}`;
}

export const MOVED: SafeText = safely`the room moves to another onion; following, nothing is to be done`;

/** In stealth an order goes with the next new keys, so that nobody sees when it was given. */
export function describeDeferred(seconds: number): SafeText {
  return safely`signed: it holds with the room's next new keys, in about ${seconds} s, so that nobody who watches sees when you ordered it`;
}

export function describeModerated(what: 'evicted' | 'access'): SafeText {
  return what === 'access'
    ? safely`done: the host has signed it`
    : safely`done: the room goes on without them. Its new connection string: docker compose exec host invite`;
}

/** What happened, and on a line of its own what to do next. */
export function describeWarning(event: Extract<ShownEvent, { type: 'warning' }>, self: Speaker): readonly SafeText[] {
  const [happened, next] = WARNING_WORDS[event.code](
    event.from === undefined ? safely`somebody` : withAllDigits(event.from),
    describeNamesakes(event.namesakes, self),
  );
  return [safely`WARNING: ${happened} (${safeLine(event.code)})`, safely`Next: ${next}`];
}

function withAllDigits({ name, fingerprint }: Speaker): SafeText {
  return safely`${safeName(name)}·${safeFingerprint(fingerprint)}`;
}

function describeNamesakes(namesakes: readonly KnownSpeaker[], self: Speaker): SafeText {
  if (namesakes.length === 0) return safely`another one`;
  const described = namesakes.slice(0, NAMESAKES_SHOWN_MAX).map((one) => {
    const isSelf = one.fingerprint === self.fingerprint;
    const whose = isSelf ? safely` (you)` : one.verified ? safely` (verified by you)` : NOTHING;
    return safely`${withAllDigits(one)}${whose}`;
  });
  const untold = namesakes.length - described.length;
  return safely`${joinSafe(described, COMMA)}${untold > 0 ? safely` and ${untold} more` : NOTHING}`;
}

const HIDES: Readonly<Record<'off' | 'jitter' | 'stealth', SafeText>> = {
  off: safely`when you write, and roughly how much`,
  jitter: safely`when you write, a little blurred: this mode does not hide it`,
  stealth: safely`that you are here, and when somebody comes, goes or the keys change; not when anybody writes, nor how much`,
};

function megabytes(bytes: number): SafeText {
  const tenths = Math.round(bytes / 1e5);
  return safely`${Math.floor(tenths / 10)}.${tenths % 10}`;
}

/** How the room hides when something is said. */
export function describeCover(mode: Cover, cost: CoverCost): SafeText {
  if (mode === 'off') return safely`cover: off`;
  const tenths = Math.round(cost.meanDelayMs / 100);
  const wait = safely`a line waits ${Math.floor(tenths / 10)}.${tenths % 10} s on average`;
  const name = isStealth(mode) ? safely`stealth, for ${coverMembersMax(mode)} at most` : safely`jitter`;
  const [up, down] = [megabytes(cost.upBytesPerHour), megabytes(cost.downBytesPerHour)];
  return safely`cover: ${name}; ${up} MB an hour up and ${down} down whatever is said; ${wait}`;
}

function describeEpoch(
  epoch: number,
  { epochAgeSeconds, newKeysSeconds }: Extract<ShownEvent, { type: 'status' }>,
): SafeText {
  const next = newKeysSeconds === undefined ? NOTHING : safely`, the next in about ${newKeysSeconds} s`;
  return safely`epoch ${epoch}, ${epochAgeSeconds ?? 0} s old${next}`;
}

/** For whom wants to know how well it is hidden: nothing in it tells what was said and what was not. */
export function describeStatus(status: Extract<ShownEvent, { type: 'status' }>): readonly SafeText[] {
  const { mode, slotMs, epoch, unverified, waitingSeconds } = status;
  const slot = slotMs === undefined ? NOTHING : safely`; a slot every ${slotMs / 1_000} s`;
  const keys = epoch === undefined ? safely`none: not in the group` : describeEpoch(epoch, status);
  return [
    safely`${describeCover(mode, status)}${slot}`,
    safely`  waiting: ${waitingSeconds === 0 ? safely`nothing` : safely`about ${waitingSeconds} s`}`,
    safely`  keys: ${keys}; members you have not verified: ${unverified}`,
    safely`  ${describePath(status)}`,
    safely`  who watches your line can tell: ${HIDES[isStealth(mode) ? 'stealth' : mode]}`,
  ];
}

type WarningWords = (who: SafeText, namesakes: SafeText) => readonly [happened: SafeText, next: SafeText];

const WARNING_WORDS: Readonly<Record<WarningCode, WarningWords>> = {
  'log-differs': (who) => [
    safely`the relay did not show ${who} the same messages as you: it leaves out, reorders or splits the room`,
    COMPARE_CODE,
  ],
  'log-rolled-back': () => [
    safely`the relay went back behind what it had shown already: something may be kept from you or from others`,
    COMPARE_CODE,
  ],
  'key-changed': (who, namesakes) => [
    safely`${who} has another key than ${namesakes}, and a name that is drawn alike: it has joined anew, or it is somebody else`,
    COMPARE_FINGERPRINTS,
  ],
  'name-taken': (who, namesakes) => [
    safely`${who} has a name that is drawn like the one of ${namesakes}: two keys, two members`,
    COMPARE_FINGERPRINTS,
  ],
  'name-reserved': (who) => [
    safely`${who} has a name that this program uses for itself or for the host: any member can take it`,
    COMPARE_FINGERPRINTS,
  ],
  'room-forked': () => [
    safely`the room's keys have forked: you and others cannot read each other any more; the client joins again`,
    COMPARE_CODE,
  ],
  'nobody-answers': () => [
    safely`nobody in the room has answered: they are away, or the relay shows you a room that is over`,
    COMPARE_CODE,
  ],
  'commits-refused': () => [
    safely`the relay keeps refusing new keys: keys grow old, and nobody who leaves can be removed`,
    safely`ask the host to open another room`,
  ],
  'cover-thin': () => [
    safely`far less comes from the relay than the room's cover mode says: the network is slow, or the relay saves what should hide you`,
    safely`if it goes on, assume that whoever watches your line can tell when you talk`,
  ],
  'junk-commit': () => [
    safely`somebody who has the connection string, or the relay, put keys into the room that fit nobody: they were refused, and the room goes on`,
    safely`if it happens again, ask the host to lock the room (/lock) or to open another one`,
  ],
};
