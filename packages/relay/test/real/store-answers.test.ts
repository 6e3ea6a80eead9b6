// A store that answers something else than it was asked: the room waits as for one that is away,
// and nothing of it is believed.

import { describe, expect, test } from 'vitest';
import { fingerprint, makeBody, makeRoom } from '@sotto/fixtures/relay-member';
import { useRedis } from './redis-server.ts';
import { createRoom, openStore, openRelayOverRedis } from './relay-over-redis.ts';
import { StoreProxy } from './store-proxy.ts';

const redis = useRedis();

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/**
 * @returns the number of the request that this answers, as a word of the protocol; undefined if it
 *   answers none of a script.
 */
function requestOf(reply: Buffer): string | undefined {
  return /^\*\d+\r\n(\$\d+\r\n\d+\r\n)/.exec(reply.toString('latin1'))?.[1];
}

/** Answers of scripts, each changed in one way. */
const LIES: Readonly<Record<string, (reply: Buffer, request: string) => string>> = {
  'another first': (_, request) => `*4\r\n${request}${bulk('stored')}${bulk('7')}${bulk('1')}`,
  'an oldest that is still to come': (_, request) => `*4\r\n${request}${bulk('stored')}${bulk('2')}${bulk('9')}`,
  'a commit number that is the room’s': (_, request) => `*3\r\n${request}${bulk('stale')}${bulk('0')}`,
  'the number that was asked for as another': (_, request) => `*3\r\n${request}${bulk('out-of-step')}${bulk('2')}`,
  'the answer to another request': (reply, request) => {
    const number = String(Number(request.split('\r\n')[1]) - 1);
    return reply.toString('latin1').replace(request, bulk(number));
  },
  'a word that is none': (_, request) => `*2\r\n${request}${bulk('perhaps')}`,
  'a number that is none': (_, request) => `*4\r\n${request}${bulk('stored')}${bulk('two')}${bulk('1')}`,
  nothing: (_, request) => `*1\r\n${request}`,
  'a number': () => ':7\r\n',
  'no words': () => '*0\r\n',
  'no list': () => '*-1\r\n',
  OK: () => '+OK\r\n',
  'lists in lists': (_, request) => `*2\r\n${request}*1\r\n*1\r\n${bulk('stored')}`,
  'one answer more': (reply) => `${bulk('first')}${reply.toString('latin1')}`,
  'bytes that are no answer at all': () => 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
};

describe('a store that answers', () => {
  test.each(Object.keys(LIES))('%s is not trusted, and the room goes on after a matching answer', async (name) => {
    const proxy = await StoreProxy.open(redis.server);
    const { host, join, events } = await openRelayOverRedis(proxy);
    const room = await createRoom(host);
    const [member, other] = [await join(room), await join(room)];
    const bodies = [makeBody(), makeBody(), makeBody()];
    member.publish(bodies[0] ?? makeBody());
    const expected = bodies.map((body, index) => `${index + 1} ${fingerprint(body)}`);
    for (const each of [member, other]) expect(await each.entries(1)).toEqual(expected.slice(0, 1));
    const connections = proxy.connections;
    let lies = 0;
    proxy.rewrite = (reply) => {
      const request = requestOf(reply);
      if (request === undefined) return reply;
      lies += 1;
      return Buffer.from(LIES[name]?.(reply, request) ?? '', 'latin1');
    };
    member.publish(bodies[1] ?? makeBody());
    while (lies < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    // Nobody is told, and nobody is closed.
    expect([await member.ping(1), await other.ping(1)]).toEqual([[], []]);
    expect(proxy.connections).toBeGreaterThan(connections);
    proxy.rewrite = (reply) => reply;
    member.publish(bodies[2] ?? makeBody());
    expect(await member.entries(2)).toEqual(expected.slice(1));
    expect(await other.entries(2)).toEqual(expected.slice(1));
    expect(await (await join(room, 1)).entries(3)).toEqual(expected);
    expect(events).not.toContain('room-failed');
  });

  test.each(Object.keys(LIES))(
    '%s to everything harms no room: each request is refused with our code',
    async (name) => {
      const [proxy, direct] = [await StoreProxy.open(redis.server), await openStore(redis.server)];
      const store = await openStore(proxy);
      const room = makeRoom();
      const terms = { ...room, cover: 'off' as const };
      await direct.create(room.roomId, terms);
      await direct.append(room.roomId, { commitNumber: 0, first: 1, bodies: [makeBody()], oldest: 1 });
      const frames = [{ operation: 'entry' as const, body: makeBody() }];
      const mirror = { ...((await direct.load(room.roomId)) ?? { ...terms, ...NOTHING }), frames };
      proxy.rewrite = (reply) => {
        const request = requestOf(reply);
        return request === undefined ? reply : Buffer.from(LIES[name]?.(reply, request) ?? '', 'latin1');
      };
      const first = { commitNumber: 0, first: 2, bodies: [makeBody()], oldest: 1 };
      const questions: readonly (() => Promise<unknown>)[] = [
        () => store.create(room.roomId, terms),
        () => store.load(room.roomId),
        () => store.append(room.roomId, first),
        () => store.commit(room.roomId, { ...first, snapshot: makeBody() }),
        () => store.commit(room.roomId, { ...first, snapshot: new Uint8Array(524_288) }),
        () => store.touch(room.roomId, 1),
        () => store.restore(room.roomId, mirror),
        () => store.remove(room.roomId),
      ];
      for (const question of questions) {
        // Of an empty answer a reading may believe that there is nothing: it is asked below.
        await expect(question()).rejects.toMatchObject({ name: 'RelayError', code: /^store-/ });
      }
    },
  );

  test.each(['READONLY You can’t write', 'LOADING', 'MASTERDOWN', 'UNBLOCKED', 'NOREPLICAS'])(
    'with a refusal to be written to (%s) is left for another connection',
    async (words) => {
      const proxy = await StoreProxy.open(redis.server);
      const store = await openStore(proxy);
      const before = proxy.connections;
      proxy.rewrite = () => Buffer.from(`-${words} and more\r\n`);
      await expect(store.touch(new Uint8Array(16), 1)).rejects.toMatchObject({ code: 'store-unavailable' });
      while (proxy.connections === before) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  );

  test.each(['OOM command not allowed', 'BUSY', 'MISCONF', 'NOPERM', 'ERR', 'READONLYISH', 'ERR READONLY'])(
    'with a refusal of the command (%s) is asked again on the same connection',
    async (words) => {
      const proxy = await StoreProxy.open(redis.server);
      const store = await openStore(proxy);
      const before = proxy.connections;
      proxy.rewrite = () => Buffer.from(`-${words}\r\n`);
      await expect(store.touch(new Uint8Array(16), 1)).rejects.toMatchObject({ code: 'store-unavailable' });
      proxy.rewrite = (reply) => reply;
      // Asked at once: a connection that is being replaced would refuse.
      expect(await store.touch(new Uint8Array(16), 1)).toEqual({ kind: 'room-unknown' });
      expect(proxy.connections).toBe(before);
    },
  );
});

const NOTHING = {
  commitNumber: 0,
  snapshot: { bytes: new Uint8Array(0), first: 0, last: 0 },
  previousSnapshot: { bytes: new Uint8Array(0), first: 0, last: 0 },
  oldest: 1,
  next: 1,
};
