// Processes the log in its order, opened: echoes, contents of others, epochs, the commit number,
// refusals. PROTOCOL.md §5.7, §5.8.

import { equalBytes } from '@sotto/protocol';
import type { CommitPlace } from '@sotto/protocol';
import type { GroupOpened, GroupView } from '../group/membership.ts';
import type { EpochBegun, LogEntry } from '../group/opened-entry.ts';
import type { GroupWorkResult } from '../group/worker.ts';
import { RECEIPT_DELAY_MS } from '../limits.ts';
import type { Move } from '../moderator.ts';
import { dropOrdered, onKnock } from './moderation.ts';
import { onCommitRefused, onCommitVoid, dropLostCommit, finishCommit, runCommitRequests } from './commits.ts';
import { emit, setTimer, warn } from './effects.ts';
import type { RelayNotice, StepContext } from './effects.ts';
import { closeSession, endSession, endWithCode, disconnect } from './ending.ts';
import { compareLog, isForked } from './log-consistency.ts';
import {
  noteSaid,
  validateCommit,
  resumeScheduledRotation,
  scheduleLogGapRotation,
  onGroupChanged,
  onRollCall,
} from './maintenance.ts';
import {
  confirm,
  fetchSnapshot,
  leaveForked,
  onEpoch,
  onKnockRefused,
  onSnapshot,
  onWelcome,
  resync,
} from './membership.ts';
import { announce, emitMembers, emitGap, messageId, notifyDelivered, notifyRenewed } from './notifications.ts';
import { sendReady, enqueueOnce } from './sending.ts';
import { awaitCommitted, markStored, setCommitNumber } from './slices/commits.ts';
import type { CompletedCommit } from './slices/commits.ts';
import { awayMs, catchUp, onCaughtUp } from './slices/connection.ts';
import { textPlaintextBytes } from './slices/cover.ts';
import { forgiveSilence, processContent, processSequence, rollBack, skipTo } from './slices/inbox.ts';
import type { InboxEvent } from './slices/inbox.ts';
import {
  appendEntry,
  forgetEpochs,
  forgetLost,
  markLost,
  noteByMember,
  noteReadable,
  noteUnreadable,
  owesReceipt,
} from './slices/log.ts';
import { hasKeys } from './slices/membership.ts';
import * as outboxSlice from './slices/outbox.ts';
import type { DispatchedFrame } from './slices/outbox.ts';
import type { Session } from './state.ts';

type Notice<Type extends RelayNotice['type']> = Extract<RelayNotice, { readonly type: Type }>;

// Notices of the relay

export function onNotice(session: Session, notice: RelayNotice, context: StepContext): Session {
  const { number } = session.connection;
  switch (notice.type) {
    case 'attached':
      return onAttached(session, notice, context);
    case 'refused':
      return notice.connection === number ? onRefused(session, notice, context) : session;
    case 'snapshot':
      return notice.connection === number ? onSnapshot(session, notice.snapshot, context) : session;
  }
}

/** All entries of earlier connections have been processed now. */
function onAttached(session: Session, { connection, log }: Notice<'attached'>, context: StepContext): Session {
  if (connection !== session.connection.number || session.connection.link.phase !== 'attached') return session;
  const last = log.next - 1;
  const { seen } = session.inbox;
  let next = session;
  if (session.user.status === 'new' && session.membership.view === undefined && seen === 0) {
    next = { ...next, inbox: rollBack(next.inbox, last) };
  } else if (seen > last) {
    next = onRollBack(next, last, context);
  } else if (log.oldest > seen + 1) {
    warn(context, 'away-too-long', undefined);
    next = passSequence(next, log.oldest - 1, context);
  }
  if (next.inbox.seen >= last) return goLive(next, log.commitNumber, context);
  return { ...next, connection: catchUp(next.connection, last, log.commitNumber) };
}

/** The log is shorter than before: it was rolled back. The user is warned, and shown the gap. */
function onRollBack(session: Session, last: number, context: StepContext): Session {
  warn(context, 'log-rolled-back', undefined);
  emitGap(context, session.inbox.seen - last, undefined);
  scheduleLogGapRotation(context);
  return {
    ...session,
    inbox: rollBack(session.inbox, last),
    outbox: outboxSlice.rollBackTracked(session.outbox, last),
    log: markLost(session.log, 0),
  };
}

