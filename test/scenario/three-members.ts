// Three clients in a room behind a malicious relay, and how they find out whether all is well.

import { openTamperedRoom } from './room.ts';
import type { TamperedRoom, TamperedRoomOptions } from './room.ts';
import type { ScenarioMember } from './member.ts';
import type { MemberView } from './tampering/member-view.ts';

/**
 * Only texts of this length travel in frames of 2048 bytes here, so the relay can tell one from a
 * receipt.
 */
const LONG_TEXT_CHARACTERS = 1_200;
export const LONG_BODY_BYTES = 2_032;

export interface ThreeMembers extends TamperedRoom {
  readonly anna: ScenarioMember;
  readonly ben: ScenarioMember;
  readonly carla: ScenarioMember;
  readonly all: readonly ScenarioMember[];
  readonly viewOfBen: MemberView;
}

/** Three joins, and the commit that removes the founder's leaf. */
const FIRST_EPOCHS = 4;

/**
 * Three members join, anna as the host's own client. Resolves when none has any commit left to
 * make.
 */
export async function openThreeMembers(options: Omit<TamperedRoomOptions, 'empty'> = {}): Promise<ThreeMembers> {
  const room = await openTamperedRoom({ speed: 5, ...options });
  const anna = await room.joinAsHost('anna');
  const ben = await room.join('ben');
  const carla = await room.join('carla');
  const all = [anna, ben, carla];
  for (const member of all) await member.until('the founder has gone', () => member.epoch === FIRST_EPOCHS);
  await allSend(all);
  return { ...room, anna, ben, carla, all, viewOfBen: room.relay.view('ben') };
}

let spoken = 0;

/**
 * Each member sends a text and all others receive it. What members notice of earlier frames they
 * have noticed then.
 */
export async function allSend(members: readonly ScenarioMember[]): Promise<void> {
  for (const member of members) {
    const word = `${member.name} says ${(spoken += 1)}`;
    member.send(word);
    for (const other of members) if (other !== member) await other.hears(word);
  }
}

/**
 * How long members talk until they are together, on their own clock: longer than one is missed,
 * called for and removed, and than it takes to resync twice.
 */
const TOGETHER_MS = 4_800_000;
/** From one text to the next. */
const CALL_MS = 10_000;

type Passing = Pick<TamperedRoom, 'pass'>;

/** Resolves when each member has received a text of each other. */
export async function untilTogether(room: Passing, members: readonly ScenarioMember[]): Promise<void> {
  for (const member of members) {
    for (const other of members.filter((each) => each !== member)) await call(room, member, other);
  }
}

async function call(room: Passing, member: ScenarioMember, other: ScenarioMember): Promise<void> {
  const words: string[] = [];
  const isHeard = (): boolean => other.texts.some((text) => words.includes(text));
  const say = (): void => {
    const word = `${member.name} calls ${other.name} ${(spoken += 1)}`;
    words.push(word);
    member.send(word);
  };
  await passUntil(room, `${other.name} hears ${member.name}`, other, isHeard, say);
}

/**
 * Others talk until a member warns. Where nobody says anything, no frames come that it cannot open.
 */
export async function warnsOfTalk(
  room: Passing,
  member: ScenarioMember,
  code: ScenarioMember['warnings'][number],
  talkers: readonly ScenarioMember[],
): Promise<void> {
  const isWarned = (): boolean => member.warnings.includes(code);
  await passUntil(room, `a warning of ${code}`, member, isWarned, () => allSend(talkers));
}

/** Lets time pass until it holds. `act` is done before each step. */
export async function passUntil(
  { pass }: Passing,
  what: string,
  member: ScenarioMember,
  holds: () => boolean,
  act: () => void | Promise<void> = () => undefined,
): Promise<void> {
  for (let passedMs = 0; !holds() && passedMs < TOGETHER_MS; passedMs += CALL_MS) {
    await act();
    await pass(CALL_MS);
  }
  if (!holds()) throw new Error(`${member.name} waits for "${what}" in vain; was told:\n${member.report()}`);
}

/**
 * New keys reach one member after the other: waits until nobody lacks those that somebody has now.
 */
export async function untilSameEpoch(members: readonly ScenarioMember[]): Promise<void> {
  const newest = Math.max(...members.map(({ epoch }) => epoch));
  for (const member of members) await member.until(`epoch ${newest}`, () => member.epoch >= newest);
}

/**
 * The epochs in which members had different keys, as their room codes say: there are none in a room
 * whose log was never forked.
 */
export async function epochsWithTwoCodes(members: readonly ScenarioMember[]): Promise<number[]> {
  const all = await Promise.all(members.flatMap((member) => member.codes));
  const codes = Map.groupBy(
    all.filter((code) => code !== undefined),
    ({ epoch }) => epoch,
  );
  return [...codes]
    .filter(([, of]) => new Set(of.map(({ words }) => words.join(' '))).size > 1)
    .map(([epoch]) => epoch);
}

export function longText(letter: string): string {
  return letter.repeat(LONG_TEXT_CHARACTERS);
}

export function longTexts(member: ScenarioMember): string[] {
  return member.texts.filter((text) => text.length === LONG_TEXT_CHARACTERS).map((text) => text.slice(0, 1));
}

/** Every warning and gap that anybody was told of. */
export function alarms(members: readonly ScenarioMember[]): string[] {
  return members.flatMap((member) => [
    ...member.warnings.map((code) => `${member.name} ${code}`),
    ...member.told('gap').map(({ count }) => `${member.name} gap ${count}`),
  ]);
}

export async function allWarn(
  members: readonly ScenarioMember[],
  code: ScenarioMember['warnings'][number],
): Promise<void> {
  await Promise.all(members.map((member) => member.warns(code)));
}
