// A parsed YAML value, and how rules read it: a value of an unexpected form counts as missing, so
// that rules fail closed.

export type Value = null | boolean | number | string | readonly Value[] | Tree;
export interface Tree {
  readonly [key: string]: Value;
}

export function isTree(value: Value | undefined): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** The mapping under a key; an empty one where there is none. */
export function treeAt(tree: Tree, key: string): Tree {
  const value = tree[key];
  return isTree(value) ? value : {};
}

/** The list under a key; an empty one where there is none. */
export function listAt(tree: Tree, key: string): readonly Value[] {
  const value = tree[key];
  return isList(value) ? value : [];
}

/** The texts of the list under a key; other entries become JSON, which no rule accepts. */
export function textsAt(tree: Tree, key: string): readonly string[] {
  return listAt(tree, key).map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry)));
}

export function textAt(tree: Tree, key: string): string | undefined {
  const value = tree[key];
  return typeof value === 'string' ? value : undefined;
}

export function numberAt(tree: Tree, key: string): number | undefined {
  const value = tree[key];
  return typeof value === 'number' ? value : undefined;
}

/** A value as evidence. */
export function show(value: Value | undefined): string {
  return value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** The same tree with each text put through `change`. */
export function mapTexts(value: Value, change: (text: string) => string): Value {
  if (typeof value === 'string') return change(value);
  if (isList(value)) return value.map((entry) => mapTexts(entry, change));
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, mapTexts(entry, change)]));
}

/** Every text in a value, with the keys that lead to it. */
export function* textsIn(value: Value | undefined, path: string): Generator<readonly [path: string, text: string]> {
  if (typeof value === 'string') yield [path, value];
  else if (isList(value)) for (const [index, entry] of value.entries()) yield* textsIn(entry, `${path}[${index}]`);
  else if (isTree(value)) for (const [key, entry] of Object.entries(value)) yield* textsIn(entry, `${path}.${key}`);
}
