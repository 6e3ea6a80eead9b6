// Warns of a member, or a stranger who knocks, whose name can be taken for somebody else's: once for each key.

import { fingerprint } from '@sotto/crypto';
import { equalBytes } from '@sotto/protocol';
import type { Speaker } from '../events.ts';
import { presentMembers } from '../session/inbox.ts';
import { NAMES_MAX, NAMES_WARNED_MAX } from '../limits.ts';
import { looksLikeTheProgram, nameLooks, shareALook } from './likeness.ts';
import type { Session, StepContext } from '../session/state.ts';
import { warn } from '../session/log-consistency.ts';

type NameWarning = 'name-taken' | 'name-reserved' | 'key-changed';

/** A member has said its name. A name that nobody else bears belongs to its key from now on. */
export function bindName(session: Session, memberKey: Uint8Array, name: string, context: StepContext): Session {
  const who: Speaker = { name, fingerprint: fingerprint(memberKey) };
  const looks = nameLooks(name);
  const code = checkName(session, memberKey, looks, who.fingerprint);
  const warned = code === undefined ? session : warnOnce(session, who, code, context);
  return code === 'name-taken' || code === 'name-reserved' ? warned : remember(warned, looks, who.fingerprint);
}

/** A stranger who knocks is compared and binds nothing; once it is in, it is compared again. */
export function compareKnock(session: Session, memberKey: Uint8Array, who: Speaker, context: StepContext): void {
  const code = checkName(session, memberKey, nameLooks(who.name), who.fingerprint);
  if (code !== undefined) warn(context, code, who);
}

function checkName(
  session: Session,
  memberKey: Uint8Array,
  looks: readonly string[],
  who: string,
): NameWarning | undefined {
  const isOfAnother =
    shareALook(looks, nameLooks(session.name)) ||
    presentMembers(session.inbox).some(
      (other) =>
        !equalBytes(other.memberKey, memberKey) && other.name !== '' && shareALook(looks, nameLooks(other.name)),
    );
  if (isOfAnother) return 'name-taken';
  if (looksLikeTheProgram(looks)) return 'name-reserved';
  const isKnownOtherwise = looks.some((look) => (session.names.get(look) ?? who) !== who);
  return isKnownOtherwise ? 'key-changed' : undefined;
}

/** A key that comes and goes and comes again is warned of once: a warning that can be repeated at will is a way to hide others. */
function warnOnce(session: Session, who: Speaker, code: NameWarning, context: StepContext): Session {
  if (session.namesWarned.includes(who.fingerprint)) return session;
  warn(context, code, who);
  return { ...session, namesWarned: [...session.namesWarned, who.fingerprint].slice(-NAMES_WARNED_MAX) };
}

function remember(session: Session, looks: readonly string[], who: string): Session {
  if (looks.every((look) => session.names.get(look) === who)) return session;
  const others = [...session.names].filter(([look]) => !looks.includes(look));
  const own = looks.map((look): [string, string] => [look, who]);
  return { ...session, names: new Map([...others, ...own].slice(-NAMES_MAX)) };
}
