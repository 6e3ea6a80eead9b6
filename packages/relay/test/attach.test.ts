import { describe, expect, test } from 'vitest';
import {
  CONNECTIONS_PER_ROOM_MAX,
  encodeAttach,
  encodePing,
  encodeChallenge,
  encodeFrame,
  HANDSHAKE_DEADLINE_MS,
  SILENCE_LIMIT_MS,
} from '@sotto/protocol';
import { HALF_OPEN_MAX, SWEEP_INTERVAL_MS } from '../src/limits.ts';
import { fingerprint, makeBody, makeRoom, publishFrame, signAttach } from '@sotto/fixtures/relay-member';
import { openRelay } from './relay-fixture.ts';

describe('a connection', () => {
  test('gets a challenge, attaches, and learns the position of the log', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    expect(await fixture.member().attach(room)).toEqual({
      commitNumber: 0,
      oldest: 1,
      next: 1,
      patienceSeconds: 86_400,
    });
    const member = await fixture.join(room);
    member.publish(makeBody(), makeBody());
    await member.entries(2);
    expect(await fixture.member().attach(room)).toEqual({
      commitNumber: 0,
      oldest: 1,
      next: 3,
      patienceSeconds: 86_400,
    });
  });

  test('gets a challenge with other bytes than the one before', async () => {
    const fixture = await openRelay();
    const challenges = await Promise.all(Array.from({ length: 20 }, () => fixture.member().challenge()));
    expect(new Set(challenges.map(fingerprint)).size).toBe(20);
  });

  test('attaches even if its bytes arrive one by one', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = fixture.member();
    const challenge = await member.challenge();
    member.socket.setNoDelay(true);
    const bytes = encodeAttach({ roomId: room.roomId, from: 0, signature: signAttach(room, challenge, 0) });
    for (const byte of bytes) member.send(Uint8Array.of(byte));
    await member.expect('attached');
  });

  test('may send everything at once: frames behind ATTACH wait for ATTACHED', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = fixture.member();
    const challenge = await member.challenge();
    const bodies = [makeBody(0), makeBody(1), makeBody(2), makeBody(3)];
    member.send(
      encodeAttach({ roomId: room.roomId, from: 0, signature: signAttach(room, challenge, 0) }),
      ...bodies.map((body) => publishFrame(body)),
      encodePing('ping', 9),
    );
    await member.expect('attached');
    expect((await member.expect('pong')).number).toBe(9);
    expect(await member.entries(4)).toEqual(bodies.map((body, index) => `${index + 1} ${fingerprint(body)}`));
  });

  test.each([
    { from: 0, sees: [] },
    { from: 1, sees: [1, 2, 3, 4, 5] },
    { from: 4, sees: [4, 5] },
    { from: 5, sees: [5] },
    { from: 6, sees: [] },
    { from: 1_000_000, sees: [] },
  ])('from $from sees $sees of five entries after it attaches, then the next', async ({ from, sees }) => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const writer = await fixture.join(room);
    writer.publish(...Array.from({ length: 5 }, () => makeBody()));
    await writer.entries(5);
    const reader = await fixture.join(room, from);
    writer.publish(makeBody());
    const numbers: number[] = [];
    while (numbers.at(-1) !== 6) numbers.push((await reader.expect('entry')).number);
    expect(numbers).toEqual([...sees, 6]);
  });
});

