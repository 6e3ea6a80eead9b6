// The log in its order, opened: where the connection has got to, echoes, what others say, new epochs, the commit number, refusals. PROTOCOL.md §5.7, §5.8.

import { equalBytes } from '@sotto/protocol';
import type { CommitNotice } from '@sotto/protocol';
import { confirm, fetchSnapshot, leaveForked, resync, onEpoch, onSnapshot, onWelcome } from './membership.ts';
import { endSession, endWithCode, disconnect } from './ending.ts';
import {
  onCommitRefused,
  onCommitVoid,
  dropLostCommit,
  finishCommit,
  markStored,
  runCommitRequests,
} from './commits.ts';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import { forgiveSilence, rollBack, processContent, processSequence } from './inbox.ts';
import type { InboxEvent } from './inbox.ts';
import { RECEIPT_DELAY_MS, TRACKED_TEXTS_MAX } from '../limits.ts';
import type { Move } from '../moderator.ts';
import { dropOrdered } from './ordering.ts';
import { acknowledge, supersede, refuseFrame, unsentTexts } from './outbox.ts';
import type { DispatchedFrame } from './outbox.ts';
import { NO_RENEWAL } from './renewal.ts';
import type { RelayNotice, Session, StepContext } from './state.ts';
import { onKnock } from './admitting.ts';
import { sendReady, enqueueOnce } from './sending.ts';
import { announce, emitMembers, emitGap, messageId, notifyDelivered, notifyRenewed } from './notifications.ts';
import { emit, setTimer } from './effects.ts';
import {
  validateCommit,
  resumeScheduledRotation,
  scheduleLogGapRotation,
  onGroupChanged,
  onRollCall,
} from './maintenance.ts';
import {
  compareLog,
  extendLogState,
  forgetEpochs,
  isForked,
  markLost,
  noteByMember,
  noteReadable,
  noteText,
  noteUnreadable,
  owesReceipt,
  warn,
} from './log-consistency.ts';

type Reading<Type extends RelayNotice['type']> = Extract<RelayNotice, { readonly type: Type }>;

export function onNotice(session: Session, notice: RelayNotice, context: StepContext): Session {
  switch (notice.type) {
    case 'attached':
      return onAttached(session, notice, context);
    case 'committed':
      return onCommitted(session, notice.notice, context);
    case 'refused':
      return notice.connection === session.connection ? onRefused(session, notice, context) : session;
    case 'snapshot':
      return notice.connection === session.connection ? onSnapshot(session, notice.snapshot, context) : session;
  }
}

/** Everything that earlier connections brought has been read now. */
function onAttached(session: Session, { connection, log }: Reading<'attached'>, context: StepContext): Session {
  if (connection !== session.connection || session.link.phase !== 'attached') return session;
  const last = log.next - 1;
  let next = session;
  if (session.status === 'new' && session.view === undefined && session.inbox.seen === 0) {
    next = { ...next, inbox: rollBack(next.inbox, last) };
  } else if (session.inbox.seen > last) {
    next = onRollBack(next, last, context);
  } else if (log.oldest > session.inbox.seen + 1) {
    next = passSequence(next, log.oldest - 1, context);
  }
  if (next.inbox.seen >= last) return goLive(next, log.commitNumber, context);
  return { ...next, link: { phase: 'catching-up', until: last, commitNumber: log.commitNumber } };
}

/** A log that is shorter than what we have seen was rolled back; its lost end cannot be counted, but it is said. */
function onRollBack(session: Session, last: number, context: StepContext): Session {
  warn(context, 'log-rolled-back', undefined);
  emitGap(context, session.inbox.seen - last, undefined);
  scheduleLogGapRotation(context);
  return {
    ...session,
    inbox: rollBack(session.inbox, last),
    tracked: session.tracked.filter((text) => text.sequence <= last),
    log: markLost(session.log, 0),
  };
}

/** Frames before this one are lost: the gap is shown, and reading goes on behind it. */
function passSequence(session: Session, sequence: number, context: StepContext): Session {
  const taken = processSequence(session.inbox, sequence + 1);
  if (taken === undefined) return session;
  scheduleLogGapRotation(context);
  const next: Session = {
    ...session,
    inbox: { ...taken.inbox, seen: sequence },
    log: markLost(session.log, sequence),
  };
  return taken.events.reduce((told, event) => announce(told, event, context), next);
}

/**
 * The log has been read to where it stood. If frames were lost and the commit number is not ours, a commit may be among them: then this member
 * says nothing more under keys that may be over, and joins again. Else a commit number that differs only tells of a relay that was restarted.
 */
