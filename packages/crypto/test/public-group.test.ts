// A group that is followed without secrets agrees with its members, and refuses what they refuse.

import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { encodeGroupContext } from 'ts-mls/groupContext.js';
import type { ClientState, RatchetTree } from 'ts-mls';
import { directPath, leafToNodeIndex, leafWidth, toLeafIndex } from 'ts-mls/treemath.js';
import { describe, expect, test } from 'vitest';
import { nativeCrypto } from '@sotto/crypto/native';
import { forgeJoin, forgeMemberCommit, groupInfo as readInfo } from '@sotto/fixtures/forged-join';
import { fuzz, FUZZ_CASES, FUZZ_GROWTH_BYTES_MAX } from '@sotto/fixtures';
import { encodeTree } from '../src/mls/bytes.ts';
import { openContext } from '../src/mls/context.ts';
import type { GroupContext } from '../src/mls/context.ts';
import { createGroupIdentity, GROUP_CODES, hashBundle } from '../src/mls/index.ts';
import type { CommitAndBundle, GroupIdentity } from '../src/mls/index.ts';
import { PublicGroup } from '../src/mls/public-group.ts';
import {
  addProposal,
  createState,
  exportSnapshot,
  joinByExternalCommit,
  joinByWelcome,
  makeKeyPackage,
  processCommit,
  proposeCommit,
} from '../src/mls/transitions.ts';
import type { Proposed } from '../src/mls/transitions.ts';
import { encodeMlsMessage } from 'ts-mls';
import { acceptAll, at, hex, newKeys, random, sent, value } from './group-room.ts';
import { libraryProcesses } from './group-states.ts';

const RUNS = Number(process.env['SOTTO_GROUP_RUNS'] ?? 6);
/** Members at most, and how many histories of such a room are run. */
const ROOMS = [
  [3, RUNS],
  [6, RUNS],
  [12, Math.ceil(RUNS / 6)],
  [33, Math.ceil(RUNS / 6)],
] as const;

/** A room of bare states, and the group that a string holder follows. */
interface Followed {
  readonly context: GroupContext;
  members: { readonly identity: GroupIdentity; state: ClientState }[];
  public: PublicGroup;
  commits: number;
  comparisons: number;
}

async function found(suite: 'x-wing' | 'x25519'): Promise<Followed> {
  const keys = newKeys();
  const context = await openContext(nativeCrypto, suite, keys, 64);
  const identity = createGroupIdentity(random.bytes);
  const state = await createState(context, identity);
  const options = { crypto: nativeCrypto, suite, keys };
  const followed = value(await PublicGroup.open(options, await exportSnapshot(context, state)));
  return { context, members: [{ identity, state }], public: followed, commits: 0, comparisons: 0 };
}

/** Compares all that is public with each member's own state. */
async function expectAgreement(room: Followed): Promise<void> {
  for (const { state } of room.members) {
    const { groupContext, tree } = { groupContext: encodeGroupContext(state.groupContext), tree: state.ratchetTree };
    const { hpke } = room.context.primitives;
    const externalPub = await hpke.exportPublicKey(
      (await hpke.deriveKeyPair(state.keySchedule.externalSecret)).publicKey,
    );
    expect(hex(room.public.groupContext)).toBe(hex(groupContext));
    expect(room.public.epoch).toBe(state.groupContext.epoch);
    expect(hex(room.public.externalPub)).toBe(hex(externalPub));
    expect(hex(room.public.snapshot.tree)).toBe(hex(encodeTree(tree)));
    expect(room.public.members.length).toBe(tree.filter((node) => node?.nodeType === 'leaf').length);
    room.comparisons += 1;
  }
  expect(hex(room.public.hashes.groupContext)).toBe(hex(sha256(room.public.groupContext)));
}

/** The log has the commit: its maker and all others take it, and so does the follower. */
async function take(room: Followed, made: Proposed, maker: GroupIdentity): Promise<void> {
  const commit = sent(made);
  const stay: Followed['members'] = [];
  for (const member of room.members) {
    if (member.identity === maker) continue;
    const processed = value(await processCommit(room.context, acceptAll, member.state, commit));
    if (!processed.removed) stay.push({ ...member, state: processed.next });
  }
  const applied = value(await room.public.apply({ ...commit, policy: acceptAll }));
  expect(applied.facts).toEqual(made.facts);
  room.members = [...stay, { identity: maker, state: made.next }];
  room.public = applied.group;
  room.commits += 1;
}

