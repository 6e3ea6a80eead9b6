// Every bridge of a stack is watched as long as its tests run: no unicast packet goes anywhere but
// where somebody is to serve it.

import { randomBytes } from 'node:crypto';
import { Capture, listed, strays } from '../leaks/capture.ts';
import { buildLabImage } from '../leaks/lab.ts';
import { examine } from '../leaks/machine-facts.ts';
import type { Network } from '../leaks/machine-facts.ts';
import { STACK_NETWORKS } from './stack.ts';

export class Watch {
  readonly #what: string;
  readonly #networks: readonly Network[];
  readonly #capture: Capture;

  private constructor(what: string, networks: readonly Network[], capture: Capture) {
    this.#what = what;
    this.#networks = networks;
    this.#capture = capture;
  }

  /** From now on; the networks of the project must be there, its containers need not. */
  static async over(project: string, what: string): Promise<Watch> {
    buildLabImage();
    const { networks } = await examine(STACK_NETWORKS.map((name) => `${project}_${name}`));
    return new Watch(what, networks, await Capture.onBridges(randomBytes(4).toString('hex'), networks));
  }

  /**
   * Prints what was there beside unicast.
   *
   * @throws Error if a packet did not belong there, or if nothing at all was seen
   */
  async end(): Promise<void> {
    try {
      const flows = await this.#capture.flows();
      const text = listed(flows, this.#networks).join('\n  ');
      process.stdout.write(`packets beside unicast during ${this.#what}:\n  ${text}\n`);
      const out = strays(flows, this.#networks);
      if (out.length > 0) throw new Error(`packets that do not belong here: ${JSON.stringify(out)}`);
      // Where containers start there is at least an ARP packet: silence would mean that nobody
      // looked.
      if (flows.length === 0) throw new Error(`the capture saw nothing during ${this.#what}: it cannot tell`);
    } finally {
      await this.#capture.end();
    }
  }
}
