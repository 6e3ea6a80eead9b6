// The life of one member in one room, as a pure state machine: (session, event) -> { session, effects }. PROTOCOL.md §4, §5.7, §5.8.

import { encodePing, NAME_BYTES_MAX, SILENCE_LIMIT_MS } from '@sotto/protocol';
import { fetchSnapshot, leaveForked, takeMade, takeUnanswered } from './membership.ts';
import { close, closeWith, cut, retry } from './ending.ts';
import { runErrands } from './commits.ts';
import { answerInbox, takeOpened, takePassed } from './log.ts';
import { dropSilent } from './inbox.ts';
import { admit } from './admitting.ts';
import { leave, sayGoodbye } from './leaving.ts';
import { ATTACH_DEADLINE_MS, JOIN_LIMIT_MS } from '../limits.ts';
import { takeOrder } from './ordering.ts';
import { pingDelay, presenceDelay } from './pace.ts';
import { takeFrame } from './connection.ts';
import { abandon, crossWhenQuiet, renew, takeSpareCut, takeSpareFrame, takeSpareOpened } from './circuit-renewal.ts';
import type { Effect, Session, SessionContext, SessionEvent, TimerName, Turn } from './state.ts';
import { hear } from './cover.ts';
import { prepareSlot, takeSlot } from './slots.ts';
import { pump, queueOnce, say, sendReceipt, takeSealed } from './sending.ts';
import { announce, announceUnnamed, refuse } from './notifications.ts';
import { encodeText } from '../utf8.ts';
import { emit, setTimer, write } from './effects.ts';
import {
  callRoll,
  takeDeparting,
  takeKeyTurn,
  takeRestore,
  takeRollCallEnd,
  takeRotation,
  takeSight,
} from './maintenance.ts';
import { forgetNoise, isForked } from './log-consistency.ts';

/** The one way a session changes. After `closed` nothing happens any more. */
export function step(
  session: Session,
  event: SessionEvent,
  context: SessionContext,
): { session: Session; effects: readonly Effect[] } {
  const turn: Turn = { ...context, effects: [] };
  if (session.link.phase === 'closed') {
    if (event.type === 'say') refuse(turn, 'not-joined', event.ref);
    return { session, effects: turn.effects };
  }
  return { session: crossWhenQuiet(react(session, event, turn), turn), effects: turn.effects };
}

function react(session: Session, event: SessionEvent, turn: Turn): Session {
  switch (event.type) {
    case 'start':
      if (!isName(session.name)) return closeWith(session, turn, 'name-invalid');
      setTimer(turn, 'join-limit', JOIN_LIMIT_MS);
      return dial(session, turn);
    case 'stage':
      if (session.stay === 'new') emit(turn, event.stage);
      return session;
    case 'connected':
      setTimer(turn, 'attach-deadline', ATTACH_DEADLINE_MS);
      if (session.stay === 'new') emit(turn, { type: 'state', state: 'joining' });
      return { ...session, connection: event.line, link: { phase: 'greeting' } };
    case 'dial-failed':
      return event.final
        ? close(session, turn, event.code, event.message)
        : retry(session, turn, event.code, event.message);
    case 'spare-opened':
      return takeSpareOpened(session, event.line, turn);
    case 'spare-failed':
      return abandon(session, turn);
    case 'frame':
      if (event.line !== session.connection) return takeSpareFrame(session, event.line, event.bytes, turn);
      return takeLineFrame(session, event.bytes, turn);
    case 'opened':
      return takeOpened(session, event, event.view, turn);
    case 'passed':
      return takePassed(session, event.passed, turn);
    case 'sealed':
      return takeSealed(session, event.ticket, event.body, turn);
    case 'made':
      return takeMade(session, event.task, event.made, event.view, turn);
    case 'cut':
      if (event.line !== session.connection) return takeSpareCut(session, event.line, turn);
      return cut(session, turn, event.code);
    case 'timer':
      return takeTimer(session, event.name, turn);
    case 'renew':
      return renew(session, 'by-user', turn);
    case 'say':
      return say(session, event.text, event.ref, turn);
    case 'admit':
      return admit(session, event.fingerprint, turn);
    case 'ordered':
      return takeOrder(session, event, turn);
    case 'order-failed':
      emit(turn, { type: 'error', code: event.code, message: event.message });
      return session;
    case 'leave':
      return leave(session, turn);
  }
}

