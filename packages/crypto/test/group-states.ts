// Groups as bare states, with the library in reach: for attackers, thieves, and the controls that show what happens without our rules.

import { nativeCrypto } from '@sotto/crypto/native';
import { decodeMlsMessage, emptyPskIndex, encodeMlsMessage, joinGroupExternal, processMessage } from 'ts-mls';
import type { CiphersuiteImpl, ClientConfig, ClientState, GroupInfo } from 'ts-mls';
import { defaultClientConfig } from 'ts-mls/clientConfig.js';
import { ratchetTreeFromExtension } from 'ts-mls/groupInfo.js';
import { openContext } from '../src/mls/context.ts';
import type { GroupContext } from '../src/mls/context.ts';
import { createGroupIdentity } from '../src/mls/index.ts';
import type { GroupIdentity } from '../src/mls/index.ts';
import {
  createState,
  exportSnapshot,
  joinByExternalCommit,
  makeKeyPackage,
  processCommit,
} from '../src/mls/transitions.ts';
import type { KeyPackagePair } from '../src/mls/transitions.ts';
import { acceptAll, newKeys, random, value } from './group-room.ts';

export interface States {
  readonly context: GroupContext;
  readonly identities: GroupIdentity[];
  readonly states: ClientState[];
}

/** A room with `count` members as states. Nothing is zeroed here: a thief takes what he wants. */
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
    states = [...(await processed(context, states, joined.commit)), joined.next];
  }
  return { context, identities, states };
}

export function processed(
  context: GroupContext,
  states: readonly ClientState[],
  commit: Uint8Array,
): Promise<ClientState[]> {
  return Promise.all(states.map(async (state) => value(await processCommit(context, acceptAll, state, commit)).next));
}

/** What somebody gets who copies a member's memory. */
export function steal(state: ClientState): ClientState {
  const { clientConfig, ...rest } = state;
  return { ...structuredClone(rest), clientConfig };
}

export function groupInfo(snapshot: Uint8Array): GroupInfo {
  const message = decodeMlsMessage(snapshot, 0)?.[0];
  if (message?.wireformat !== 'mls_group_info') throw new Error('not a snapshot');
  return message.groupInfo;
}

interface Forgery {
  readonly identity?: GroupIdentity;
  readonly config?: Partial<ClientConfig>;
  readonly again?: boolean;
  readonly primitives?: CiphersuiteImpl;
  readonly change?: (pair: KeyPackagePair) => KeyPackagePair;
}

/** A joining commit by the bare library, with whatever is wrong in it. */
export async function forgeJoin(
  context: GroupContext,
  snapshot: Uint8Array,
  forgery: Forgery,
): Promise<{ commit: Uint8Array; next: ClientState }> {
  const {
    identity = createGroupIdentity(random.bytes),
    change = (pair: KeyPackagePair) => pair,
    again = false,
  } = forgery;
  const pair = change(await makeKeyPackage(context, identity));
  const info = groupInfo(snapshot);
  const { publicMessage, newState } = await joinGroupExternal(
    info,
    pair.publicPackage,
    pair.privatePackage,
    again,
    forgery.primitives ?? context.primitives,
    ratchetTreeFromExtension(info),
    { ...defaultClientConfig, ...forgery.config },
  );
  return {
    commit: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', publicMessage }),
    next: newState,
  };
}

/** The bare library, as it comes: the control for our rules. */
export async function libraryProcesses(
  context: GroupContext,
  state: ClientState,
  commit: Uint8Array,
): Promise<ClientState> {
  const message = decodeMlsMessage(commit, 0)?.[0];
  if (message?.wireformat !== 'mls_public_message' && message?.wireformat !== 'mls_private_message') {
    throw new Error('not a commit');
  }
  const bare = { ...state, clientConfig: defaultClientConfig };
  const result = await processMessage(message, bare, emptyPskIndex, () => 'accept', context.primitives);
  return { ...result.newState, clientConfig: state.clientConfig };
}
