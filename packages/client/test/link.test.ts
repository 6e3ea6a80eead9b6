import { encodeChallenge, PING_INTERVAL_MS, RELAY_CODES, SILENCE_LIMIT_MS } from '@sotto/protocol';
import type { RelayCode } from '@sotto/protocol';
import { createStreamPair } from '@sotto/fixtures';
import type { StreamEnd } from '@sotto/fixtures';
import { nativeCrypto } from '@sotto/crypto/native';
import { describe, expect, test } from 'vitest';
import { RELAY_REASONS } from '../src/errors.ts';
import { Client, DialError } from '../src/index.ts';
import { ATTACH_DEADLINE_MS, BACKOFF_FIRST_MS, BACKOFF_MAX_MS, JOIN_LIMIT_MS } from '../src/limits.ts';
import { Room, gapsOf, statesOf, textsOf, told } from '@sotto/fixtures/room';

describe('a connection', () => {
  test('sends pings within their interval, and a quiet room stays joined', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const minutes = 10;
    await room.clock.advance(minutes * 60_000);
    expect(room.relay.pings.length).toBeGreaterThanOrEqual((minutes * 60_000) / PING_INTERVAL_MS - 1);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
  });

  test('is given up if the relay is silent for too long, and the room is resumed', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    room.relay.mute = true;
    await room.clock.advance(SILENCE_LIMIT_MS - 2_000);
    expect(statesOf(anna).at(-1)).toBe('joined');
    await room.clock.advance(2_000);
    expect(statesOf(anna).at(-1)).toBe('reconnecting connection-silent');
    room.relay.mute = false;
    await room.clock.advance(2 * ATTACH_DEADLINE_MS);
    expect(statesOf(anna).at(-1)).toBe('joined');
    anna.client.send('still here');
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['still here']);
  });

  test('is given up at the deadline if the relay accepts it and sends nothing', async () => {
    const room = new Room();
    room.relay.mute = true;
    const anna = await room.join('Anna');
    await room.clock.advance(ATTACH_DEADLINE_MS);
    expect(statesOf(anna)).toEqual(['joining', 'reconnecting connection-silent']);
  });
});

describe('reconnecting', () => {
  test('waits longer each time, up to the limit, and never less than half of it', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const dials: number[] = [];
    room.unreachable = true;
    anna.streams[0]?.cut();
    const failed = (): number => told(anna, 'state').filter((event) => event.state === 'reconnecting').length;
    let before = room.clock.now();
    for (let seen = failed(); dials.length < 12;) {
      await room.clock.advance(10);
      if (failed() === seen) continue;
      seen = failed();
      dials.push(room.clock.now() - before);
      before = room.clock.now();
    }
    // The first interval is the cut itself.
    for (const [attempt, waited] of dials.slice(1).entries()) {
      const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** attempt);
      expect(waited).toBeGreaterThanOrEqual(ceiling / 2 - 10);
      expect(waited).toBeLessThanOrEqual(ceiling + 10);
    }
    room.unreachable = false;
    await room.clock.advance(BACKOFF_MAX_MS);
    expect(statesOf(anna).at(-1)).toBe('joined');
  });

  test('starts with the first wait again after a connection that held', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    for (let round = 0; round < 10; round += 1) {
      anna.streams.at(-1)?.cut();
      await room.clock.advance(BACKOFF_FIRST_MS + 1);
      expect(statesOf(anna).at(-1)).toBe('joined');
    }
  });

  test('ends for good on a final DialError, with its code', async () => {
    const room = new Room();
    const refusal = new DialError('client-key-wrong', 'the onion cannot be read', { final: true });
    const anna = await room.join('Anna', { dial: () => Promise.reject(refusal) });
    expect(statesOf(anna)).toEqual(['closed client-key-wrong']);
    expect(told(anna, 'error').map((event) => event.message)).toEqual(['the onion cannot be read']);
    await anna.client.ended;
    expect(room.clock.pending).toBe(0);
  });

  test('ends at its limit before the first join; a joined member goes on', async () => {
    const room = new Room();
    const ben = await room.join('Ben');
    room.unreachable = true;
    ben.streams[0]?.cut();
    const anna = await room.join('Anna');
    await room.clock.advance(JOIN_LIMIT_MS - 2);
    expect(statesOf(anna).at(-1)).toBe('reconnecting onion-unreachable');
    await room.clock.advance(2);
    expect(statesOf(anna).at(-1)).toBe('closed join-timeout');
    await room.clock.advance(JOIN_LIMIT_MS);
    expect(statesOf(ben).at(-1)).toBe('reconnecting onion-unreachable');
    room.unreachable = false;
    await room.clock.advance(BACKOFF_MAX_MS);
    expect(statesOf(ben).at(-1)).toBe('joined');
  });

  test('aborts a dial that never settles at the limit of the first join', async () => {
    const room = new Room();
    let stopped = false;
    const anna = await room.join('Anna', {
      dial: (tell, signal) =>
        new Promise(() => {
          tell({ type: 'state', state: 'bootstrapping', percent: 45 });
          signal.addEventListener('abort', () => (stopped = true));
        }),
    });
    await room.clock.advance(JOIN_LIMIT_MS);
    expect(statesOf(anna)).toEqual(['bootstrapping', 'closed join-timeout']);
    expect(stopped).toBe(true);
  });

  test('closes a stream that opens after the end, and ignores a failure after it', async () => {
    const room = new Room();
    const late = createStreamPair(room.clock);
    let closed = false;
    late.far.onData(() => undefined);
    late.far.onClose(() => (closed = true));
    let arrive: (stream: StreamEnd) => void = () => undefined;
    const anna = room.member('Anna', { dial: () => new Promise((resolve) => (arrive = resolve)) });
    anna.client.start();
    anna.client.leave();
    arrive(late.near);
    await room.clock.advance(1);
    expect(closed).toBe(true);
    const ben = room.member('Ben', {
      dial: (_tell, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    });
    ben.client.start();
    ben.client.leave();
    await room.clock.advance(1);
    expect(statesOf(ben)).toEqual(['closed']);
  });
});

