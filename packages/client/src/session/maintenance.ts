// What members do for their group without being asked: new keys in time, leaves of those who have gone, a snapshot that newcomers can use. PROTOCOL.md §5.8.

import { fingerprint } from '@sotto/crypto';
import { equalBytes, isStealth, stealthShape, toHex } from '@sotto/protocol';
import type { CommitNotice } from '@sotto/protocol';
import { hasErrand, isTurn, runErrands, want } from './commits.ts';
import type { GroupSeat, GroupView } from '../group/membership.ts';
import type { RemovalReason } from '../group/policy.ts';
import { takeRoster } from './inbox.ts';
import {
  DEPARTING_RANK_MS,
  JUNK_NOTICE_INTERVAL_MS,
  RANK_FIRST_MS,
  RESTORE_RANK_MS,
  ROLL_CALL_WAIT_MS,
  ROTATE_LEAST_MS,
  ROTATE_MEMBERS,
  ROTATE_MOST_MS,
  SIGHT_MS,
} from '../limits.ts';
import { tellOrdered } from './ordering.ts';
import { noteView, resumeRotation, turnAt } from './key-rotation.ts';
import type { Session, Turn } from './state.ts';
import { pump, queueOnce } from './sending.ts';
import { emitMembers } from './notifications.ts';
import { clearTimer, emit, setTimer } from './effects.ts';
import { isMissed, mayBeForked, warn } from './log-consistency.ts';

/** New keys after a random time: in a large room later, so that commits do not crowd out what is said. In stealth members have turns. */
export function setRotation(session: Session, turn: Turn): void {
  if (isStealth(session.schedule.cover)) return;
  const members = session.view?.members.length ?? 0;
  const stretch = Math.max(1, members / ROTATE_MEMBERS);
  const afterMs = stretch * (ROTATE_LEAST_MS + turn.chance() * (ROTATE_MOST_MS - ROTATE_LEAST_MS));
  setTimer(turn, 'rotate', Math.round(afterMs));
}

export function takeRotation(session: Session, turn: Turn): Session {
  // Who is arriving has it done as soon as it is in.
  if (session.belonging.phase !== 'inside' && session.belonging.phase !== 'arriving') return session;
  return runErrands(want(session, { type: 'rotate', why: 'due' }), turn);
}

/** In stealth: counts towards this member's turn from what the group is now. */
function setKeyTurn(session: Session, turn: Turn): void {
  const { schedule, rotation, view } = session;
  const at = turnAt(schedule.cover, rotation, view);
  if (at !== undefined) setTimer(turn, 'turn', Math.max(0, Math.ceil(at - turn.now)));
}

/** Nobody has had new keys before: this member has. It waits on if it cannot now, for another may. */
export function takeKeyTurn(session: Session, turn: Turn): Session {
  const { cover } = session.schedule;
  if (!isStealth(cover)) return session;
  if (!isTurn(session, turn.now)) {
    setKeyTurn(session, turn);
    return session;
  }
  setTimer(turn, 'turn', stealthShape(cover).turnMs);
  return runErrands(want(session, { type: 'rotate', why: 'turn' }), turn);
}

/** The log is read up: whoever else was away is back now, too. */
export function resumeKeyTurn(session: Session, turn: Turn): Session {
  const next = { ...session, rotation: resumeRotation(session.schedule.cover, session.rotation, turn.now) };
  setKeyTurn(next, turn);
  return next;
}

/** After a gap nobody can tell whether this member sees what the others see, until an epoch begins: so one is begun soon. */
export function setSight(turn: Turn): void {
  setTimer(turn, 'sight', Math.round(RANK_FIRST_MS + turn.chance() * SIGHT_MS));
}

export function takeSight(session: Session, turn: Turn): Session {
  return runErrands(want(session, { type: 'rotate', why: 'blind' }), turn);
}

/** The group is another than before: who is in it, who wants to go, who may come in. */
export function takeGroupChange(session: Session, view: GroupView | undefined, turn: Turn): Session {
  const before = session.view;
  if (view === before) return session;
  let next: Session = { ...session, view, epochAt: view?.epoch === before?.epoch ? session.epochAt : turn.now };
  if (view === undefined) return next;
  next = { ...next, rotation: noteView(next.rotation, view, turn.now) };
  setKeyTurn(next, turn);
  const others = view.members.flatMap(({ memberKey, self }) => (self ? [] : [memberKey]));
  next = { ...next, inbox: takeRoster(next.inbox, others, turn.now).inbox };
  if (view.departing.length === 0) clearTimer(turn, 'departing');
  else if (view.departing.length !== before?.departing.length) setRankTimer(next, 'departing', DEPARTING_RANK_MS, turn);
  if (view.access !== (before?.access ?? 'open')) emit(turn, { type: 'access', mode: view.access });
  next = tellOrdered(next, view, turn);
  if (next.stay === 'joined' && isOtherRoster(before, view)) emitMembers(next, turn);
  return next;
}

