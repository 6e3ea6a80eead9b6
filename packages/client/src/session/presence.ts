// Says and hears presences. Without cover they are outside of the log, so that a log of a day holds;
// a member that misses some misses nothing. PROTOCOL.md §5.5.

import { encodePresence, equalBytes, toHex } from '@sotto/protocol';
import type { OpenedPresence } from '../group/opened-entry.ts';
import type { GroupWorkResult } from '../group/worker.ts';
import { write } from './effects.ts';
import type { StepContext } from './effects.ts';
import { answerInbox } from './log.ts';
import { comparePresence } from './log-consistency.ts';
import { setPresenceTimer } from './maintenance.ts';
import { confirm } from './membership.ts';
import { announce } from './notifications.ts';
import { enqueueOnce, maySend, sendReady } from './sending.ts';
import { processPresence } from './slices/inbox.ts';
import { currentHash, epochEnds, noteReadableNow } from './slices/log.ts';
import { countPresence } from './slices/outbox.ts';
import type { Session } from './state.ts';

export function onPresenceTimer(session: Session, context: StepContext): Session {
  setPresenceTimer(session, context);
  if (session.user.status !== 'joined') return session;
  if (session.cover.mode !== 'off')
    return sendReady(enqueueOnce(session, { type: 'presence', status: 'here' }), context);
  const { view } = session.membership;
  if (view === undefined || !maySend(session)) return session;
  const outbox = countPresence(session.outbox);
  const { log, inbox, user } = session;
  const seen = { seen: inbox.seen, logHash: currentHash(log), before: epochEnds(log) };
  context.effects.push({
    type: 'seal-presence',
    epoch: view.epoch,
    content: { number: outbox.presence, ...seen, type: 'presence', status: 'here', name: user.name },
  });
  return { ...session, outbox };
}

/** It leaves at once or not at all: in another epoch no member could open it. */
export function onPresenceSealed(
  session: Session,
  { epoch, body }: Extract<GroupWorkResult, { type: 'presence-sealed' }>,
  context: StepContext,
): Session {
  if (maySend(session) && session.membership.view?.epoch === epoch)
    write(context, encodePresence('presence', session.commits.number.value, body));
  return session;
}

/** Another member is here. A presence of one that has said goodbye was held back. */
export function onPresence(session: Session, { memberKey, content }: OpenedPresence, context: StepContext): Session {
  const { members = [], leavers = [] } = session.membership.view ?? {};
  const member = members.find((one) => equalBytes(one.memberKey, memberKey));
  const isReplay = content.number <= (session.inbox.members.get(toHex(memberKey))?.presence ?? 0);
  const isLeaver = leavers.some((leaver) => equalBytes(leaver, member?.memberId ?? leaver));
  if (member === undefined || isLeaver || isReplay) return session;
  const readable: Session = { ...session, log: noteReadableNow(session.log, context.now) };
  const compared = comparePresence(readable, memberKey, content, context);
  const believed = compared.agrees ? content : { ...content, seen: 0 };
  const processed = processPresence(compared.session.inbox, memberKey, believed, context.now);
  let next = confirm({ ...compared.session, inbox: processed.inbox }, context);
  for (const event of processed.events) next = answerInbox(announce(next, event, context), event, context);
  return next;
}
