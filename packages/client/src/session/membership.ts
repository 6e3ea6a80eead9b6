// How this member comes into the group and stays in it: from the snapshot by a commit of its own, by a welcome, and again after it has missed something.

import { coverCost, DWELL_MOST_MS, encodeFetch, toHex } from '@sotto/protocol';
import { closeWith } from './ending.ts';
import { beginCommit, runErrands, sendCommit } from './commits.ts';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import type { Snapshot } from './snapshot-reader.ts';
import { NO_SNAPSHOT_PARTS } from './snapshot-reader.ts';
import {
  CONFIRM_AGAIN_MS,
  CONFIRM_WAIT_MS,
  FETCH_RETRY_MS,
  FOLLOW_WAIT_MS,
  KNOCK_LIMIT_MS,
  ROTATE_SOON_MS,
  UNANSWERED_MAX,
} from '../limits.ts';
import { dropOrdered } from './ordering.ts';
import { enqueueFirst, recall, unsentTexts } from './outbox.ts';
import { presenceDelay } from './pace.ts';
import { noteEpoch, startRotation } from './key-rotation.ts';
import { answerDelayMs, recalledReceipts } from './cover.ts';
import type { Errand, Made, Session, Task, Turn } from './state.ts';
import { maySpeak, pump } from './sending.ts';
import { emitMembers } from './notifications.ts';
import { clearTimer, emit, fetchFrame, publish, setTimer, write } from './effects.ts';
import { setRotation, takeGroupChange, tellRemoved } from './maintenance.ts';
import { noteReadable, startSeen, warn } from './log-consistency.ts';

/** Asks for the snapshot that is to be joined from. While one is on its way nothing more is asked. */
export function fetchSnapshot(session: Session, turn: Turn): Session {
  if (session.link.phase !== 'live' || session.commit.phase === 'sent') return session;
  switch (session.belonging.phase) {
    case 'inside':
    case 'arriving':
    case 'joining':
      return session;
    case 'knocking':
      return knockAgain(session, turn);
    case 'welcomed':
      write(turn, fetchFrame(session.belonging.which));
      return { ...session, parts: NO_SNAPSHOT_PARTS };
    case 'outside':
    case 'fetching':
      clearTimer(turn, 'fetch');
      write(turn, fetchFrame('snapshot'));
      return {
        ...session,
        parts: NO_SNAPSHOT_PARTS,
        belonging: { phase: 'fetching', which: 'snapshot', commitNumber: 0 },
      };
  }
}

/** Stops speaking, and comes in anew: the old leaf goes with the commit that brings the new one. */
export function rejoin(session: Session, turn: Turn): Session {
  return fetchSnapshot({ ...session, belonging: { phase: 'outside' } }, turn);
}

/** Of a snapshot that was replaced while it was on its way, the one that took its place is asked for. */
export function takeSnapshot(session: Session, snapshot: Snapshot, turn: Turn): Session {
  if (session.belonging.phase === 'welcomed') {
    turn.effects.push({ type: 'make', task: { type: 'enter', snapshot: snapshot.bytes, last: snapshot.last } });
    return session;
  }
  if (session.belonging.phase !== 'fetching') return session;
  if (session.commit.phase !== 'none') return waitForSnapshot(session, turn);
  const { which, commitNumber } = session.belonging;
  // A commit on the previous snapshot goes under the commit number of the snapshot that could not be used.
  const under = which === 'snapshot' ? snapshot.commitNumber : commitNumber;
  if (session.commitNumber.value > under) return fetchSnapshot(session, turn);
  if (snapshot.bytes.length === 0) return waitForSnapshot(session, turn);
  const errand: Errand = { type: 'join', snapshot: snapshot.bytes, again: true };
  const belonging = { phase: 'fetching', which, commitNumber: under } as const;
  return beginCommit({ ...session, belonging }, errand, under, turn);
}

/** The room has no snapshot that can be used: its next commit may bring one. */
function waitForSnapshot(session: Session, turn: Turn): Session {
  setTimer(turn, 'fetch', FETCH_RETRY_MS);
  return { ...session, belonging: { phase: 'outside' } };
}

/** Keys have made what they were asked for, or cannot. */
export function takeMade(session: Session, task: Task, made: Made, view: GroupView | undefined, turn: Turn): Session {
  switch (task.type) {
    case 'knock':
      return made.ok && made.body !== undefined ? knockAgain(withKnock(session, made.body), turn) : session;
    case 'enter':
      return made.ok ? enterByWelcome(session, task.last, view, turn) : keepKnocking(session, turn);
    case 'join':
      return takeJoin(session, task, made, turn);
    default:
      return session.commit.phase === 'making' && session.commit.errand === task
        ? sendCommit(session, task, made, turn)
        : session;
  }
}

