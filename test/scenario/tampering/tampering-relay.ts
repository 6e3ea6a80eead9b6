// A malicious relay: real relays inside, and between them and the members a switchboard that drops,
// swaps, forks, rolls back and lies on command. It knows no key of the room's: the lock of its own
// relays is its own, and so it can lead a member to any of them.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { PATIENCE_SECONDS_MOST } from '@sotto/protocol';
import type { Clock, RoomMirror } from '@sotto/relay';
import { makeRoom } from '@sotto/fixtures/relay-member';
import { Branch } from './branch.ts';
import type { BranchPlace } from './branch.ts';
import { MemberConnection } from './member-connection.ts';
import type { RelayState } from './member-connection.ts';
import { MemberView } from './member-view.ts';
import type { Origin } from './member-view.ts';

export interface TamperingRelayOptions {
  /** For its sockets: short-lived, and the caller's to remove. */
  readonly directory: string;
  readonly roomId: Uint8Array;
  /** Of the relays inside. */
  readonly clock?: Clock;
  /** How long the relay says that it keeps a frame. */
  readonly patienceSeconds?: number;
}

export class TamperingRelay {
  /** The room as it began. */
  readonly trunk: Branch;
  readonly #options: TamperingRelayOptions;
  readonly #state: RelayState;
  readonly #branches: Branch[];
  readonly #views = new Map<string, MemberView>();
  readonly #servers: Server[] = [];
  readonly #connections = new Set<MemberConnection>();
  #frozen = false;
  #wake: (() => void)[] = [];

  private constructor(options: TamperingRelayOptions, room: RelayState['room'], trunk: Branch) {
    this.#options = options;
    this.trunk = trunk;
    this.#branches = [trunk];
    this.#state = {
      room,
      origins: new Map<string, Origin>(),
      isFrozen: () => this.#frozen,
      passOn: (branch, body) => {
        for (const connection of this.#connections) connection.present(branch, body);
      },
      moved: () => {
        for (const wake of this.#wake.splice(0)) wake();
      },
    };
  }

  static async start(options: TamperingRelayOptions): Promise<TamperingRelay> {
    const room = { ...makeRoom(), roomId: options.roomId };
    return new TamperingRelay(options, room, await Branch.open(room, placeOf(options, 'trunk')));
  }

  /** The way in for one member, and what it will see there; on the trunk at first. */
  async open(name: string): Promise<MemberView> {
    const known = this.#views.get(name);
    if (known !== undefined) return known;
    const { patienceSeconds = PATIENCE_SECONDS_MOST } = this.#options;
    const path = join(this.#options.directory, `to-${this.#servers.length}.sock`);
    const view = new MemberView({ name, path, branch: this.trunk, patienceSeconds });
    const server = createServer((socket) => {
      if (view.dialing === 'shut') {
        socket.destroy();
        return;
      }
      const connection = new MemberConnection(view, this.#state, socket);
      this.#connections.add(connection);
      socket.on('close', () => {
        this.#connections.delete(connection);
        this.#state.moved();
      });
    });
    this.#servers.push(server);
    server.listen(path);
    await once(server, 'listening');
    this.#views.set(name, view);
    return view;
  }

  view(name: string): MemberView {
    const view = this.#views.get(name);
    if (view === undefined) throw new Error(`nobody is called ${name}`);
    return view;
  }

  /**
   * The branch's room between two frames: everything that was sent is answered and everybody has
   * been given it.
   */
  async snapshot(branch: Branch = this.trunk): Promise<RoomMirror> {
    return this.#whileNothingPasses(() => branch.snapshot());
  }

  /** Another relay whose room goes on from this point. */
  async branchFrom(mirror: RoomMirror): Promise<Branch> {
    const place = placeOf(this.#options, `branch-${this.#branches.length}`);
    const branch = await Branch.open(this.#state.room, place, { ...mirror, ...this.#lock() });
    this.#branches.push(branch);
    return branch;
  }

  /**
   * From now on these members have a room of their own, with the same past. Nobody's connection
   * ends.
   */
  async fork(names: readonly string[], from: Branch = this.trunk): Promise<Branch> {
    return this.#whileNothingPasses(async () => {
      const mirror = await from.snapshot();
      const branch = await this.branchFrom(mirror);
      for (const name of names) this.view(name).moveTo(branch, { log: 'goes-on', cursor: mirror.next - 1 });
      return branch;
    });
  }

  /**
   * These members are served by `branch` from now on. `goes-on`: what they were told stays, and
   * what the branch has behind `cursor` follows under numbers that fit. `starts-over`: they were
   * told nothing; the branch's log is the log.
   */
  async lead(names: readonly string[], branch: Branch, how: Parameters<MemberView['moveTo']>[1]): Promise<void> {
    await this.#whileNothingPasses(() => {
      for (const name of names) this.view(name).moveTo(branch, how);
      return Promise.resolve();
    });
  }

  /**
   * The log ends where `mirror` does again, for all these members. Their connections end, unless it
   * is done under their eyes.
   */
  async rollBack(names: readonly string[], mirror: RoomMirror, connections: 'cut' | 'kept'): Promise<Branch> {
    return this.#whileNothingPasses(async () => {
      const branch = await this.branchFrom(mirror);
      for (const name of names) {
        const view = this.view(name);
        if (connections === 'cut') view.cut();
        view.moveTo(branch, { log: 'starts-over' });
      }
      return branch;
    });
  }

  /**
   * Waits until every frame that a member has sent is answered, and all that is stored has reached
   * those who are attached.
   */
  async settle(): Promise<void> {
    await this.#whileNothingPasses(() => Promise.resolve());
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.cut();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    await Promise.all(this.#branches.map((branch) => branch.close()));
  }

  async #whileNothingPasses<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#frozen) throw new Error('one thing at a time');
    this.#frozen = true;
    try {
      await this.#until(() => [...this.#connections].every((connection) => connection.isSettled));
      for (const branch of this.#branches) {
        const { next } = await branch.snapshot();
        // A member whose connection ends meanwhile gets the rest on its next one.
        const isServed = ({ branch: its, isConnected, cursor }: MemberView): boolean =>
          its !== branch || !isConnected || cursor === undefined || cursor >= next - 1;
        await this.#until(() => [...this.#views.values()].every(isServed));
      }
      return await work();
    } finally {
      this.#frozen = false;
      for (const connection of this.#connections) connection.thaw();
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #lock(): Pick<RoomMirror, 'capabilityKey' | 'roomTag'> {
    const { capabilityKey, roomTag } = this.#state.room;
    return { capabilityKey, roomTag };
  }
}

function placeOf({ directory, clock }: TamperingRelayOptions, name: string): BranchPlace {
  return { directory, name, ...(clock === undefined ? {} : { clock }) };
}
