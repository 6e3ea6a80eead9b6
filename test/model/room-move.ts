// Model B: an eviction is one upload, and takes the room to another onion (protocol-2.md §5). The
// evictor, the relay and members can fail at every point, and the evicted member comes back.

import { keepOf, lettersOf } from './letters.ts';
import type { Model, Property, Step } from './search.ts';

/** A new room that the host has founded for an eviction. */
interface Offer {
  /** Members that may come in, a letter each. */
  readonly list: string;
  /** Offered: reachable until it lapses. Lapsed: its onion is down. Forgotten: its key is deleted. */
  readonly status: 'offered' | 'lapsed' | 'forgotten' | 'live';
}

interface Member {
  readonly name: string;
  readonly awake: boolean;
  /** The old room, the way to an offer's room, or within it. */
  readonly place: 'old' | 'going' | 'new';
  /** The offer that it follows, or -1. */
  readonly to: number;
  /** A commit did not open for it: it has to resync. */
  readonly forked: boolean;
}

interface Upload {
  readonly offer: number;
  readonly number: number;
  /** `way`: only the way, behind a removal in an upload of its own. */
  readonly holds: 'all' | 'removal' | 'way';
}

export interface MoveState {
  /** The old room's commit number. */
  readonly number: number;
  /** Moves in the old log: the offers that they name. */
  readonly moves: readonly number[];
  readonly isTrimmed: boolean;
  readonly leaves: string;
  readonly offers: readonly Offer[];
  readonly members: readonly Member[];
  readonly evictor: { readonly alive: boolean; readonly offer: number; readonly removed: boolean };
  readonly uploads: readonly Upload[];
  readonly host: { readonly isPaused: boolean; readonly old: 'open' | 'signpost' | 'closed' };
  /** Not on a list: the evicted member and its leaves. What each knows of new rooms, and where it is in. */
  readonly outsiders: { readonly secrets: string; readonly inside: boolean; readonly leaked: boolean };
  readonly left: {
    readonly evictions: number;
    readonly joins: number;
    readonly failures: number;
    readonly naps: number;
    readonly leaks: number;
  };
}

/** Each is a rule of protocol-2.md §5, or one that the search has shown to be missing there. */
export interface MoveRules {
  /** §5, "founded listed": the new room admits only members of the list. */
  readonly isListed: boolean;
  /** §5, the list: the commit removes every leaf that is not on it. Otherwise the evicted one only. */
  readonly removesUnlisted: boolean;
  /** §5, "one upload": order, commit and way, all or nothing. */
  readonly isOneUpload: boolean;
  /** §5, "the host that sees it in the log takes it as moved". */
  readonly hostReads: 'log' | 'evictor';
  /** §5, "before COMMIT the offer lapses". */
  readonly offerLapses: boolean;
  /** §5, the same: a lapsed offer can still be taken up when its move is found in the log. */
  readonly remembersLapsed: boolean;
  /** §5, "the old onion stays as a read-only signpost". */
  readonly hasSignpost: boolean;
  /** §5, the signpost: it gives the way to a listed member that proves its key. */
  readonly signpostAnswers: boolean;
  /** §5, "one upload": the first move ends the old log, nothing behind it counts. */
  readonly firstMoveCounts: boolean;
}

export const MOVE_RULES: MoveRules = {
  isListed: true,
  removesUnlisted: true,
  isOneUpload: true,
  hostReads: 'log',
  offerLapses: true,
  remembersLapsed: true,
  hasSignpost: true,
  signpostAnswers: true,
  firstMoveCounts: true,
};

export interface MoveBounds {
  readonly rules: MoveRules;
  /** Honest members besides the moderator M. */
  readonly members: string;
  readonly left: MoveState['left'];
}

const NONE = -1;
const EVICTED = 'E';
/** The leaf under which the evicted member comes back. */
const SECOND = 'F';

