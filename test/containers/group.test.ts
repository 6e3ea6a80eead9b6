// Five people over the private Tor network: joins, leaves, a flood of texts and an eviction, and
// they go on talking.

import { LARGEST_FRAME_BYTES } from '@sotto/protocol';
import { afterAll, describe, expect, inject, test } from 'vitest';
import type { ForkCommand, ForkLine } from './fork.ts';
import type { ClientLine } from '../../scripts/room-client.ts';
import { SideProgram, VERSION } from './side-container.ts';
import { eventually, Stack } from './stack.ts';
import type { Screen } from './stack.ts';
import { CountingMember, MemberGroup } from './counting-member.ts';

const LIMIT_MS = 120_000;
/** More texts of each than wait for an echo at a time. */
const TEXTS_AT_ONCE = 60;

const stack = new Stack(inject('project'));
afterAll(() => stack.dismiss());

async function guest(name: string): Promise<CountingMember> {
  return new CountingMember(await stack.join(name, await stack.inviteWithin()));
}

/** The fingerprint by which `of` lists the member of this name. */
async function fingerprintOf(name: string, of: CountingMember): Promise<string> {
  const asked = of.client.lines.length;
  of.client.write({ cmd: 'members' });
  const { members } = await of.client.until((line) => line.type === 'members', LIMIT_MS, asked);
  const found = (members as readonly { name: string; fingerprint: string }[]).find((member) => member.name === name);
  if (found === undefined) throw new Error(`${name} is not in the room`);
  return found.fingerprint;
}

function has(type: string, fields: Readonly<Record<string, unknown>> = {}): (line: ClientLine) => boolean {
  return (line) => line.type === type && Object.entries(fields).every(([key, value]) => line[key] === value);
}

const differs = has('warning', { code: 'log-differs' });

/** Of whom it was told that they have seen another log. */
function warnedOf({ client }: CountingMember): string[] {
  return client.lines.filter(differs).map((line) => (line['from'] as { readonly name: string }).name);
}

type ForkingRelay = SideProgram<ForkCommand, ForkLine>;

/** From now on whoever comes is served by it. */
async function forkingRelay(): Promise<ForkingRelay> {
  // The relay's own user, and the directory that it shares with tor.
  const beside = ['--network', 'none', '--user', '10004:10004', '-v', `${stack.project}_relay-socket:/run/relay`];
  const relay: ForkingRelay = new SideProgram(beside, `sotto-relay:${VERSION}`, 'test/containers/fork.ts');
  await relay.until(({ type }) => type === 'listening', LIMIT_MS);
  return relay;
}

/** @returns what whoever came last will not hear, because a frame of it is kept from there. */
async function loseLongText(relay: ForkingRelay, speaker: CountingMember): Promise<string> {
  relay.write({ frameBytes: LARGEST_FRAME_BYTES });
  await relay.until(({ type }) => type === 'armed', LIMIT_MS);
  const [lost = ''] = speaker.sendLong(1);
  await relay.until(({ type }) => type === 'withheld', LIMIT_MS);
  return lost;
}

