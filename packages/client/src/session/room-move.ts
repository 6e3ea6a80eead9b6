// The host's own client carries the room's move out, or tells the host that it will not.
// PROTOCOL.md §6.6.

import { emitError } from './effects.ts';
import type { StepContext } from './effects.ts';
import { dropCommit, keepRequests } from './slices/commits.ts';
import type { Session } from './state.ts';

/** The host's offer has lapsed. A commit that has left is still awaited. */
export function lapseMove(session: Session, context: StepContext): Session {
  const request = session.commits.requests.find(({ type }) => type === 'move');
  if (request?.type !== 'move' || context.now < request.until) return session;
  const abandoned = abandonMove(session, context);
  if (abandoned !== session) emitError(context, 'not-done');
  return abandoned;
}

/**
 * This member will not commit the move that the host has offered, and tells the host. After a
 * commit has left it cannot know, and tells nothing.
 */
export function abandonMove(session: Session, context: StepContext): Session {
  const { own, requests } = session.commits;
  const request = requests.find(({ type }) => type === 'move');
  if (request === undefined || (own.phase === 'sent' && own.request === request)) return session;
  const isMade = own.phase === 'making' && own.request === request;
  if (isMade) context.effects.push({ type: 'clear-commit' });
  context.effects.push({ type: 'not-moved' });
  const commits = isMade
    ? dropCommit(session.commits, request)
    : keepRequests(session.commits, (other) => other !== request);
  return { ...session, commits };
}