function isOtherRoster(before: GroupView | undefined, view: GroupView): boolean {
  return (
    before?.members.length !== view.members.length ||
    before.departing.length !== view.departing.length ||
    before.members.some(({ memberKey }, index) => {
      const now = view.members[index];
      return now === undefined || !equalBytes(now.memberKey, memberKey);
    })
  );
}

/** Who left was told of when it said so. */
export function tellRemoved(
  session: Session,
  { memberKey, reason }: GroupSeat & { readonly reason: RemovalReason },
  turn: Turn,
): void {
  const member = session.inbox.members.get(toHex(memberKey));
  if (reason === 'left' && member?.standing !== 'here') return;
  emit(turn, { type: 'removed', member: { name: member?.name ?? '', fingerprint: fingerprint(memberKey) }, reason });
}

// Who does it: all compute the same order, and the next in line waits whether it is done

/** This member's place among those who are here, in the order of the tree. */
function rankOf({ view, inbox }: Session): number {
  const isHere = ({ memberId, memberKey, self }: GroupSeat): boolean =>
    self ||
    (inbox.members.get(toHex(memberKey))?.standing === 'here' &&
      view?.departing.every((gone) => !equalBytes(gone, memberId)) === true);
  return view?.members.filter(isHere).findIndex(({ self }) => self) ?? 0;
}

function setRankTimer(
  session: Session,
  name: 'departing' | 'restore-snapshot' | 'roll-call',
  stepMs: number,
  turn: Turn,
  firstMs: number = RANK_FIRST_MS,
): void {
  setTimer(turn, name, Math.round(firstMs + (rankOf(session) + turn.chance() / 4) * stepMs));
}

export function takeDeparting(session: Session, turn: Turn): Session {
  return runErrands(want(session, { type: 'rotate', why: 'departing' }), turn);
}

export function takeRestore(session: Session, turn: Turn): Session {
  return runErrands(want(session, { type: 'restore-snapshot' }), turn);
}

/**
 * A commit is over. If nothing in it was a member's, its snapshot is junk or may be: newcomers cannot come in until a member has put the
 * present one back.
 */
export function judgeCommit(session: Session, notice: CommitNotice, turn: Turn): Session {
  if (session.belonging.phase !== 'inside') return session;
  if (session.log.byMember >= notice.first) {
    clearTimer(turn, 'restore-snapshot');
    if (!hasErrand(session, 'restore-snapshot') || session.commit.phase !== 'none') return session;
    return { ...session, errands: session.errands.filter(({ type }) => type !== 'restore-snapshot') };
  }
  setRankTimer(session, 'restore-snapshot', RESTORE_RANK_MS, turn);
  const toldAt = session.junkToldAt;
  if (toldAt !== undefined && turn.now - toldAt < JUNK_NOTICE_INTERVAL_MS) return session;
  warn(turn, 'junk-commit', undefined);
  return { ...session, junkToldAt: turn.now };
}

// Those who are silent

/** Somebody in the group has not been heard for too long: the first in rank asks everybody to answer. */
export function callRoll(session: Session, turn: Turn): Session {
  const { view } = session;
  // Where the room may have forked, those who are missed are perhaps not silent at all.
  const waits = view === undefined || view.rollCalled || rankOf(session) > 0 || mayBeForked(session, turn.now);
  if (waits) return session;
  const silent = [...session.inbox.members.values()].some((member) => isMissed(member, turn.now));
  return silent ? pump(queueOnce(session, { type: 'roll-call' }), turn) : session;
}

/** Every member says that it is here, and waits whether somebody does not. */
export function takeRollCall(session: Session, turn: Turn): Session {
  setRankTimer(session, 'roll-call', DEPARTING_RANK_MS, turn, ROLL_CALL_WAIT_MS);
  return pump(queueOnce(session, { type: 'presence', status: 'here' }), turn);
}

export function takeRollCallEnd(session: Session, turn: Turn): Session {
  return runErrands(want(session, { type: 'remove-silent' }), turn);
}
