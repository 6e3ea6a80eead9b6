// The input of a user's terminal. Every key passes here, so that the terminal's answers do not mix
// with typed text.

import { Readable } from 'node:stream';
import type { Clock } from '@sotto/client';
import { RESUME_DROP_MS, SIGNAL_AWAIT_MS, SIGNAL_POLL_MS } from './limits.ts';
import { NEW_WATCH, QUESTION, stepWatch } from './terminal-watch-machine.ts';
import type { SignalKey, TerminalWatch, TimerName, WatchEffect, WatchEvent } from './terminal-watch-machine.ts';

export interface TerminalEdge {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly clock: Clock;
  readonly onKey: (key: SignalKey) => void;
  /** The terminal has answered before, and has sent nothing for long enough. */
  readonly onGone: () => void;
  /** Whether another thread may hold a signal that Node has not reported yet. */
  readonly otherThreadRuns: () => boolean;
}

/**
 * Typed bytes. They are dropped while there is no reader, because the screen has not shown them.
 */
class TypedInput extends Readable {
  constructor() {
    super({ read: () => undefined });
  }

  /** The terminal is always raw, so its readers do not change its mode. */
  setRawMode(): this {
    return this;
  }

  deliver(bytes: Uint8Array): void {
    if (this.readableFlowing === true) this.push(bytes);
  }
}

export class WatchedTerminal {
  readonly input: TypedInput = new TypedInput();
  readonly #edge: TerminalEdge;
  readonly #timers = new Map<TimerName, () => void>();
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  #watch: TerminalWatch = NEW_WATCH;
  #arrived: Uint8Array[] = [];
  #dropUntilMs = 0;
  #hasEnded = false;

  constructor(edge: TerminalEdge) {
    this.#edge = edge;
    const { stdin } = edge;
    stdin.setRawMode(true);
    stdin.on('data', (bytes: Uint8Array) => this.#arrive(bytes));
    for (const event of ['end', 'close', 'error'] as const) stdin.on(event, () => setImmediate(() => this.#endInput()));
    stdin.resume();
    this.#step({ type: 'begin' });
  }

  /**
   * Called after the process was stopped and continued. Input from that time is dropped: it may
   * have been meant for a shell.
   */
  resume(): void {
    this.#dropUntilMs = this.#edge.clock.now() + RESUME_DROP_MS;
    // A shell may have changed the terminal, and `setRawMode(true)` alone would not notice.
    this.#edge.stdin.setRawMode(false);
    this.#edge.stdin.setRawMode(true);
  }

  /**
   * Restores the terminal once the answers on their way have come, or after
   * TERMINAL_ANSWER_AWAIT_MS.
   */
  async close(): Promise<void> {
    this.#step({ type: 'close' });
    await this.#closed.promise;
    for (const cancel of this.#timers.values()) cancel();
    this.#edge.stdin.pause();
    this.#edge.stdin.setRawMode(false);
  }

  #arrive(bytes: Uint8Array): void {
    if (this.#arrived.length === 0) this.#awaitSignals(this.#edge.clock.now() + SIGNAL_AWAIT_MS);
    this.#arrived.push(bytes);
  }

  /**
   * Input of a stopped process can come before its SIGCONT. The kernel may give SIGCONT to any
   * thread, which tells Node of it as soon as it runs. Node reports it in the turn after that.
   */
  #awaitSignals(untilMs: number): void {
    if (this.#edge.otherThreadRuns() && this.#edge.clock.now() < untilMs)
      this.#edge.clock.after(SIGNAL_POLL_MS, () => this.#awaitSignals(untilMs));
    else setImmediate(() => setImmediate(() => this.#processArrived()));
  }

  #processArrived(): void {
    for (const bytes of this.#arrived.splice(0)) {
      this.#step({ type: 'bytes', bytes });
      // The dropped bytes may have been a secret.
      bytes.fill(0);
    }
  }

  #endInput(): void {
    this.#processArrived();
    this.#step({ type: 'ended' });
    if (!this.#hasEnded) this.input.push(null);
    this.#hasEnded = true;
  }

  #step(event: WatchEvent): void {
    const { state: watch, effects } = stepWatch(this.#watch, event);
    this.#watch = watch;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: WatchEffect): void {
    switch (effect.type) {
      case 'ask':
        this.#edge.stdout.write(QUESTION);
        return;
      case 'pass':
        if (this.#edge.clock.now() >= this.#dropUntilMs) this.input.deliver(effect.bytes);
        return;
      case 'key':
        this.#edge.onKey(effect.key);
        return;
      case 'set-timer': {
        const { timer, afterMs } = effect;
        this.#timers.get(timer)?.();
        this.#timers.set(
          timer,
          this.#edge.clock.after(afterMs, () => this.#step({ type: 'timer', timer })),
        );
        return;
      }
      case 'gone':
        this.#edge.onGone();
        return;
      case 'closed':
        this.#closed.resolve();
        return;
    }
  }
}
