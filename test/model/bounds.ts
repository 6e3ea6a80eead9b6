// How far the models are searched: what a suite can pay, or with SOTTO_MODEL_BOUNDS=wide more.

export const WIDE_TIMEOUT_MS = 20 * 60_000;

const IS_WIDE = process.env['SOTTO_MODEL_BOUNDS'] === 'wide';

/** @returns the rows of a test that runs in wide bounds alone; otherwise there is no such test */
export function inWideBounds<Row>(rows: readonly Row[]): readonly Row[] {
  return IS_WIDE ? rows : [];
}
