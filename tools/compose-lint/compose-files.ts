// Reads compose files as Compose does: it resolves anchors and merge keys, and merges an overlay
// into the file before it.

import { parseDocument } from 'yaml';
import { isList, isTree, show } from './tree.ts';
import type { Tree, Value } from './tree.ts';

export class ComposeFileError extends Error {
  override readonly name = 'ComposeFileError';
  readonly code = 'compose-file-refused';
}

/**
 * Parses one file. It refuses unknown tags (`!reset`, `!override`), which could remove hardening
 * unseen.
 */
export function parseCompose(text: string, file: string): Tree {
  const document = parseDocument(text, { merge: true, uniqueKeys: true, strict: true });
  const faults = [...document.errors, ...document.warnings].map((fault) => fault.message.split('\n')[0] ?? '');
  if (faults.length > 0) throw new ComposeFileError(`${file}: ${faults.join('; ')}`);
  const value = document.toJS({ maxAliasCount: 1000 }) as Value;
  if (!isTree(value)) throw new ComposeFileError(`${file}: is not a mapping`);
  return normalise(value);
}

/** Turns a list of names into a mapping, as Compose does, so that overlays merge by name. */
function normalise(file: Tree): Tree {
  const services = file['services'];
  if (!isTree(services)) return file;
  const entries = Object.entries(services).map(([name, service]): [string, Value] => [
    name,
    isTree(service) ? normaliseService(service) : service,
  ]);
  return { ...file, services: Object.fromEntries(entries) };
}

function normaliseService(service: Tree): Tree {
  const byName = (value: Value | undefined): Value | undefined =>
    isList(value) ? Object.fromEntries(value.map((entry) => [show(entry), null])) : value;
  const byEquals = (value: Value | undefined): Value | undefined =>
    isList(value) ? Object.fromEntries(value.map((entry) => splitAtEquals(show(entry)))) : value;
  const parts: [string, Value | undefined][] = [
    ['networks', byName(service['networks'])],
    ['depends_on', byName(service['depends_on'])],
    ['environment', byEquals(service['environment'])],
    ['sysctls', byEquals(service['sysctls'])],
    ['labels', byEquals(service['labels'])],
  ];
  const present = parts.filter((part): part is [string, Value] => part[1] !== undefined);
  return { ...service, ...Object.fromEntries(present) };
}

function splitAtEquals(text: string): [string, Value] {
  const at = text.indexOf('=');
  return at === -1 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

/** Lists that an overlay replaces; it adds to all others. */
const REPLACED_LISTS: readonly string[] = ['command', 'entrypoint', 'test'];

/** `over` laid over `base`, as Compose does it. */
export function overlay(base: Tree, over: Tree): Tree {
  const merged: Record<string, Value> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    if (isTree(before) && isTree(value)) merged[key] = overlay(before, value);
    else if (isList(before) && isList(value) && !REPLACED_LISTS.includes(key)) merged[key] = addToList(before, value);
    else if (!isTree(before) || value !== null) merged[key] = value;
  }
  return merged;
}

/** Mounts are told apart by where they go, other entries by what they are. */
function addToList(before: readonly Value[], added: readonly Value[]): readonly Value[] {
  const identity = (entry: Value): string =>
    isTree(entry) && entry['target'] !== undefined ? `target ${show(entry['target'])}` : show(entry);
  const replaced = new Set(added.map(identity));
  return [...before.filter((entry) => !replaced.has(identity(entry))), ...added];
}
