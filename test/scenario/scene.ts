// Three clients in a room behind a malicious relay, and how they find out whether all is well.

import { openTamperedRoom } from './tampered-room.ts';
import type { TamperedRoom } from './tampered-room.ts';
import type { Talker } from './talker.ts';
import type { View } from './view.ts';

/** Texts of this length travel in frames of 2048 bytes, and nothing else does here: so the relay can tell one from a receipt. */
const LONG_TEXT_CHARACTERS = 1_200;
export const LONG_BODY_BYTES = 2_032;

export interface Scene extends TamperedRoom {
  readonly anna: Talker;
  readonly ben: Talker;
  readonly carla: Talker;
  readonly all: readonly Talker[];
  readonly viewOfBen: View;
}

/** The three are in, anna as the host's own client. Three joins, and the commit that removes the founder's leaf. */
const FIRST_EPOCHS = 4;

/** Resolves when nobody has anything left to do for the group. */
export async function openScene({ speed = 5 }: { readonly speed?: number } = {}): Promise<Scene> {
  const room = await openTamperedRoom({ speed });
  const anna = await room.joinAsHost('anna');
  const ben = await room.join('ben');
  const carla = await room.join('carla');
  const all = [anna, ben, carla];
  for (const talker of all) await talker.until('the founder has gone', () => talker.epoch === FIRST_EPOCHS);
  await chorus(all);
  return { ...room, anna, ben, carla, all, viewOfBen: room.relay.view('ben') };
}

let verses = 0;

/** Everybody says a word, one after the other, and everybody hears it: whatever was to be noticed before it is noticed then. */
export async function chorus(talkers: readonly Talker[]): Promise<void> {
  for (const talker of talkers) {
    const word = `${talker.name} sings ${(verses += 1)}`;
    talker.say(word);
    for (const other of talkers) if (other !== talker) await other.hears(word);
  }
}

/**
 * How often a word is said that was not heard, while members come in again one after the other: two minutes. Somebody is missed after 200 s of a
 * clock that is 20 times as fast, which is 10 s here, and halves that change places once need that twice: 11 to 20 s were seen, on a busy machine 33.
 */
const CALLS_MAX = 240;
const CALL_WAIT_MS = 500;

/** Each calls each other until it is heard. */
export async function untilTogether(talkers: readonly Talker[]): Promise<void> {
  for (const talker of talkers) {
    for (const other of talkers.filter((each) => each !== talker)) await call(talker, other);
  }
}

async function call(talker: Talker, other: Talker): Promise<void> {
  const words: string[] = [];
  const isHeard = (): boolean => other.texts.some((text) => words.includes(text));
  while (words.length < CALLS_MAX) {
    const word = `${talker.name} calls ${other.name} ${(verses += 1)}`;
    words.push(word);
    talker.say(word);
    if (await other.within(CALL_WAIT_MS, isHeard)) return;
  }
  throw new Error(`${other.name} never hears ${talker.name}; was told:\n${other.report()}`);
}

/** New keys reach one member after the other: waits until nobody lacks those that somebody has now. */
export async function untilSameEpoch(talkers: readonly Talker[]): Promise<void> {
  const newest = Math.max(...talkers.map(({ epoch }) => epoch));
  for (const talker of talkers) await talker.until(`epoch ${newest}`, () => talker.epoch >= newest);
}

/** The epochs in which members had different keys, as the codes that they were told say: there are none in a room whose log was never forked. */
export function epochsWithTwoCodes(talkers: readonly Talker[]): number[] {
  const told = talkers.flatMap((talker) => talker.told('epoch'));
  const codes = Map.groupBy(told, ({ epoch }) => epoch);
  return [...codes].filter(([, of]) => new Set(of.map(({ code }) => code.join(' '))).size > 1).map(([epoch]) => epoch);
}

export function longText(letter: string): string {
  return letter.repeat(LONG_TEXT_CHARACTERS);
}

export function longTexts(talker: Talker): string[] {
  return talker.texts.filter((text) => text.length === LONG_TEXT_CHARACTERS).map((text) => text.slice(0, 1));
}

/** Every warning and gap that anybody was told of. */
export function alarms(talkers: readonly Talker[]): string[] {
  return talkers.flatMap((talker) => [
    ...talker.warnings.map((code) => `${talker.name} ${code}`),
    ...talker.told('gap').map(({ count }) => `${talker.name} gap ${count}`),
  ]);
}

export async function allWarn(talkers: readonly Talker[], code: Talker['warnings'][number]): Promise<void> {
  await Promise.all(talkers.map((talker) => talker.warns(code)));
}
