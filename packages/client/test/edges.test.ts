import { PROTOCOL_VERSION } from '@sotto/protocol';
import { createStreamPair } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import type { Dial } from '../src/index.ts';
import { KEY_WORK_MAX, MEMBER_SILENT_MS, NAME_WAIT_MS } from '../src/limits.ts';
import { Room, statesOf, textsOf, told } from '@sotto/fixtures/room';

describe('a member', () => {
  test('gets the error not-joined, with the ref, for a text after its end', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    anna.client.leave();
    await room.clock.advance(1);
    anna.client.send('anybody?', 'late');
    expect(told(anna, 'error')).toMatchObject([{ code: 'not-joined', ref: 'late' }]);
  });

  test('still lists the present members after a long cut', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    await room.clock.advance(10);
    room.unreachable = true;
    anna.streams[0]?.cut();
    await room.clock.advance(2 * MEMBER_SILENT_MS);
    expect(told(anna, 'left')).toEqual([]);
    room.unreachable = false;
    await room.clock.advance(MEMBER_SILENT_MS / 2);
    expect(statesOf(anna).at(-1)).toBe('joined');
    expect(told(anna, 'left')).toEqual([]);
    ben.client.send('still here');
    await room.clock.advance(1);
    expect(textsOf(anna)).toEqual(['still here']);
  });

  test('reads missed entries in parts if its key work cannot hold them all, and misses none', async () => {
    const room = new Room();
    const ben = await room.join('Ben');
    let pauses = 0;
    const dial: Dial = () => {
      // All bytes of one second arrive in one piece, as from a socket that was not read for a
      // while.
      const pair = createStreamPair(room.clock, { latencyMs: () => 1_000 });
      room.relay.accept(pair.far);
      return Promise.resolve({
        write: (bytes) => pair.near.write(bytes),
        close: () => pair.near.close(),
        onData: (take) => pair.near.onData(take),
        onClose: (take) => pair.near.onClose(take),
        resume: () => pair.near.resume(),
        pause: () => {
          pauses += 1;
          pair.near.pause();
        },
      });
    };
    const anna = await room.join('Anna', { dial });
    const said = Array.from({ length: KEY_WORK_MAX + 100 }, (_, index) => `text ${index}`);
    await room.clock.advance(10_000);
    expect(statesOf(anna).at(-1)).toBe('joined');
    for (const text of said) {
      ben.client.send(text);
      await room.clock.advance(1);
    }
    await room.clock.advance(5_000);
    expect(textsOf(anna)).toEqual(said);
    expect(pauses).toBeGreaterThan(0);
  });

  test('shows a text that overtook its sender’s name with the name, and in its place', async () => {
    const room = new Room();
    // Anna sends texts before she sees Ben's join. They reach him before her answer to his join.
    const anna = await room.join('Anna', { conditions: () => ({ latencyMs: () => 1_000 }) });
    await room.clock.advance(10_000);
    const ben = await room.join('Ben');
    anna.client.send('one');
    anna.client.send('two');
    await room.clock.advance(3_500);
    expect(told(ben, 'message').map(({ from, text }) => `${from.name}: ${text}`)).toEqual(['Anna: one', 'Anna: two']);
  });

  test('shows a text without a name if the name does not arrive in time', async () => {
    const room = new Room();
    const anna = await room.join('Anna', { conditions: () => ({ latencyMs: () => 1_000 }) });
    await room.clock.advance(10_000);
    const ben = await room.join('Ben');
    // The text gets through, and the answer to Ben's join does not.
    let kept = 0;
    room.relay.keeps = () => {
      kept += 1;
      return kept === 1;
    };
    anna.client.send('no name');
    await room.clock.advance(2_000);
    expect(textsOf(ben)).toEqual([]);
    await room.clock.advance(NAME_WAIT_MS);
    expect(told(ben, 'message').map(({ from, text }) => `${from.name}: ${text}`)).toEqual([': no name']);
  });

  test('goes on under the commit number that another client’s commit has made', async () => {
    const room = new Room();
    const anna = await room.join('Anna');
    const ben = await room.join('Ben');
    room.relay.moveCommitNumber();
    const [committed] = room.relay.log.slice(-1);
    if (committed?.operation !== 'committed') throw new Error('the log does not end with the commit');
    anna.client.send('as before');
    await room.clock.advance(1);
    expect(textsOf(ben)).toEqual(['as before']);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
    // A repeated frame, as after a FETCH, changes nothing. A malformed one ends the connection.
    room.relay.injectEntry(anna.connection(), committed);
    await room.clock.advance(1);
    expect(statesOf(anna)).toEqual(['joining', 'joined']);
    room.relay.injectEntry(anna.connection(), { ...committed, body: committed.body.slice().fill(0, 0, 12) });
    await room.clock.advance(1);
    expect(statesOf(anna)).toContain('reconnecting relay-misbehaved');
  });

  test('ends at once if the relay has another version', async () => {
    const room = new Room();
    const { near, far } = createStreamPair(room.clock);
    const anna = await room.join('Anna', { dial: () => Promise.resolve(near) });
    far.write(Uint8Array.of((PROTOCOL_VERSION + 1) << 4));
    await room.clock.advance(1);
    expect(statesOf(anna).at(-1)).toBe('closed version-mismatch');
  });
});