function takeJoin(session: Session, task: Errand & { readonly type: 'join' }, made: Made, turn: Turn): Session {
  if (session.commit.phase !== 'making' || session.commit.errand !== task) return session;
  if (made.ok) return sendCommit({ ...session, belonging: { phase: 'joining' } }, task, made, turn);
  const next: Session = { ...session, commit: { phase: 'none' } };
  switch (made.code) {
    case 'policy-locked':
      return closeWith(next, turn, 'room-locked');
    case 'group-full':
      return closeWith(next, turn, 'room-full');
    case 'policy-knock':
      return askToBeLetIn(next, turn);
    case 'member-alone':
      dropOrdered(next, turn);
      turn.effects.push({ type: 'hang-up' }, { type: 'begin-anew', texts: unsentTexts(next.outbox) });
      return { ...next, link: { phase: 'closed' } };
    default:
      return tryPreviousSnapshot(next, turn);
  }
}

/** Junk in the place of the snapshot: the one before is still good, unless it is junk too. */
function tryPreviousSnapshot(session: Session, turn: Turn): Session {
  const { belonging } = session;
  if (belonging.phase !== 'fetching' || belonging.which !== 'snapshot' || session.link.phase !== 'live') {
    return waitForSnapshot(session, turn);
  }
  write(turn, fetchFrame('previous-snapshot'));
  return { ...session, parts: NO_SNAPSHOT_PARTS, belonging: { ...belonging, which: 'previous-snapshot' } };
}

// Rooms where members let members in

function askToBeLetIn(session: Session, turn: Turn): Session {
  setTimer(turn, 'join-limit', KNOCK_LIMIT_MS);
  emit(turn, { type: 'state', state: 'knocking' });
  turn.effects.push({ type: 'make', task: { type: 'knock', name: session.name } });
  return { ...session, belonging: { phase: 'outside' } };
}

function withKnock(session: Session, body: Uint8Array): Session {
  return { ...session, belonging: { phase: 'knocking', body, standing: 'refused' } };
}

/** A knock that the commit number or the connection has overtaken is posted again; one that is in the log is not. */
function knockAgain(session: Session, turn: Turn): Session {
  const { belonging, link, commitNumber } = session;
  if (belonging.phase !== 'knocking' || belonging.standing !== 'refused') return session;
  if (link.phase !== 'live' || commitNumber.phase !== 'known') return session;
  publish(turn, commitNumber.value, belonging.body);
  return { ...session, belonging: { ...belonging, standing: 'posted' } };
}

/** A welcome is whole. The snapshot of its commit lets in; if another commit has followed, that is the previous one. */
export function takeWelcome(session: Session, turn: Turn): Session {
  if (session.belonging.phase !== 'knocking') return session;
  const { body } = session.belonging;
  return fetchSnapshot({ ...session, belonging: { phase: 'welcomed', which: 'snapshot', body } }, turn);
}

/** Whoever has the connection string can make up a welcome: one that does not let in changes nothing. */
function keepKnocking(session: Session, turn: Turn): Session {
  const { belonging } = session;
  if (belonging.phase !== 'welcomed') return session;
  if (belonging.which === 'snapshot')
    return fetchSnapshot({ ...session, belonging: { ...belonging, which: 'previous-snapshot' } }, turn);
  return { ...session, belonging: { phase: 'knocking', body: belonging.body, standing: 'posted' } };
}

/** The log is read again from behind the commit that lets this member in: it has to judge by the whole of its first epoch. */
function enterByWelcome(session: Session, last: number, view: GroupView | undefined, turn: Turn): Session {
  if (session.belonging.phase !== 'welcomed' || view === undefined) return session;
  if (session.link.phase === 'live') write(turn, encodeFetch({ what: 'log', from: last + 1 }));
  const { outbox, recalled } = recall(session.outbox, recalledReceipts(session.schedule));
  let next: Session = {
    ...session,
    outbox,
    number: session.number - recalled,
    read: last,
    feed: 'again',
    inbox: { ...session.inbox, seen: last },
    log: startSeen(session.log, view.logStart, last),
    rotation: startRotation(turn.now),
  };
  next = enterRoom(takeGroupChange(next, view, turn), turn);
  emit(turn, { type: 'epoch', epoch: view.epoch, code: view.roomCode });
  // An Add has brought this member's keys no further than its own leaf.
  setTimer(turn, 'rotate', Math.round(turn.chance() * ROTATE_SOON_MS));
  return next;
}

// Inside

/** An epoch has begun behind entry `sequence`. What left under the keys before it and was not echoed is said again, under the new ones. */
export function takeEpoch(
  session: Session,
  sequence: number,
  opened: Extract<GroupOpened, { kind: 'epoch' }>,
  view: GroupView | undefined,
  turn: Turn,
): Session {
  if (view === undefined) return session;
  const { outbox, recalled } = recall(session.outbox, recalledReceipts(session.schedule));
  for (const removed of opened.removed) tellRemoved(session, removed, turn);
  clearTimer(turn, 'restore-snapshot');
  let next: Session = {
    ...noteReadable(session, sequence, turn),
    silencedAt: opened.removed.some(({ reason }) => reason === 'silent') ? turn.now : session.silencedAt,
    outbox,
    number: session.number - recalled,
    commitNumber: { phase: 'turning', value: session.commitNumber.value },
    rotation: noteEpoch(session.rotation, opened, turn.now),
  };
  next = takeGroupChange({ ...next, log: startSeen(next.log, view.logStart, sequence) }, view, turn);
  emit(turn, { type: 'epoch', epoch: view.epoch, code: view.roomCode });
  if (opened.by === 'other') return next;
  next = { ...next, sinceRotation: 0 };
  if (next.belonging.phase === 'inside') setRotation(next, turn);
  return next.belonging.phase === 'inside' ? next : enterRoom(next, turn);
}

