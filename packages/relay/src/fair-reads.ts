// Who is heard when much has been read at once: every room as much as every other in each turn of the event loop, so that none holds up the rest.

import { TURN_BYTES_MAX } from './limits.ts';

/** What shares one turn: a room, or all that have not been admitted to any. */
export type TurnGroup = object;

interface Waiting {
  readonly bytes: number;
  readonly hear: () => void;
}

/** Holds one chunk of a connection at most: a connection whose chunk waits is not read from. */
export class ReadTurns {
  readonly #groups = new Map<TurnGroup, Map<object, Waiting>>();
  /** What each group has used up of this turn. */
  readonly #spent = new Map<TurnGroup, number>();
  #isTurnEndAwaited = false;

  /** @returns `heard` if it was its turn, and `hear` was called; else it will be, unless `drop` comes before. */
  ask(group: TurnGroup, connection: object, waiting: Waiting): 'heard' | 'waits' {
    this.#awaitTurnEnd();
    const queue = this.#groups.get(group);
    if (queue === undefined && this.#has(group)) {
      this.#hear(group, waiting);
      return 'heard';
    }
    if (queue === undefined) this.#groups.set(group, new Map([[connection, waiting]]));
    else queue.set(connection, waiting);
    return 'waits';
  }

  drop(group: TurnGroup, connection: object): void {
    this.#groups.get(group)?.delete(connection);
  }

  #awaitTurnEnd(): void {
    if (this.#isTurnEndAwaited) return;
    this.#isTurnEndAwaited = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#isTurnEndAwaited = false;
    this.#spent.clear();
    if (this.#groups.size > 0) this.#awaitTurnEnd();
    for (const [group, queue] of [...this.#groups]) {
      for (const [connection, waiting] of queue) {
        if (!this.#has(group)) break;
        queue.delete(connection);
        this.#hear(group, waiting);
      }
      if (queue.size === 0) this.#groups.delete(group);
    }
  }

  #has(group: TurnGroup): boolean {
    return (this.#spent.get(group) ?? 0) < TURN_BYTES_MAX;
  }

  #hear(group: TurnGroup, { bytes, hear }: Waiting): void {
    this.#spent.set(group, (this.#spent.get(group) ?? 0) + bytes);
    hear();
  }
}
