// The members of one room on the testbed: their state, their texts, and whether a connection was lost.

import type { ChildProcess } from 'node:child_process';
import { onLine, startClient } from './programs.ts';
import type { Endpoints } from './programs.ts';

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
  #sent = 0;

  constructor(name: string, invite: string, endpoints: Endpoints) {
    this.#program = startClient(name, endpoints);
    this.#program.stdin?.write(`${invite}\n`);
    onLine(this.#program, (line) => this.#onLine(JSON.parse(line) as Line));
    this.#program.on('close', () => this.#leave());
  }

  send(bytes: number): void {
    this.#sent += 1;
    const ref = String(this.#sent);
    this.unsent.add(ref);
    const text = `${ref} ${'words and more words '.repeat(Math.ceil(bytes / 20))}`.slice(0, Math.max(1, bytes));
    this.#program.stdin?.write(`${JSON.stringify({ cmd: 'send', text, ref })}\n`);
  }

  #onLine({ type, state, ref }: Line): void {
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
