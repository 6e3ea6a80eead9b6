// The latest items of a list that only grows at its end. Adding one copies nothing, so what an item
// costs does not depend on how many came before it.

/**
 * An immutable list. Its items have numbers, from 0, that stay. Later lists share `items` with
 * earlier ones, which end before what was added to them.
 */
export interface Recent<Item> {
  /** Only `append` adds to it, behind the end of every list that shares it. */
  readonly items: Item[];
  /** The number of the first of `items`. */
  readonly base: number;
  /** The number of the oldest item that is kept. */
  readonly first: number;
  /** The number that the next item gets. */
  readonly end: number;
}

export function recentOf<Item>(...items: readonly Item[]): Recent<Item> {
  return { items: [...items], base: 0, first: 0, end: items.length };
}

/**
 * @returns the list with one item more; of these it keeps `most`. All are copied once in `most`
 *   calls, so that those before them do not stay in memory.
 */
export function append<Item>(list: Recent<Item>, item: Item, most: number): Recent<Item> {
  const end = list.end + 1;
  const first = Math.max(list.first, end - most);
  const { length } = list.items;
  // An empty list may be a constant, whose items no session may leave behind.
  if (length > 0 && length < 2 * most && list.base + length === list.end) {
    list.items.push(item);
    return { items: list.items, base: list.base, first, end };
  }
  const kept = list.items.slice(first - list.base, list.end - list.base);
  return { items: [...kept, item], base: first, first, end };
}

/** @returns undefined for a number that is not kept, or not given yet */
export function itemAt<Item>(list: Recent<Item>, number: number): Item | undefined {
  return number < list.first || number >= list.end ? undefined : list.items[number - list.base];
}

export function latestOf<Item>(list: Recent<Item>): Item | undefined {
  return itemAt(list, list.end - 1);
}

export function isEmpty<Item>({ first, end }: Recent<Item>): boolean {
  return first === end;
}

/** The list as it was before it had the item of this number. */
export function endBefore<Item>(list: Recent<Item>, number: number): Recent<Item> {
  const end = Math.min(list.end, Math.max(list.first, number));
  return { ...list, end };
}
