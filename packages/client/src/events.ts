// What a client tells its front end, and what a front end asks of it: DESIGN §7's words, without a screen.

/** A member as shown: the name is a claim, the fingerprint is of the key that signs. */
export interface Speaker {
  readonly name: string;
  readonly fingerprint: string;
}

export type StateName =
  'bootstrapping' | 'descriptor' | 'rendezvous' | 'joining' | 'joined' | 'reconnecting' | 'closed';

export interface StateEvent {
  readonly type: 'state';
  readonly state: StateName;
  /** For people: what is going on, in a few words. */
  readonly detail?: string;
  /** For `bootstrapping`: Tor's own percentage. */
  readonly percent?: number;
  /** For `reconnecting` and `closed`: why. */
  readonly code?: string;
}

export type ClientEvent =
  | StateEvent
  | { readonly type: 'message'; readonly id: string; readonly from: Speaker; readonly text: string }
  | { readonly type: 'sent'; readonly ref: string | undefined; readonly id: string }
  | { readonly type: 'delivered'; readonly id: string; readonly by: number }
  | { readonly type: 'members'; readonly members: readonly (Speaker & { readonly self: boolean })[] }
  | { readonly type: 'arrived' | 'left'; readonly member: Speaker }
  | { readonly type: 'gap'; readonly count: number; readonly from?: Speaker }
  | { readonly type: 'error'; readonly code: string; readonly message: string; readonly ref?: string | undefined };
