// The members of one room on the range: who is in, what they say, and whether anything was torn meanwhile.

import type { ChildProcess } from 'node:child_process';
import { onLine, startClient } from './programs.ts';
import type { Doors } from './programs.ts';

interface Line {
  readonly type: string;
  readonly state?: string;
  readonly ref?: string;
}

/** A client program in JSON mode. */
export class Member {
  isIn = false;
  /** How often it was not in any more. */
  cuts = 0;
  readonly unsent = new Set<string>();
  readonly #program: ChildProcess;
  #said = 0;

  constructor(name: string, invite: string, doors: Doors) {
    this.#program = startClient(name, doors);
    this.#program.stdin?.write(`${invite}\n`);
    onLine(this.#program, (line) => this.#take(JSON.parse(line) as Line));
    this.#program.on('close', () => this.#leave());
  }

  say(bytes: number): void {
    this.#said += 1;
    const ref = String(this.#said);
    this.unsent.add(ref);
    const text = `${ref} ${'words and more words '.repeat(Math.ceil(bytes / 20))}`.slice(0, Math.max(1, bytes));
    this.#program.stdin?.write(`${JSON.stringify({ cmd: 'send', text, ref })}\n`);
  }

  #take({ type, state, ref }: Line): void {
    if (type === 'state') {
      if (state === 'joined') this.isIn = true;
      else this.#leave();
    }
    if ((type === 'sent' || type === 'error') && ref !== undefined) this.unsent.delete(ref);
  }

  #leave(): void {
    if (this.isIn) this.cuts += 1;
    this.isIn = false;
  }
}
