// The one contract of all state machines: what an event leads to is returned, and nothing is done.

/**
 * What one event leads to.
 *
 * A machine is a pure function `(state, event, context) -> Step<State, Effect>`. Its edge replaces
 * the old state by `state`, and then performs `effects` in their order.
 */
export interface Step<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}
