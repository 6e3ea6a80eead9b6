// What a typed line means: a text, a command, or a command that does not exist.

import type { Command, MemberDeed } from './front-end.ts';

export type TypedLine =
  | { readonly type: 'command'; readonly command: Command }
  | { readonly type: 'nothing' | 'help' | 'unknown' }
  /** A command about somebody, and not about whom. */
  | { readonly type: 'nobody-named'; readonly deed: MemberDeed };

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['quit', { type: 'leave' }],
  ['exit', { type: 'leave' }],
  ['/quit', { type: 'leave' }],
  ['/exit', { type: 'leave' }],
  ['/panic', { type: 'panic' }],
  ['/members', { type: 'members' }],
  ['/who', { type: 'members' }],
  ['/code', { type: 'code' }],
  ['/status', { type: 'status' }],
  ['/circuit', { type: 'circuit' }],
  ['/lock', { type: 'access', mode: 'locked' }],
  ['/unlock', { type: 'access', mode: 'open' }],
  ['/knock', { type: 'access', mode: 'knock' }],
]);
const DEEDS: ReadonlyMap<string, MemberDeed> = new Map<string, MemberDeed>([
  ['/verify', 'verify'],
  ['/verified', 'verified'],
  ['/admit', 'admit'],
  ['/evict', 'evict'],
]);

/** A text is sent as it was typed, blanks and all. `//` at its beginning is a slash that is meant. */
export function readTyped(line: string): TypedLine {
  const typed = line.trim();
  if (typed === '') return { type: 'nothing' };
  if (typed === '/help') return { type: 'help' };
  const command = COMMANDS.get(typed);
  if (command !== undefined) return { type: 'command', command };
  if (line.startsWith('//')) return say(line.slice(1));
  if (!line.startsWith('/')) return say(line);
  return readDeed(typed) ?? { type: 'unknown' };
}

/** No name has a blank in it, and nobody is meant to be guessed at. */
function readDeed(typed: string): TypedLine | undefined {
  const [word = '', member, ...more] = typed.split(/\s+/u);
  const deed = DEEDS.get(word);
  if (deed === undefined) return undefined;
  if (member === undefined || more.length > 0) return { type: 'nobody-named', deed };
  return { type: 'command', command: { type: deed, member } };
}

function say(text: string): TypedLine {
  return { type: 'command', command: { type: 'say', text, ref: undefined } };
}