describe('the reason for which the relay ends a connection', () => {
  const codes = Object.keys(RELAY_CODES) as RelayCode[];

  test.each(codes.filter((code) => RELAY_REASONS[code].final))(
    '%s is final, before and after joining',
    async (code) => {
      const room = new Room();
      const anna = await room.join('Anna');
      room.relay.closeAll(code);
      await room.clock.advance(1);
      expect(statesOf(anna)).toEqual(['joining', 'joined', `closed ${RELAY_REASONS[code].code}`]);
      room.relay.closingCode = code;
      const ben = await room.join('Ben');
      expect(statesOf(ben)).toEqual(['joining', `closed ${RELAY_REASONS[code].code}`]);
      expect(told(ben, 'error').map((event) => event.code)).toEqual([RELAY_REASONS[code].code]);
    },
  );

  test.each(codes.filter((code) => !RELAY_REASONS[code].final))(
    '%s is not final, and the client resumes the room',
    async (code) => {
      const room = new Room();
      const anna = await room.join('Anna');
      room.relay.closeAll(code);
      await room.clock.advance(BACKOFF_FIRST_MS + 1);
      expect(statesOf(anna).slice(2)).toEqual([`reconnecting ${RELAY_REASONS[code].code}`, 'joined']);
      expect(gapsOf(anna)).toEqual([]);
    },
  );

  test('is final for an invite with another secret: not admitted', async () => {
    const room = new Room();
    const invite = { ...room.invite, roomSecret: room.random.bytes(32) };
    const stranger = await room.join('Stranger', { invite });
    expect(statesOf(stranger)).toEqual(['joining', 'closed not-admitted']);
    expect(statesOf(await room.join('Anna'))).toContain('joined');
  });

  test('is final for the secret with another onion, because the signature names the onion: not admitted', async () => {
    const room = new Room();
    const invite = { ...room.invite, onionKey: room.random.bytes(32) };
    expect(statesOf(await room.join('Stranger', { invite }))).toEqual(['joining', 'closed not-admitted']);
  });

  test('is version-mismatch for a relay of another version', async () => {
    const room = new Room();
    const dial = (): Promise<StreamEnd> => {
      const pair = createStreamPair(room.clock);
      const challenge = encodeChallenge(new Uint8Array(32));
      challenge[0] = 0x20;
      pair.far.write(challenge);
      return Promise.resolve(pair.near);
    };
    expect(statesOf(await room.join('Anna', { dial }))).toEqual(['joining', 'closed version-mismatch']);
  });
});

describe('the edges of a client', () => {
  test('ignore a stream that the client has left', async () => {
    const room = new Room();
    const speak: ((chunk: Uint8Array) => void)[] = [];
    const close: (() => void)[] = [];
    const dial = (): Promise<StreamEnd> => {
      const pair = createStreamPair(room.clock);
      room.relay.accept(pair.far);
      return Promise.resolve({
        write: (bytes) => pair.near.write(bytes),
        close: () => pair.near.close(),
        pause: () => pair.near.pause(),
        resume: () => pair.near.resume(),
        onData: (take) => {
          speak.push(take);
          pair.near.onData(take);
        },
        onClose: (take) => {
          close.push(take);
          pair.near.onClose(take);
        },
      });
    };
    const anna = await room.join('Anna', { dial });
    room.relay.closeAll('too-slow');
    await room.clock.advance(BACKOFF_FIRST_MS + 1);
    const before = statesOf(anna);
    expect(before.at(-1)).toBe('joined');
    speak[0]?.(new Uint8Array(512).fill(0xff));
    close[0]?.();
    expect(statesOf(anna)).toEqual(before);
    // Control: on the current stream, the same bytes end the connection.
    speak[1]?.(new Uint8Array(512).fill(0xff));
    expect(statesOf(anna).at(-1)).toBe('reconnecting version-mismatch');
  });

  test('accept a random source that returns views of one buffer', async () => {
    const room = new Room();
    const pool = new Uint8Array(4096);
    const random = (length: number): Uint8Array => {
      pool.set(room.random.bytes(length), 1_000);
      pool.fill(0xff, 0, 1_000);
      return length === 4 ? pool.subarray(1_000, 1_004) : room.random.bytes(length);
    };
    const waits: number[] = [];
    const clock = {
      now: () => 0,
      after: (milliseconds: number) => {
        waits.push(milliseconds);
        return () => undefined;
      },
    };
    for (let run = 0; run < 20; run += 1) {
      const client = new Client({
        invite: room.invite,
        name: 'Anna',
        dialFor: () => () => Promise.reject(new DialError('no-way', 'no way')),
        crypto: nativeCrypto,
        clock,
        random,
        emit: () => undefined,
      });
      client.start();
      await room.clock.advance(0);
    }
    const retries = waits.filter((wait) => wait <= BACKOFF_FIRST_MS);
    expect(retries).toHaveLength(20);
    expect(new Set(retries).size).toBeGreaterThan(5);
  });
});
