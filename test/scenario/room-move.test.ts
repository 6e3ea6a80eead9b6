// A host over a real relay and stand-ins for both Tors: its room, and the move to another one when
// somebody is evicted.

import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveRoomKeys, signCapability } from '@sotto/crypto';
import { createGroupIdentity, memberIdOf } from '@sotto/crypto/mls';
import type { GroupIdentity } from '@sotto/crypto/mls';
import { Host } from '@sotto/host';
import {
  decodeChallenge,
  decodeFrame,
  decodeInvite,
  encodeAttach,
  FrameSplitter,
  orderStatement,
} from '@sotto/protocol';
import type { AccessMode, Frame, Invite, Order, PlainMode } from '@sotto/protocol';
import { MemoryRoomStore, startRelay } from '@sotto/relay';
import type { Relay } from '@sotto/relay';
import { onionAddressOf } from '@sotto/tor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SIGNPOSTS_MAX } from '../../packages/host/src/limits.ts';
import { GroupMember } from './group-member.ts';
import { TorStandIn } from './tor-stand-in.ts';

const LONG_MS = 50_000;
const SHORT_MS = 300;
/** Enough for somebody to attach, also on a busy machine. */
const VISIT_MS = 3_000;
const MEMBER_ID = new Uint8Array(16).fill(7);
const OTHER_ID = new Uint8Array(16).fill(8);

let directory: string;
let relay: Relay;
let tor: TorStandIn;
let screen: Screen;
let host: Host;
let visitors: Visitor[];
let members: GroupMember[];

/** The lines that the host has printed. */
class Screen {
  text = '';
  readonly #readers = new Set<() => void>();

  print(text: string): void {
    this.text += `${text}\n`;
    for (const wake of this.#readers) wake();
    this.#readers.clear();
  }

  async shows(part: string | RegExp): Promise<void> {
    while (!(typeof part === 'string' ? this.text.includes(part) : part.test(this.text))) {
      await new Promise<void>((resolve) => this.#readers.add(resolve));
    }
  }
}

/** A string holder at the relay, and the frames that it gets. */
class Visitor {
  readonly frames: Frame[] = [];
  readonly closed: Promise<unknown>;
  readonly #socket: Socket;
  #wake: () => void = () => undefined;

  constructor(invite: Invite) {
    const keys = deriveRoomKeys({ roomSecret: invite.roomSecret, onionKey: invite.onionKey });
    this.#socket = connect(join(directory, 'relay.sock'));
    this.closed = once(this.#socket, 'close');
    const splitter = new FrameSplitter();
    this.#socket.on('data', (chunk) => {
      const frames = splitter.push(chunk);
      if (!frames.ok) throw new Error(frames.code);
      for (const bytes of frames.value) {
        const frame = decodeFrame(bytes);
        if (!frame.ok) throw new Error(frame.code);
        this.frames.push(frame.value);
        const challenge = frame.value.operation === 'challenge' ? decodeChallenge(frame.value) : undefined;
        if (challenge?.ok === true) {
          const signature = signCapability(keys, { challenge: challenge.value, from: 0 });
          this.#socket.write(encodeAttach({ roomId: keys.roomId, from: 0, signature }));
        }
      }
      this.#wake();
    });
  }

  /** The frame at this place, when it has come. */
  async frame(index: number): Promise<Frame> {
    for (;;) {
      const frame = this.frames.at(index);
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  leave(): void {
    this.#socket.destroy();
  }
}

function visit(invite: Invite): Visitor {
  const visitor = new Visitor(invite);
  visitors.push(visitor);
  return visitor;
}

/** The answer of a room to its connection string: its commit number, or the code of the refusal. */
async function commitNumberOf(invite: Invite): Promise<number | string | undefined> {
  const frame = await visit(invite).frame(1);
  return frame.operation === 'attached' ? frame.number : frame.code;
}

/** Joins the group. @returns the access that its snapshot tells of. */
async function joinAs(name: string, invite: Invite, identity?: GroupIdentity): Promise<AccessMode | undefined> {
  const member = await GroupMember.open(name, join(directory, 'relay.sock'), invite, 'x-wing', identity);
  members.push(member);
  await member.join();
  return member.membership.view?.access;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sotto-moving-'));
  const relayPath = join(directory, 'relay.sock');
  const admin = { path: join(directory, 'admin.sock') };
  relay = await startRelay({ listen: { path: relayPath }, admin, store: new MemoryRoomStore() });
  tor = await TorStandIn.start(relayPath);
  screen = new Screen();
  visitors = [];
  members = [];
});

afterEach(async () => {
  for (const visitor of visitors) visitor.leave();
  for (const member of members) member.disconnect();
  host.stop();
  await host.ended;
  await tor[Symbol.asyncDispose]();
  await relay.close();
  await rm(directory, { recursive: true });
});

/** Starts a host and waits for its string. */
type Limits = Partial<NonNullable<ConstructorParameters<typeof Host>[0]['moveLimits']>>;

async function open(limits: Limits = {}): Promise<Invite> {
  return openWith('open', limits);
}

async function openWith(access: PlainMode, limits: Limits): Promise<Invite> {
  const { socketPath, cookiePath } = tor.tor.address;
  host = new Host({
    config: {
      torControl: socketPath,
      torCookie: cookiePath,
      adminSocket: join(directory, 'admin.sock'),
      gateSocket: tor.gatePath,
      relaySocket: join(directory, 'relay.sock'),
      inviteSocket: join(directory, 'invite.sock'),
      moderatorSocket: undefined,
      access,
      cover: 'off',
      patienceSeconds: 86_400,
      socks: tor.socks,
    },
    print: (text) => screen.print(text),
    moveLimits: { openMs: LONG_MS, offerMs: LONG_MS, checkMs: SHORT_MS, signpostMs: LONG_MS, ...limits },
  });
  host.start();
  await screen.shows('room: reachable after');
  return inviteOf(host);
}

function inviteOf(opened: Host): Invite {
  const invite = decodeInvite(opened.invite ?? '');
  if (!invite.ok) throw new Error(invite.code);
  return invite.value;
}

async function evict(listed: readonly Uint8Array[] = [OTHER_ID]): Promise<{
  order: Order & { signature: Uint8Array };
  move: Order & Invite & { signature: Uint8Array };
}> {
  const reply = await host.evict(MEMBER_ID, listed);
  if (!reply.ok || reply.order === undefined || reply.move === undefined) throw new Error('no offer');
  return { order: reply.order, move: reply.move };
}

/** Ed25519 as node verifies it, with a raw public key (RFC 8410). */
function isOrderOf({ onionKey, roomSecret }: Invite, order: Order & { readonly signature: Uint8Array }): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), onionKey]);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return verify(null, orderStatement(deriveRoomKeys({ roomSecret, onionKey }).roomId, order), key, order.signature);
}

