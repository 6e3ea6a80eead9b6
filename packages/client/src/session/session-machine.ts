// The life of one member in one room, as a pure state machine:
// (session, event, inputs) -> { state, effects }. PROTOCOL.md §4, §5.7, §5.8.

import type { Step } from '@sotto/machine';
import { NAME_BYTES_MAX, SILENCE_LIMIT_MS } from '@sotto/protocol';
import { ATTACH_DEADLINE_MS, JOIN_LIMIT_MS } from '../limits.ts';
import { encodeText } from '../utf8.ts';
import { admit, onMoveOffered, onOrder } from './moderation.ts';
import {
  abandonRenewal,
  handOverWhenIdle,
  renew,
  onStandbyLost,
  onStandbyFrame,
  onStandbyOpened,
} from './circuit-renewal.ts';
import { runCommitRequests } from './commits.ts';
import { onFrame, onPingTimer, onSilenceTimer } from './connection.ts';
import { prepareSlot, onSlot } from './cover.ts';
import { emit, emitError, setTimer } from './effects.ts';
import type { Effect, StepContext, StepInputs, TimerName } from './effects.ts';
import { dial, endSession, endWithCode, disconnect, scheduleReconnect } from './ending.ts';
import { leave, sendGoodbye } from './leaving.ts';
import { answerInbox, onEntryOpened, onNotice } from './log.ts';
import { onPresence, onPresenceSealed, onPresenceTimer } from './presence.ts';
import { forgetUnreadable, isForked } from './log-consistency.ts';
import {
  setMembersCheck,
  startRollCall,
  onLeaversTimer,
  onScheduledRotation,
  onRestoreTimer,
  onRollCallEnd,
  onRotationTimer,
  onLogGapTimer,
} from './maintenance.ts';
import { fetchSnapshot, leaveForked, onTaskFinished, onUnanswered } from './membership.ts';
import { announce, announceUnnamed } from './notifications.ts';
import { sendReady, sendText, onReceiptTimer, onSealed } from './sending.ts';
import { noteHeard, onOpened } from './slices/connection.ts';
import { countReceived, freeTexts, silentMs } from './slices/cover.ts';
import { dropSilent } from './slices/inbox.ts';
import type { Session, SessionEvent } from './state.ts';

/** The one way a session changes. After `closed` no event changes it. */
export function step(session: Session, event: SessionEvent, inputs: StepInputs): Step<Session, Effect> {
  const context: StepContext = { ...inputs, effects: [] };
  if (session.connection.link.phase === 'closed') {
    if (event.type === 'send') emitError(context, 'not-joined', event.ref);
    if (event.type === 'move-offered') context.effects.push({ type: 'not-moved' });
    return { state: session, effects: [...context.effects] };
  }
  const state = handOverWhenIdle(react(session, event, context), context);
  return { state, effects: [...context.effects] };
}

function react(session: Session, event: SessionEvent, context: StepContext): Session {
  const { status } = session.user;
  switch (event.type) {
    case 'start':
      if (!isName(session.user.name)) return endWithCode(session, context, 'name-invalid');
      setTimer(context, 'join-limit', JOIN_LIMIT_MS);
      return dial(session, context);
    case 'stage':
      if (status === 'new') emit(context, event.stage);
      return session;
    case 'connected':
      setTimer(context, 'attach-deadline', ATTACH_DEADLINE_MS);
      if (status === 'new') emit(context, { type: 'state', state: 'joining' });
      return { ...session, connection: onOpened(session.connection, event.connection) };
    case 'dial-failed':
      return event.final
        ? endSession(session, context, event.code, event.message)
        : scheduleReconnect(session, context, event.code, event.message);
    case 'standby-opened':
      return onStandbyOpened(session, event.connection, context);
    case 'standby-failed':
      return abandonRenewal(session, context);
    case 'frame':
      if (event.connection !== session.connection.number)
        return onStandbyFrame(session, event.connection, event.bytes, context);
      return onConnectionFrame(session, event.bytes, context);
    case 'entry-opened':
      return onEntryOpened(session, event, context);
    case 'notice':
      return onNotice(session, event.notice, context);
    case 'presence-opened':
      return onPresence(session, event.presence, context);
    case 'presence-sealed':
      return onPresenceSealed(session, event, context);
    case 'sealed':
      return onSealed(session, event.ticket, event.body, context);
    case 'task-finished':
      return onTaskFinished(session, event.task, event.made, event.view, context);
    case 'connection-lost':
      if (event.connection !== session.connection.number) return onStandbyLost(session, event.connection, context);
      return disconnect(session, context, event.code);
    case 'timer':
      return onTimer(session, event.name, context);
    case 'renew':
      return renew(session, 'by-user', context);
    case 'send':
      return sendText(session, event.text, event.ref, context);
    case 'admit':
      return admit(session, event.fingerprint, context);
    case 'ordered':
      return onOrder(session, event, context);
    case 'move-offered':
      return onMoveOffered(session, event, context);
    case 'order-failed':
      emit(context, { type: 'error', code: event.code, message: event.message });
      return session;
    case 'leave':
      return leave(session, context);
  }
}

