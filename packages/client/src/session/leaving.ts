// How a member goes: it says so, with its word that it may be removed; if nobody is there to remove it, the word waits in the snapshot. PROTOCOL.md §5.8.

import { DWELL_MOST_MS, isStealth } from '@sotto/protocol';
import { close } from './ending.ts';
import { runErrands, want } from './commits.ts';
import { presentMembers } from './inbox.ts';
import { abandon } from './circuit-renewal.ts';
import { DEPART_WAIT_MS, LEAVE_WAIT_MS } from '../limits.ts';
import { enqueue } from './outbox.ts';
import { departureDelayMs } from './cover.ts';
import type { Session, Turn } from './state.ts';
import { maySpeak, pump } from './sending.ts';
import { emit, setTimer } from './effects.ts';

export function leave(here: Session, turn: Turn): Session {
  const session = holdsOn(here) ? here : abandon(here, turn);
  const { phase } = session.belonging;
  const hasKeys = phase === 'inside' || phase === 'arriving';
  if (session.stay === 'leaving' || !isConnected(session) || !hasKeys) {
    return close(session, turn, undefined, undefined);
  }
  const leaving: Session = { ...session, stay: 'leaving' };
  if (!isStealth(session.schedule.cover)) return sayGoodbye(leaving, turn);
  // When somebody goes must not tell when it spoke last.
  const dwellMs = Math.round(turn.chance() * DWELL_MOST_MS);
  emit(turn, { type: 'state', state: 'leaving', detail: `goodbye in about ${Math.ceil(dwellMs / 1_000)} s` });
  setTimer(turn, 'farewell', dwellMs);
  return leaving;
}

/** Who is going over to another circuit says goodbye on the other side; who has not begun to stays. */
function holdsOn({ renewal }: Session): boolean {
  return renewal.phase === 'crossing' || renewal.phase === 'arriving';
}

function isConnected({ link, renewal }: Session): boolean {
  return link.phase === 'live' || renewal.phase === 'arriving';
}

export function sayGoodbye(leaving: Session, turn: Turn): Session {
  if (!isConnected(leaving)) return close(leaving, turn, undefined, undefined);
  if (presentMembers(leaving.inbox).length === 0 && maySpeak(leaving) && !isAwaitingEcho(leaving)) {
    setTimer(turn, 'leave', DEPART_WAIT_MS);
    return runErrands(want({ ...leaving, errands: [] }, { type: 'depart' }), turn);
  }
  setTimer(turn, 'leave', LEAVE_WAIT_MS + departureDelayMs(leaving.schedule, leaving.outbox.waiting.length));
  const goodbye = enqueue(leaving.outbox, [{ type: 'presence', status: 'leaving' }]);
  return pump({ ...leaving, outbox: goodbye }, turn);
}

/** What fills slots is never all echoed, and need not be. */
function isAwaitingEcho({ outbox }: Session): boolean {
  return outbox.departed.some(({ draft }) => draft.type !== 'receipt');
}
