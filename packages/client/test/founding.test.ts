import { nativeCrypto } from '@sotto/crypto/native';
import {
  decodeCommit,
  decodeFrame,
  decodeStage,
  encodeAttached,
  encodePing,
  encodeChallenge,
  encodeClosing,
  encodeCommittedBody,
  encodeFrame,
  encodeRefused,
  FrameSplitter,
} from '@sotto/protocol';
import type { CommitPlace, CommitRequest, Invite, RelayCode } from '@sotto/protocol';
import { createStreamPair, systemRandom } from '@sotto/fixtures';
import type { StreamPair } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import { createRoomSecret, DialError, proveAdmission, registrationOf } from '../src/index.ts';
import { Room } from '@sotto/fixtures/room';

const FOUNDING = { crypto: nativeCrypto, suite: 'x25519' } as const;
/** Of a body of an upload in a frame of 4096 bytes. */
const ENVELOPE_BYTES = 4_068;

/**
 * Starts a proof on a new stream.
 * @returns how it ends: `admitted`, or the code of the DialError.
 */
function prove(room: Room, invite: Invite, accept: (pair: StreamPair) => void): Promise<string> {
  const pair = createStreamPair(room.clock);
  accept(pair);
  return outcomeOf(room, invite, pair);
}

async function outcomeOf(room: Room, invite: Invite, pair: StreamPair): Promise<string> {
  let outcome: string | undefined;
  void proveAdmission(invite, pair.near, room.random.bytes, FOUNDING).then(
    () => (outcome = 'admitted'),
    (error: unknown) => (outcome = error instanceof DialError ? error.code : 'another error'),
  );
  // Work on keys needs iterations of the event loop, and no time.
  while (outcome === undefined) await room.clock.advance(0);
  return outcome;
}

/** The relay's side of a stream, as far as a founding needs it. */
class FoundingScript {
  /** Stage data in the order of arrival. */
  readonly staged: Uint8Array[] = [];
  commit: CommitRequest | undefined;
  closed = false;
  readonly #pair: StreamPair;
  readonly #commitNumber: number;
  readonly #answer: (script: FoundingScript, commit: CommitRequest) => void;

  constructor(pair: StreamPair, commitNumber: number, answer: (script: FoundingScript, commit: CommitRequest) => void) {
    this.#pair = pair;
    this.#commitNumber = commitNumber;
    this.#answer = answer;
    const splitter = new FrameSplitter();
    pair.far.onData((chunk) => {
      const frames = splitter.push(chunk);
      if (!frames.ok) throw new Error(frames.code);
      for (const bytes of frames.value) this.#take(bytes);
    });
    pair.far.onClose(() => {
      this.closed = true;
    });
    this.write(encodeChallenge(systemRandom(32)));
  }

  write(bytes: Uint8Array): void {
    this.#pair.far.write(bytes);
  }

  /** Ends the stream after the written bytes. */
  end(): void {
    this.#pair.far.close();
  }

  /** The frames of the upload, as the log would return them. */
  get bodies(): Uint8Array[] {
    const bytes = Buffer.concat(this.staged);
    const count = this.commit?.frameCount ?? 0;
    return Array.from({ length: count }, (_, index) =>
      bytes.subarray(index * ENVELOPE_BYTES, (index + 1) * ENVELOPE_BYTES),
    );
  }

  entry(number: number, body: Uint8Array): void {
    this.write(encodeFrame({ operation: 'entry', number, body }));
  }

  /** A frame of a commit; `place` may be wrong. */
  committed(number: number, envelope: Uint8Array, place: Partial<CommitPlace> = {}): void {
    const body = encodeCommittedBody({ commitNumber: 1, index: 0, count: 1, envelope, ...place });
    this.write(encodeFrame({ operation: 'committed', number, body }));
  }

