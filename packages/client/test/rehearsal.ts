// A room on a fake clock: a scripted relay, real clients, and what each of them was told.

import { nativeCrypto } from '@sotto/crypto/native';
import { coverOf, equalBytes } from '@sotto/protocol';
import type { Cover, Invite } from '@sotto/protocol';
import { createStreamPair, FakeClock, SeededRandom } from '@sotto/fixtures';
import type { StreamConditions, StreamEnd, StreamPair } from '@sotto/fixtures';
import { expect } from 'vitest';
import { Client, DialError, registrationOf } from '../src/index.ts';
import type { ClientEvent, Dial, Moderator } from '../src/index.ts';
import { GroupMembership } from '../src/group/membership.ts';
import { DEPARTING_RANK_MS, RANK_FIRST_MS } from '../src/limits.ts';
import { Moderator as OnionSigner } from './moderator.ts';
import { ScriptedRelay } from '@sotto/fixtures';

type Wanted<Type> = Type extends 'arrived' | 'left' ? 'arrived' | 'left' : Type;
type EventOf<Type extends ClientEvent['type']> = Extract<ClientEvent, { readonly type: Wanted<Type> }>;

/** One client in the room, its connections, and everything that it was told, in order. */
export interface Seat {
  readonly name: string;
  readonly client: Client;
  readonly events: ClientEvent[];
  readonly streams: StreamPair[];
  /** Everything that it wrote, each write with its time. */
  readonly departures: Departure[];
  /** The client's index at the relay of its last connection. */
  readonly connection: () => number;
}

export interface SeatOptions {
  /** What each further connection is like; the first has index 0. */
  readonly conditions?: (dial: number) => StreamConditions;
  /** Replaces the dialler. */
  readonly dial?: Dial;
  readonly invite?: Invite;
  readonly hear?: (event: ClientEvent, seat: Seat) => void;
  readonly random?: (length: number) => Uint8Array;
  readonly moderator?: Moderator;
  readonly renewEveryMs?: number;
  /** The rooms that this one may move to. */
  readonly elsewhere?: readonly Rehearsal[];
}

/** A write: `at`: the clock's time; `bytes`: how many. */
export interface Departure {
  readonly at: number;
  readonly bytes: number;
}

function noting(stream: StreamEnd, note: (bytes: number) => void): StreamEnd {
  return {
    write: (bytes) => {
      note(bytes.length);
      stream.write(bytes);
    },
    close: () => stream.close(),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    onData: (take) => stream.onData(take),
    onClose: (take) => stream.onClose(take),
  };
}

export class Rehearsal {
  readonly clock: FakeClock;
  readonly random: SeededRandom;
  readonly invite: Invite;
  readonly relay: ScriptedRelay;
  /** What the host signs with. */
  readonly signer: OnionSigner;
  /** Dials fail while it is so, as when Tor finds no way. */
  unreachable = false;
  readonly founded: Promise<void>;
  readonly #clients: Client[] = [];
  #founding: 'under way' | 'done' = 'under way';