type Step = {
  readonly kind: 'join' | 'admit' | 'remove' | 'resync' | 'rotate';
  readonly who: number;
  readonly count: number;
};
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('join', 'admit', 'remove', 'resync', 'rotate'),
  who: fc.nat(),
  count: fc.integer({ min: 1, max: 4 }),
});

/**
 * After an Add the library refuses trees that RFC 9420 §7.9 allows: it wants one list of unmerged
 * leaves at all nodes above a leaf. Until the new member has committed, no joiner gets in
 * (KNOWN_ISSUES.md).
 */
function isRefusedByLibrary(tree: RatchetTree): boolean {
  return tree.some((node) => {
    if (node?.nodeType !== 'parent') return false;
    const { unmergedLeaves } = node.parent;
    return unmergedLeaves.some((leaf) =>
      directPath(leafToNodeIndex(toLeafIndex(leaf)), leafWidth(tree.length)).some((above) => {
        const other = tree[above];
        return other?.nodeType === 'parent' && String(other.parent.unmergedLeaves) !== String(unmergedLeaves);
      }),
    );
  });
}

async function perform(room: Followed, { kind, who, count }: Step, most: number): Promise<void> {
  const { context, members } = room;
  const one = at(members, who % members.length);
  if ((kind === 'join' || kind === 'resync') && isRefusedByLibrary(one.state.ratchetTree)) {
    const joiner = createGroupIdentity(random.bytes);
    const refusal = await joinByExternalCommit(context, acceptAll, room.public.snapshot, joiner, false);
    expect(refusal).toEqual({ ok: false, code: 'snapshot-invalid' });
    return;
  }
  if (kind === 'join') {
    if (members.length >= most) return;
    const identity = createGroupIdentity(random.bytes);
    const made = value(await joinByExternalCommit(context, acceptAll, room.public.snapshot, identity, false));
    return take(room, made, identity);
  }
  if (kind === 'resync') {
    if (members.length < 2) return;
    const made = value(await joinByExternalCommit(context, acceptAll, room.public.snapshot, one.identity, true));
    return take(room, made, one.identity);
  }
  if (kind === 'rotate') return take(room, value(await proposeCommit(context, acceptAll, one.state, [])), one.identity);
  if (kind === 'remove') {
    const gone = members.filter((member) => member !== one).slice(0, Math.min(count, members.length - 2));
    if (gone.length === 0) return;
    const proposals = gone.map(({ state }) => ({
      proposalType: 'remove' as const,
      remove: { removed: state.privatePath.leafIndex },
    }));
    return take(room, value(await proposeCommit(context, acceptAll, one.state, proposals)), one.identity);
  }
  if (members.length >= most) return;
  const identity = createGroupIdentity(random.bytes);
  const pair = await makeKeyPackage(context, identity);
  const { publicPackage: keyPackage } = pair;
  const bytes = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage });
  const made = value(await proposeCommit(context, acceptAll, one.state, [value(await addProposal(bytes))]));
  const welcome = made.welcome ?? new Uint8Array(0);
  if (isRefusedByLibrary(made.next.ratchetTree)) {
    const refusal = await joinByWelcome(context, pair, { welcome, snapshot: made.snapshot });
    expect(refusal).toEqual({ ok: false, code: 'welcome-invalid' });
    return;
  }
  await take(room, made, one.identity);
  const entry = { welcome, snapshot: room.public.snapshot };
  room.members.push({ identity, state: value(await joinByWelcome(context, pair, entry)) });
}