/**
 * Who comes says so, and is answered by everybody. Who comes again is known, and asks all the same: the answer shows that the snapshot it came by
 * was the room's. Where nobody else is there is nobody to ask.
 */
function enterRoom(session: Session, turn: Turn): Session {
  setRotation(session, turn);
  const outbox = enqueueFirst(session.outbox, { type: 'presence', status: 'arriving' });
  const arriving: Session = { ...session, outbox, belonging: { phase: 'arriving' } };
  if (isAlone(arriving) && arriving.awaited.length === 0) return confirm(arriving, turn);
  const waitMs = arriving.awaited.length > 0 ? FOLLOW_WAIT_MS : CONFIRM_WAIT_MS;
  setTimer(turn, 'confirm', waitMs + answerDelayMs(session.schedule));
  return pump(arriving, turn);
}

function isAlone({ view }: Session): boolean {
  return view === undefined || view.members.length - view.departing.length <= 1;
}

/** Another member was understood under these keys: this is the room. */
export function confirm(session: Session, turn: Turn): Session {
  if (session.belonging.phase !== 'arriving' || isAwaitingOthers(session)) return session;
  clearTimer(turn, 'confirm');
  const inside: Session = { ...session, belonging: { phase: 'inside' }, unanswered: 0 };
  const joined = inside.stay === 'new' ? announceJoined(inside, turn) : inside;
  if (joined === inside) emit(turn, { type: 'state', state: 'joined' });
  return runErrands(pump(joined, turn), turn);
}

/** Who was in the room that moved here and is not heard yet: what is said before it comes it would never hear. */
function isAwaitingOthers({ awaited, inbox }: Session): boolean {
  return awaited.some((memberKey) => inbox.members.get(toHex(memberKey))?.standing !== 'here');
}

/**
 * Nobody has answered: the snapshot was perhaps not the room's, and the next one is. If it happens again that is said; what this member says waits
 * until somebody is understood, for it would be read by nobody.
 */
export function takeUnanswered(session: Session, turn: Turn): Session {
  if (session.belonging.phase !== 'arriving') return session;
  if (session.awaited.length > 0) return stopAwaiting({ ...session, awaited: [] }, turn);
  const unanswered = session.unanswered + 1;
  // Somebody speaks, and cannot be read: they have other keys.
  const isElsewhere = session.log.foreign > 0;
  if (unanswered <= UNANSWERED_MAX || (isElsewhere && unanswered > UNANSWERED_MAX + 1)) {
    const log = { ...session.log, foreign: 0 };
    return rejoin({ ...session, log, unanswered }, turn);
  }
  setTimer(turn, 'confirm', CONFIRM_AGAIN_MS);
  if (unanswered === UNANSWERED_MAX + 1) warn(turn, 'nobody-answers', undefined);
  return session.stay === 'new' ? announceJoined({ ...session, unanswered }, turn) : { ...session, unanswered };
}

/** They have had their time. Whoever is there is talked to. */
function stopAwaiting(session: Session, turn: Turn): Session {
  const isHeard = [...session.inbox.members.values()].some(({ standing }) => standing === 'here');
  if (isAlone(session) || isHeard) return confirm(session, turn);
  setTimer(turn, 'confirm', CONFIRM_WAIT_MS);
  return session;
}

function announceJoined(session: Session, turn: Turn): Session {
  clearTimer(turn, 'join-limit');
  setTimer(turn, 'presence', presenceDelay(turn));
  if (session.schedule.words === 'held') setTimer(turn, 'dwell', Math.round(turn.chance() * DWELL_MOST_MS));
  const joined: Session = { ...session, stay: 'joined' };
  emit(turn, { type: 'state', state: 'joined' });
  const { cover } = session.schedule;
  if (cover !== 'off') emit(turn, { type: 'cover', mode: cover, ...coverCost(cover, session.view?.members.length) });
  emitMembers(joined, turn);
  return joined;
}

/** Frames come that cannot be read, and nobody is heard any more. */
export function leaveForked(session: Session, turn: Turn): Session {
  if (!maySpeak(session) && session.commitNumber.phase === 'known') return session;
  warn(turn, 'room-forked', undefined);
  const log = { ...session.log, unreadable: 0, foreign: 0, readableAt: turn.now };
  return rejoin({ ...session, log, forkedAt: turn.now }, turn);
}
