// The contract of a front end: it shows events, and it makes commands out of lines.

import type { ClientEvent, ClientStatus, ListedMember, Speaker } from '@sotto/client';
import type { Cover, PlainMode } from '@sotto/protocol';
import type { NetworkKind, Vanguards } from '@sotto/tor';
import type { TerminalCode } from './errors.ts';
import type { InputLine } from './line-splitter.ts';

/** A request of the user or of the program behind the terminal. */
export type Command =
  | { readonly type: 'send'; readonly text: string; readonly ref: string | undefined }
  | { readonly type: 'members' | 'code' | 'status' | 'circuit' }
  | { readonly type: 'leave' }
  /** Everything is zeroed, cleared and ended, at once. */
  | { readonly type: 'panic' }
  /** `member`: a name, a fingerprint, its first digits, or name and digits as screens show them. */
  | { readonly type: 'verify' | 'verified' | 'evict'; readonly member: string }
  | { readonly type: 'admit'; readonly member: string }
  | { readonly type: 'access'; readonly mode: PlainMode }
  /** `cover`: of the room there; undefined: the same. */
  | { readonly type: 'move'; readonly cover: Cover | undefined };

/** `verified`: the user has compared this member's safety number in this session. */
export type ShownMember = ListedMember & { readonly verified: boolean };

/** The commands about one member. */
export type MemberAction = Extract<Command, { member: string }>['type'];

/** A member that was met in this session, and whether the user verified it. */
export type KnownSpeaker = Speaker & { readonly verified: boolean };

/** An event for a screen. `ref` is always the program's own. */
export type ShownEvent =
  | Exclude<ClientEvent, { type: 'sent' | 'members' | 'warning' | 'knock' }>
  | { readonly type: 'members'; readonly members: readonly ShownMember[] }
  /** `namesakes`: members of this session with a name that is drawn alike, and another key. */
  | (Extract<ClientEvent, { type: 'warning' }> & { readonly namesakes: readonly KnownSpeaker[] })
  /** `waiting`: how many strangers knock, this one included. `again`: this one knocked before. */
  | { readonly type: 'knock'; readonly member: Speaker; readonly waiting: number; readonly again: boolean }
  /** The client has accepted an own text; the relay does not hold it yet. */
  | { readonly type: 'queued' }
  /** The relay holds this own text. */
  | { readonly type: 'sent'; readonly ref: string | undefined; readonly id: string; readonly text: string }
  /** The answer to `members`. */
  | { readonly type: 'listing'; readonly members: readonly ShownMember[]; readonly waiting: readonly Speaker[] }
  /** The answers to `verify` (60 digits), `verified` and `code`. */
  | { readonly type: 'safety-number'; readonly member: Speaker; readonly number: string }
  | { readonly type: 'verified'; readonly member: Speaker }
  | { readonly type: 'code'; readonly epoch: number; readonly code: readonly string[] }
  /** The answer to `status`. null where it is not known. */
  | ({
      readonly type: 'status';
      readonly unverified: number;
      /** For so long the circuit in use has carried everything. */
      readonly circuitAgeSeconds: number | null;
      /** The guard was the same for at least as long as the gate has looked. */
      readonly guardSameSeconds: number | null;
      readonly vanguards: Vanguards | null;
    } & Omit<ClientStatus, 'connectedSeconds'>)
  /** The client was asked for this action. */
  | { readonly type: 'asked'; readonly action: 'admit' | 'evict'; readonly member: Speaker }
  | { readonly type: 'asked'; readonly action: 'move' }
  /** A request about `member` was refused. `candidates`: the members that it may mean. */
  | {
      readonly type: 'member-refused';
      readonly code: TerminalCode;
      readonly member: string;
      readonly candidates: readonly Speaker[];
    }
  /** At the end: own texts that the relay never acknowledged. */
  | { readonly type: 'unsent'; readonly refs: readonly (string | undefined)[] };

/** This member and its network at an event. Before Tor has answered, the network is undefined. */
export interface ViewContext {
  readonly self: Speaker;
  readonly network: NetworkKind | undefined;
}

/**
 * A screen for users (`plain.ts`) or for programs (`json.ts`). The messenger owns one front end for
 * a session, and only the messenger calls it.
 *
 * Every call is synchronous, returns soon and never throws: a message of a peer must not end the
 * program. A front end writes to its `Screen` alone, and only text that has been through
 * `safe-text.ts`. It starts no timer, reads no input by itself and never calls the messenger back.
 * Its texts come from the catalogue.
 */
export interface FrontEnd {
  /**
   * Shows one event. The messenger calls it once for each event, in the order of the events, from
   * before the first connection. The state `closed` is the last event. An event may have no line on
   * a screen. `here` is valid for this event only.
   */
  notify(event: ShownEvent, here: ViewContext): void;
  /**
   * Reads one line of input, in the order of the input and after all lines before it. It comes only
   * while input is not held. A line that cannot be used is refused on the screen.
   *
   * @returns the command, which the messenger performs; undefined for a line that the front end
   *   itself has answered
   */
  read(line: InputLine): Command | undefined;
  /**
   * Whether a line is the command `panic`, which waits for no line before it. It comes as soon as a
   * line has been read, before `read` and even while input is held. It prints nothing and changes
   * nothing; a line for which it is true never comes to `read`.
   */
  isPanic(line: InputLine): boolean;
}
