import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CONNECTIONS_PER_ROOM_MAX } from '@sotto/protocol';
import { CONNECTIONS_MAX, HALF_OPEN_MAX, HELD_BYTES_MAX } from '../src/limits.ts';

const MEBIBYTE = 2 ** 20;
/** What Node and our code take before anybody comes: 50 to 60 MiB were measured. */
const NODE_BYTES = 64 * MEBIBYTE;

describe('the limits', () => {
  test('add up to the memory of the relay’s container, Node included', () => {
    const compose = readFileSync('docker-compose.yml', 'utf8');
    const relay = compose.slice(compose.indexOf('\n  relay:'), compose.indexOf('\n  redis:'));
    const memory = Number(/mem_limit: (\d+)m/.exec(relay)?.[1]) * MEBIBYTE;
    expect(HELD_BYTES_MAX + NODE_BYTES).toBeLessThanOrEqual(memory);
  });

  test('let one full room leave places for the members of another, and for strangers', () => {
    expect(CONNECTIONS_MAX - CONNECTIONS_PER_ROOM_MAX).toBeGreaterThanOrEqual(HALF_OPEN_MAX);
  });
});