  constructor(seed = 1, clock?: FakeClock, cover: Cover = 'off') {
    this.random = new SeededRandom(seed);
    const roomSecret = this.random.bytes(32);
    const { roomId } = registrationOf({ onionKey: new Uint8Array(32), roomSecret, cover });
    this.signer = new OnionSigner(this.random.bytes(32), roomId);
    this.invite = { onionKey: this.signer.publicKey, roomSecret, ...(cover === 'off' ? {} : { cover }) };
    this.relay = new ScriptedRelay(registrationOf(this.invite), this.random.bytes);
    this.clock =
      clock ??
      new FakeClock({ isBusy: () => this.#founding === 'under way' || this.#clients.some((client) => client.isBusy) });
    this.founded = this.#found(roomId);
  }

  /** As the host does it, before it shows the string. */
  async #found(roomId: Uint8Array): Promise<void> {
    const random = this.random.bytes;
    const surroundings = {
      crypto: nativeCrypto,
      suite: 'x-wing',
      random,
      moderatorKey: this.invite.onionKey,
      cover: coverOf(this.invite),
    } as const;
    const membership = await GroupMembership.open(this.invite.roomSecret, roomId, surroundings);
    const { bodies, snapshot } = await membership.found();
    membership.destroy();
    this.relay.commit(bodies, snapshot);
    this.#founding = 'done';
  }

  /** A client that has not started yet. */
  seat(name: string, options: SeatOptions = {}): Seat {
    const events: ClientEvent[] = [];
    const streams: StreamPair[] = [];
    const departures: Departure[] = [];
    let connection = -1;
    const dialFor = (invite: Invite): Dial => {
      const room = options.elsewhere?.find((other) => equalBytes(other.invite.onionKey, invite.onionKey)) ?? this;
      return () => {
        if (room.unreachable) return Promise.reject(new DialError('onion-unreachable', 'no way to the onion'));
        const pair = createStreamPair(this.clock, options.conditions?.(streams.length) ?? {});
        streams.push(pair);
        connection = room.relay.connections;
        room.relay.accept(pair.far);
        return Promise.resolve(noting(pair.near, (bytes) => departures.push({ at: this.clock.now(), bytes })));
      };
    };
    const { dial, moderator, renewEveryMs } = options;
    const client = new Client({
      invite: options.invite ?? this.invite,
      name,
      dialFor: (invite) => dial ?? dialFor(invite),
      clock: this.clock,
      random: options.random ?? this.random.bytes,
      crypto: nativeCrypto,
      renewEveryMs,
      ...(moderator === undefined ? {} : { moderator }),
      emit: (event) => {
        events.push(event);
        options.hear?.(event, seat);
      },
    });
    this.#clients.push(client);
    const seat: Seat = { name, client, events, streams, departures, connection: () => connection };
    return seat;
  }

  /** Starts a client and waits until it has joined. */
  async join(name: string, options: SeatOptions = {}): Promise<Seat> {
    const seat = this.seat(name, options);
    seat.client.start();
    await this.clock.advance(1);
    return seat;
  }
}

export const NAMES = ['Anna', 'Ben', 'Cleo', 'Dora', 'Emil'];

/** So many are in the room, two at least, and the founder's leaf has gone with the first rotation. */
export async function gather(room: Rehearsal, count: number): Promise<[Seat, Seat, ...Seat[]]> {
  const seats: Seat[] = [];
  for (const name of NAMES.slice(0, count)) seats.push(await room.join(name));
  await room.clock.advance(2 * (RANK_FIRST_MS + DEPARTING_RANK_MS));
  const [first, second, ...others] = seats;
  if (first === undefined || second === undefined) throw new Error('nobody');
  return [first, second, ...others];
}

export function told<Type extends ClientEvent['type']>(seat: Seat, type: Type): EventOf<Type>[] {
  return seat.events.filter((event): event is EventOf<Type> => event.type === type);
}

export function textsOf(seat: Seat): string[] {
  return told(seat, 'message').map((message) => message.text);
}

export function statesOf(seat: Seat): string[] {
  return told(seat, 'state').map((event) => (event.code === undefined ? event.state : `${event.state} ${event.code}`));
}

export function warningsOf(seat: Seat): string[] {
  return told(seat, 'warning').map(({ code }) => code);
}

export function epochOf(seat: Seat): number | undefined {
  return told(seat, 'epoch').at(-1)?.epoch;
}

/** How many frames were said to be missing. */
export function gapsOf(seat: Seat): number[] {
  return told(seat, 'gap').map((gap) => gap.count);
}

/** Everybody says something, and everybody else hears it, once. */
export async function expectTalk(room: Rehearsal, seats: readonly Seat[], mark: string): Promise<void> {
  for (const seat of seats) seat.client.send(`${mark} ${seat.name}`);
  await room.clock.advance(100);
  for (const seat of seats) {
    const heard = textsOf(seat).filter((text) => text.startsWith(mark));
    const others = seats.filter((other) => other !== seat).map(({ name }) => `${mark} ${name}`);
    expect({ by: seat.name, heard: heard.sort() }).toEqual({ by: seat.name, heard: others.sort() });
  }
}
