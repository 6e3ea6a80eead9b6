// Keeps the zero-width joiner and non-joiner where they change how a word is drawn: the CONTEXTJ
// rules of RFC 5892, A.1 and A.2.

import { toUnicode } from 'tr46';

/** Marks on one letter that are looked at; text has fewer by then. */
const CLUSTER_BEFORE = /\p{L}\p{M}{0,8}$/u;
const CLUSTER_AFTER = /^\p{M}{0,8}\p{L}/u;
/**
 * Bengali, Kannada and Sinhala write the joiner before the virama, too: it keeps RA apart from what
 * follows (Unicode 12.2, 12.8, 13.2). Beside other letters it would be invisible.
 */
const BEFORE_VIRAMA =
  /^(?:\p{Script=Bengali}\p{M}*\u200d\u09cd\p{Script=Bengali}|\p{Script=Kannada}\p{M}*\u200d\u0ccd\p{Script=Kannada}|\p{Script=Sinhala}\p{M}*\u200d\u0dca\p{Script=Sinhala})/u;
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
  return isValid(left + joiner + right) || BEFORE_VIRAMA.test(left + joiner + right);
}

function isValid(label: string): boolean {
  return !toUnicode(label.normalize('NFC'), JOINERS_ONLY).error;
}