/** Entries up to this one are lost: the gap is shown, and the log is read behind it. */
function passSequence(session: Session, sequence: number, context: StepContext): Session {
  const passed = processSequence(session.inbox, sequence + 1);
  if (passed === undefined) return session;
  scheduleLogGapRotation(context);
  const next: Session = {
    ...session,
    inbox: skipTo(passed.inbox, sequence),
    log: markLost(session.log, sequence),
  };
  return passed.events.reduce((announced, event) => announce(announced, event, context), next);
}

/**
 * The log has been read to the end that ATTACHED named. If entries were lost and the commit number
 * is not the known one, a commit may be among them: this member resyncs. Otherwise the relay has
 * hidden a commit or has gone back, which the members' comparison of the log shows.
 */
function goLive(session: Session, commitNumber: number, context: StepContext): Session {
  const missed = session.log.lost > 0 && commitNumber !== session.commits.number.value;
  const { renewal } = session.connection;
  // A member that renewed its circuit was never away: silent members were silent to it as well.
  const wasAway = renewal.phase !== 'catching-up';
  let next: Session = {
    ...session,
    connection: onCaughtUp(session.connection),
    commits: setCommitNumber(session.commits, commitNumber),
    inbox: wasAway
      ? forgiveSilence(session.inbox, awayMs(session.connection, context.now), context.now)
      : session.inbox,
    log: forgetLost(session.log),
  };
  notifyRenewed(renewal, context);
  next = dropLostCommit(next, session.log.lost === 0, context);
  if (!hasKeys(next.membership)) return fetchSnapshot(next, context);
  if (missed) return resync(next, context);
  if (wasAway) next = resumeScheduledRotation(next, context);
  if (next.user.status === 'joined' && next.membership.phase === 'inside' && wasAway)
    emit(context, { type: 'state', state: 'joined' });
  return runCommitRequests(sendReady(next, context), context);
}

/** A commit is complete: its last frame has been processed, and the commit validated. */
function onCommitted(session: Session, commit: CompletedCommit, context: StepContext): Session {
  const known = session.commits.number.value;
  const { commitNumber, first } = commit;
  if (commitNumber <= known) return session;
  const { lost } = session.log;
  const missed = lost > 0 && (commitNumber > known + 1 || lost >= first);
  // A member resyncs when it is live: until then it keeps the number that shows `goLive` the miss.
  if (missed && session.connection.link.phase !== 'live') return session;
  let next: Session = {
    ...session,
    commits: setCommitNumber(session.commits, commitNumber),
    outbox: outboxSlice.supersede(session.outbox),
    log: missed ? session.log : forgetLost(session.log),
  };
  next = finishCommit(validateCommit(next, commit, context), context);
  if (next.connection.link.phase !== 'live') return next;
  if (missed && next.membership.phase === 'inside') return resync({ ...next, log: forgetLost(next.log) }, context);
  if (next.membership.phase === 'outside') return fetchSnapshot(next, context);
  return runCommitRequests(sendReady(next, context), context);
}

/**
 * The commit number comes from COMMITTED alone. If it came from REFUSED, a frame of the old epoch
 * could leave under the new commit number.
 */
function onRefused(session: Session, refused: Notice<'refused'>, context: StepContext): Session {
  const answered = onCommitRefused(session, refused.what, context);
  if (answered !== undefined)
    return answered.membership.phase === 'outside' ? fetchSnapshot(answered, context) : answered;
  const { commits } = session;
  // An honest relay never goes below an earlier number on this connection.
  if (refused.commitNumber < commits.number.value) return disconnect(session, context, 'relay-misbehaved');
  const next: Session = {
    ...session,
    outbox: outboxSlice.refuseFrame(session.outbox, refused.what),
    commits: refused.commitNumber > commits.number.value ? awaitCommitted(commits) : commits,
  };
  return sendReady(onKnockRefused(next), context);
}

// Entries

/**
 * The log's next entry, opened: an echo, a content, an epoch, a dummy, or nothing for this member.
 */
