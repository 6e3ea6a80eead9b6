// The contract of a front end: it shows events, and it makes commands out of lines.

import type { ClientEvent, ClientStatus, ListedMember, Speaker } from '@sotto/client';
import type { AccessMode } from '@sotto/protocol';
import type { NetworkKind, Vanguards } from '@sotto/tor';
import type { TerminalCode } from './errors.ts';
import type { InputLine } from './line-splitter.ts';

/** What the user or the program wants. */
export type Command =
  | { readonly type: 'send'; readonly text: string; readonly ref: string | undefined }
  | { readonly type: 'members' | 'code' | 'status' | 'circuit' }
  | { readonly type: 'leave' }
  /** Everything is zeroed, cleared and ended, now. */
  | { readonly type: 'panic' }
  /** `member`: a name, a fingerprint, its first digits, or name and digits as screens show them. */
  | { readonly type: 'verify' | 'verified' | 'evict'; readonly member: string }
  | { readonly type: 'admit'; readonly member: string }
  | { readonly type: 'access'; readonly mode: AccessMode };

/** `verified`: the user has compared this one's safety number in this stay. */
export type ShownMember = ListedMember & { readonly verified: boolean };

/** The commands about one member. */
export type MemberAction = Extract<Command, { member: string }>['type'];

/** Who was met in this stay, and whether this one was verified. */
export type KnownSpeaker = Speaker & { readonly verified: boolean };

/** What a screen is told. `ref` is always the program's own. */
export type ShownEvent =
  | Exclude<ClientEvent, { type: 'sent' | 'members' | 'warning' | 'knock' }>
  | { readonly type: 'members'; readonly members: readonly ShownMember[] }
  /** `namesakes`: members of this stay with a name that is drawn alike, and another key. */
  | (Extract<ClientEvent, { type: 'warning' }> & { readonly namesakes: readonly KnownSpeaker[] })
  /** `waiting`: how many wait to be let in, this one included. `again`: it was among them before. */
  | { readonly type: 'knock'; readonly member: Speaker; readonly waiting: number; readonly again: boolean }
  /** An own text was taken; it is not with the relay yet. */
  | { readonly type: 'queued' }
  /** The relay holds this own text. */
  | { readonly type: 'sent'; readonly ref: string | undefined; readonly id: string; readonly text: string }
  /** The answer to `members`. */
  | { readonly type: 'listing'; readonly members: readonly ShownMember[]; readonly waiting: readonly Speaker[] }
  /** The answers to `verify` (60 digits), `verified` and `code`. */
  | { readonly type: 'safety-number'; readonly member: Speaker; readonly number: string }
  | { readonly type: 'verified'; readonly member: Speaker }
  | { readonly type: 'code'; readonly code: readonly string[] }
  /** The answer to `status`. null where it is not known. */
  | ({
      readonly type: 'status';
      readonly unverified: number;
      /** For so long everything has gone over the circuit in use. */
      readonly circuitAgeSeconds: number | null;
      /** At least: the gate has looked for so long and no longer. */
      readonly guardSameSeconds: number | null;
      readonly vanguards: Vanguards | null;
    } & Omit<ClientStatus, 'connectedSeconds'>)
  /** The client was asked to do it. */
  | { readonly type: 'asked'; readonly action: 'admit' | 'evict'; readonly member: Speaker }
  /** What was asked about `member` was not done. `candidates`: whom it may mean. */
  | {
      readonly type: 'member-refused';
      readonly code: TerminalCode;
      readonly member: string;
      readonly candidates: readonly Speaker[];
    }
  /** At the end: own texts that the relay never acknowledged. */
  | { readonly type: 'unsent'; readonly refs: readonly (string | undefined)[] };

/** Who and where we are while something is told. The network is not known before Tor has answered. */
export interface ViewContext {
  readonly self: Speaker;
  readonly network: NetworkKind | undefined;
}

export interface FrontEnd {
  notify(event: ShownEvent, here: ViewContext): void;
  /** @returns undefined for a line that the screen itself has answered. */
  read(line: InputLine): Command | undefined;
  /** Whether it is the one command that waits for nothing before it. Changes nothing. */
  isPanic(line: InputLine): boolean;
}
