// Members let members in: who asks, and the answer. Nobody has to answer, and nothing waits for it. PROTOCOL.md §5.9.

import { fingerprint } from '@sotto/crypto';
import { runCommitRequests, enqueueRequest } from './commits.ts';
import type { GroupOpened } from '../group/membership.ts';
import { KNOCKS_MAX } from '../limits.ts';
import { compareKnock } from '../names/warnings.ts';
import type { Session, StepContext } from './state.ts';
import { emitError } from './notifications.ts';
import { emit } from './effects.ts';

/** One knock a key is told of: a stranger who knocks again and again disturbs nobody. */
export function onKnock(
  session: Session,
  knock: Extract<GroupOpened, { kind: 'knock' }>,
  context: StepContext,
): Session {
  const who = fingerprint(knock.memberKey);
  if (session.knocks.some((other) => other.fingerprint === who)) return session;
  const member = { name: knock.name.normalize('NFC'), fingerprint: who };
  emit(context, { type: 'knock', member });
  const knocks = [...session.knocks, { memberId: knock.memberId, fingerprint: who }].slice(-KNOCKS_MAX);
  compareKnock(session, knock.memberKey, member, context);
  return { ...session, knocks };
}

export function admit(session: Session, who: string, context: StepContext): Session {
  const knock = session.knocks.find((other) => other.fingerprint === who);
  if (knock === undefined) {
    emitError(context, 'member-unknown');
    return session;
  }
  return runCommitRequests(enqueueRequest(session, { type: 'admit', memberId: knock.memberId }), context);
}
