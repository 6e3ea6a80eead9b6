// Chooses the texts of the plain screen for each event. Names and reasons get into them only
// through the filter of safe-text.ts.

import { message } from '@sotto/messages';
import type { RemovalReason, Speaker, StateEvent, WarningCode } from '@sotto/client';
import { coverMembersMax, isStealth } from '@sotto/protocol';
import type { AccessMode, Cover, CoverCost } from '@sotto/protocol';
import type { KnownSpeaker, MemberAction, ShownEvent, ShownMember } from './front-end.ts';
import { describePath } from './circuit-wording.ts';
import { joinSafe, safeDigits, safeFingerprint, safeLine, safely, safeMessage, safeName } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';

/** The name of a member on this screen. */
export type Label = (speaker: Speaker) => SafeText;

/** The states whose beginning the screen shows. */
export type Stage = 'bootstrapping' | 'descriptor' | 'rendezvous' | 'joining' | 'knocking' | 'leaving';

const BLANK = safely` `;
const NEWLINE = '\n';
const NUMBER_GROUP = /[0-9]{5}/g;
const GROUPS_PER_ROW = 4;
/** Four of the longest words fit a row of 40 columns behind the gutter. */
const WORDS_PER_ROW = 4;
/** One warning names at most so many members. */
const NAMESAKES_SHOWN_MAX = 4;

type NextStep = 'ask-again' | 'compare-code' | 'compare-fingerprints' | 'another-room' | 'assume-seen' | 'lock';
const NEXT_STEPS: Readonly<Record<WarningCode, NextStep>> = {
  'log-differs': 'compare-code',
  'log-rolled-back': 'compare-code',
  'away-too-long': 'ask-again',
  'key-changed': 'compare-fingerprints',
  'name-taken': 'compare-fingerprints',
  'name-reserved': 'compare-fingerprints',
  'room-forked': 'compare-code',
  'nobody-answers': 'compare-code',
  'commits-refused': 'another-room',
  'cover-thin': 'assume-seen',
  'junk-commit': 'lock',
};

export function describeHelp(): readonly SafeText[] {
  return safeMessage('screen.help').split(NEWLINE) as SafeText[];
}

export function describeStage(stage: Stage, { percent, detail }: StateEvent): SafeText {
  const words = safeMessage(`screen.stage-${stage}`, { percent: percent ?? 0 });
  return detail === undefined ? words : safeMessage('screen.stage-detail', { stage: words, detail: safeLine(detail) });
}

/** `count` counts frames, and a long message has several: the messages may be fewer, never more. */
export function describeGap(count: number, member: SafeText | undefined): SafeText {
  const form = count === 1 ? 'one' : 'many';
  return member === undefined
    ? safeMessage(`screen.gap-${form}`, { count })
    : safeMessage(`screen.gap-${form}-of`, { count, member });
}

export function describeUnacknowledged(count: number): SafeText {
  return safeMessage(`screen.unsent-${count === 1 ? 'one' : 'many'}`, { count });
}

export function describeListing(
  { members, waiting }: Extract<ShownEvent, { type: 'listing' }>,
  label: Label,
): readonly SafeText[] {
  const here = members.filter(({ present, self }) => present || self).length;
  const form = members.length === 1 ? 'one' : 'many';
  return [
    safeMessage(`screen.members-${form}`, { count: members.length, here }),
    ...members.map((member) => describeMember(member, label)),
    ...waiting.map((knocker) => safeMessage('screen.member-knocking', identify(knocker, label))),
  ];
}

function describeMember(member: ShownMember, label: Label): SafeText {
  const presence = member.self ? 'self' : member.present ? 'here' : 'silent';
  return safeMessage(`screen.member-${presence}${member.verified ? '-verified' : ''}`, identify(member, label));
}

function identify(speaker: Speaker, label: Label): { readonly member: SafeText; readonly fingerprint: SafeText } {
  return { member: label(speaker), fingerprint: safeFingerprint(speaker.fingerprint) };
}

export function describeNumber(member: Speaker, number: string, label: Label): readonly SafeText[] {
  const groups = (safeDigits(number).match(NUMBER_GROUP) ?? []) as SafeText[];
  return [
    safeMessage('screen.safety-number', identify(member, label)),
    ...inRows(groups, GROUPS_PER_ROW).map((digits) => safeMessage('screen.safety-digits', { digits })),
    safeMessage('screen.safety-compare'),
    safeMessage('screen.safety-equal', { mark: markOf(member, label) }),
    safeMessage('screen.safety-differs'),
  ];
}

function inRows(pieces: readonly SafeText[], perRow: number): SafeText[] {
  return Array.from({ length: Math.ceil(pieces.length / perRow) }, (_, row) =>
    joinSafe(pieces.slice(row * perRow, (row + 1) * perRow), BLANK),
  );
}

/** The digits to type for a member: enough that they mean no other member. */
function markOf(member: Speaker, label: Label): SafeText {
  return label(member).slice(safeName(member.name).length + 1) as SafeText;
}

export function describeCode({ epoch, code }: Extract<ShownEvent, { type: 'code' }>): readonly SafeText[] {
  return [
    safeMessage('screen.code', { epoch }),
    ...inRows(code.map(safeLine), WORDS_PER_ROW).map((words) => safeMessage('screen.code-words', { words })),
    safeMessage('screen.code-compare'),
    safeMessage('screen.code-differs'),
  ];
}

export function describeRefusal(
  { code, member, candidates }: Extract<ShownEvent, { type: 'member-refused' }>,
  label: Label,
): readonly SafeText[] {
  const problem = safeLine(message(`error.terminal.${code}`));
  return [
    safeMessage('screen.member-refused', { typed: safeLine(member), problem, code: safeLine(code) }),
    ...candidates.map((candidate) => safeMessage('screen.candidate', identify(candidate, label))),
  ];
}