function goLive(session: Session, commitNumber: number, context: StepContext): Session {
  const missed = session.log.lost > 0 && commitNumber !== session.commitNumber.value;
  const isRenewed = session.renewal.phase === 'arriving';
  let next: Session = {
    ...session,
    link: { phase: 'live' },
    commitNumber: { phase: 'known', value: commitNumber },
    renewal: NO_RENEWAL,
    // Whoever went over to another circuit was never away: who is silent was silent to it as well.
    inbox: isRenewed ? session.inbox : forgiveSilence(session.inbox, context.now),
    log: { ...session.log, lost: 0 },
  };
  notifyRenewed(session.renewal, context);
  next = dropLostCommit(next, context);
  if (next.membership.phase !== 'inside' && next.membership.phase !== 'arriving') return fetchSnapshot(next, context);
  if (missed) return resync(next, context);
  // Whoever went over to another circuit was never away.
  if (!isRenewed) next = resumeScheduledRotation(next, context);
  if (next.status === 'joined' && next.membership.phase === 'inside' && !isRenewed)
    emit(context, { type: 'state', state: 'joined' });
  return runCommitRequests(sendReady(next, context), context);
}

/** COMMITTED stands behind its commit: whatever the commit was, it has been judged. */
function onCommitted(session: Session, notice: CommitNotice, context: StepContext): Session {
  if (notice.commitNumber <= session.commitNumber.value) return session;
  const { lost } = session.log;
  const missed = lost > 0 && (notice.commitNumber > session.commitNumber.value + 1 || lost >= notice.first);
  let next: Session = {
    ...session,
    commitNumber: { phase: 'known', value: notice.commitNumber },
    outbox: supersede(session.outbox),
    log: missed ? session.log : { ...session.log, lost: 0 },
  };
  next = finishCommit(validateCommit(next, notice, context), context);
  if (next.link.phase !== 'live') return next;
  if (missed && next.membership.phase === 'inside') return resync({ ...next, log: { ...next.log, lost: 0 } }, context);
  if (next.membership.phase === 'outside') return fetchSnapshot(next, context);
  return runCommitRequests(sendReady(next, context), context);
}

/** The commit number is taken from COMMITTED alone: adopted from here, a frame of the old epoch could leave under the new commit number. */
function onRefused(session: Session, refused: Reading<'refused'>, context: StepContext): Session {
  const answered = onCommitRefused(session, refused.what, context);
  if (answered !== undefined)
    return answered.membership.phase === 'outside' ? fetchSnapshot(answered, context) : answered;
  // An honest relay never goes below what it has said before on this connection.
  if (refused.commitNumber < session.commitNumber.value) return disconnect(session, context, 'relay-misbehaved');
  const turning = refused.commitNumber > session.commitNumber.value;
  let next: Session = { ...session, outbox: refuseFrame(session.outbox, refused.what) };
  if (turning) next = { ...next, commitNumber: { phase: 'turning', value: next.commitNumber.value } };
  if (next.membership.phase === 'knocking') next = { ...next, membership: { ...next.membership, status: 'refused' } };
  return sendReady(next, context);
}

/** The log's next entry, opened: an echo, another member's content, a new epoch, a dummy, or nothing for us. */
export function onEntryOpened(
  session: Session,
  entry: { readonly sequence: number; readonly body: Uint8Array; readonly opened: GroupOpened },
  view: GroupView | undefined,
  context: StepContext,
): Session {
  const { sequence, body, opened } = entry;
  const taken = processSequence(session.inbox, sequence);
  if (taken === undefined) return session;
  const lost = sequence - session.inbox.seen - 1;
  let next: Session = { ...session, inbox: taken.inbox };
  if (lost > 0) {
    scheduleLogGapRotation(context);
    next = { ...next, log: markLost(next.log, sequence - 1) };
  }
  next = { ...next, log: extendLogState(next.log, sequence, body) };
  for (const event of taken.events) next = announce(next, event, context);
  // A new epoch tells of those who are out by the names they had.
  if (opened.kind !== 'epoch') next = onGroupChanged(next, view, context);
  const echo = acknowledge(next.outbox, body);
  next =
    echo.dispatched === undefined
      ? onOtherEntry(markStored(next, body), sequence, opened, view, context)
      : onEcho({ ...next, outbox: echo.outbox }, echo.dispatched, sequence, context);
  return reachEnd(next, context);
}

function reachEnd(session: Session, context: StepContext): Session {
  const { link } = session;
  if (link.phase === 'catching-up' && session.inbox.seen >= link.until)
    return goLive(session, link.commitNumber, context);
  return sendReady(session, context);
}

/** The echo is the acknowledgement: the relay holds the frame. */
function onEcho(session: Session, dispatched: DispatchedFrame, sequence: number, context: StepContext): Session {
  const { draft, number } = dispatched;
  const next = noteByMember(session, sequence);
  if (draft.type === 'presence' && draft.status === 'leaving') return endSession(next, context, undefined, undefined);
  if (draft.type === 'roll-call') return onRollCall(next, context);
  if (draft.type === 'move') {
    context.effects.push({ type: 'moved' });
    emit(context, { type: 'moderated', what: 'evicted' });
    return follow(next, draft.move, context);
  }
  if (draft.type !== 'text') return next;
  if (draft.index !== draft.count - 1) return noteText(next);
  const id = messageId(context.room.memberKey, number - draft.index);
  emit(context, { type: 'sent', ref: draft.ref, id });
  const tracked = [...next.tracked, { id, sequence, by: 0 }].slice(-TRACKED_TEXTS_MAX);
  return { ...noteText(next), tracked };
}

