// The life of one member in one room, as a pure state machine: (session, event, inputs) -> { state, effects }. PROTOCOL.md §4, §5.7, §5.8.

import { encodePing, NAME_BYTES_MAX, SILENCE_LIMIT_MS } from '@sotto/protocol';
import { fetchSnapshot, leaveForked, onTaskFinished, onUnanswered } from './membership.ts';
import { endSession, endWithCode, disconnect, scheduleReconnect } from './ending.ts';
import { runCommitRequests } from './commits.ts';
import { answerInbox, onEntryOpened, onNotice } from './log.ts';
import { dropSilent } from './inbox.ts';
import { admit } from './admitting.ts';
import { leave, sendGoodbye } from './leaving.ts';
import { ATTACH_DEADLINE_MS, JOIN_LIMIT_MS } from '../limits.ts';
import { onOrder } from './ordering.ts';
import { pingDelay, presenceDelay } from './pace.ts';
import { onFrame } from './connection.ts';
import {
  abandonRenewal,
  handOverWhenIdle,
  renew,
  onStandbyLost,
  onStandbyFrame,
  onStandbyOpened,
} from './circuit-renewal.ts';
import type { Step } from '@sotto/machine';
import type { Effect, Session, StepInputs, SessionEvent, TimerName, StepContext } from './state.ts';
import { countReceived } from './cover.ts';
import { prepareSlot, onSlot } from './slots.ts';
import { sendReady, enqueueOnce, sendText, sendReceipt, onSealed } from './sending.ts';
import { announce, announceUnnamed, emitError } from './notifications.ts';
import { encodeText } from '../utf8.ts';
import { emit, setTimer, write } from './effects.ts';
import {
  startRollCall,
  onDepartingTimer,
  onScheduledRotation,
  onRestoreTimer,
  onRollCallEnd,
  onRotationTimer,
  onLogGapTimer,
} from './maintenance.ts';
import { forgetUnreadable, isForked } from './log-consistency.ts';

/** The one way a session changes. After `closed` nothing happens any more. */
export function step(session: Session, event: SessionEvent, inputs: StepInputs): Step<Session, Effect> {
  const context: StepContext = { ...inputs, effects: [] };
  if (session.link.phase === 'closed') {
    if (event.type === 'send') emitError(context, 'not-joined', event.ref);
    return { state: session, effects: [...context.effects] };
  }
  const state = handOverWhenIdle(react(session, event, context), context);
  return { state, effects: [...context.effects] };
}

function react(session: Session, event: SessionEvent, context: StepContext): Session {
  switch (event.type) {
    case 'start':
      if (!isName(session.name)) return endWithCode(session, context, 'name-invalid');
      setTimer(context, 'join-limit', JOIN_LIMIT_MS);
      return dial(session, context);
    case 'stage':
      if (session.status === 'new') emit(context, event.stage);
      return session;
    case 'connected':
      setTimer(context, 'attach-deadline', ATTACH_DEADLINE_MS);
      if (session.status === 'new') emit(context, { type: 'state', state: 'joining' });
      return { ...session, connection: event.connection, link: { phase: 'greeting' } };
    case 'dial-failed':
      return event.final
        ? endSession(session, context, event.code, event.message)
        : scheduleReconnect(session, context, event.code, event.message);
    case 'standby-opened':
      return onStandbyOpened(session, event.connection, context);
    case 'standby-failed':
      return abandonRenewal(session, context);
    case 'frame':
      if (event.connection !== session.connection)
        return onStandbyFrame(session, event.connection, event.bytes, context);
      return onConnectionFrame(session, event.bytes, context);
    case 'entry-opened':
      return onEntryOpened(session, event, event.view, context);
    case 'notice':
      return onNotice(session, event.notice, context);
    case 'sealed':
      return onSealed(session, event.ticket, event.body, context);
    case 'task-finished':
      return onTaskFinished(session, event.task, event.made, event.view, context);
    case 'connection-lost':
      if (event.connection !== session.connection) return onStandbyLost(session, event.connection, context);
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
    case 'order-failed':
      emit(context, { type: 'error', code: event.code, message: event.message });
      return session;
    case 'leave':
      return leave(session, context);
  }
}

/** Once ATTACH has left on another connection, that one brings what comes behind it. */
function onConnectionFrame(session: Session, bytes: Uint8Array, context: StepContext): Session {
  const heard: Session = { ...session, heardAt: context.now, schedule: countReceived(session.schedule, bytes.length) };
  return session.renewal.phase === 'handover' ? heard : onFrame(heard, bytes, context);
}

function isName(name: string): boolean {
  const length = encodeText(name).length;
  return length > 0 && length <= NAME_BYTES_MAX;
}

function dial(session: Session, context: StepContext): Session {
  context.effects.push({ type: 'dial' });
  return { ...session, link: { phase: 'dialling' } };
}

function onTimer(session: Session, name: TimerName, context: StepContext): Session {
  switch (name) {
    case 'retry':
      return session.link.phase === 'waiting' ? dial(session, context) : session;
    case 'attach-deadline':
      return disconnect(session, context, 'connection-silent');
    case 'renew':
      return renew(session, 'by-clock', context);
    case 'handover':
      return abandonRenewal(session, context);
    case 'ping':
      write(context, encodePing('ping', 0));
      setTimer(context, 'ping', pingDelay(context));
      return session;
    case 'slot':
      return onSlot(session, context);
    case 'seal':
      return prepareSlot(session, context);
    case 'dwell':
      return sendReady({ ...session, schedule: { ...session.schedule, words: 'free' } }, context);
    case 'goodbye':
      return sendGoodbye(session, context);
    case 'silence':
      return onSilenceTimer(session, context);
    case 'join-limit':
      return onJoinLimit(session, context);
    case 'receipt':
      return sendReceipt({ ...session, receipt: 'none' }, context);
    case 'presence':
      return onPresenceTimer(session, context);
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
    case 'departing':
      return onDepartingTimer(session, context);
    case 'log-gap':
      return onLogGapTimer(session, context);
    case 'restore-snapshot':
      return onRestoreTimer(session, context);
    case 'roll-call':
      return onRollCallEnd(session, context);
  }
}

function onJoinLimit(session: Session, context: StepContext): Session {
  if (session.status === 'joined') return session;
  return endWithCode(session, context, session.membership.phase === 'knocking' ? 'knock-unanswered' : 'join-timeout');
}

function onSilenceTimer(session: Session, context: StepContext): Session {
  const left = session.heardAt + SILENCE_LIMIT_MS - context.now;
  if (left <= 0) return disconnect(session, context, 'connection-silent');
  setTimer(context, 'silence', left);
  return session;
}

function onPresenceTimer(session: Session, context: StepContext): Session {
  setTimer(context, 'presence', presenceDelay(context));
  // While we are cut off everybody is silent, and nobody has gone.
  if (session.link.phase !== 'live') return session;
  const dropped = dropSilent(session.inbox, context.now);
  let next: Session = { ...session, inbox: dropped.inbox };
  for (const event of dropped.events) {
    next = answerInbox(announce(next, event, context), event, context);
  }
  if (isForked(next, context.now)) return leaveForked(next, context);
  next = forgetUnreadable(next, context.now);
  if (next.status !== 'joined') return next;
  return startRollCall(sendReady(enqueueOnce(next, { type: 'presence', status: 'here' }), context), context);
}