/** `typed` is not lost: the screen shows it, and no member got it. */
export function describeUnknown(meant: string | undefined, typed: string): readonly SafeText[] {
  const problem =
    meant === undefined
      ? safeMessage('screen.unknown-command')
      : safeMessage('screen.unknown-command-meant', { meant: safeLine(meant) });
  return [problem, describeUnsent(typed)];
}

export function describeTooMuch(word: string, typed: string): readonly SafeText[] {
  return [safeMessage('screen.nothing-behind', { command: safeLine(word) }), describeUnsent(typed)];
}

function describeUnsent(typed: string): SafeText {
  return safeMessage('screen.typed-not-sent', { typed: safeLine(typed.trim()) });
}

export function askForMember(action: MemberAction): SafeText {
  return safeMessage('screen.member-missing', { command: safeLine(action) });
}

export function describeAsked(event: Extract<ShownEvent, { type: 'asked' }>, label: Label): SafeText {
  if (event.action === 'move') return safeMessage('screen.asked-move');
  return safeMessage(`screen.asked-${event.action}`, { member: label(event.member) });
}

export function describeKnocker(member: Speaker, label: Label): SafeText {
  return safeMessage('screen.knock', { member: label(member), mark: markOf(member, label) });
}

export function describeAccess(mode: AccessMode): SafeText {
  return safeMessage(`screen.access-${mode}`);
}

export function describeRemoval(member: Speaker, reason: RemovalReason, isSelf: boolean, label: Label): SafeText {
  return isSelf
    ? safeMessage(`screen.self-removed-${reason}`)
    : safeMessage(`screen.removed-${reason}`, { member: label(member) });
}

/** The event, and in a line of its own the next step. */
export function describeWarning(event: Extract<ShownEvent, { type: 'warning' }>, self: Speaker): readonly SafeText[] {
  const happened = safeMessage(`screen.warning-${event.code}`, {
    member: event.from === undefined ? safeMessage('screen.unnamed-member') : withAllDigits(event.from),
    namesakes: describeNamesakes(event.namesakes, self),
  });
  return [
    safeMessage('screen.warning', { happened, code: safeLine(event.code) }),
    safeMessage('screen.next', { step: safeMessage(`screen.next-${NEXT_STEPS[event.code]}`) }),
  ];
}

function withAllDigits({ name, fingerprint }: Speaker): SafeText {
  return safely`${safeName(name)}·${safeFingerprint(fingerprint)}`;
}

function describeNamesakes(namesakes: readonly KnownSpeaker[], self: Speaker): SafeText {
  if (namesakes.length === 0) return safeMessage('screen.unnamed-namesake');
  const listed = namesakes
    .slice(0, NAMESAKES_SHOWN_MAX)
    .map((namesake) => describeNamesake(namesake, self))
    .reduce((first, second) => safeMessage('screen.namesakes', { first, second }));
  const count = namesakes.length - NAMESAKES_SHOWN_MAX;
  return count > 0 ? safeMessage('screen.namesakes-more', { listed, count }) : listed;
}

function describeNamesake(namesake: KnownSpeaker, self: Speaker): SafeText {
  const member = withAllDigits(namesake);
  if (namesake.fingerprint === self.fingerprint) return safeMessage('screen.namesake-self', { member });
  return namesake.verified ? safeMessage('screen.namesake-verified', { member }) : member;
}

function megabytes(bytes: number): SafeText {
  return tenths(Math.round(bytes / 1e5));
}

function tenths(count: number): SafeText {
  return safely`${Math.floor(count / 10)}.${count % 10}`;
}

/** The cover mode of the room, its traffic and its delay. */
export function describeCover(mode: Cover, cost: CoverCost): SafeText {
  if (mode === 'off') return safeMessage('status.cover-off');
  const [up, down] = [megabytes(cost.upBytesPerHour), megabytes(cost.downBytesPerHour)];
  const figures = { up, down, delay: tenths(Math.round(cost.meanDelayMs / 100)) };
  return isStealth(mode)
    ? safeMessage('status.cover-stealth', { ...figures, members: coverMembersMax(mode) })
    : safeMessage('status.cover-jitter', figures);
}

function describeKeys(status: Extract<ShownEvent, { type: 'status' }>): SafeText {
  const { epoch, epochAgeSeconds: age = 0, newKeysSeconds: next, unverified } = status;
  if (epoch === undefined) return safeMessage('status.no-keys', { unverified });
  return next === undefined
    ? safeMessage('status.keys', { epoch, age, unverified })
    : safeMessage('status.keys-next', { epoch, age, next, unverified });
}

/** How long this client may be away, and what a stolen copy of it would open. */
function describePatience({ patienceSeconds }: Extract<ShownEvent, { type: 'status' }>): SafeText {
  const minutes = Math.floor(patienceSeconds / 60);
  return safeMessage('status.patience', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** The anonymity panel. No row of it differs by whether a member has sent something. */
export function describeStatus(status: Extract<ShownEvent, { type: 'status' }>): readonly SafeText[] {
  const { mode, slotMs, waitingSeconds: seconds } = status;
  const cover = describeCover(mode, status);
  return [
    slotMs === undefined ? cover : safeMessage('status.cover-slot', { cover, seconds: slotMs / 1_000 }),
    seconds === 0 ? safeMessage('status.waiting-nothing') : safeMessage('status.waiting', { seconds }),
    describeKeys(status),
    describePatience(status),
    describePath(status),
    safeMessage(`status.observer-${isStealth(mode) ? 'stealth' : mode}`),
  ];
}