describe('a stranger', () => {
  test('without the capability, for no room, or with another room’s gets the same answer', async () => {
    const fixture = await openRelay();
    const [room, other] = [await fixture.room(), await fixture.room()];
    const unknown = makeRoom();
    const impostor = makeRoom();
    const attempts = [
      { roomId: unknown.roomId, key: unknown },
      { roomId: room.roomId, key: { ...impostor, roomId: room.roomId, roomTag: room.roomTag } },
      { roomId: room.roomId, key: other },
      { roomId: room.roomId, key: { ...other, roomId: room.roomId } },
      { roomId: room.roomId, key: { ...room, roomTag: other.roomTag } },
      { roomId: room.roomId, key: { ...room, roomId: other.roomId } },
    ];
    for (const { roomId, key } of attempts) {
      const stranger = fixture.member();
      const signature = signAttach(key, await stranger.challenge(), 0);
      stranger.send(encodeAttach({ roomId, from: 0, signature }));
      expect(await stranger.closing()).toBe('not-admitted');
    }
    // Control: with everything right one gets in.
    await fixture.join(room);
  });

  test('cannot use a signature again, on another connection or for another place in the log', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const first = fixture.member();
    const signature = signAttach(room, await first.challenge(), 0);
    const attach = encodeAttach({ roomId: room.roomId, from: 0, signature });
    first.send(attach);
    await first.expect('attached');

    const replayer = fixture.member();
    await replayer.challenge();
    replayer.send(attach);
    expect(await replayer.closing()).toBe('not-admitted');

    const mover = fixture.member();
    const moved = { roomId: room.roomId, from: 1, signature: signAttach(room, await mover.challenge(), 0) };
    mover.send(encodeAttach(moved));
    expect(await mover.closing()).toBe('not-admitted');
  });

  test('is closed if it sends anything but ATTACH first', async () => {
    const fixture = await openRelay();
    await fixture.room();
    const frames = [publishFrame(makeBody()), encodePing('ping', 1), encodeChallenge(new Uint8Array(32))];
    for (const frame of frames) {
      const stranger = fixture.member();
      await stranger.challenge();
      stranger.send(frame);
      expect(await stranger.closing()).toBe('operation-unexpected');
    }
  });

  test('is closed as malformed if it attaches in a larger frame, or with padding that is not zero', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const large = fixture.member();
    await large.challenge();
    large.send(encodeFrame({ operation: 'attach', number: 0, body: makeBody(1) }));
    expect(await large.closing()).toBe('frame-malformed');

    const padded = fixture.member();
    const signature = signAttach(room, await padded.challenge(), 0);
    padded.send(encodeAttach({ roomId: room.roomId, from: 0, signature }).fill(1, -1));
    expect(await padded.closing()).toBe('frame-malformed');
  });

  test.each([
    { what: 'another version', bytes: [0x20] },
    { what: 'HTTP', bytes: [...Buffer.from('GET / HTTP/1.1\r\n\r\n')] },
    { what: 'no frame size', bytes: [0x14] },
    { what: 'an unknown operation', bytes: [0x10, 0x55, ...new Array<number>(510).fill(0)] },
    { what: 'a reserved byte', bytes: [0x10, 0x01, 0, 0, 0, 0, 0, 1, ...new Array<number>(504).fill(0)] },
    { what: 'a number above 2^53', bytes: [0x10, 0x01, 0, 0, 0, 0, 0, 0, 0xff, ...new Array<number>(503).fill(0)] },
  ])('is closed as malformed if it sends $what, and no other connection is affected', async ({ bytes }) => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const stranger = fixture.member();
    await stranger.challenge();
    stranger.send(Uint8Array.from(bytes));
    expect(await stranger.closing()).toBe('frame-malformed');
    member.publish(makeBody());
    await member.entries(1);
  });

  test('is closed at the deadline, and not before, if it sends nothing or too slowly', async () => {
    const fixture = await openRelay();
    const [mute, slow] = [fixture.member(), fixture.member()];
    await Promise.all([mute.challenge(), slow.challenge()]);
    fixture.clock.tick(HANDSHAKE_DEADLINE_MS);
    slow.send(Uint8Array.of(0x10));
    expect(mute.received.length).toBe(1);
    fixture.clock.tick(2 * SWEEP_INTERVAL_MS);
    expect(await mute.closing()).toBe('handshake-late');
    expect(await slow.closing()).toBe('handshake-late');
  });

  test('finds a place among many silent connections: the one silent for longest gives way; members are not affected', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const member = await fixture.join(room);
    const silent = Array.from({ length: HALF_OPEN_MAX }, () => fixture.member());
    await Promise.all(silent.map((stranger) => stranger.challenge()));
    await fixture.join(room);
    expect(await silent[0]?.closing()).toBe('relay-full');
    expect(silent.slice(1).filter(({ closed }) => closed)).toEqual([]);
    member.publish(makeBody());
    await member.entries(1);
  });

  test.each([
    [HALF_OPEN_MAX - 1, 'is let in'],
    [HALF_OPEN_MAX, 'is too late'],
  ])('with %i connections after its own %s when it answers', async (others, outcome) => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [member, newcomer] = [await fixture.join(room), fixture.member()];
    const challenge = await newcomer.challenge();
    for (let count = 0; count < others; count += 1) await fixture.member().challenge();
    await member.ping();
    newcomer.send(encodeAttach({ roomId: room.roomId, from: 0, signature: signAttach(room, challenge, 0) }));
    const answer = await newcomer.next();
    expect(answer?.code ?? answer?.operation).toBe(outcome === 'is let in' ? 'attached' : 'relay-full');
  });

  test('finds no place while as many are being admitted: those have answered, and stay', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    await fixture.join(room);
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    let loads = 0;
    fixture.store.load = async () => {
      loads += 1;
      await gate;
      return undefined;
    };
    const asking = Array.from({ length: HALF_OPEN_MAX }, () => fixture.member());
    for (const stranger of asking) {
      await stranger.challenge();
      const request = { roomId: makeBody().slice(0, 16), from: 0, signature: new Uint8Array(64) };
      stranger.send(encodeAttach(request));
    }
    while (loads < HALF_OPEN_MAX) await new Promise((resolve) => setImmediate(resolve));
    expect(await fixture.member().closing()).toBe('relay-full');
    letGo();
    for (const stranger of asking) expect(await stranger.closing()).toBe('not-admitted');
  });
});

