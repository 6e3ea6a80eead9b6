import type { Dial } from '@sotto/client';
import { expect, test } from 'vitest';
import { Dialers } from '../src/dialers.ts';

const dial: Dial = () => Promise.reject(new Error('nobody dials here'));

function invite(byte: number): { onionKey: Uint8Array; roomSecret: Uint8Array } {
  return { onionKey: new Uint8Array(32).fill(byte), roomSecret: new Uint8Array(32).fill(byte) };
}

/** Owners that tell what is opened and closed, by the first byte of the onion's key. */
function owners(): { ways: Dialers; events: string[] } {
  const events: string[] = [];
  const ways = new Dialers(({ onionKey: [name] }) => {
    events.push(`open ${String(name)}`);
    return { dial: (...given) => dial(...given), close: () => events.push(`close ${String(name)}`) };
  });
  return { ways, events };
}

test('each room has one dialer, however often it is asked for', () => {
  const { ways, events } = owners();
  const first = ways.dialFor(invite(1));
  expect(ways.dialFor(invite(1))).toBe(first);
  expect(ways.dialFor(invite(2))).not.toBe(first);
  expect(events).toEqual(['open 1', 'open 2']);
});

test('the dialer of the old room closes when the new room is joined, and each dialer closes once', () => {
  const { ways, events } = owners();
  ways.dialFor(invite(1));
  ways.closeFormer();
  expect(events).toEqual(['open 1']);
  ways.dialFor(invite(2));
  ways.closeFormer();
  ways.closeFormer();
  expect(events).toEqual(['open 1', 'open 2', 'close 1']);
  ways.closeAll();
  ways.closeAll();
  expect(events).toEqual(['open 1', 'open 2', 'close 1', 'close 2']);
});

test('a room keeps its dialer after its key was wiped', () => {
  const { ways, events } = owners();
  const first = invite(1);
  ways.dialFor(first);
  first.onionKey.fill(0);
  ways.dialFor(invite(1));
  expect(events).toEqual(['open 1']);
});
