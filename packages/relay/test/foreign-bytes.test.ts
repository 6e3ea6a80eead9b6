import {
  bodyBytes,
  decodeFrame,
  encodeAttach,
  encodeCommit,
  encodeFetch,
  encodeFrame,
  encodeStage,
  FRAME_BYTES,
  FrameSplitter,
} from '@sotto/protocol';
import type { Frame } from '@sotto/protocol';
import { fuzz, FUZZ_GROWTH_BYTES_MAX, FUZZ_LIMIT_MS, FUZZ_SLOWEST_MS } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { openConnection, stepConnection } from '../src/connection-machine.ts';
import type { ConnectionState, ConnectionEffect, ConnectionEvent } from '../src/connection-state.ts';

const CONTEXT = { now: 1, unsent: 0, taken: 0, chance: () => 0.5 };
const uploadId = new Uint8Array(16).fill(4);
const fetch = encodeFetch({ what: 'log', from: 1 });
const stage = encodeStage({ uploadId, index: 2, data: new Uint8Array(900) });
const commit = encodeCommit({
  commitNumber: 1,
  uploadId,
  frameSize: 0,
  frameCount: 2,
  snapshotBytes: 4_096,
  digest: new Uint8Array(32),
});
const publish = encodeFrame({ operation: 'publish', number: 1, body: new Uint8Array(bodyBytes(FRAME_BYTES[0])) });

function live(): ConnectionState {
  const step = (before: ConnectionState, event: ConnectionEvent): ConnectionState =>
    stepConnection(before, event, CONTEXT).state;
  const attach = decodeFrame(encodeAttach({ roomId: uploadId, from: 1, signature: new Uint8Array(64) }));
  if (!attach.ok) throw new Error(attach.code);
  const attaching = step(openConnection(0), { type: 'received', bytes: 512, frames: [attach.value] });
  const admitted = step(attaching, {
    type: 'admitted',
    from: 1,
    attached: { commitNumber: 1, oldest: 1, next: 4, patienceSeconds: 86_400 },
    cover: 'off',
    uplink: undefined,
  });
  return step(admitted, { type: 'log-delivered', next: 4, atEnd: true });
}

/**
 * As a peer does: cuts frames, decodes them, hands them to the machine.
 * @returns what it is to do then, or nothing for bytes that are no frames
 */
function take(connection: ConnectionState, bytes: Uint8Array): readonly ConnectionEffect['type'][] {
  const cut = new FrameSplitter().push(bytes);
  if (!cut.ok) return [];
  const frames: Frame[] = [];
  for (const piece of cut.value) {
    const frame = decodeFrame(piece);
    if (!frame.ok) return [];
    frames.push(frame.value);
  }
  const step = stepConnection(connection, { type: 'received', bytes: bytes.length, frames }, CONTEXT);
  return step.effects.map(({ type }) => type);
}
const goesOn = (effects: readonly string[]): boolean => effects.length > 0 && !effects.includes('close');
/** The effects that a stranger can cause. */
const STRANGER_EFFECTS = new Set<string>(['close', 'authorise', 'pause', 'unpause-after']);

describe('bytes of a stranger to the relay', { timeout: FUZZ_LIMIT_MS }, () => {
  test.each([
    ['a fetch', fetch],
    ['a commit', commit],
    ['a publish and a fetch', Uint8Array.from([...publish, ...fetch])],
    ['a stage', stage],
  ])('never make the connection throw, hang or grow: %s', async (_name, accepted) => {
    const connection = live();
    // Control: the thing itself is done for a member, and for nobody who was not admitted.
    expect(goesOn(take(connection, accepted))).toBe(true);
    expect(take(openConnection(0), accepted)).toEqual(['close']);
    const report = await fuzz(accepted, (bytes) => {
      if (!take(openConnection(0), bytes).every((type) => STRANGER_EFFECTS.has(type)))
        throw new Error('done for an outsider');
      return goesOn(take(connection, bytes));
    });
    expect(report.accepted).toBeGreaterThan(0);
    expect(report.refused).toBeGreaterThan(0);
    expect(report.slowestMs).toBeLessThan(FUZZ_SLOWEST_MS);
    expect(report.grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
  });
});