/** Once ATTACH has left on the standby connection, frames of the one in use are ignored. */
function onConnectionFrame(session: Session, bytes: Uint8Array, context: StepContext): Session {
  const heard: Session = {
    ...session,
    connection: noteHeard(session.connection, context.now),
    cover: countReceived(session.cover, bytes.length),
  };
  return heard.connection.renewal.phase === 'handover' ? heard : onFrame(heard, bytes, context);
}

function isName(name: string): boolean {
  const length = encodeText(name).length;
  return length > 0 && length <= NAME_BYTES_MAX;
}

function onTimer(session: Session, name: TimerName, context: StepContext): Session {
  switch (name) {
    case 'retry':
      return session.connection.link.phase === 'waiting' ? dial(session, context) : session;
    case 'attach-deadline':
      return disconnect(session, context, 'connection-silent');
    case 'renew':
      return renew(session, 'by-clock', context);
    case 'handover':
      return abandonRenewal(session, context);
    case 'ping':
      return onPingTimer(session, context);
    case 'slot':
      return onSlot(session, context);
    case 'seal':
      return prepareSlot(session, context);
    case 'dwell':
      return sendReady({ ...session, cover: freeTexts(session.cover) }, context);
    case 'goodbye':
      return sendGoodbye(session, context);
    case 'silence':
      return onSilenceTimer(session, context);
    case 'join-limit':
      return onJoinLimit(session, context);
    case 'receipt':
      return onReceiptTimer(session, context);
    case 'presence':
      return onPresenceTimer(session, context);
    case 'members-check':
      return onMembersCheck(session, context);
    case 'names':
      return announceUnnamed(session, context);
    case 'leave':
      return endSession(session, context, undefined, undefined);
    case 'fetch':
      return fetchSnapshot(session, context);
    case 'confirm':
      return onUnanswered(session, context);
    case 'commit-retry':
      return runCommitRequests(session, context);
    case 'rotate':
      return onRotationTimer(session, context);
    case 'scheduled-rotation':
      return onScheduledRotation(session, context);
    case 'remove-leavers':
      return onLeaversTimer(session, context);
    case 'log-gap':
      return onLogGapTimer(session, context);
    case 'restore-snapshot':
      return onRestoreTimer(session, context);
    case 'roll-call':
      return onRollCallEnd(session, context);
  }
}

function onJoinLimit(session: Session, context: StepContext): Session {
  if (session.user.status === 'joined') return session;
  return endWithCode(session, context, session.membership.phase === 'knocking' ? 'knock-unanswered' : 'join-timeout');
}

function onMembersCheck(session: Session, context: StepContext): Session {
  setMembersCheck(context);
  // Without a link all members are silent, and none of them has left.
  if (!isReading(session, context.now)) return session;
  const dropped = dropSilent(session.inbox, silentMs(session.cover), context.now);
  let next: Session = { ...session, inbox: dropped.inbox };
  for (const event of dropped.events) {
    next = answerInbox(announce(next, event, context), event, context);
  }
  if (isForked(next, context.now)) return leaveForked(next, context);
  next = forgetUnreadable(next, context.now);
  return next.user.status === 'joined' ? startRollCall(next, context) : next;
}

/** A process that was stopped finds its link live, and has heard nobody. */
function isReading({ connection: { link, heardAt } }: Session, now: number): boolean {
  return link.phase === 'live' && now - heardAt < SILENCE_LIMIT_MS;
}
