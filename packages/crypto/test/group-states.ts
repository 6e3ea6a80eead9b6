// Groups as bare states, beside the bare library. They serve attackers, thieves, and the controls
// that show the library without our rules.

import { nativeCrypto } from '@sotto/crypto/native';
import { decodeMlsMessage, emptyPskIndex, processMessage } from 'ts-mls';
import type { ClientState } from 'ts-mls';
import { defaultClientConfig } from 'ts-mls/clientConfig.js';
import { openContext } from '../src/mls/context.ts';
import type { GroupContext } from '../src/mls/context.ts';
import { createGroupIdentity } from '../src/mls/index.ts';
import type { CommitAndBundle, GroupIdentity } from '../src/mls/index.ts';
import { createState, exportSnapshot, joinByExternalCommit, processCommit } from '../src/mls/transitions.ts';
import { acceptAll, newKeys, random, sent, value } from './group-room.ts';

export interface States {
  readonly context: GroupContext;
  readonly identities: GroupIdentity[];
  readonly states: ClientState[];
}

/** A room with `count` members as states. Nothing is zeroed here: a thief copies freely. */
export async function openStates(count: number): Promise<States> {
  const context = await openContext(nativeCrypto, 'x-wing', newKeys(), 64);
  const identities = Array.from({ length: count }, () => createGroupIdentity(random.bytes));
  let states: ClientState[] = [];
  for (const identity of identities) {
    const [first] = states;
    if (first === undefined) {
      states = [await createState(context, identity)];
      continue;
    }
    const joined = value(
      await joinByExternalCommit(context, acceptAll, await exportSnapshot(context, first), identity, false),
    );
    states = [...(await processed(context, states, sent(joined))), joined.next];
  }
  return { context, identities, states };
}

export function processed(
  context: GroupContext,
  states: readonly ClientState[],
  commit: CommitAndBundle,
): Promise<ClientState[]> {
  return Promise.all(states.map(async (state) => value(await processCommit(context, acceptAll, state, commit)).next));
}

/** @returns the state that a thief gets by copying a member's memory. */
export function steal(state: ClientState): ClientState {
  const { clientConfig, ...rest } = state;
  return { ...structuredClone(rest), clientConfig };
}

/** The bare library with its defaults: the control for our rules. */
export async function libraryProcesses(
  context: GroupContext,
  state: ClientState,
  { commit }: Pick<CommitAndBundle, 'commit'>,
): Promise<ClientState> {
  const message = decodeMlsMessage(commit, 0)?.[0];
  if (message?.wireformat !== 'mls_public_message' && message?.wireformat !== 'mls_private_message') {
    throw new Error('not a commit');
  }
  const bare = { ...state, clientConfig: defaultClientConfig };
  const result = await processMessage(message, bare, emptyPskIndex, () => 'accept', context.primitives);
  return { ...result.newState, clientConfig: state.clientConfig };
}