export function onEntryOpened(
  session: Session,
  { entry, opened, view }: Extract<GroupWorkResult, { type: 'entry-opened' }>,
  context: StepContext,
): Session {
  const { sequence, place } = entry;
  const processed = processSequence(session.inbox, sequence);
  if (processed === undefined) return session;
  const lost = sequence - session.inbox.seen - 1;
  if (lost > 0) scheduleLogGapRotation(context);
  const log = lost > 0 ? markLost(session.log, sequence - 1) : session.log;
  let next: Session = { ...session, inbox: processed.inbox, log: appendEntry(log, entry) };
  for (const event of processed.events) next = announce(next, event, context);
  // An epoch reports removed members by the names they had, so it changes the group itself.
  if (opened.kind !== 'epoch') next = onGroupChanged(next, view, context);
  next =
    place === undefined
      ? onPublished(next, entry, { opened, view }, context)
      : onCommitFrame(next, entry, place, { opened, view }, context);
  return reachEnd(next, context);
}

/** An opened entry, and the group as it is after it. */
type Opened = Pick<Extract<GroupWorkResult, { type: 'entry-opened' }>, 'opened' | 'view'>;

function onPublished(session: Session, entry: LogEntry, { opened, view }: Opened, context: StepContext): Session {
  const { outbox, dispatched } = outboxSlice.acknowledge(session.outbox, entry.envelope);
  return dispatched === undefined
    ? onOtherEntry(session, entry.sequence, opened, view, context)
    : onEcho({ ...session, outbox }, dispatched, entry.sequence, context);
}

/** The commit number changes with the last frame of a commit, behind all that it brings about. */
function onCommitFrame(
  session: Session,
  { sequence, envelope }: LogEntry,
  { commitNumber, index, count }: CommitPlace,
  { opened, view }: Opened,
  context: StepContext,
): Session {
  const stored: Session = { ...session, commits: markStored(session.commits, envelope) };
  const next = onOtherEntry(stored, sequence, opened, view, context);
  if (next.connection.link.phase === 'closed' || index < count - 1) return next;
  return onCommitted(next, { commitNumber, first: sequence - index }, context);
}

function reachEnd(session: Session, context: StepContext): Session {
  const { link } = session.connection;
  if (link.phase === 'catching-up' && session.inbox.seen >= link.until)
    return goLive(session, link.commitNumber, context);
  return sendReady(session, context);
}

/** The echo is the acknowledgement: the relay holds the frame. */
function onEcho(session: Session, dispatched: DispatchedFrame, sequence: number, context: StepContext): Session {
  const { draft, number } = dispatched;
  const next: Session = { ...session, log: noteByMember(session.log, sequence) };
  if (draft.type === 'presence' && draft.status === 'leaving') return endSession(next, context, undefined, undefined);
  if (draft.type === 'roll-call') return onRollCall(next, context);
  if (draft.type !== 'text') return next;
  const said = noteSaid(next, context);
  if (draft.index !== draft.count - 1) return said;
  const id = messageId(context.room.memberKey, number - draft.index);
  emit(context, { type: 'sent', ref: draft.ref, id });
  return { ...said, outbox: outboxSlice.trackText(said.outbox, { id, sequence }, said.log.start) };
}

/** An entry that is no echo: of another member, of a commit, a dummy, or the relay's noise. */
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
      return followMove(
        carryOver(session, onEpoch(forgetOutside(session, opened), sequence, opened, view, context), context),
        opened,
        context,
      );
    case 'removed':
      if (session.user.status === 'leaving' || opened.reason === 'left')
        return endSession(session, context, undefined, undefined);
      return opened.reason === 'silent' ? resync(session, context) : endWithCode(session, context, opened.reason);
    case 'knock':
      return onKnock(session, opened, context);
    case 'welcome':
      // A welcome leads into the middle of an epoch: entries seen before are not of that epoch.
      return onWelcome({ ...session, log: forgetEpochs(session.log) }, context);
    case 'refused':
      return opened.by === 'own' ? onCommitVoid(session, context) : session;
    case 'nothing':
      return onNoContent(session, sequence, opened, context);
  }
}

