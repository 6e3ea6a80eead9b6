// The catalogue of all texts that a user sees.

export { message, setCatalogue } from './catalogue.ts';
export type { Catalogue, MessageId, ParametersOf } from './catalogue.ts';
export { ENGLISH } from './english.ts';
