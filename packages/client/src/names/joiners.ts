// Keeps the zero-width joiner and non-joiner where they change how a word is drawn: the CONTEXTJ
// rules of RFC 5892, A.1 and A.2.

import { toUnicode } from 'tr46';

const ZWJ = '\u200d';
/** Marks on one letter that are looked at; text has fewer by then. */
const CLUSTER_BEFORE = /\p{L}\p{M}{0,8}$/u;
const CLUSTER_AFTER = /^\p{M}{0,8}\p{L}/u;
/** More than a letter with its marks has. */
const CONTEXT_UNITS = 32;
const JOINERS_ONLY = {
  checkHyphens: false,
  checkBidi: false,
  checkJoiners: true,
  useSTD3ASCIIRules: false,
  transitionalProcessing: false,
} as const;

/**
 * @returns whether `joiner` changes how the letters around it are drawn; elsewhere it is invisible
 */
export function isJoinerInPlace(before: string, joiner: string, after: string): boolean {
  const [left] = CLUSTER_BEFORE.exec(before.slice(-CONTEXT_UNITS)) ?? [];
  if (left === undefined) return false;
  const [right = ''] = CLUSTER_AFTER.exec(after.slice(0, CONTEXT_UNITS)) ?? [];
  return isValid(left + joiner + right) || (joiner === ZWJ && isBeforeVirama(right));
}

/**
 * Bengali, Kannada and Sinhala write the joiner before the virama, too: it keeps RA apart from what
 * follows (Unicode 12.2, 12.8, 13.2).
 */
function isBeforeVirama(right: string): boolean {
  const [virama, ...rest] = right;
  const letter = rest.at(-1);
  return virama !== undefined && letter !== undefined && /\p{M}/u.test(virama) && isValid(letter + virama + ZWJ);
}

function isValid(label: string): boolean {
  return !toUnicode(label.normalize('NFC'), JOINERS_ONLY).error;
}
