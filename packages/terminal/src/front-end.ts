// What a screen is to a conversation: it is told what happens, and it makes commands out of lines.

import type { ClientEvent, Speaker } from '@sotto/client';
import type { NetworkKind } from '@sotto/tor';
import type { InputLine } from './line-splitter.ts';

/** What the user or the program wants. */
export type Command =
  | { readonly type: 'say'; readonly text: string; readonly ref: string | undefined }
  | { readonly type: 'members' }
  | { readonly type: 'leave' };

/** What a screen is told. `ref` is always the program's own. */
export type ShownEvent =
  | Exclude<ClientEvent, { type: 'sent' }>
  /** An own text was taken; it is not with the relay yet. */
  | { readonly type: 'queued' }
  /** The relay holds this own text. */
  | { readonly type: 'sent'; readonly ref: string | undefined; readonly id: string; readonly text: string }
  /** The answer to `members`. */
  | { readonly type: 'listing'; readonly members: readonly (Speaker & { readonly self: boolean })[] }
  /** At the end: own texts that the relay never acknowledged. */
  | { readonly type: 'unsent'; readonly refs: readonly (string | undefined)[] };

/** Who and where we are while something is told. The network is not known before Tor has answered. */
export interface Here {
  readonly self: Speaker;
  readonly network: NetworkKind | undefined;
}

export interface FrontEnd {
  tell(event: ShownEvent, here: Here): void;
  /** @returns undefined for a line that the screen itself has answered. */
  read(line: InputLine): Command | undefined;
}
