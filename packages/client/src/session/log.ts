// The log in its order, opened: where the connection has got to, echoes, what others say, new epochs, the commit number, refusals. PROTOCOL.md §5.7, §5.8.

import { equalBytes } from '@sotto/protocol';
import type { CommitNotice } from '@sotto/protocol';
import { confirm, fetchSnapshot, leaveForked, rejoin, takeEpoch, takeSnapshot, takeWelcome } from './membership.ts';
import { close, closeWith, cut } from './ending.ts';
import { commitRefused, commitVoid, dropLostCommit, finishCommit, markStored, runErrands } from './commits.ts';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import { forgiveSilence, rollBack, takeContent, takeSequence } from './inbox.ts';
import type { InboxEvent } from './inbox.ts';
import { RECEIPT_DELAY_MS, TRACKED_TEXTS_MAX } from '../limits.ts';
import type { Move } from '../moderator.ts';
import { dropOrdered } from './ordering.ts';
import { acknowledge, overtake, refuseFrame, unsentTexts } from './outbox.ts';
import type { Departed } from './outbox.ts';
import { NO_RENEWAL } from './renewal.ts';
import type { Passed, Session, Turn } from './state.ts';
import { takeKnock } from './admitting.ts';
import { pump, queueOnce } from './sending.ts';
import { announce, emitMembers, gap, messageId, tellDelivered, tellRenewed } from './notifications.ts';
import { emit, setTimer } from './effects.ts';
import { judgeCommit, resumeKeyTurn, setSight, takeGroupChange, takeRollCall } from './maintenance.ts';
import {
  compareLog,
  extendSeen,
  forgetEpochs,
  isForked,
  loseSight,
  noteByMember,
  noteReadable,
  noteText,
  noteUnreadable,
  owesBefore,
  warn,
} from './log-consistency.ts';

type Reading<Type extends Passed['type']> = Extract<Passed, { readonly type: Type }>;

export function takePassed(session: Session, passed: Passed, turn: Turn): Session {
  switch (passed.type) {
    case 'attached':
      return takeAttached(session, passed, turn);
    case 'committed':
      return takeCommitted(session, passed.notice, turn);
    case 'refused':
      return passed.connection === session.connection ? takeRefused(session, passed, turn) : session;
    case 'snapshot':
      return passed.connection === session.connection ? takeSnapshot(session, passed.snapshot, turn) : session;
  }
}

/** Everything that earlier connections brought has been read now. */
function takeAttached(session: Session, { connection, log }: Reading<'attached'>, turn: Turn): Session {
  if (connection !== session.connection || session.link.phase !== 'attached') return session;
  const last = log.next - 1;
  let next = session;
  if (session.stay === 'new' && session.view === undefined && session.inbox.seen === 0) {
    next = { ...next, inbox: rollBack(next.inbox, last) };
  } else if (session.inbox.seen > last) {
    next = takeRollBack(next, last, turn);
  } else if (log.oldest > session.inbox.seen + 1) {
    next = passSequence(next, log.oldest - 1, turn);
  }
  if (next.inbox.seen >= last) return goLive(next, log.commitNumber, turn);
  return { ...next, link: { phase: 'catching-up', until: last, commitNumber: log.commitNumber } };
}

/** A log that is shorter than what we have seen was rolled back; its lost end cannot be counted, but it is said. */
function takeRollBack(session: Session, last: number, turn: Turn): Session {
  warn(turn, 'log-rolled-back', undefined);
  gap(turn, session.inbox.seen - last, undefined);
  setSight(turn);
  return {
    ...session,
    inbox: rollBack(session.inbox, last),
    tracked: session.tracked.filter((text) => text.sequence <= last),
    log: loseSight(session.log, 0),
  };
}

/** Frames before this one are lost: the gap is shown, and reading goes on behind it. */
function passSequence(session: Session, sequence: number, turn: Turn): Session {
  const taken = takeSequence(session.inbox, sequence + 1);
  if (taken === undefined) return session;
  setSight(turn);
  const next: Session = {
    ...session,
    inbox: { ...taken.inbox, seen: sequence },
    log: loseSight(session.log, sequence),
  };
  return taken.events.reduce((told, event) => announce(told, event, turn), next);
}

/**
 * The log has been read to where it stood. If frames were lost and the commit number is not ours, a commit may be among them: then this member
 * says nothing more under keys that may be over, and joins again. Else a commit number that differs only tells of a relay that was restarted.
 */
