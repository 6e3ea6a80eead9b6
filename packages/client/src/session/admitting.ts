// Members let members in: who asks, and the answer. Nobody has to answer, and nothing waits for it. PROTOCOL.md §5.9.

import { fingerprint } from '@sotto/crypto';
import { runErrands, want } from './commits.ts';
import type { GroupOpened } from '../group/membership.ts';
import { KNOCKS_MAX } from '../limits.ts';
import { compareKnock } from '../names/warnings.ts';
import type { Session, Turn } from './state.ts';
import { refuse } from './notifications.ts';
import { emit } from './effects.ts';

/** One knock a key is told of: a stranger who knocks again and again disturbs nobody. */
export function takeKnock(session: Session, knock: Extract<GroupOpened, { kind: 'knock' }>, turn: Turn): Session {
  const who = fingerprint(knock.memberKey);
  if (session.knocks.some((other) => other.fingerprint === who)) return session;
  const member = { name: knock.name.normalize('NFC'), fingerprint: who };
  emit(turn, { type: 'knock', member });
  const knocks = [...session.knocks, { memberId: knock.memberId, fingerprint: who }].slice(-KNOCKS_MAX);
  compareKnock(session, knock.memberKey, member, turn);
  return { ...session, knocks };
}

export function admit(session: Session, who: string, turn: Turn): Session {
  const knock = session.knocks.find((other) => other.fingerprint === who);
  if (knock === undefined) {
    refuse(turn, 'member-unknown');
    return session;
  }
  return runErrands(want(session, { type: 'admit', memberId: knock.memberId }), turn);
}