/** A body that is not an echo of ours: another member's, a commit's, a dummy, or noise of the relay. */
function onOtherEntry(
  session: Session,
  sequence: number,
  opened: GroupOpened,
  view: GroupView | undefined,
  context: StepContext,
): Session {
  switch (opened.kind) {
    case 'content':
      return onContent(session, sequence, opened, context);
    case 'epoch':
      return carryOver(session, onEpoch(forgetOutside(session, opened), sequence, opened, view, context), context);
    case 'removed':
      if (session.status === 'leaving' || opened.reason === 'left')
        return endSession(session, context, undefined, undefined);
      return opened.reason === 'evicted' ? endWithCode(session, context, 'evicted') : resync(session, context);
    case 'knock':
      return onKnock(session, opened, context);
    case 'welcome':
      // It begins in the middle of an epoch: what was seen of another one before it was removed is not this one's.
      return onWelcome({ ...session, log: forgetEpochs(session.log) }, context);
    case 'refused':
      return opened.by === 'own' ? onCommitVoid(session, context) : session;
    case 'nothing':
      return onNoContent(session, sequence, opened, context);
  }
}

/** Who comes in by a commit of its own was outside: whatever it has seen of an epoch, it was not the one before. */
function forgetOutside(session: Session, opened: Extract<GroupOpened, { kind: 'epoch' }>): Session {
  const comesIn = opened.by === 'own' && session.membership.phase === 'joining';
  return comesIn ? { ...session, log: forgetEpochs(session.log) } : session;
}

/** What was said last in the epoch that `session` was in is compared in the next: everybody owes a receipt there. */
function carryOver(session: Session, next: Session, context: StepContext): Session {
  return owesReceipt(session.log, next.log) ? oweReceipt(next, 'due', context) : next;
}

/** The first debt starts the wait: were it each, a lively room would never be answered. */
function oweReceipt(session: Session, receipt: 'owed' | 'due', context: StepContext): Session {
  if (session.receipt === 'none') setTimer(context, 'receipt', RECEIPT_DELAY_MS);
  return { ...session, receipt: session.receipt === 'due' ? 'due' : receipt };
}

function onContent(
  session: Session,
  sequence: number,
  said: Extract<GroupOpened, { kind: 'content' }>,
  context: StepContext,
): Session {
  const { memberKey, content } = said;
  // Our own frame that is not awaited was shown before: the relay replays it.
  if (equalBytes(memberKey, context.room.memberKey)) return session;
  const readable = noteReadable(session, sequence, context);
  if (content.type === 'move') return follow(readable, content, context);
  const compared = compareLog(content.type === 'text' ? noteText(readable) : readable, memberKey, content, context);
  // A receipt counts only from who has seen the same log.
  const believed = compared.agrees ? content : { ...content, seen: 0 };
  const taken = processContent(compared.session.inbox, memberKey, believed, context.now);
  let next = confirm({ ...compared.session, inbox: taken.inbox }, context);
  for (const event of taken.events) next = answerInbox(announce(next, event, context), event, context);
  return content.type === 'roll-call' ? onRollCall(next, context) : next;
}

function onNoContent(
  session: Session,
  sequence: number,
  opened: Extract<GroupOpened, { kind: 'nothing' }>,
  context: StepContext,
): Session {
  if (opened.sealedBy === 'member') return noteByMember(session, sequence);
  const { phase } = session.membership;
  if (opened.sealedBy === 'joiner' || (phase !== 'inside' && phase !== 'arriving')) return session;
  const next = noteUnreadable(session);
  return isForked(next, context.now) ? leaveForked(next, context) : next;
}

/** The room goes on elsewhere: whoever was told, and believes it, goes there with what it has not said yet. */
function follow(session: Session, move: Move, context: StepContext): Session {
  if (session.status === 'leaving' || !context.room.isOrderedMove(move)) return session;
  const { onionKey, roomSecret } = move;
  const { cover } = session.schedule;
  dropOrdered(session, context);
  context.effects.push({ type: 'disconnect' });
  const awaited = (session.view?.members ?? []).flatMap(({ memberKey, self }) => (self ? [] : [memberKey]));
  const texts = unsentTexts(session.outbox);
  // It hides as this one does.
  context.effects.push({
    type: 'move',
    invite: { onionKey, roomSecret, ...(cover === 'off' ? {} : { cover }) },
    texts,
    awaited,
  });
  return { ...session, link: { phase: 'closed' } };
}

export function answerInbox(session: Session, event: InboxEvent, context: StepContext): Session {
  switch (event.type) {
    case 'text':
      return oweReceipt(session, 'owed', context);
    case 'asked':
      return enqueueOnce(session, { type: 'presence', status: 'here' });
    case 'arrived':
    case 'left':
      emitMembers(session, context);
      return session;
    case 'seen':
      return notifyDelivered(session, context);
    case 'gap':
      return session;
  }
}
