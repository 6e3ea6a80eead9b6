// The commits that this member wants to make: one at a time, under the commit number that held when it was made, and again when another came first.

import { equalBytes, toHex, UPLOAD_ID_BYTES } from '@sotto/protocol';
import { close } from './ending.ts';
import {
  COMMITS_REFUSED_NOTICE,
  ERRAND_RETRY_LEAST_MS,
  ERRAND_RETRY_MAX_MS,
  ERRAND_RETRY_MS,
  ERRANDS_MAX,
} from '../limits.ts';
import { enqueueFirst } from './outbox.ts';
import { turnAt } from './key-rotation.ts';
import type { Errand, Made, OwnCommit, Session, Turn } from './state.ts';
import { maySpeak, pump } from './sending.ts';
import { refuse } from './notifications.ts';
import { emit, setTimer, write } from './effects.ts';
import { encodeUpload } from './uploads.ts';
import { warn } from './log-consistency.ts';

const NO_COMMIT: OwnCommit = { phase: 'none' };

/** Adds an errand, unless one like it waits already. */
export function want(session: Session, errand: Errand): Session {
  const waits = session.errands.some((other) => isAlike(other, errand));
  if (waits || session.errands.length >= ERRANDS_MAX) return session;
  return { ...session, errands: [...session.errands, errand] };
}

export function hasErrand(session: Session, type: Errand['type']): boolean {
  return session.errands.some((errand) => errand.type === type);
}

function isAlike(one: Errand, other: Errand): boolean {
  if (one.type === 'admit' && other.type === 'admit') return equalBytes(one.memberId, other.memberId);
  return one.type === other.type && (one.type !== 'rotate' || other.type !== 'rotate' || one.why === other.why);
}

/** Begins the first errand that is still worth it, if this member may speak and no other commit of its is on the way. */
export function runErrands(session: Session, turn: Turn): Session {
  const errands = session.errands.filter((errand) => isWorthIt(session, errand, turn));
  const next = { ...session, errands };
  const [errand] = errands;
  if (errand === undefined || next.commit.phase !== 'none' || !maySpeak(next)) return next;
  return beginCommit(next, errand, undefined, turn);
}

/** What others have done meanwhile need not be done. */
function isWorthIt(session: Session, errand: Errand, turn: Turn): boolean {
  const { view, log } = session;
  if (errand.type === 'rotate' && errand.why === 'turn') return isTurn(session, turn.now);
  if (errand.type === 'rotate' && errand.why === 'blind') return log.hashes.length === 0;
  if (errand.type === 'rotate' && errand.why === 'departing') return (view?.departing.length ?? 0) > 0;
  return errand.type !== 'remove-silent' || (view?.silent.length ?? 0) > 0;
}

/** Whether this member waits for nobody any more to have new keys. */
export function isTurn({ schedule, rotation, view }: Session, now: number): boolean {
  const at = turnAt(schedule.cover, rotation, view);
  return at !== undefined && now >= at;
}

export function beginCommit(session: Session, errand: Errand, commitNumber: number | undefined, turn: Turn): Session {
  turn.effects.push({ type: 'make', task: errand });
  return { ...session, commit: { phase: 'making', errand, commitNumber } };
}

/** A commit was made: it is sent under the commit number that held then, or given up if that one is over. */
export function sendCommit(session: Session, errand: Errand, made: Made, turn: Turn): Session {
  if (!made.ok || made.upload === undefined) return giveUp(session, errand, turn);
  const { commit, commitNumber } = session;
  const known = commitNumber.phase === 'known' ? commitNumber.value : undefined;
  const under = commit.phase === 'making' ? (commit.commitNumber ?? known) : undefined;
  if (under === undefined || session.link.phase !== 'live' || commitNumber.value > under) {
    turn.effects.push({ type: 'discard' });
    return tryLater({ ...session, commit: NO_COMMIT }, errand, turn);
  }
  for (const frame of encodeUpload(made.upload, under)) write(turn, frame);
  const { connection } = session;
  return { ...session, commit: { phase: 'sent', errand, upload: made.upload, connection, stored: false } };
}

