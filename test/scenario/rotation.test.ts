// Keys rotate while all members talk, over a real relay: no text is lost for it, and the keys of the
// epoch before open nothing that comes after. PROTOCOL.md §5.11.

import { encodePing } from '@sotto/protocol';
import { expect, test } from 'vitest';
import { ROTATE_AFTER_TEXT_MS } from '../../packages/client/src/limits.ts';
import { alarms, allSend, epochsWithTwoCodes, openThreeMembers } from './three-members.ts';
import type { ThreeMembers } from './three-members.ts';
import type { ScenarioMember } from './member.ts';
import { StringHolder } from './string-holder.ts';

/** All talk a little this often; short beside the silence that ends a connection. */
const TALK_MS = 30_000;
/** In the last minute before a rotation, and until it is over, all talk much this often. */
const STEP_MS = 5_000;
/** Longer than a rotation may be late. */
const STEPS_MAX = 60;

/** Texts of the members, by each. */
type Said = ReadonlyMap<ScenarioMember, string[]>;

function say(said: Said, texts: number): void {
  for (const [member, own] of said) {
    for (let count = 0; count < texts; count += 1) {
      const text = `${member.name}: ${own.length}`;
      own.push(text);
      member.send(text);
    }
  }
}

/** All talk for half an hour, and do not stop for the rotation at its end. */
async function talkThroughRotation(
  { pass, now, anna, all }: ThreeMembers,
  said: Said,
  holders: readonly StringHolder[],
): Promise<void> {
  const { epoch } = anna;
  const go = async (milliseconds: number): Promise<void> => {
    for (const holder of holders) holder.send(encodePing('ping', 0));
    await pass(milliseconds);
  };
  say(said, 1);
  const loadAt = now() + ROTATE_AFTER_TEXT_MS - 2 * TALK_MS;
  while (now() < loadAt) {
    await go(TALK_MS);
    say(said, 1);
  }
  const isOver = (): boolean => all.every((member) => member.epoch === epoch + 1);
  for (let steps = 0; steps < STEPS_MAX && !isOver(); steps += 1) {
    say(said, 4);
    await go(STEP_MS);
  }
  for (const member of all) expect(member.epoch).toBe(epoch + 1);
}

test('keys rotate under load: no text is lost, and keys of an epoch open nothing behind it', async () => {
  const room = await openThreeMembers();
  const { anna, ben, all, connect, invite } = room;
  const holders: StringHolder[] = [];
  for (const name of ['thief', 'control']) {
    const holder = await StringHolder.attach(await connect(name), invite);
    await holder.join(invite);
    holders.push(holder);
  }
  const [thief, control] = holders;
  if (thief === undefined || control === undefined) throw new Error('nobody came');
  for (const member of all) await member.until('both', () => member.client.members().length === 5);
  await allSend(all);
  const before = anna.epoch;
  // From now on the thief has no keys but those of this epoch.
  thief.keepsKeys = true;

  const said: Said = new Map(all.map((member) => [member, []]));
  await talkThroughRotation(room, said, holders);
  await talkThroughRotation(room, said, holders);
  await allSend(all);

  for (const member of all) {
    for (const [other, own] of said) {
      if (other === member) continue;
      const heard = member.texts.filter((text) => text.startsWith(`${other.name}: `));
      expect(heard).toEqual(own);
    }
  }
  expect(alarms(all)).toEqual([]);
  expect(await epochsWithTwoCodes(all)).toEqual([]);
  expect(anna.epoch).toBe(before + 2);

  // The thief has read the first half an hour, and knows how to read.
  const known = [...said.values()].flat();
  const stolen = thief.texts.filter((text) => known.includes(text));
  expect(stolen.length).toBeGreaterThan(all.length);
  expect(stolen.length).toBeLessThan(known.length);
  await room.pass(STEP_MS);
  const [texts, entries] = [thief.texts.length, thief.entriesSeen];
  await ben.sendConfirmed('behind it');
  await anna.hears('behind it');
  await allSend(all);
  await room.pass(STEP_MS);
  expect(thief.entriesSeen).toBeGreaterThan(entries);
  expect(thief.texts).toHaveLength(texts);
  // Control: one that takes the commits reads all of it.
  expect(control.texts.filter((text) => known.includes(text))).toHaveLength(known.length);
  expect(control.texts).toContain('behind it');
});