  #take(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (!frame.ok) throw new Error(frame.code);
    if (frame.value.operation === 'attach') {
      this.write(encodeAttached({ commitNumber: this.#commitNumber, oldest: 1, next: 1, patienceSeconds: 86_400 }));
      return;
    }
    if (frame.value.operation === 'stage') {
      const piece = decodeStage(frame.value);
      if (!piece.ok || piece.value.index !== this.staged.length) throw new Error('a piece out of its row');
      this.staged.push(piece.value.data);
      return;
    }
    const commit = decodeCommit(frame.value);
    if (frame.value.operation !== 'commit' || !commit.ok) throw new Error(`${frame.value.operation} out of turn`);
    this.commit = commit.value;
    this.#answer(this, commit.value);
  }
}

type Answer = (script: FoundingScript, commit: CommitRequest) => void;

async function found(commitNumber: number, answer: Answer): Promise<{ outcome: string; script: FoundingScript }> {
  const room = new Room();
  const scripts: FoundingScript[] = [];
  const outcome = await prove(room, room.invite, (pair) =>
    scripts.push(new FoundingScript(pair, commitNumber, answer)),
  );
  const [script] = scripts;
  if (script === undefined) throw new Error('no script');
  await room.clock.advance(0);
  return { outcome, script };
}

const TAKE: Answer = (script) => {
  const { bodies } = script;
  for (const [index, body] of bodies.entries()) script.committed(index + 1, body, { index, count: bodies.length });
};

describe('the proof that a connection string leads into its room', () => {
  test('founds a room without a group by one frame and a snapshot, under commit number 0', async () => {
    const { outcome, script } = await found(0, TAKE);
    expect(outcome).toBe('admitted');
    expect(script.commit).toMatchObject({ commitNumber: 0, frameSize: 3, frameCount: 1 });
    const bytes = Buffer.concat(script.staged);
    expect(bytes.length).toBe(ENVELOPE_BYTES + (script.commit?.snapshotBytes ?? 0));
    expect(script.closed).toBe(true);
  });

  test('writes nothing into a room that has a group already', async () => {
    const { outcome, script } = await found(1, TAKE);
    expect(outcome).toBe('admitted');
    expect(script.staged).toEqual([]);
    expect(script.commit).toBeUndefined();
    expect(script.closed).toBe(true);
  });

  const unfinished: readonly (readonly [string, Answer])[] = [
    ["another's commit", (script) => script.committed(1, systemRandom(ENVELOPE_BYTES))],
    [
      "a published frame, and another's commit",
      (script) => {
        script.entry(1, systemRandom(4_080));
        script.committed(2, systemRandom(ENVELOPE_BYTES));
      },
    ],
    [
      'its frame as an ordinary one',
      (script) => {
        for (const body of script.bodies) script.entry(1, Buffer.concat([body, Buffer.alloc(12)]));
      },
    ],
    [
      'its frame as the first of two',
      (script) => {
        for (const body of script.bodies) script.committed(1, body, { count: 2 });
      },
    ],
  ];
  test.each(unfinished)('stays incomplete with %s', async (_what, answer) => {
    const { outcome, script } = await found(0, (relay, commit) => {
      answer(relay, commit);
      relay.end();
    });
    expect(script.bodies).toHaveLength(1);
    expect(outcome).toBe('relay-unreachable');
  });

  const refusals: readonly RelayCode[] = ['conflict', 'upload-full', 'upload-incomplete'];
  test.each(refusals)('fails if the relay refuses the founding commit: %s', async (code) => {
    const { outcome, script } = await found(0, (relay, commit) => {
      relay.write(encodeRefused(code, 1, Buffer.concat([commit.uploadId, Buffer.alloc(8)])));
    });
    expect(outcome).toBe('relay-busy');
    expect(script.closed).toBe(true);
  });

  const nonsense: readonly (readonly [string, Answer])[] = [
    ['a refusal of something else', (script) => script.write(encodeRefused('conflict', 1, systemRandom(24)))],
    ['a ping that nobody asked for', (script) => script.write(encodePing('pong', 0))],
    ['a second challenge', (script) => script.write(encodeChallenge(systemRandom(32)))],
    ['noise', (script) => script.write(new Uint8Array(512).fill(0x10))],
    [
      'a frame of a commit without a place',
      (script) => script.committed(1, systemRandom(ENVELOPE_BYTES), { count: 0 }),
    ],
    [
      'its frame under another commit number',
      (script) => {
        for (const body of script.bodies) script.committed(1, body, { commitNumber: 2 });
      },
    ],
    [
      'its frame as the second of two',
      (script) => {
        for (const body of script.bodies) script.committed(1, body, { index: 1, count: 2 });
      },
    ],
    [
      "another's commit that is interrupted",
      (script) => {
        script.committed(1, systemRandom(ENVELOPE_BYTES), { count: 2 });
        script.entry(2, systemRandom(4_080));
      },
    ],
  ];
  test.each(nonsense)('fails if the relay answers the commit with %s', async (_what, answer) => {
    expect((await found(0, answer)).outcome).toBe('relay-misbehaved');
  });

  test('accepts the answer in pieces of any size', async () => {
    const room = new Room();
    const pair = createStreamPair(room.clock, { chunkBytes: () => 333 });
    const script = new FoundingScript(pair, 0, TAKE);
    expect(await outcomeOf(room, room.invite, pair)).toBe('admitted');
    expect(script.commit?.commitNumber).toBe(0);
  });

  test('fails with not-admitted for another secret or another onion', async () => {
    const room = new Room();
    for (const invite of [
      { ...room.invite, roomSecret: room.random.bytes(32) },
      { ...room.invite, onionKey: room.random.bytes(32) },
    ]) {
      expect(await prove(room, invite, (pair) => room.relay.accept(pair.far))).toBe('not-admitted');
    }
  });

  const reasons: readonly (readonly [RelayCode, string])[] = [
    ['not-admitted', 'not-admitted'],
    ['room-full', 'room-full'],
    ['relay-full', 'relay-busy'],
    ['store-unavailable', 'relay-busy'],
    ['relay-stopping', 'relay-unreachable'],
  ];
  test.each(reasons)('fails with the reason that the relay gives: %s', async (code, expected) => {
    const room = new Room();
    expect(await prove(room, room.invite, (pair) => pair.far.write(encodeClosing(code)))).toBe(expected);
  });

  test('fails if the stream ends first, or if another program answers', async () => {
    const room = new Room();
    const http = new TextEncoder().encode('HTTP/1.1 200 OK\r\n');
    expect(await prove(room, room.invite, (pair) => pair.cut())).toBe('relay-unreachable');
    expect(await prove(room, room.invite, (pair) => pair.far.write(http))).toBe('version-mismatch');
    expect(await prove(room, room.invite, (pair) => pair.far.write(new Uint8Array(512).fill(0x10)))).toBe(
      'relay-misbehaved',
    );
  });
});

describe('the registration of a room', () => {
  test('holds no secret but the seed that the onion needs, and is derived from the invite', () => {
    const room = new Room();
    const one = registrationOf(room.invite);
    const two = registrationOf(room.invite);
    expect([one.roomId.length, one.capabilityKey.length, one.roomTag.length]).toEqual([16, 32, 16]);
    expect(two.roomId).toEqual(one.roomId);
    expect(two.clientAuthorisationSeed.use((bytes) => bytes.slice())).toEqual(
      one.clientAuthorisationSeed.use((bytes) => bytes.slice()),
    );
    expect(Object.keys(one).sort()).toEqual(['capabilityKey', 'clientAuthorisationSeed', 'roomId', 'roomTag']);
  });

  test('uses a room secret of 32 random bytes', () => {
    const secrets = [createRoomSecret(systemRandom), createRoomSecret(systemRandom)];
    expect(secrets.map((secret) => secret.length)).toEqual([32, 32]);
    expect(secrets[0]).not.toEqual(secrets[1]);
  });
});