describe('a host', () => {
  test('shows a connection string that leads into a founded room, over one onion', async () => {
    const invite = await open();
    expect(await commitNumberOf(invite)).toBe(1);
    expect(tor.onions).toEqual([onionAddressOf(invite.onionKey)]);
    expect(screen.text).toContain(host.invite);
  });

  test('signs a change of access with the key in its connection string', async () => {
    const invite = await openWith('knock', {});
    const reply = host.setAccess('locked');
    if (!reply.ok || reply.order === undefined) throw new Error('no order');
    expect(reply.order).toMatchObject({ type: 'access', number: 2, mode: 'locked' });
    expect(isOrderOf(invite, reply.order)).toBe(true);
    expect(isOrderOf({ ...invite, roomSecret: new Uint8Array(32) }, reply.order)).toBe(false);
  });

  test('signs no order before its room is open', async () => {
    tor.isLost = () => true;
    const opening = open();
    await screen.shows('checking that a guest can reach it');
    expect(host.setAccess('locked')).toEqual({ ok: false, code: 'not-open' });
    expect(await host.evict(MEMBER_ID, [])).toEqual({ ok: false, code: 'not-open' });
    expect(host.moved()).toEqual({ ok: false, code: 'nothing-offered' });
    tor.isLost = () => false;
    await opening;
  });
});