function goLive(session: Session, commitNumber: number, turn: Turn): Session {
  const missed = session.log.lost > 0 && commitNumber !== session.commitNumber.value;
  const isRenewed = session.renewal.phase === 'arriving';
  let next: Session = {
    ...session,
    link: { phase: 'live' },
    commitNumber: { phase: 'known', value: commitNumber },
    renewal: NO_RENEWAL,
    // Whoever went over to another circuit was never away: who is silent was silent to it as well.
    inbox: isRenewed ? session.inbox : forgiveSilence(session.inbox, turn.now),
    log: { ...session.log, lost: 0 },
  };
  tellRenewed(session.renewal, turn);
  next = dropLostCommit(next, turn);
  if (next.belonging.phase !== 'inside' && next.belonging.phase !== 'arriving') return fetchSnapshot(next, turn);
  if (missed) return rejoin(next, turn);
  // Whoever went over to another circuit was never away.
  if (!isRenewed) next = resumeKeyTurn(next, turn);
  if (next.stay === 'joined' && next.belonging.phase === 'inside' && !isRenewed)
    emit(turn, { type: 'state', state: 'joined' });
  return runErrands(pump(next, turn), turn);
}

/** COMMITTED stands behind its commit: whatever the commit was, it has been judged. */
function takeCommitted(session: Session, notice: CommitNotice, turn: Turn): Session {
  if (notice.commitNumber <= session.commitNumber.value) return session;
  const { lost } = session.log;
  const missed = lost > 0 && (notice.commitNumber > session.commitNumber.value + 1 || lost >= notice.first);
  let next: Session = {
    ...session,
    commitNumber: { phase: 'known', value: notice.commitNumber },
    outbox: overtake(session.outbox),
    log: missed ? session.log : { ...session.log, lost: 0 },
  };
  next = finishCommit(judgeCommit(next, notice, turn), turn);
  if (next.link.phase !== 'live') return next;
  if (missed && next.belonging.phase === 'inside') return rejoin({ ...next, log: { ...next.log, lost: 0 } }, turn);
  if (next.belonging.phase === 'outside') return fetchSnapshot(next, turn);
  return runErrands(pump(next, turn), turn);
}

/** The commit number is taken from COMMITTED alone: adopted from here, a frame of the old epoch could leave under the new commit number. */
function takeRefused(session: Session, refused: Reading<'refused'>, turn: Turn): Session {
  const answered = commitRefused(session, refused.what, turn);
  if (answered !== undefined) return answered.belonging.phase === 'outside' ? fetchSnapshot(answered, turn) : answered;
  // An honest relay never goes below what it has said before on this connection.
  if (refused.commitNumber < session.commitNumber.value) return cut(session, turn, 'relay-misbehaved');
  const turning = refused.commitNumber > session.commitNumber.value;
  let next: Session = { ...session, outbox: refuseFrame(session.outbox, refused.what) };
  if (turning) next = { ...next, commitNumber: { phase: 'turning', value: next.commitNumber.value } };
  if (next.belonging.phase === 'knocking') next = { ...next, belonging: { ...next.belonging, standing: 'refused' } };
  return pump(next, turn);
}

/** The log's next entry, opened: an echo, another member's content, a new epoch, a dummy, or nothing for us. */
export function takeOpened(
  session: Session,
  entry: { readonly sequence: number; readonly body: Uint8Array; readonly opened: GroupOpened },
  view: GroupView | undefined,
  turn: Turn,
): Session {
  const { sequence, body, opened } = entry;
  const taken = takeSequence(session.inbox, sequence);
  if (taken === undefined) return session;
  const lost = sequence - session.inbox.seen - 1;
  let next: Session = { ...session, inbox: taken.inbox };
  if (lost > 0) {
    setSight(turn);
    next = { ...next, log: loseSight(next.log, sequence - 1) };
  }
  next = { ...next, log: extendSeen(next.log, sequence, body) };
  for (const event of taken.events) next = announce(next, event, turn);
  // A new epoch tells of those who are out by the names they had.
  if (opened.kind !== 'epoch') next = takeGroupChange(next, view, turn);
  const echo = acknowledge(next.outbox, body);
  next =
    echo.departed === undefined
      ? takeOthers(markStored(next, body), sequence, opened, view, turn)
      : takeEcho({ ...next, outbox: echo.outbox }, echo.departed, sequence, turn);
  return reachEnd(next, turn);
}

function reachEnd(session: Session, turn: Turn): Session {
  const { link } = session;
  if (link.phase === 'catching-up' && session.inbox.seen >= link.until) return goLive(session, link.commitNumber, turn);
  return pump(session, turn);
}

/** The echo is the acknowledgement: the relay holds the frame. */
function takeEcho(session: Session, departed: Departed, sequence: number, turn: Turn): Session {
  const { draft, number } = departed;
  const next = noteByMember(session, sequence);
  if (draft.type === 'presence' && draft.status === 'leaving') return close(next, turn, undefined, undefined);
  if (draft.type === 'roll-call') return takeRollCall(next, turn);
  if (draft.type === 'move') {
    turn.effects.push({ type: 'moved' });
    emit(turn, { type: 'moderated', what: 'evicted' });
    return follow(next, draft.move, turn);
  }
  if (draft.type !== 'text') return next;
  if (draft.index !== draft.count - 1) return noteText(next);
  const id = messageId(turn.room.memberKey, number - draft.index);
  emit(turn, { type: 'sent', ref: draft.ref, id });
  const tracked = [...next.tracked, { id, sequence, by: 0 }].slice(-TRACKED_TEXTS_MAX);
  return { ...noteText(next), tracked };
}

