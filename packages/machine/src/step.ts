// The one contract of all state machines: a step returns its effects and performs none.

/**
 * The result of one event.
 *
 * A machine is a pure function `(state, event, context) -> Step<State, Effect>`. Its edge replaces
 * the old state by `state`, and then performs `effects` in their order.
 */
export interface Step<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}
