// A covered room whole: clients, lines of some latency and the relay, all on one clock that stands still until a test moves it.

import { Duplex } from 'node:stream';
import { Client, proveAdmission, registrationOf } from '@sotto/client';
import type { ClientEvent, Moderator } from '@sotto/client';
import { nativeCrypto } from '@sotto/crypto/native';
import type { Cover, Invite } from '@sotto/protocol';
import { FakeClock, SeededRandom } from '@sotto/fixtures';
import { Moderator as OnionSigner } from '../../packages/client/test/moderator.ts';
import { silentLog } from '../../packages/relay/src/log.ts';
import { MemoryRoomStore } from '../../packages/relay/src/store/memory-room-store.ts';
import { Peer } from '../../packages/relay/src/connection.ts';
import { ReadTurns } from '../../packages/relay/src/fair-reads.ts';
import { Rooms } from '../../packages/relay/src/rooms.ts';
import { tickOff } from '../../packages/relay/src/slot.ts';

/** One write: `at`: the clock's time. */
export interface Departure {
  readonly at: number;
  readonly bytes: number;
}

export interface Guest {
  readonly name: string;
  readonly client: Client;
  readonly events: ClientEvent[];
  /** What it wrote, and what the relay wrote to it. */
  readonly up: Departure[];
  readonly down: Departure[];
  /** How many lines it has had. */
  lines(): number;
  /** Breaks its line. */
  cut(): void;
}

interface GuestOptions {
  /** Of the host's own client alone. */
  readonly moderator?: Moderator;
  /** About so often it goes over to another line. */
  readonly renewEveryMs?: number | undefined;
}

/** Through how many turns of the event loop the relay's work may go before time moves on. */
const TURNS = 5;
const LATENCY_MS = 180;

/** The dice are four bytes: they have a source of their own, so that two runs fall alike whatever else they do. */
function twoSources(seed: number): (length: number) => Uint8Array {
  const [dice, keys] = [new SeededRandom(seed), new SeededRandom(seed + 1_000)];
  return (length) => (length === 4 ? dice : keys).bytes(length);
}

/** The relay's end of a line; the other is what a client is handed. */
class Line extends Duplex {
  readonly #clock: FakeClock;
  readonly #down: Departure[];
  #take: (chunk: Uint8Array) => void = () => undefined;
  #closed: () => void = () => undefined;

  constructor(clock: FakeClock, down: Departure[]) {
    super();
    this.#clock = clock;
    this.#down = down;
  }

  override _read(): void {
    // What comes is pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#down.push({ at: this.#clock.now(), bytes: chunk.length });
    this.#clock.after(LATENCY_MS, () => {
      if (!this.destroyed) this.#take(chunk);
    });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#clock.after(0, () => this.#closed());
    done(error);
  }

  near(up: Departure[]): Parameters<typeof proveAdmission>[1] {
    return {
      write: (bytes) => {
        up.push({ at: this.#clock.now(), bytes: bytes.length });
        this.#clock.after(LATENCY_MS, () => {
          if (!this.destroyed) this.push(bytes);
        });
      },
      close: () => {
        this.#take = () => undefined;
        this.#clock.after(LATENCY_MS, () => this.destroy());
      },
      pause: () => undefined,
      resume: () => undefined,
      onData: (take) => {
        this.#take = take;
      },
      onClose: (take) => {
        this.#closed = take;
      },
    };
  }
}

export class CoveredScene {
  readonly clock: FakeClock;
  readonly invite: Invite;
  readonly guests: Guest[] = [];
  /** The host, for who is its own client. */
  readonly moderator: Moderator;
  readonly #around: ConstructorParameters<typeof Peer>[2];
  #turns = 0;
  #lines = 0;
  #founding: 'under way' | 'done' = 'under way';

  constructor(cover: Cover, seed = 1) {
    this.clock = new FakeClock({ isBusy: () => this.#isBusy() });
    const random = new SeededRandom(seed);
    const roomSecret = random.bytes(32);
    const { roomId } = registrationOf({ onionKey: new Uint8Array(32), roomSecret, cover });
    const signer = new OnionSigner(random.bytes(32), roomId);
    const secrets = { onionKey: signer.publicKey, roomSecret };
    this.moderator = {
      setAccess: (mode) => Promise.resolve(signer.access(mode)),
      evict: () => Promise.reject(new Error('there is no other room')),
      moved: () => undefined,
    };
    this.invite = cover === 'off' ? secrets : { ...secrets, cover };
    const { clock } = this;
    const rooms = new Rooms({ store: new MemoryRoomStore({ clock }), clock, tick: tickOff, log: silentLog });
    this.#around = { rooms, turns: new ReadTurns(), clock, random: twoSources(seed + 1), log: silentLog };
  }

  /** Makes the room as a host does. */
  async open(): Promise<void> {
    const { roomId, capabilityKey, roomTag } = registrationOf(this.invite);
    const terms = { capabilityKey, roomTag, cover: this.invite.cover ?? 'off' };
    await this.#around.rooms.create(roomId, terms, 1);
    const stream = this.#line([]).near([]);
    const founding = { crypto: nativeCrypto, suite: 'x-wing' } as const;
    const founded = proveAdmission(this.invite, stream, twoSources(99), founding);
    void founded.then(() => (this.#founding = 'done'));
    for (let second = 0; second < 20 && this.#isFounding(); second += 1) await this.clock.advance(1_000);
    await founded;
  }

  #isFounding(): boolean {
    return this.#founding === 'under way';
  }

  join(name: string, { moderator, renewEveryMs }: GuestOptions = {}): Guest {
    const events: ClientEvent[] = [];
    const [up, down]: [Departure[], Departure[]] = [[], []];
    let line = this.#line(down);
    let dials = 0;
    const client = new Client({
      invite: this.invite,
      name,
      dialFor: () => () => {
        if (dials > 0) line = this.#line(down);
        dials += 1;
        return Promise.resolve(line.near(up));
      },
      clock: this.clock,
      random: twoSources(10 + this.guests.length),
      crypto: nativeCrypto,
      ...(moderator === undefined ? {} : { moderator }),
      renewEveryMs,
      emit: (event) => events.push(event),
    });
    const guest: Guest = { name, client, events, up, down, lines: () => dials, cut: () => line.destroy() };
    this.guests.push(guest);
    client.start();
    return guest;
  }

  #line(down: Departure[]): Line {
    const line = new Line(this.clock, down);
    this.#lines += 1;
    // The line holds its peer.
    this.#peers.push(new Peer(this.#lines, line, this.#around));
    return line;
  }

  readonly #peers: Peer[] = [];

  #isBusy(): boolean {
    this.#turns = (this.#turns + 1) % TURNS;
    return this.#turns !== 0 || this.guests.some(({ client }) => client.isBusy);
  }
}

export function textsOf(guest: Guest): string[] {
  return guest.events.flatMap((event) => (event.type === 'message' ? [event.text] : []));
}

/** What it was told besides what is said: states, warnings, gaps. */
export function troubleOf(guest: Guest): string[] {
  return guest.events.flatMap((event) => {
    if (event.type === 'warning' || event.type === 'error') return [event.code];
    if (event.type === 'state' && event.state === 'reconnecting') return [`reconnecting ${event.code ?? ''}`];
    return event.type === 'gap' ? [`gap ${event.count}`] : [];
  });
}