/** Once ATTACH has left on another line, that one brings what comes behind it. */
function takeLineFrame(session: Session, bytes: Uint8Array, turn: Turn): Session {
  const heard: Session = { ...session, heardAt: turn.now, schedule: hear(session.schedule, bytes.length) };
  return session.renewal.phase === 'crossing' ? heard : takeFrame(heard, bytes, turn);
}

function isName(name: string): boolean {
  const length = encodeText(name).length;
  return length > 0 && length <= NAME_BYTES_MAX;
}

function dial(session: Session, turn: Turn): Session {
  turn.effects.push({ type: 'dial' });
  return { ...session, link: { phase: 'dialling' } };
}

function takeTimer(session: Session, name: TimerName, turn: Turn): Session {
  switch (name) {
    case 'retry':
      return session.link.phase === 'waiting' ? dial(session, turn) : session;
    case 'attach-deadline':
      return cut(session, turn, 'connection-silent');
    case 'renew':
      return renew(session, 'by-clock', turn);
    case 'crossing':
      return abandon(session, turn);
    case 'ping':
      write(turn, encodePing('ping', 0));
      setTimer(turn, 'ping', pingDelay(turn));
      return session;
    case 'slot':
      return takeSlot(session, turn);
    case 'seal':
      return prepareSlot(session, turn);
    case 'dwell':
      return pump({ ...session, schedule: { ...session.schedule, words: 'free' } }, turn);
    case 'farewell':
      return sayGoodbye(session, turn);
    case 'silence':
      return takeSilence(session, turn);
    case 'join-limit':
      return takeJoinLimit(session, turn);
    case 'receipt':
      return sendReceipt({ ...session, receipt: 'none' }, turn);
    case 'presence':
      return takePresence(session, turn);
    case 'names':
      return announceUnnamed(session, turn);
    case 'leave':
      return close(session, turn, undefined, undefined);
    case 'fetch':
      return fetchSnapshot(session, turn);
    case 'confirm':
      return takeUnanswered(session, turn);
    case 'errand':
      return runErrands(session, turn);
    case 'rotate':
      return takeRotation(session, turn);
    case 'turn':
      return takeKeyTurn(session, turn);
    case 'departing':
      return takeDeparting(session, turn);
    case 'sight':
      return takeSight(session, turn);
    case 'restore-snapshot':
      return takeRestore(session, turn);
    case 'roll-call':
      return takeRollCallEnd(session, turn);
  }
}

function takeJoinLimit(session: Session, turn: Turn): Session {
  if (session.stay === 'joined') return session;
  return closeWith(session, turn, session.belonging.phase === 'knocking' ? 'knock-unanswered' : 'join-timeout');
}

function takeSilence(session: Session, turn: Turn): Session {
  const left = session.heardAt + SILENCE_LIMIT_MS - turn.now;
  if (left <= 0) return cut(session, turn, 'connection-silent');
  setTimer(turn, 'silence', left);
  return session;
}

function takePresence(session: Session, turn: Turn): Session {
  setTimer(turn, 'presence', presenceDelay(turn));
  // While we are cut off everybody is silent, and nobody has gone.
  if (session.link.phase !== 'live') return session;
  const dropped = dropSilent(session.inbox, turn.now);
  let next: Session = { ...session, inbox: dropped.inbox };
  for (const event of dropped.events) {
    next = answerInbox(announce(next, event, turn), event, turn);
  }
  if (isForked(next, turn.now)) return leaveForked(next, turn);
  next = forgetNoise(next, turn.now);
  if (next.stay !== 'joined') return next;
  return callRoll(pump(queueOnce(next, { type: 'presence', status: 'here' }), turn), turn);
}
