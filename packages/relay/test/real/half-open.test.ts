// Strangers that come without end and never answer: a newcomer through Tor, which needs a second to
// answer, finds its place.

import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encodeAttach } from '@sotto/protocol';
import { makeBody, signAttach } from '@sotto/fixtures/relay-member';
import type { TestRoom } from '@sotto/fixtures/relay-member';
import { openAttackedRelay } from './attacked-relay.ts';
import type { AttackedRelay } from './attacked-relay.ts';

/** @returns what a newcomer is told who takes so long to answer its challenge. */
async function answerAfter(relay: AttackedRelay, room: TestRoom, milliseconds: number): Promise<string | undefined> {
  const newcomer = relay.member();
  const challenge = await newcomer.challenge();
  await pause(milliseconds);
  newcomer.send(encodeAttach({ roomId: room.roomId, from: 0, signature: signAttach(room, challenge, 0) }));
  const answer = await newcomer.next();
  return answer?.code ?? answer?.operation;
}

test('a newcomer that needs one second attaches among thirty silent strangers a second; one that needs five does not', async () => {
  const relay = await openAttackedRelay();
  const room = await relay.room();
  const member = await relay.join(room);
  const stop = await relay.attack('silence', [room], { priority: 'normal' });
  // Every place is taken by then.
  await pause(3_000);
  const [late, ...answers] = await Promise.all([
    answerAfter(relay, room, 5_000),
    ...Array.from({ length: 3 }, (_, index) => pause(index * 1_000).then(() => answerAfter(relay, room, 1_000))),
  ]);
  member.publish(makeBody());
  await member.entries(1);
  await stop();
  process.stdout.write(
    `   thirty silent strangers a second: answers after 1 s ${answers.join(', ')}; after 5 s ${late ?? ''}\n`,
  );
  expect(answers).toEqual(Array.from(answers, () => 'attached'));
  expect(late).toBe('relay-full');
});
