// How a member goes: it says so, with its word that it may be removed; if nobody is there to remove it, the word waits in the head. PROTOCOL.md §5.8.

import { close } from './ending.ts';
import { runErrands, want } from './errands.ts';
import { presentMembers } from './inbox.ts';
import { DEPART_WAIT_MS, LEAVE_WAIT_MS } from './limits.ts';
import { enqueue } from './outbox.ts';
import type { Session, Turn } from './session-state.ts';
import { maySpeak, pump } from './speaking.ts';
import { setTimer } from './turn.ts';

export function leave(session: Session, turn: Turn): Session {
  if (session.stay === 'leaving' || session.link.phase !== 'live' || session.belonging.phase !== 'inside') {
    return close(session, turn, undefined, undefined);
  }
  const leaving: Session = { ...session, stay: 'leaving' };
  if (presentMembers(session.inbox).length === 0 && maySpeak(session) && session.outbox.departed.length === 0) {
    setTimer(turn, 'leave', DEPART_WAIT_MS);
    return runErrands(want({ ...leaving, errands: [] }, { type: 'depart' }), turn);
  }
  setTimer(turn, 'leave', LEAVE_WAIT_MS);
  const goodbye = enqueue(leaving.outbox, [{ type: 'presence', standing: 'leaving' }]);
  return pump({ ...leaving, outbox: goodbye }, turn);
}
