// Looks up and fills in the texts of the one catalogue that this process uses.

import { ENGLISH } from './english.ts';

export type MessageId = keyof typeof ENGLISH;

/** The text of each id. `{name}` is replaced by the parameter of that name. */
export type Catalogue = Readonly<Record<MessageId, string>>;

type NamesIn<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

/**
 * Nothing for a text without parameters; one object with exactly its names for any other. `Value`
 * is the type that a parameter may have.
 */
export type ParametersOf<Id extends MessageId, Value = string | number> = [NamesIn<(typeof ENGLISH)[Id]>] extends [
  never,
]
  ? []
  : [parameters: Readonly<Record<NamesIn<(typeof ENGLISH)[Id]>, Value>>];

const PLACE = /\{([a-z][A-Za-z]*)\}/g;

let current: Catalogue = ENGLISH;

/**
 * Replaces the catalogue of this process, as setlocale(3) does. Texts that were read before stay
 * as they are.
 */
export function setCatalogue(catalogue: Catalogue): void {
  current = catalogue;
}

/**
 * @returns the text of `id` in this process's catalogue, with its parameters filled in. One pass
 * fills them in, so a parameter that looks like a place stays as it is.
 */
export function message<Id extends MessageId>(id: Id, ...[parameters]: ParametersOf<Id>): string {
  const values: Readonly<Record<string, string | number>> = parameters ?? {};
  return current[id].replaceAll(PLACE, (place, name: string) => String(values[name] ?? place));
}
