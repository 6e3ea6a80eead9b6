// Two people talk through a real onion service, a third comes later.

import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, inject, test } from 'vitest';
import type { RoomClient } from '../../scripts/room-client.ts';
import { Stack } from './stack.ts';

const MESSAGE_LIMIT_MS = 300_000;
const TEXTS_EACH_WAY = 50;
const LARGEST_TEXT_BYTES = 65_536;

const stack = new Stack(inject('project'));
afterAll(() => stack.dismiss());

/** From 1 byte to 64 KiB, evenly in the exponent, the ends included. */
function texts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const length = Math.round(LARGEST_TEXT_BYTES ** (index / (count - 1)));
    return randomBytes(Math.ceil(length / 2))
      .toString('hex')
      .slice(0, length);
  });
}

async function hears(client: RoomClient, expected: readonly string[]): Promise<unknown[]> {
  const last = expected.at(-1);
  await client.until((line) => line.type === 'message' && line['text'] === last, MESSAGE_LIMIT_MS);
  return client.messages().map((line) => line['text']);
}

describe('a room', () => {
  test('carries 100 messages of 1 byte to 64 KiB in both directions, in order and once', async () => {
    const invite = await stack.inviteWithin();
    const [alice, bob] = await Promise.all([stack.join('alice', invite), stack.join('bob', invite)]);
    const fromAlice = texts(TEXTS_EACH_WAY);
    const fromBob = texts(TEXTS_EACH_WAY).reverse();
    for (const [index, text] of fromAlice.entries()) alice.send(text, `a${index}`);
    for (const [index, text] of fromBob.entries()) bob.send(text, `b${index}`);
    expect(await hears(bob, fromAlice)).toEqual(fromAlice);
    expect(await hears(alice, fromBob)).toEqual(fromBob);
    await alice.until((line) => line.type === 'sent' && line['ref'] === `a${TEXTS_EACH_WAY - 1}`, MESSAGE_LIMIT_MS);
    const sent = alice.lines.filter((line) => line.type === 'sent').map((line) => line['ref']);
    expect(sent).toEqual(fromAlice.map((_, index) => `a${index}`));
    expect(alice.lines.concat(bob.lines).filter((line) => line.type === 'gap' || line.type === 'error')).toEqual([]);
  });

  test('tells the sender when a member has seen the message', async () => {
    const invite = await stack.inviteWithin();
    const [carol, dave] = await Promise.all([stack.join('carol', invite), stack.join('dave', invite)]);
    carol.send('did you see this?', 'seen');
    const sent = await carol.until((line) => line.type === 'sent' && line['ref'] === 'seen', MESSAGE_LIMIT_MS);
    await carol.until((line) => line.type === 'delivered' && line['id'] === sent['id'], MESSAGE_LIMIT_MS);
    expect(dave.messages().map((line) => line['id'])).toContain(sent['id']);
  });

  test('lets a third member join, and gives it every later text with its sender', async () => {
    const invite = await stack.inviteWithin();
    const early = await stack.join('early', invite);
    early.send('before anybody else came', 'before');
    await early.until((line) => line.type === 'sent' && line['ref'] === 'before', MESSAGE_LIMIT_MS);
    const late = await stack.join('late', invite);
    early.send('welcome', 'welcome');
    const heard = await late.until((line) => line.type === 'message' && line['text'] === 'welcome', MESSAGE_LIMIT_MS);
    expect(heard['from']).toMatchObject({ name: 'early' });
    expect(late.messages().map((line) => line['text'])).not.toContain('before anybody else came');
    const roster = await late.until(
      (line) => line.type === 'members' && JSON.stringify(line['members']).includes('"early"'),
      MESSAGE_LIMIT_MS,
    );
    expect(JSON.stringify(roster['members'])).toContain('"late"');
  });

  test('lets a member leave with exit code 0, and shows it to the others', async () => {
    const invite = await stack.inviteWithin();
    const [staying, leaving] = await Promise.all([stack.join('staying', invite), stack.join('leaving', invite)]);
    await staying.until(
      (line) => line.type === 'members' && JSON.stringify(line['members']).includes('"leaving"'),
      MESSAGE_LIMIT_MS,
    );
    expect(await leaving.quit()).toBe(0);
    await staying.until((line) => line.type === 'member' && line['change'] === 'left', MESSAGE_LIMIT_MS);
  });
});
