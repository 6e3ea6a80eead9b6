// Follows the descriptor of one onion through Tor's HS_DESC events (control-spec §4.1.25). Pure.
// The directory that an event names is dropped here.

import type { ControlMessage } from '../control/reply-parser.ts';
import { isOnionAddress } from './onion-key.ts';
import { parseKeywordLine } from '../control/keywords.ts';

/** Why a directory refused to store or serve a descriptor, as Tor names it. */
export const DESCRIPTOR_FAILURES = [
  'BAD_DESC',
  'QUERY_REJECTED',
  'UPLOAD_REJECTED',
  'NOT_FOUND',
  'UNEXPECTED',
  'QUERY_NO_HSDIR',
  'QUERY_RATE_LIMITED',
] as const;

export type DescriptorFailure = (typeof DESCRIPTOR_FAILURES)[number];

const ACTIONS = ['CREATED', 'UPLOAD', 'UPLOADED', 'REQUESTED', 'RECEIVED', 'FAILED'] as const;
type DescriptorAction = (typeof ACTIONS)[number];

/** `reason` only with FAILED; a reason that is not in the list is `UNEXPECTED`. */
export interface DescriptorEvent {
  readonly address: string;
  readonly action: DescriptorAction;
  readonly reason: DescriptorFailure | null;
}

/**
 * Progress of a fetch, as one client sees it. A failure is the newest directory's answer; Tor may
 * still ask another.
 */
export type FetchState =
  | { readonly state: 'unknown' }
  | { readonly state: 'requested' }
  | { readonly state: 'received' }
  | { readonly state: 'failed'; readonly reason: DescriptorFailure };

/** Progress of a publication: uploads begun, done and refused, counted over all directories. */
export interface UploadState {
  readonly attempted: number;
  readonly uploaded: number;
  readonly failed: number;
  readonly lastFailure: DescriptorFailure | null;
}

export const FETCH_UNKNOWN: FetchState = { state: 'unknown' };
export const NOTHING_UPLOADED: UploadState = { attempted: 0, uploaded: 0, failed: 0, lastFailure: null };

/** Reads an HS_DESC event; undefined for any other event and for an onion that is not named. */
export function readDescriptorEvent(message: ControlMessage): DescriptorEvent | undefined {
  const { words, keywords } = parseKeywordLine(message.lines[0]?.text ?? '');
  const [type, action, address] = words;
  const known = ACTIONS.find((candidate) => candidate === action);
  if (type !== 'HS_DESC' || known === undefined || address === undefined || !isOnionAddress(address)) return undefined;
  const reason = DESCRIPTOR_FAILURES.find((candidate) => candidate === keywords.get('REASON'));
  return { address, action: known, reason: known === 'FAILED' ? (reason ?? 'UNEXPECTED') : null };
}

/** The fetch after an event of the same onion. Uploads do not touch it. */
export function stepFetch(state: FetchState, event: DescriptorEvent): FetchState {
  switch (event.action) {
    case 'REQUESTED':
      return { state: 'requested' };
    case 'RECEIVED':
      return { state: 'received' };
    case 'FAILED':
      return { state: 'failed', reason: event.reason ?? 'UNEXPECTED' };
    case 'CREATED':
    case 'UPLOAD':
    case 'UPLOADED':
      return state;
  }
}

/** The upload after an event of the same onion. Fetches do not touch it. */
export function stepUpload(state: UploadState, event: DescriptorEvent): UploadState {
  switch (event.action) {
    case 'UPLOAD':
      return { ...state, attempted: state.attempted + 1 };
    case 'UPLOADED':
      return { ...state, uploaded: state.uploaded + 1 };
    case 'FAILED':
      return { ...state, failed: state.failed + 1, lastFailure: event.reason };
    case 'CREATED':
    case 'REQUESTED':
    case 'RECEIVED':
      return state;
  }
}