export function moveModel(
  bounds: MoveBounds,
): Model<MoveState> & { readonly properties: readonly Property<MoveState>[] } {
  const { rules } = bounds;
  const names = `M${bounds.members}`;

  const initial: MoveState = {
    number: 0,
    moves: [],
    isTrimmed: false,
    leaves: `${names}${EVICTED}`,
    offers: [],
    members: lettersOf(names).map((name) => ({ name, awake: true, place: 'old', to: NONE, forked: false })),
    evictor: { alive: true, offer: NONE, removed: false },
    uploads: [],
    host: { isPaused: false, old: 'open' },
    outsiders: { secrets: '', inside: false, leaked: false },
    left: bounds.left,
  };

  const spend = (state: MoveState, what: keyof MoveState['left']): MoveState => ({
    ...state,
    left: { ...state.left, [what]: state.left[what] - 1 },
  });
  const setMember = (state: MoveState, name: string, change: Partial<Member>): MoveState => ({
    ...state,
    members: state.members.map((one) => (one.name === name ? { ...one, ...change } : one)),
  });
  const setOffer = (state: MoveState, index: number, status: Offer['status']): MoveState => ({
    ...state,
    offers: state.offers.map((offer, at) => (at === index ? { ...offer, status } : offer)),
  });
  const moveOf = ({ moves }: MoveState): number => (rules.firstMoveCounts ? moves[0] : moves.at(-1)) ?? NONE;
  const isPending = ({ offers }: MoveState): boolean => offers.some(({ status }) => status === 'offered');

  // ---- The evictor: the moderator's client.

  function* evictorSteps(state: MoveState): Iterable<Step<MoveState>> {
    const { evictor, number, left } = state;
    if (!evictor.alive) return;
    if (left.failures > 0) {
      const next = setMember({ ...spend(state, 'failures'), evictor: { ...evictor, alive: false } }, 'M', {
        awake: false,
      });
      yield { name: 'the evictor dies', orderly: false, next };
    }
    const isIdle = evictor.offer === NONE && state.moves.length === 0 && state.host.old === 'open';
    if (isIdle && left.evictions > 0 && !isPending(state) && !state.host.isPaused) {
      const offer: Offer = {
        list: keepOf(state.leaves, (leaf) => leaf !== EVICTED && leaf !== SECOND),
        status: 'offered',
      };
      const offered = { ...spend(state, 'evictions'), offers: [...state.offers, offer] };
      const next = { ...offered, evictor: { ...evictor, offer: state.offers.length, removed: false } };
      yield { name: `the host offers room ${state.offers.length} for the eviction`, orderly: false, next };
    }
    if (evictor.offer === NONE) return;
    const isSent = state.uploads.some(({ offer }) => offer === evictor.offer);
    if (!isSent && (state.moves.length === 0 || (!rules.firstMoveCounts && !state.moves.includes(evictor.offer)))) {
      const holds = rules.isOneUpload ? 'all' : evictor.removed ? 'way' : 'removal';
      const upload: Upload = { offer: evictor.offer, number, holds };
      yield {
        name: `the evictor uploads (${holds}) under ${number}`,
        orderly: true,
        next: { ...state, uploads: [...state.uploads, upload] },
      };
    }
    const status = state.offers[evictor.offer]?.status;
    if (status === 'lapsed' || status === 'forgotten') {
      yield {
        name: 'the evictor hears that its offer has lapsed',
        orderly: true,
        next: { ...state, evictor: { ...evictor, offer: NONE } },
      };
    }
    if (
      rules.hostReads === 'evictor' &&
      state.moves.includes(evictor.offer) &&
      status === 'offered' &&
      !state.host.isPaused
    ) {
      yield {
        name: 'the evictor tells the host that the room has moved',
        orderly: true,
        next: moved(state, evictor.offer),
      };
    }
  }

  // ---- The relay: an upload is stored whole under its number, or not at all.

  function store(state: MoveState, { offer, holds }: Upload): MoveState {
    const list = state.offers[offer]?.list ?? '';
    const isKept = (leaf: string): boolean =>
      holds === 'way' || (rules.removesUnlisted ? list.includes(leaf) : leaf !== EVICTED);
    const leaves = keepOf(state.leaves, isKept);
    const stored = { ...state, number: state.number + 1, leaves };
    if (holds === 'removal') return { ...stored, evictor: { ...state.evictor, removed: true } };
    // A leaf that is in the new epoch opens the way.
    const isOpened = leaves.includes(SECOND) || leaves.includes(EVICTED);
    const secrets =
      isOpened && !state.outsiders.secrets.includes(`${offer}`)
        ? `${state.outsiders.secrets}${offer}`
        : state.outsiders.secrets;
    return { ...stored, moves: [...state.moves, offer], outsiders: { ...state.outsiders, secrets } };
  }

  function* relaySteps(state: MoveState): Iterable<Step<MoveState>> {
    for (const upload of state.uploads) {
      const rest = { ...state, uploads: state.uploads.filter((other) => other !== upload) };
      const isFirst = upload.number === state.number && state.host.old === 'open';
      if (isFirst)
        yield { name: `the relay stores the move to room ${upload.offer}`, orderly: true, next: store(rest, upload) };
      else yield { name: `the upload for room ${upload.offer} is refused: conflict`, orderly: true, next: rest };
      if (isFirst && state.left.failures > 0)
        yield {
          name: `the relay dies, and the upload for room ${upload.offer} with it`,
          orderly: false,
          next: spend(rest, 'failures'),
        };
    }
    if (!state.isTrimmed && state.moves.length > 0 && state.left.failures > 0) {
      yield { name: 'the old log is trimmed', orderly: false, next: { ...spend(state, 'failures'), isTrimmed: true } };
    }
  }

  // ---- The host.

  function moved(state: MoveState, offer: number): MoveState {
    const offers = state.offers.map((other, index): Offer => {
      if (index === offer) return { ...other, status: other.status === 'forgotten' ? 'forgotten' : 'live' };
      return { ...other, status: 'forgotten' };
    });
    const evictor = { ...state.evictor, offer: NONE };
    return { ...state, offers, evictor, host: { ...state.host, old: rules.hasSignpost ? 'signpost' : 'closed' } };
  }

  function* hostSteps(state: MoveState): Iterable<Step<MoveState>> {
    const { host, offers, left } = state;
    if (host.isPaused) {
      yield { name: 'the host goes on', orderly: true, next: { ...state, host: { ...host, isPaused: false } } };
      return;
    }
    if (left.failures > 0)
      yield {
        name: 'the host is paused',
        orderly: false,
        next: { ...spend(state, 'failures'), host: { ...host, isPaused: true } },
      };
    const move = moveOf(state);
    if (rules.hostReads === 'log' && move !== NONE && host.old === 'open') {
      yield { name: `the host sees the move to room ${move} in the log`, orderly: true, next: moved(state, move) };
    }
    if (!rules.offerLapses) return;
    for (const [index, { status }] of offers.entries()) {
      if (status !== 'offered') continue;
      yield {
        name: `the offer of room ${index} lapses`,
        orderly: true,
        next: setOffer(state, index, rules.remembersLapsed ? 'lapsed' : 'forgotten'),
      };
    }
  }

  // ---- Members.

  const isReachable = ({ status }: Offer): boolean => status === 'offered' || status === 'live';

  function* memberSteps(state: MoveState, one: Member): Iterable<Step<MoveState>> {
    const { name, place } = one;
    if (!one.awake) {
      if (name !== 'M' || state.evictor.alive)
        yield { name: `${name} wakes`, orderly: false, next: setMember(state, name, { awake: true }) };
      return;
    }
    if (state.left.naps > 0 && name !== 'M')
      yield {
        name: `${name} falls asleep`,
        orderly: false,
        next: setMember(spend(state, 'naps'), name, { awake: false }),
      };
    const move = moveOf(state);
    if (place === 'old' && move !== NONE) {
      const canRead = !one.forked && !state.isTrimmed && state.host.old !== 'closed';
      const isAnswered =
        rules.signpostAnswers && state.host.old === 'signpost' && state.offers[move]?.list.includes(name) === true;
      if (canRead)
        yield {
          name: `${name} reads the way to room ${move}`,
          orderly: true,
          next: setMember(state, name, { place: 'going', to: move }),
        };
      else if (isAnswered)
        yield {
          name: `the signpost gives ${name} the way to room ${move}`,
          orderly: true,
          next: setMember(state, name, { place: 'going', to: move, forked: false }),
        };
    }
    if (place === 'old' && one.forked && move === NONE && state.host.old === 'open') {
      const next = setMember({ ...state, number: state.number + 1 }, name, { forked: false });
      yield { name: `${name} resyncs in the old room`, orderly: true, next };
    }
    const offer = state.offers[one.to];
    if (
      place === 'going' &&
      offer !== undefined &&
      isReachable(offer) &&
      (offer.list.includes(name) || !rules.isListed)
    ) {
      yield { name: `${name} is in room ${one.to}`, orderly: true, next: setMember(state, name, { place: 'new' }) };
    }
  }

  // ---- The evicted member, which has the old room's connection string.

  function* outsiderSteps(state: MoveState): Iterable<Step<MoveState>> {
    const { left, outsiders, leaves, offers } = state;
    if (left.joins > 0 && state.host.old === 'open') {
      const spent = { ...spend(state, 'joins'), number: state.number + 1 };
      if (!leaves.includes(SECOND))
        yield {
          name: 'the evicted joins the old room with a second leaf',
          orderly: false,
          next: { ...spent, leaves: leaves + SECOND },
        };
      for (const { name, place, forked } of state.members) {
        if (place !== 'old' || forked || name === 'M' || state.moves.length > 0) continue;
        yield {
          name: `the evicted commits what does not open for ${name}`,
          orderly: false,
          next: setMember(spent, name, { forked: true }),
        };
      }
    }
    for (const [index, offer] of offers.entries()) {
      const knows = outsiders.secrets.includes(`${index}`);
      const isKnown = state.moves.includes(index);
      if (left.leaks > 0 && isKnown && !knows) {
        const next = {
          ...spend(state, 'leaks'),
          outsiders: { ...outsiders, secrets: `${outsiders.secrets}${index}`, leaked: true },
        };
        yield { name: `the way to room ${index} leaks`, orderly: false, next };
      }
      if (knows && isReachable(offer) && !rules.isListed && !outsiders.inside) {
        yield {
          name: `the evicted is in room ${index}`,
          orderly: false,
          next: { ...state, outsiders: { ...outsiders, inside: true } },
        };
      }
    }
  }

  function* steps(state: MoveState): Iterable<Step<MoveState>> {
    yield* evictorSteps(state);
    yield* relaySteps(state);
    yield* hostSteps(state);
    for (const one of state.members) yield* memberSteps(state, one);
    yield* outsiderSteps(state);
  }

  const properties: readonly Property<MoveState>[] = [
    {
      kind: 'always',
      title: 'the evicted is in the new room under no leaf',
      holds: ({ outsiders }) => !outsiders.inside,
    },
    {
      kind: 'always',
      title: 'no leaf outside of the list gets the new room’s secret from the upload',
      holds: ({ outsiders }) => outsiders.secrets === '' || outsiders.leaked,
    },
    {
      kind: 'always',
      title: 'there is at most one live successor, and all that move go there',
      holds: ({ offers, members }) =>
        offers.filter(({ status }) => status === 'live').length <= 1 &&
        new Set(members.filter(({ place }) => place !== 'old').map(({ to }) => to)).size <= 1,
    },
    {
      kind: 'recovers',
      title: 'the host is free again, and all who are awake are in one room',
      from: () => true,
      good: (state) =>
        !state.host.isPaused &&
        !isPending(state) &&
        (state.moves.length === 0
          ? state.members.every(({ awake, forked, place }) => !awake || (place === 'old' && !forked)) &&
            state.host.old === 'open' &&
            state.uploads.length === 0
          : state.members.every(
              ({ awake, place, to }) => !awake || (place === 'new' && state.offers[to]?.status === 'live'),
            )),
    },
  ];
  return { initial, steps, properties };
}