describe('an eviction', () => {
  test('opens a second room, and orders the first to remove the member and to move', async () => {
    const before = await open();
    const { order, move } = await evict();
    expect(order).toMatchObject({ type: 'evict', number: 2, memberId: MEMBER_ID, listed: [OTHER_ID] });
    expect([isOrderOf(before, order), isOrderOf(before, move)]).toEqual([true, true]);
    expect(move.roomSecret).not.toEqual(before.roomSecret);
    expect(tor.onions).toEqual([before, move].map(({ onionKey }) => onionAddressOf(onionKey)));
    expect(await Promise.all([commitNumberOf(before), commitNumberOf(move)])).toEqual([1, 1]);
    expect(inviteOf(host)).toEqual(before);
  });

  test('keeps the old room as a signpost, shows the new string at once, and closes the old room later', async () => {
    const before = await open({ signpostMs: VISIT_MS });
    const member = visit(before);
    await member.frame(1);
    const { move } = await evict();
    const newcomer = visit(move);
    expect(host.moved()).toEqual({ ok: true });
    expect(inviteOf(host)).toEqual({ onionKey: move.onionKey, roomSecret: move.roomSecret });
    expect(screen.text).toMatch(/moved; members who are away follow[^]*sotto1/);
    expect(screen.text.split(host.invite ?? '-')).toHaveLength(2);
    // A member that comes late finds the old room, and its log.
    expect(tor.onions).toHaveLength(2);
    expect(await commitNumberOf(before)).toBe(1);
    expect(await member.frame(2)).toMatchObject({ operation: 'closing', code: 'room-closed' });
    await member.closed;
    await tor.tor.saw('DEL_ONION');
    expect(tor.onions).toEqual([onionAddressOf(move.onionKey)]);
    expect(await commitNumberOf(before)).toBe('not-admitted');
    expect(newcomer.frames.map(({ operation }) => operation)).toEqual(['challenge', 'attached']);
  });

  test('can follow another at once, and the oldest of too many signposts is closed', async () => {
    const rooms = [await open()];
    for (let moves = 0; moves <= SIGNPOSTS_MAX; moves += 1) {
      const offer = await evict();
      expect(offer.order).toMatchObject({ number: 2 });
      expect(isOrderOf(rooms.at(-1) ?? inviteOf(host), offer.order)).toBe(true);
      expect(host.moved()).toEqual({ ok: true });
      rooms.push(inviteOf(host));
    }
    await tor.tor.saw('DEL_ONION');
    const [oldest, ...others] = rooms;
    expect(tor.onions).toEqual(others.map(({ onionKey }) => onionAddressOf(onionKey)));
    if (oldest === undefined) throw new Error('no room');
    expect(await commitNumberOf(oldest)).toBe('not-admitted');
  });

  test('runs alone: no other eviction and no change of access begins meanwhile', async () => {
    await open();
    const first = host.evict(MEMBER_ID, []);
    expect(await host.evict(MEMBER_ID, [])).toEqual({ ok: false, code: 'busy' });
    expect(host.setAccess('locked')).toEqual({ ok: false, code: 'busy' });
    expect(host.moved()).toEqual({ ok: false, code: 'nothing-offered' });
    expect(await first).toMatchObject({ ok: true });
    expect(await host.evict(MEMBER_ID, [])).toEqual({ ok: false, code: 'busy' });
    expect(host.moved()).toEqual({ ok: true });
    expect(host.setAccess('locked')).toMatchObject({ ok: true });
  });

  test('is refused if no other room opens in time, and the room goes on', async () => {
    const before = await open({ openMs: SHORT_MS });
    tor.isLost = (onion) => onion !== onionAddressOf(before.onionKey);
    expect(await host.evict(MEMBER_ID, [])).toEqual({ ok: false, code: 'room-not-opened' });
    await screen.shows('this one goes on');
    await tor.tor.saw('DEL_ONION');
    expect(tor.onions).toEqual([onionAddressOf(before.onionKey)]);
    expect(await commitNumberOf(before)).toBe(1);
    expect(inviteOf(host)).toEqual(before);
    expect(host.setAccess('knock')).toMatchObject({ ok: true });
  });

  test('is given up when the moderator says that it did not move: the other room closes', async () => {
    const before = await open();
    const { move } = await evict();
    const early = visit(move);
    await early.frame(1);
    expect(host.notMoved()).toEqual({ ok: true });
    expect(await early.frame(2)).toMatchObject({ operation: 'closing', code: 'room-closed' });
    expect([host.moved(), host.notMoved()]).toEqual(Array(2).fill({ ok: false, code: 'nothing-offered' }));
    expect(screen.text).toContain('it did not move');
    expect(await commitNumberOf(before)).toBe(1);
    expect(inviteOf(host)).toEqual(before);
    expect((await evict()).order).toMatchObject({ number: 3 });
  });

  test('stays undecided if the moderator dies before its commit: both rooms stay, and it may still tell', async () => {
    const before = await open({ offerMs: SHORT_MS });
    const { move } = await evict();
    await screen.shows('both rooms stay open');
    expect(host.setAccess('locked')).toEqual({ ok: false, code: 'move-undecided' });
    expect(await host.evict(MEMBER_ID, [])).toEqual({ ok: false, code: 'move-undecided' });
    await tor.tor.saw('ADD_ONION', 2);
    expect(await Promise.all([commitNumberOf(before), commitNumberOf(move)])).toEqual([1, 1]);
    expect(inviteOf(host)).toEqual(before);
    expect(host.notMoved()).toEqual({ ok: true });
    expect(host.setAccess('locked')).toMatchObject({ ok: true });
  });

  test('is seen if the moderator dies after its commit: a member that moves shows it to the host', async () => {
    const before = await open({ offerMs: SHORT_MS });
    const identity = createGroupIdentity((length) => new Uint8Array(randomBytes(length)));
    const { move } = await evict([memberIdOf(identity.memberKey)]);
    await screen.shows('both rooms stay open');
    expect(inviteOf(host)).toEqual(before);
    await joinAs('first', move, identity);
    await screen.shows('moved; members who are away follow');
    expect(inviteOf(host)).toEqual({ onionKey: move.onionKey, roomSecret: move.roomSecret });
    // The old room is the signpost of the move.
    expect(await commitNumberOf(before)).toBe(1);
  });

  test('leads into a listed room, whose members come in, and nobody else', async () => {
    await openWith('locked', {});
    const identities = ['first', 'second'].map(() =>
      createGroupIdentity((length) => new Uint8Array(randomBytes(length))),
    );
    const { move } = await evict(identities.map(({ memberKey }) => memberIdOf(memberKey)));
    // The room is empty, and still no stranger is its first member.
    await expect(joinAs('stranger', move)).rejects.toThrow('policy-knock');
    for (const [index, identity] of identities.entries())
      expect(await joinAs(`${index}`, move, identity)).toBe('listed');
    await expect(joinAs('stranger', move)).rejects.toThrow('policy-knock');
    host.moved();
    await screen.shows('anyone else has to be admitted');
    expect(host.setAccess('open')).toMatchObject({ ok: true, order: { number: 2, mode: 'open' } });
  });

  test('has the cover mode of the room; a move alone may have another, with a place for each member', async () => {
    const before = await open();
    expect(await evict()).toMatchObject({ move: { cover: 'off' } });
    host.notMoved();
    const crowd = Array.from({ length: 5 }, (_, index) => new Uint8Array(16).fill(index));
    expect(await host.move(crowd, 'stealth-4')).toEqual({ ok: false, code: 'cover-too-small' });
    const reply = await host.move(crowd.slice(1), 'stealth-4');
    if (!reply.ok || reply.move === undefined) throw new Error('no offer');
    expect(Object.keys(reply)).toEqual(['ok', 'move']);
    expect(isOrderOf(before, reply.move)).toBe(true);
    expect(host.moved()).toEqual({ ok: true });
    expect(inviteOf(host)).toMatchObject({ onionKey: reply.move.onionKey, cover: 'stealth-4' });
    expect(await evict()).toMatchObject({ move: { cover: 'stealth-4' } });
  });

  test('leaves nothing behind if a stop interrupts it', async () => {
    const before = await open();
    const { move } = await evict();
    host.stop();
    expect(await host.ended).toBeUndefined();
    expect(tor.onions).toEqual([]);
    expect(await Promise.all([commitNumberOf(before), commitNumberOf(move)])).toEqual(['not-admitted', 'not-admitted']);
    expect(await host.evict(MEMBER_ID, [])).toEqual({ ok: false, code: 'not-open' });
  });

  test('is answered and leaves nothing behind if a stop interrupts it before the other room is open', async () => {
    const before = await open();
    tor.isLost = (onion) => onion !== onionAddressOf(before.onionKey);
    const answer = host.evict(MEMBER_ID, []);
    await tor.tor.saw('ADD_ONION', 2);
    host.stop();
    expect(await answer).toEqual({ ok: false, code: 'room-not-opened' });
    expect(await host.ended).toBeUndefined();
    expect(tor.onions).toEqual([]);
  });
});