describe('a room', () => {
  test('accepts as many connections as it may, and the next when one has left', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const members = [];
    for (let count = 0; count < CONNECTIONS_PER_ROOM_MAX; count += 1) members.push(await fixture.join(room));
    const late = fixture.member();
    const signature = signAttach(room, await late.challenge(), 0);
    late.send(encodeAttach({ roomId: room.roomId, from: 0, signature }));
    expect(await late.closing()).toBe('room-full');
    // A stranger does not even learn that it is full.
    const stranger = fixture.member();
    await stranger.challenge();
    stranger.send(encodeAttach({ roomId: room.roomId, from: 0, signature }));
    expect(await stranger.closing()).toBe('not-admitted');
    await members[0]?.leave();
    await members[1]?.ping();
    await fixture.join(room);
  });
});

describe('a member', () => {
  test('gets each PING back with its number', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    member.send(encodePing('ping', 0), encodePing('ping', 7), encodePing('ping', Number.MAX_SAFE_INTEGER));
    const numbers = [];
    for (let count = 0; count < 3; count += 1) numbers.push((await member.expect('pong')).number);
    expect(numbers).toEqual([0, 7, Number.MAX_SAFE_INTEGER]);
  });

  test('is closed if it is silent for too long, and not if it pings', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const [silent, beating] = [await fixture.join(room), await fixture.join(room)];
    fixture.clock.tick(SILENCE_LIMIT_MS - SWEEP_INTERVAL_MS);
    await beating.ping();
    fixture.clock.tick(3 * SWEEP_INTERVAL_MS);
    expect(await silent.closing()).toBe('silent');
    expect(await beating.ping(2)).toEqual([]);
  });

  test('is closed if it attaches twice, or sends a frame of the relay', async () => {
    const fixture = await openRelay();
    const room = await fixture.room();
    const frames = [
      encodeAttach({ roomId: room.roomId, from: 0, signature: new Uint8Array(64) }),
      encodePing('pong', 1),
      encodeFrame({ operation: 'entry', number: 1, body: makeBody() }),
      encodeFrame({ operation: 'closing', code: 'silent', number: 0, body: new Uint8Array(496) }),
    ];
    for (const frame of frames) {
      const member = await fixture.join(room);
      member.send(frame);
      expect(await member.closing()).toBe('operation-unexpected');
    }
  });

  test('is closed as malformed if its ping carries more than a number', async () => {
    const fixture = await openRelay();
    const member = await fixture.join(await fixture.room());
    member.send(encodeFrame({ operation: 'ping', number: 1, body: makeBody() }));
    expect(await member.closing()).toBe('frame-malformed');
  });
});
