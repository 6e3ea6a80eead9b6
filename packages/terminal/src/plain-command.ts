// What a typed line means: a text, a command, or a command that does not exist.

import type { Command } from './front-end.ts';

export type TypedLine =
  { readonly type: 'command'; readonly command: Command } | { readonly type: 'nothing' | 'help' | 'unknown' };

const LEAVING: ReadonlySet<string> = new Set(['quit', 'exit', '/quit', '/exit']);
const LISTING: ReadonlySet<string> = new Set(['/members', '/who']);

/** A text is sent as it was typed, blanks and all. `//` at its beginning is a slash that is meant. */
export function readTyped(line: string): TypedLine {
  const word = line.trim();
  if (word === '') return { type: 'nothing' };
  if (LEAVING.has(word)) return { type: 'command', command: { type: 'leave' } };
  if (LISTING.has(word)) return { type: 'command', command: { type: 'members' } };
  if (word === '/help') return { type: 'help' };
  if (line.startsWith('//')) return say(line.slice(1));
  return line.startsWith('/') ? { type: 'unknown' } : say(line);
}

function say(text: string): TypedLine {
  return { type: 'command', command: { type: 'say', text, ref: undefined } };
}