/** It cannot be made: what a user had asked for is said. */
function giveUp(session: Session, errand: Errand, turn: Turn): Session {
  if (errand.type === 'order') refuse(turn, 'not-done');
  if (errand.type === 'admit') refuse(turn, 'member-unknown');
  return { ...session, commit: NO_COMMIT, errands: session.errands.filter((other) => other !== errand) };
}

/** @returns undefined if what was refused is not this member's commit. */
export function commitRefused(session: Session, what: Uint8Array, turn: Turn): Session | undefined {
  const { commit } = session;
  if (commit.phase !== 'sent' || !equalBytes(commit.upload.id, what.subarray(0, UPLOAD_ID_BYTES))) return undefined;
  turn.effects.push({ type: 'discard' });
  return tryLater({ ...session, commit: NO_COMMIT }, commit.errand, turn);
}

/** The relay has stored it and the members, this one too, refuse it: something came before it. */
export function commitVoid(session: Session, turn: Turn): Session {
  const { commit } = session;
  return commit.phase === 'sent' ? tryLater({ ...session, commit: NO_COMMIT }, commit.errand, turn) : session;
}

/** With full jitter: members whose commits met must not meet again. */
function tryLater(session: Session, errand: Errand, turn: Turn): Session {
  const most = Math.min(ERRAND_RETRY_MAX_MS, ERRAND_RETRY_MS * 2 ** session.tries);
  const afterMs = Math.round(ERRAND_RETRY_LEAST_MS + turn.chance() * most);
  const tries = session.tries + 1;
  if (tries === COMMITS_REFUSED_NOTICE) warn(turn, 'commits-refused', undefined);
  if (errand.type !== 'join') {
    setTimer(turn, 'errand', afterMs);
    return { ...session, tries };
  }
  setTimer(turn, 'fetch', afterMs);
  return { ...session, tries, belonging: { phase: 'outside' } };
}

/** An entry that is the last frame of the own commit. */
export function markStored(session: Session, body: Uint8Array): Session {
  const { commit } = session;
  if (commit.phase !== 'sent' || commit.stored) return session;
  const last = commit.upload.bodies.at(-1);
  return last !== undefined && equalBytes(last, body) ? { ...session, commit: { ...commit, stored: true } } : session;
}

/** After an attach: a commit that the log does not hold by now went with its connection. */
export function dropLostCommit(session: Session, turn: Turn): Session {
  const { commit } = session;
  if (commit.phase !== 'sent' || commit.connection === session.connection) return session;
  if (commit.stored) return finishCommit(session, turn);
  turn.effects.push({ type: 'discard' });
  return tryLater({ ...session, commit: NO_COMMIT }, commit.errand, turn);
}

/** The commit number has moved behind the own commit: it is done. */
export function finishCommit(session: Session, turn: Turn): Session {
  const { commit } = session;
  if (commit.phase !== 'sent' || !commit.stored) return session;
  const { errand } = commit;
  const errands = session.errands.filter((other) => other !== errand);
  const next: Session = { ...session, commit: NO_COMMIT, errands, tries: 0 };
  switch (errand.type) {
    case 'depart':
      return close(next, turn, undefined, undefined);
    case 'order':
      return finishOrder(next, errand, turn);
    case 'admit':
      return {
        ...next,
        knocks: next.knocks.filter(({ memberId }) => toHex(memberId) !== toHex(errand.memberId)),
      };
    case 'join':
    case 'rotate':
    case 'remove-silent':
    case 'restore-snapshot':
      return next;
  }
}

/** After an eviction the others are told where the room goes on, under keys that the evicted member does not have. */
function finishOrder(session: Session, errand: Errand & { readonly type: 'order' }, turn: Turn): Session {
  if (errand.move === undefined) {
    emit(turn, { type: 'moderated', what: 'access' });
    return session;
  }
  return pump({ ...session, outbox: enqueueFirst(session.outbox, { type: 'move', move: errand.move }) }, turn);
}
