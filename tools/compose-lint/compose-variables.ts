// Replaces `${NAME}` in a compose file as Compose does, from .env alone: the check must not depend
// on the caller's environment.

import { mapTexts } from './tree.ts';
import type { Tree, Value } from './tree.ts';

const REFERENCE = /\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])([^}]*))?\}|(.?))/g;

/** NAME=value lines; comments and empty lines are left out. */
export function parseSettings(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').filter((line) => /^[A-Za-z_][A-Za-z0-9_]*=/.test(line));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** The same settings as Compose would have them here: the environment wins. */
export function settingsHere(
  settings: ReadonlyMap<string, string>,
  environment: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, string> {
  return new Map([...settings].map(([name, value]) => [name, environment[name] ?? value]));
}

/** The tree with its variables replaced, and the references that cannot be. */
export function resolveVariables(
  tree: Tree,
  settings: ReadonlyMap<string, string>,
): { readonly tree: Tree; readonly unresolved: readonly string[] } {
  const unresolved: string[] = [];
  const resolved = mapTexts(tree, (text) =>
    text.replaceAll(REFERENCE, (whole, ...groups: (string | undefined)[]) => {
      const [dollar, bare, braced, operator, word] = groups;
      if (dollar !== undefined) return '$';
      const name = bare ?? braced;
      const value = name === undefined ? undefined : replacement(settings.get(name), operator, word ?? '');
      if (value === undefined) unresolved.push(whole);
      return value ?? whole;
    }),
  );
  return { tree: resolved as Tree, unresolved };
}

/** @returns undefined where Compose would take an empty text, or would stop. */
function replacement(value: string | undefined, operator: string | undefined, word: string): string | undefined {
  // A variable within a default is Compose's to read, not ours.
  if (word.includes('$')) return undefined;
  const set = operator?.startsWith(':') === true ? value !== undefined && value !== '' : value !== undefined;
  if (operator?.endsWith('+') === true) return set ? word : '';
  if (operator?.endsWith('-') === true) return set ? value : word;
  return set ? value : undefined;
}

/** Whether a text names a variable. */
export function hasVariable(value: Value | undefined): boolean {
  return typeof value === 'string' && /\$\{[A-Z_]+\}/.test(value);
}