describe('a public group', () => {
  test('agrees with every member on context, tree and external key after each commit of random histories', async () => {
    let [commits, comparisons] = [0, 0];
    for (const [most, numRuns] of ROOMS) {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 9 }), async (steps) => {
          const room = await found('x25519');
          const filling = Math.max(1, most - 4);
          while (room.members.length < filling) await perform(room, { kind: 'join', who: 0, count: 1 }, most);
          for (const each of steps) {
            await perform(room, each, most);
            await expectAgreement(room);
          }
          commits += room.commits;
          comparisons += room.comparisons;
        }),
        { numRuns },
      );
    }
    process.stdout.write(`   ${commits} commits followed, ${comparisons} comparisons with members\n`);
    expect(commits).toBeGreaterThan(60);
  }, 300_000);

  test('agrees with the members of the real suite, and a newcomer joins from what it has', async () => {
    const room = await found('x-wing');
    const steps: Step['kind'][] = ['join', 'join', 'admit', 'rotate', 'resync', 'remove', 'join', 'rotate'];
    for (const [who, kind] of steps.entries()) {
      await perform(room, { kind, who, count: 2 }, 6);
      await expectAgreement(room);
    }
    const sizes = room.public.snapshot;
    expect(sizes.groupInfo.length).toBeLessThanOrEqual(1_540);
    expect(room.commits).toBe(steps.length);
  });

  test('does not change when it applies a commit', async () => {
    const room = await found('x25519');
    const before = hex(room.public.groupContext);
    const kept = room.public;
    await perform(room, { kind: 'rotate', who: 0, count: 1 }, 2);
    expect(hex(kept.groupContext)).toBe(before);
    expect(hex(room.public.groupContext)).not.toBe(before);
  });
});

/** A room with three members and the follower. */
async function three(): Promise<Followed> {
  const room = await found('x25519');
  for (let count = 0; count < 2; count += 1) await perform(room, { kind: 'join', who: 0, count: 1 }, 3);
  return room;
}

/** @returns the answers of all members, and that of the follower. */
async function answers(room: Followed, commit: CommitAndBundle): Promise<{ members: Set<string>; follower: string }> {
  const shown = (answer: { readonly ok: boolean; readonly code?: string }): string => answer.code ?? 'taken';
  const members = new Set<string>();
  for (const { state } of room.members) members.add(shown(await processCommit(room.context, acceptAll, state, commit)));
  return { members, follower: shown(await room.public.apply({ ...commit, policy: acceptAll })) };
}