/** A body that is not an echo of ours: another member's, a commit's, a dummy, or noise of the relay. */
function takeOthers(
  session: Session,
  sequence: number,
  opened: GroupOpened,
  view: GroupView | undefined,
  turn: Turn,
): Session {
  switch (opened.kind) {
    case 'content':
      return takeSaid(session, sequence, opened, turn);
    case 'epoch':
      return carryOver(session, takeEpoch(forgetOutside(session, opened), sequence, opened, view, turn), turn);
    case 'removed':
      if (session.stay === 'leaving' || opened.reason === 'left') return close(session, turn, undefined, undefined);
      return opened.reason === 'evicted' ? closeWith(session, turn, 'evicted') : rejoin(session, turn);
    case 'knock':
      return takeKnock(session, opened, turn);
    case 'welcome':
      // It begins in the middle of an epoch: what was seen of another one before it was removed is not this one's.
      return takeWelcome({ ...session, log: forgetEpochs(session.log) }, turn);
    case 'refused':
      return opened.by === 'own' ? commitVoid(session, turn) : session;
    case 'nothing':
      return takeNothing(session, sequence, opened, turn);
  }
}

/** Who comes in by a commit of its own was outside: whatever it has seen of an epoch, it was not the one before. */
function forgetOutside(session: Session, opened: Extract<GroupOpened, { kind: 'epoch' }>): Session {
  const comesIn = opened.by === 'own' && session.belonging.phase === 'joining';
  return comesIn ? { ...session, log: forgetEpochs(session.log) } : session;
}

/** What was said last in the epoch that `session` was in is compared in the next: everybody owes a receipt there. */
function carryOver(session: Session, next: Session, turn: Turn): Session {
  return owesBefore(session.log, next.log) ? oweReceipt(next, 'due', turn) : next;
}

/** The first debt starts the wait: were it each, a lively room would never be answered. */
function oweReceipt(session: Session, receipt: 'owed' | 'due', turn: Turn): Session {
  if (session.receipt === 'none') setTimer(turn, 'receipt', RECEIPT_DELAY_MS);
  return { ...session, receipt: session.receipt === 'due' ? 'due' : receipt };
}

function takeSaid(
  session: Session,
  sequence: number,
  said: Extract<GroupOpened, { kind: 'content' }>,
  turn: Turn,
): Session {
  const { memberKey, content } = said;
  // Our own frame that is not awaited was shown before: the relay replays it.
  if (equalBytes(memberKey, turn.room.memberKey)) return session;
  const readable = noteReadable(session, sequence, turn);
  if (content.type === 'move') return follow(readable, content, turn);
  const compared = compareLog(content.type === 'text' ? noteText(readable) : readable, memberKey, content, turn);
  // A receipt counts only from who has seen the same log.
  const believed = compared.agrees ? content : { ...content, seen: 0 };
  const taken = takeContent(compared.session.inbox, memberKey, believed, turn.now);
  let next = confirm({ ...compared.session, inbox: taken.inbox }, turn);
  for (const event of taken.events) next = answerInbox(announce(next, event, turn), event, turn);
  return content.type === 'roll-call' ? takeRollCall(next, turn) : next;
}

function takeNothing(
  session: Session,
  sequence: number,
  opened: Extract<GroupOpened, { kind: 'nothing' }>,
  turn: Turn,
): Session {
  if (opened.sealedBy === 'member') return noteByMember(session, sequence);
  const { phase } = session.belonging;
  if (opened.sealedBy === 'joiner' || (phase !== 'inside' && phase !== 'arriving')) return session;
  const next = noteUnreadable(session);
  return isForked(next, turn.now) ? leaveForked(next, turn) : next;
}

/** The room goes on elsewhere: whoever was told, and believes it, goes there with what it has not said yet. */
function follow(session: Session, move: Move, turn: Turn): Session {
  if (session.stay === 'leaving' || !turn.room.isOrderedMove(move)) return session;
  const { onionKey, roomSecret } = move;
  const { cover } = session.schedule;
  dropOrdered(session, turn);
  turn.effects.push({ type: 'hang-up' });
  const awaited = (session.view?.members ?? []).flatMap(({ memberKey, self }) => (self ? [] : [memberKey]));
  const texts = unsentTexts(session.outbox);
  // It hides as this one does.
  turn.effects.push({
    type: 'move',
    invite: { onionKey, roomSecret, ...(cover === 'off' ? {} : { cover }) },
    texts,
    awaited,
  });
  return { ...session, link: { phase: 'closed' } };
}

export function answerInbox(session: Session, event: InboxEvent, turn: Turn): Session {
  switch (event.type) {
    case 'text':
      return oweReceipt(session, 'owed', turn);
    case 'asked':
      return queueOnce(session, { type: 'presence', status: 'here' });
    case 'arrived':
    case 'left':
      emitMembers(session, turn);
      return session;
    case 'seen':
      return tellDelivered(session, turn);
    case 'gap':
      return session;
  }
}
