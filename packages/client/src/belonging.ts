// How this member comes into the group and stays in it: from the head by a commit of its own, by a welcome, and again after it has missed something.

import { closeWith } from './ending.ts';
import { beginCommit, sendCommit } from './errands.ts';
import type { GroupOpened, GroupView } from './group-membership.ts';
import type { Head } from './head-reader.ts';
import { NO_HEAD_PARTS } from './head-reader.ts';
import { FETCH_RETRY_MS, KNOCK_LIMIT_MS } from './limits.ts';
import { enqueueFirst, recall } from './outbox.ts';
import { presenceDelay } from './pace.ts';
import type { Errand, Made, Session, Task, Turn } from './session-state.ts';
import { maySpeak, pump } from './speaking.ts';
import { emitMembers } from './telling.ts';
import { clearTimer, emit, fetchFrame, publish, setTimer, write } from './turn.ts';
import { setRotation, takeGroupChange, tellRemoved } from './upkeep.ts';
import { noteReadable, startSeen, warn } from './watching.ts';

/** Asks for the head that is to be joined from. While one is on its way nothing more is asked. */
export function fetchHead(session: Session, turn: Turn): Session {
  if (session.link.phase !== 'live' || session.commit.phase === 'sent') return session;
  switch (session.belonging.phase) {
    case 'inside':
    case 'joining':
      return session;
    case 'knocking':
      return knockAgain(session, turn);
    case 'welcomed':
      write(turn, fetchFrame('head'));
      return { ...session, parts: NO_HEAD_PARTS };
    case 'outside':
    case 'fetching':
      clearTimer(turn, 'fetch');
      write(turn, fetchFrame('head'));
      return { ...session, parts: NO_HEAD_PARTS, belonging: { phase: 'fetching', which: 'head', counter: 0 } };
  }
}

/** Stops speaking, and comes in anew: the old leaf goes with the commit that brings the new one. */
export function rejoin(session: Session, turn: Turn): Session {
  return fetchHead({ ...session, belonging: { phase: 'outside' } }, turn);
}

/** Of a head that was replaced while it was on its way, the one that took its place is asked for. */
export function takeHead(session: Session, head: Head, turn: Turn): Session {
  if (session.belonging.phase === 'welcomed') {
    turn.effects.push({ type: 'make', task: { type: 'enter', head: head.bytes } });
    return session;
  }
  if (session.belonging.phase !== 'fetching' || session.commit.phase !== 'none') return session;
  const { which, counter } = session.belonging;
  // A commit on the previous head goes under the counter of the head that could not be used.
  const under = which === 'head' ? head.counter : counter;
  if (session.counter.value > under) return fetchHead(session, turn);
  if (head.bytes.length === 0) return waitForHead(session, turn);
  const errand: Errand = { type: 'join', head: head.bytes, again: true };
  const belonging = { phase: 'fetching', which, counter: under } as const;
  return beginCommit({ ...session, belonging }, errand, under, turn);
}

/** The room has no head that can be used: its next commit may bring one. */
function waitForHead(session: Session, turn: Turn): Session {
  setTimer(turn, 'fetch', FETCH_RETRY_MS);
  return { ...session, belonging: { phase: 'outside' } };
}

/** Keys have made what they were asked for, or cannot. */
export function takeMade(session: Session, task: Task, made: Made, view: GroupView | undefined, turn: Turn): Session {
  switch (task.type) {
    case 'knock':
      return made.ok && made.body !== undefined ? knockAgain(withKnock(session, made.body), turn) : session;
    case 'enter':
      return made.ok ? enterByWelcome(session, view, turn) : rejoin(session, turn);
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
    default:
      return tryPreviousHead(next, turn);
  }
}

/** Junk in the place of the head: the one before is still good, unless it is junk too. */
function tryPreviousHead(session: Session, turn: Turn): Session {
  const { belonging } = session;
  if (belonging.phase !== 'fetching' || belonging.which !== 'head' || session.link.phase !== 'live') {
    return waitForHead(session, turn);
  }
  write(turn, fetchFrame('previous-head'));
  return { ...session, parts: NO_HEAD_PARTS, belonging: { ...belonging, which: 'previous-head' } };
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

/** A knock that the counter or the connection has overtaken is posted again; one that is in the log is not. */
function knockAgain(session: Session, turn: Turn): Session {
  const { belonging, link, counter } = session;
  if (belonging.phase !== 'knocking' || belonging.standing !== 'refused') return session;
  if (link.phase !== 'live' || counter.phase !== 'known') return session;
  publish(turn, counter.value, belonging.body);
  return { ...session, belonging: { ...belonging, standing: 'posted' } };
}

function enterByWelcome(session: Session, view: GroupView | undefined, turn: Turn): Session {
  return enterRoom(takeGroupChange({ ...session, belonging: { phase: 'inside' } }, view, turn), turn);
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
  const { outbox, recalled } = recall(session.outbox);
  for (const removed of opened.removed) tellRemoved(session, removed, turn);
  clearTimer(turn, 'restore-head');
  let next: Session = {
    ...noteReadable(session, sequence, turn),
    outbox,
    number: session.number - recalled,
    counter: { phase: 'turning', value: session.counter.value },
  };
  next = takeGroupChange({ ...next, log: startSeen(next.log, view.logStart, sequence) }, view, turn);
  emit(turn, { type: 'epoch', epoch: view.epoch, code: view.roomCode });
  if (opened.by === 'other') return next;
  next = { ...next, sinceRotation: 0 };
  if (next.belonging.phase === 'inside') setRotation(next, turn);
  return next.belonging.phase === 'inside' ? next : enterRoom({ ...next, belonging: { phase: 'inside' } }, turn);
}

/** Who comes says so, and is answered by everybody. Who comes again is known, and asks only if it does not know everybody. */
function enterRoom(session: Session, turn: Turn): Session {
  setRotation(session, turn);
  const isNew = session.stay === 'new';
  const asks = isNew || [...session.inbox.members.values()].some(({ name }) => name === '');
  const outbox = enqueueFirst(session.outbox, { type: 'presence', standing: asks ? 'arriving' : 'here' });
  if (!isNew) emit(turn, { type: 'state', state: 'joined' });
  return pump({ ...session, stay: isNew ? 'announced' : session.stay, outbox }, turn);
}

/** The log holds this member's announcement. */
export function announceJoined(session: Session, turn: Turn): Session {
  clearTimer(turn, 'join-limit');
  setTimer(turn, 'presence', presenceDelay(turn));
  const joined: Session = { ...session, stay: 'joined' };
  emit(turn, { type: 'state', state: 'joined' });
  emitMembers(joined, turn);
  return joined;
}

/** Frames come that cannot be read, and nobody is heard any more. */
export function leaveParted(session: Session, turn: Turn): Session {
  if (!maySpeak(session) && session.counter.phase === 'known') return session;
  warn(turn, 'room-parted', undefined);
  return rejoin({ ...session, log: { ...session.log, unreadable: 0, readableAt: turn.now } }, turn);
}