describe('a commit that needs no secret to be refused', () => {
  async function forgedBy(context: GroupContext, room: Followed, identity?: GroupIdentity): Promise<CommitAndBundle> {
    return forgeJoin(context, room.public.snapshot, identity === undefined ? {} : { identity });
  }

  const cases: readonly (readonly [string, string, (room: Followed) => Promise<CommitAndBundle>])[] = [
    ['no bytes', 'group-bytes-size', () => Promise.resolve({ commit: new Uint8Array(0), groupInfo: undefined })],
    ['junk', 'group-bytes-malformed', () => Promise.resolve({ commit: random.bytes(900), groupInfo: undefined })],
    [
      'another room',
      'group-foreign',
      async () => {
        const other = await three();
        return sent(value(await proposeCommit(other.context, acceptAll, at(other.members, 0).state, [])));
      },
    ],
    [
      'a commit of the next epoch',
      'epoch-future',
      async ({ context, members }) => {
        const first = value(await proposeCommit(context, acceptAll, at(members, 0).state, []));
        return sent(value(await proposeCommit(context, acceptAll, first.next, [])));
      },
    ],
    [
      'a commit of the epoch before',
      'epoch-old',
      async (room) => {
        const old = value(await proposeCommit(room.context, acceptAll, at(room.members, 0).state, []));
        await perform(room, { kind: 'rotate', who: 1, count: 1 }, 3);
        return sent(old);
      },
    ],
    [
      'a credential without the room secret',
      'credential-invalid',
      (room) => {
        const keys = { ...room.context.keys, credentialKey: newKeys().credentialKey };
        return forgedBy({ ...room.context, keys }, room);
      },
    ],
    ['a member’s key', 'member-duplicate', (room) => forgedBy(room.context, room, at(room.members, 1).identity)],
    [
      'a removal that a string holder makes up',
      'commit-invalid',
      ({ context, public: { snapshot } }) => {
        const proposals = [{ proposalType: 'remove', remove: { removed: 1 } } as const];
        return forgeMemberCommit(context, snapshot, { leafIndex: 0, proposals });
      },
    ],
    [
      'no GroupInfo',
      'group-info-missing',
      async (room) => ({ ...(await forgedBy(room.context, room)), groupInfo: undefined }),
    ],
    [
      'the GroupInfo of the present epoch',
      'group-info-differs',
      async (room) => ({ ...(await forgedBy(room.context, room)), groupInfo: room.public.snapshot.groupInfo }),
    ],
    [
      'the GroupInfo of another commit on the same epoch',
      'group-info-differs',
      async (room) => {
        const { groupInfo } = await forgedBy(room.context, room);
        return { ...(await forgedBy(room.context, room)), groupInfo };
      },
    ],
    [
      'a GroupInfo with a tree',
      'group-info-form',
      async (room) => {
        const made = await forgedBy(room.context, room);
        const info = readInfo(made.groupInfo ?? new Uint8Array(0));
        const extensions = [
          ...info.extensions,
          { extensionType: 'ratchet_tree' as const, extensionData: room.public.snapshot.tree },
        ];
        const message = { version: 'mls10', wireformat: 'mls_group_info', groupInfo: { ...info, extensions } } as const;
        return { ...made, groupInfo: encodeMlsMessage(message) };
      },
    ],
    [
      'a GroupInfo that another leaf has signed',
      'group-info-differs',
      async (room) => {
        const made = value(await proposeCommit(room.context, acceptAll, at(room.members, 0).state, []));
        const other = at(room.members, 1).state;
        const next = value(await processCommit(room.context, acceptAll, other, sent(made))).next;
        return { commit: made.commit, groupInfo: (await exportSnapshot(room.context, next)).groupInfo };
      },
    ],
  ];

  test.each(cases)('is refused by the follower with the same code: %s', async (_what, code, make) => {
    const room = await three();
    const commit = await make(room);
    // The maker of a member's commit answers by `commit-own`, and is not asked.
    const others = { ...room, members: room.members.slice(-2) };
    const { members, follower } = await answers(code === 'group-info-differs' ? others : room, commit);
    expect([...members].filter((one) => one !== 'commit-own')).toEqual([code]);
    expect(follower).toBe(code);
  });

  test('is refused by the policy of members and follower alike; control: without it both take the commit', async () => {
    const room = await three();
    const commit = await forgedBy(room.context, room);
    expect(await room.public.apply({ ...commit, policy: () => 'policy-locked' })).toEqual({
      ok: false,
      code: 'policy-locked',
    });
    const { members, follower } = await answers(room, commit);
    expect([...members, follower]).toEqual(['taken', 'taken']);
  });

  test('a false external key alone is refused by members, and is the part that a follower cannot see', async () => {
    const room = await three();
    const [maker, ...others] = room.members;
    if (maker === undefined) throw new Error('nobody');
    const made = value(await proposeCommit(room.context, acceptAll, maker.state, []));
    const externalSecret = random.bytes(made.next.keySchedule.externalSecret.length);
    const liar = { ...made.next, keySchedule: { ...made.next.keySchedule, externalSecret } };
    const { groupInfo } = await exportSnapshot(room.context, liar);
    const lie = { commit: made.commit, groupInfo };
    const answer = await answers({ ...room, members: others }, lie);
    expect([...answer.members]).toEqual(['group-info-differs']);
    expect(answer.follower).toBe('taken');
    // Control: the same commit with its own GroupInfo.
    const control = await answers({ ...room, members: others }, sent(made));
    expect([[...control.members], control.follower]).toEqual([['taken'], 'taken']);
  });

  test('a removed member refuses its removal without the right GroupInfo, as the others do', async () => {
    const room = await three();
    const [maker, second, third] = room.members;
    if (maker === undefined || second === undefined || third === undefined) throw new Error('nobody');
    const { leafIndex } = third.state.privatePath;
    const remove = { proposalType: 'remove', remove: { removed: leafIndex } } as const;
    const made = value(await proposeCommit(room.context, acceptAll, maker.state, [remove]));
    const { groupInfo } = room.public.snapshot;
    for (const { state } of [second, third])
      expect(await processCommit(room.context, acceptAll, state, { commit: made.commit, groupInfo })).toEqual({
        ok: false,
        code: 'group-info-differs',
      });
    const outcome = value(await processCommit(room.context, acceptAll, third.state, sent(made)));
    expect(outcome.removed).toBe(true);
  });
});

