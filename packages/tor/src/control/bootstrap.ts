// The edge of bootstrap-machine.ts: it passes on events of a control connection and a timer, and
// keeps the newest stage.

import type { BootstrapEffect, BootstrapEvent, BootstrapStage, BootstrapState } from './bootstrap-machine.ts';
import { readBootstrapEvent, readBootstrapPhase, startBootstrap, stepBootstrap } from './bootstrap-machine.ts';
import type { Clock } from '@sotto/machine';
import type { TorControl } from './control.ts';
import type { EventName } from './command.ts';

/** Events that SETEVENTS must name, or this watch sees nothing. */
export const BOOTSTRAP_EVENTS: readonly EventName[] = ['STATUS_CLIENT', 'STATUS_GENERAL', 'NETWORK_LIVENESS'];

export type StageListener = (stage: BootstrapStage) => void;

/**
 * One watch belongs to one control connection; a new connection to a restarted Tor starts a new
 * one.
 */
export class BootstrapWatch {
  readonly #clock: Clock;
  readonly #onStage: StageListener;
  #state: BootstrapState;
  #cancelWake: () => void = () => undefined;
  #stopEvents: () => void = () => undefined;

  constructor(clock: Clock, onStage: StageListener) {
    this.#clock = clock;
    this.#onStage = onStage;
    const { state, effects } = startBootstrap(clock.now());
    this.#state = state;
    this.#perform(effects);
  }

  get stage(): BootstrapStage {
    return this.#state.stage;
  }

  /**
   * Listens to `control` and asks once for where Tor is. SETEVENTS is the caller's, and comes
   * first.
   */
  async follow(control: TorControl): Promise<void> {
    this.#stopEvents = control.onEvent((message) => this.#process(readBootstrapEvent(message, this.#clock.now())));
    const info = await control.getInfo(['status/bootstrap-phase']);
    this.#process(readBootstrapPhase(info.get('status/bootstrap-phase') ?? '', this.#clock.now()));
  }

  stop(): void {
    this.#cancelWake();
    this.#stopEvents();
  }

  #process(event: BootstrapEvent | undefined): void {
    if (event === undefined) return;
    const { state, effects } = stepBootstrap(this.#state, event);
    this.#state = state;
    this.#perform(effects);
  }

  #perform(effects: readonly BootstrapEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'announce') this.#onStage(effect.stage);
      else this.#wakeAt(effect.atMs);
    }
  }

  #wakeAt(atMs: number): void {
    this.#cancelWake();
    const delayMs = Math.max(0, atMs - this.#clock.now());
    this.#cancelWake = this.#clock.after(delayMs, () => this.#process({ type: 'tick', nowMs: this.#clock.now() }));
  }
}