/** A member that joins by its own commit was outside: the epoch it saw was not the one before. */
function forgetOutside(session: Session, opened: Extract<GroupOpened, { kind: 'epoch' }>): Session {
  const joins = opened.by === 'own' && session.membership.phase === 'joining';
  return joins ? { ...session, log: forgetEpochs(session.log) } : session;
}

/** The last texts of an epoch are compared in the next one: all members owe a receipt there. */
function carryOver(session: Session, next: Session, context: StepContext): Session {
  return owesReceipt(session.log, next.log) ? oweReceipt(next, 'due', context) : next;
}

/** The first receipt owed starts the wait. If each did, a lively room would never get one. */
function oweReceipt(session: Session, receipt: 'owed' | 'due', context: StepContext): Session {
  if (session.outbox.receipt === 'none') setTimer(context, 'receipt', RECEIPT_DELAY_MS);
  return { ...session, outbox: outboxSlice.oweReceipt(session.outbox, receipt) };
}

function onContent(
  session: Session,
  sequence: number,
  { memberKey, content }: Extract<GroupOpened, { kind: 'content' }>,
  context: StepContext,
): Session {
  // An own frame that is not awaited was shown before: the relay replays it.
  if (equalBytes(memberKey, context.room.memberKey)) return session;
  const readable: Session = { ...session, log: noteReadable(session.log, sequence, context.now) };
  const noted: Session = content.type === 'text' ? noteSaid(readable, context) : readable;
  const compared = compareLog(noted, memberKey, content, context);
  // A receipt counts only from a member that has seen the same log.
  const believed = compared.agrees ? content : { ...content, seen: 0 };
  const processed = processContent(compared.session.inbox, memberKey, believed, context.now);
  let next = confirm({ ...compared.session, inbox: processed.inbox }, context);
  for (const event of processed.events) next = answerInbox(announce(next, event, context), event, context);
  return content.type === 'roll-call' ? onRollCall(next, context) : next;
}

function onNoContent(
  session: Session,
  sequence: number,
  opened: Extract<GroupOpened, { kind: 'nothing' }>,
  context: StepContext,
): Session {
  if (opened.sealedBy === 'member') return { ...session, log: noteByMember(session.log, sequence) };
  if (opened.sealedBy === 'joiner' || !hasKeys(session.membership)) return session;
  const next: Session = { ...session, log: noteUnreadable(session.log) };
  return isForked(next, context.now) ? leaveForked(next, context) : next;
}

/** The commit that has begun this epoch may lead its members to another room. */
function followMove(session: Session, opened: EpochBegun, context: StepContext): Session {
  const { by, move } = opened;
  if (move === undefined) return session;
  if (by === 'own') {
    context.effects.push({ type: 'moved' });
    const { own } = session.commits;
    const isEviction = own.phase === 'sent' && own.request.type === 'move' && own.request.offer.order !== undefined;
    emit(context, { type: 'moderated', what: isEviction ? 'evicted' : 'moved' });
  }
  return session.user.status === 'leaving' ? session : follow(session, move, context);
}

/** A member follows with its unsent texts. */
function follow(session: Session, move: Move, context: StepContext): Session {
  const { onionKey, roomSecret, cover } = move;
  dropOrdered(session, context);
  context.effects.push({ type: 'disconnect' });
  const { members = [], leavers = [] } = session.membership.view ?? {};
  const staying = members.filter(({ memberId }) => !leavers.some((leaver) => equalBytes(leaver, memberId)));
  const awaited = staying.flatMap(({ memberKey, self }) => (self ? [] : [memberKey]));
  const unsent = outboxSlice.unsentTexts(session.outbox);
  const isSame = cover === session.cover.mode;
  const texts = isSame ? unsent : outboxSlice.recutTexts(unsent, textPlaintextBytes({ mode: cover }));
  context.effects.push({
    type: 'move',
    invite: { onionKey, roomSecret, ...(cover === 'off' ? {} : { cover }) },
    texts,
    awaited,
  });
  return closeSession(session);
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
      return notifyDelivered(session, event.member, context);
    case 'gap':
      return session;
  }
}