describe('a commit that is bound to its bundle', () => {
  const FRAMES = [random.bytes(81), random.bytes(74), random.bytes(1)];
  const [first = random.bytes(1), second = random.bytes(1), third = random.bytes(1)] = FRAMES;
  const BUNDLES: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['no frame', []],
    ['its first frame missing', [second, third]],
    ['its last frame missing', [first, second]],
    ['one frame more', [...FRAMES, random.bytes(81)]],
    ['an empty frame more', [...FRAMES, new Uint8Array(0)]],
    ['two frames swapped', [second, first, third]],
    ['two frames in one', [first, Buffer.concat([second, third])]],
    ['a frame changed', [first, second, Uint8Array.of((third[0] ?? 0) ^ 1)]],
  ];

  test.each(BUNDLES)('is refused by members and follower with %s', async (_what, frames) => {
    const room = await three();
    const [maker, ...members] = room.members;
    if (maker === undefined) throw new Error('nobody');
    const made = value(await proposeCommit(room.context, acceptAll, maker.state, [], FRAMES));
    const changed = await answers({ ...room, members }, { ...sent(made), frames });
    expect([[...changed.members], changed.follower]).toEqual([['bundle-differs'], 'bundle-differs']);
    // Control: with its own frames.
    const control = await answers({ ...room, members }, { ...sent(made), frames: [...FRAMES] });
    expect([[...control.members], control.follower]).toEqual([['taken'], 'taken']);
  });

  test('is refused if it is bound to none and comes with one, of a member or of a joiner', async () => {
    const room = await three();
    const [maker, ...members] = room.members;
    if (maker === undefined) throw new Error('nobody');
    const joiner = createGroupIdentity(random.bytes);
    const commits = [
      sent(value(await proposeCommit(room.context, acceptAll, maker.state, []))),
      sent(value(await joinByExternalCommit(room.context, acceptAll, room.public.snapshot, joiner, false))),
    ];
    for (const commit of commits) {
      const changed = await answers({ ...room, members }, { ...commit, frames: [first] });
      expect([[...changed.members], changed.follower]).toEqual([['bundle-differs'], 'bundle-differs']);
      const control = await answers({ ...room, members }, commit);
      expect([[...control.members], control.follower]).toEqual([['taken'], 'taken']);
    }
  });

  test('is refused if its authenticated data was changed, for its maker has signed it; the bare library refuses it too', async () => {
    const room = await three();
    const [maker, other] = room.members;
    if (maker === undefined || other === undefined) throw new Error('nobody');
    const made = value(await proposeCommit(room.context, acceptAll, maker.state, [], FRAMES));
    const at = Buffer.from(made.commit).indexOf(hashBundle(FRAMES));
    expect(at).toBeGreaterThan(0);
    const commit = Buffer.from(made.commit);
    commit.set(hashBundle([]), at);
    const forged = { ...sent(made), commit: Uint8Array.from(commit), frames: [] };
    const changed = await answers({ ...room, members: [other] }, forged);
    expect([[...changed.members], changed.follower]).toEqual([['commit-invalid'], 'commit-invalid']);
    await expect(libraryProcesses(room.context, other.state, forged)).rejects.toThrow();
    // Control: the bare library takes it as it was made, and looks at no bundle.
    await libraryProcesses(room.context, other.state, made);
  });
});

describe('foreign bytes', () => {
  const CASES = Math.ceil(FUZZ_CASES / 200);

  test('are refused by a public group with a code, and never throw', async () => {
    const room = await found('x25519');
    for (let count = 0; count < 2; count += 1) await perform(room, { kind: 'join', who: 0, count: 1 }, 3);
    const made = value(await proposeCommit(room.context, acceptAll, at(room.members, 0).state, []));
    const commit = sent(made);
    const check = async (changed: CommitAndBundle): Promise<boolean> => {
      const answer = await room.public.apply({ ...changed, policy: acceptAll });
      if (!answer.ok && !Object.hasOwn(GROUP_CODES, answer.code)) throw new Error('a refusal without a code');
      return answer.ok;
    };
    const reports = [
      await fuzz(commit.commit, (bytes) => check({ ...commit, commit: bytes }), { cases: CASES }),
      await fuzz(commit.groupInfo ?? commit.commit, (bytes) => check({ ...commit, groupInfo: bytes }), {
        cases: CASES,
      }),
    ];
    for (const { accepted, grownBytes } of reports) {
      // A changed tag is taken: membership and confirmation tag are for members.
      expect(accepted).toBeLessThan(CASES);
      expect(grownBytes).toBeLessThan(FUZZ_GROWTH_BYTES_MAX);
    }
    const options = { crypto: nativeCrypto, suite: 'x25519', keys: room.context.keys } as const;
    for (const part of ['groupInfo', 'tree'] as const) {
      const { snapshot } = room.public;
      const report = await fuzz(
        snapshot[part],
        async (bytes) => (await PublicGroup.open(options, { ...snapshot, [part]: bytes })).ok,
        { cases: CASES },
      );
      expect(report.refused).toBeGreaterThan(0);
    }
  }, 300_000);
});