describe('five members', () => {
  const group = new MemberGroup(LIMIT_MS);
  let former: string;
  let screen: Screen;
  let host: CountingMember;

  /** @returns the room code, which has to be another than `before`. */
  async function allIsWell(before?: string): Promise<string> {
    await group.allListAll();
    const code = await group.allHaveOneCode(before);
    await group.allReceiveFromAll();
    return code;
  }

  function named(name: string): CountingMember {
    const member = group.members.find(({ client }) => client.name === name);
    if (member === undefined) throw new Error(`${name} is not here`);
    return member;
  }

  test('join one by one, and each time all hear all and share one room code', async () => {
    host = new CountingMember(await stack.joinAsHost('host'));
    group.add(host);
    let code: string | undefined;
    for (const name of ['anna', 'ben', 'cleo', 'dora']) {
      group.add(await guest(name));
      code = await allIsWell(code);
    }
  });

  test('go on talking when one leaves and another joins', async () => {
    const dora = named('dora');
    const before = await group.allHaveOneCode();
    group.remove(dora);
    expect(await dora.client.quit()).toBe(0);
    const without = await allIsWell(before);
    group.add(await guest('emil'));
    await allIsWell(without);
  });

  test('go on talking while all send at once', async () => {
    for (let index = 0; index < TEXTS_AT_ONCE; index += 1) for (const member of group.members) member.sendShort(1);
    await group.allReceiveFromAll();
    await allIsWell();
  });

  test('go on in another room when the host evicts one, which is told and receives nothing more', async () => {
    former = await stack.inviteWithin();
    screen = await stack.screen('host');
    const before = await group.allHaveOneCode();
    const cleo = named('cleo');
    host.client.write({ cmd: 'evict', member: await fingerprintOf('cleo', host) });
    group.remove(cleo);
    await host.client.until(has('moderated', { what: 'evicted' }), LIMIT_MS);
    const closed = await cleo.client.until(has('state', { state: 'closed' }), LIMIT_MS);
    expect(closed['code']).toBe('evicted');
    expect(await cleo.client.ended).toBe(1);
    const heard = cleo.client.messages().length;
    await Promise.all(group.members.map(({ client }) => client.until(has('moved'), LIMIT_MS)));
    await allIsWell(before);
    expect(cleo.client.messages()).toHaveLength(heard);
  });

  test('admit others to the new room, and to the former one nobody comes', async () => {
    const invite = await stack.inviteWithin();
    expect(invite).not.toBe(former);
    await eventually('the host shows the string of the new room', () => screen.text.includes(invite), LIMIT_MS);
    // The former room stays for members that were away: a stranger finds no member there.
    const late = stack.client('late', former);
    const frida = stack.client('frida', invite);
    const knock = await host.client.until(has('knock'), LIMIT_MS);
    const { fingerprint } = knock['member'] as { readonly fingerprint: string };
    host.client.write({ cmd: 'admit', member: fingerprint });
    await frida.joined(LIMIT_MS);
    group.add(new CountingMember(frida));
    await allIsWell();
    await late.until(has('warning', { code: 'nobody-answers' }), LIMIT_MS);
    expect(late.messages()).toEqual([]);
    expect(late.lines.some(has('moved'))).toBe(false);
    // From here on newcomers join unasked again.
    host.client.write({ cmd: 'access', mode: 'open' });
    await host.client.until(has('moderated', { what: 'access' }), LIMIT_MS);
  });

  test('are warned when the relay drops a frame for one of them and renumbers the rest', async () => {
    const relay = await forkingRelay();
    try {
      const others = group.members;
      const before = new Map(others.map((member) => [member, member.submitted().length]));
      const gina = await guest('gina');
      group.add(gina);
      await allIsWell();
      // That it stands between them is not to be seen, and nothing else has been wrong so far.
      expect([gina, ...others].flatMap(warnedOf)).toEqual([]);

      const lost = await loseLongText(relay, host);
      gina.sendShort(1);
      group.remove(gina);
      await group.allReceiveFromAll();
      for (const other of others) {
        await other.hasReceived(gina, LIMIT_MS);
        await gina.hasReceived(other, LIMIT_MS);
        const meant = other.submitted().slice(before.get(other) ?? 0);
        expect(gina.receivedFrom(other)).toEqual(meant.filter((ref) => ref !== lost));
      }
      await gina.client.until(differs, LIMIT_MS);
      await Promise.all(others.map(({ client }) => client.until(differs, LIMIT_MS)));
      expect(new Set(others.flatMap(warnedOf))).toEqual(new Set(['gina']));
      expect(await gina.client.quit()).toBe(0);
    } finally {
      expect(await relay.end()).toBe(0);
    }
  });
});
