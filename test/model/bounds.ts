// How far the models are searched: what a suite can pay, or with SOTTO_MODEL_BOUNDS=wide more.

export const IS_WIDE = process.env['SOTTO_MODEL_BOUNDS'] === 'wide';
export const WIDE_TIMEOUT_MS = 20 * 60_000;
