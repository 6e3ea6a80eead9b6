// Tor's way to its network, as a pure state machine: the stage, and for a stall its cause and the
// next step. The time comes with each event. Its edge is bootstrap.ts.

import type { Step } from '@sotto/machine';
import { message } from '@sotto/messages';
import { parseKeywordLine } from './keywords.ts';
import { BOOTSTRAP_STALL_MS } from '../limits.ts';
import type { ControlMessage } from './reply-parser.ts';

/**
 * Tor's tags (control-spec §5.5); the catalogue has a text for each. Tor's own text is not shown: a
 * warning in it can name a relay.
 */
const STAGE_TAGS = [
  'starting',
  'conn_pt',
  'conn_done_pt',
  'conn_proxy',
  'conn_done_proxy',
  'conn',
  'conn_done',
  'handshake',
  'handshake_done',
  'onehop_create',
  'requesting_status',
  'loading_status',
  'loading_keys',
  'requesting_descriptors',
  'loading_descriptors',
  'enough_dirinfo',
  'ap_conn_pt',
  'ap_conn_done_pt',
  'ap_conn_proxy',
  'ap_conn_done_proxy',
  'ap_conn',
  'ap_conn_done',
  'ap_handshake',
  'ap_handshake_done',
  'circuit_create',
  'done',
] as const;

export type BootstrapTag = (typeof STAGE_TAGS)[number] | 'unknown';

/** Why a connection failed, as Tor names it (tor reasons.c), plus four that we see elsewhere. */
const WARNINGS = {
  CONNECTREFUSED: 'blocked',
  CONNECTRESET: 'blocked',
  TIMEOUT: 'blocked',
  IOERROR: 'blocked',
  TLS_ERROR: 'blocked',
  DONE: 'blocked',
  IDENTITY: 'blocked',
  NOROUTE: 'no-network',
  CLOCK_SKEW: 'clock-skew',
  RESOURCELIMIT: 'unknown',
  PT_MISSING: 'unknown',
  MISC: 'unknown',
  'clock-doubted': 'clock-skew',
  'clock-jumped': 'clock-skew',
  'network-down': 'no-network',
} as const;

export type BootstrapWarning = keyof typeof WARNINGS;
export type StallCause = (typeof WARNINGS)[BootstrapWarning];

const STALL_CAUSES: ReadonlySet<string> = new Set(Object.values(WARNINGS));

/**
 * How far Tor is: `percent` 0 to 100, `tag` Tor's own name of the stage, `summary` ours for people.
 */
export interface BootstrapProgress {
  readonly percent: number;
  readonly tag: BootstrapTag;
  readonly summary: string;
}

/** A stage as a screen shows it. `warning` is the newest reason that Tor gave, if any. */
export type BootstrapStage =
  | { readonly state: 'starting' }
  | ({ readonly state: 'progressing' } & BootstrapProgress)
  | ({
      readonly state: 'stalled';
      readonly cause: StallCause;
      readonly nextStep: string;
      readonly warning: BootstrapWarning | null;
    } & BootstrapProgress)
  | { readonly state: 'done' };

export type BootstrapEvent =
  | {
      readonly type: 'phase';
      readonly nowMs: number;
      readonly percent: number;
      readonly tag: BootstrapTag;
      readonly warning: BootstrapWarning | null;
      /** RECOMMENDATION=warn: Tor itself thinks that the user should know. */
      readonly urgent: boolean;
    }
  | { readonly type: 'hint'; readonly nowMs: number; readonly warning: BootstrapWarning; readonly urgent: boolean }
  | { readonly type: 'network-up'; readonly nowMs: number }
  | { readonly type: 'tick'; readonly nowMs: number };

/**
 * `warning` is kept until Tor makes progress. `clockWarning` is kept to the end, for it explains
 * later stalls too.
 */
export interface BootstrapState {
  readonly stage: BootstrapStage;
  readonly lastMoveMs: number;
  readonly warning: BootstrapWarning | null;
  readonly clockWarning: BootstrapWarning | null;
}

/** `announce`: show this stage. `wake-at`: feed a `tick` at that time of the same clock. */
export type BootstrapEffect =
  { readonly type: 'announce'; readonly stage: BootstrapStage } | { readonly type: 'wake-at'; readonly atMs: number };

export type BootstrapStep = Step<BootstrapState, BootstrapEffect>;

/** The state before Tor has said anything. */
export function startBootstrap(nowMs: number): BootstrapStep {
  const state: BootstrapState = { stage: { state: 'starting' }, lastMoveMs: nowMs, warning: null, clockWarning: null };
  return {
    state,
    effects: [
      { type: 'announce', stage: state.stage },
      { type: 'wake-at', atMs: nowMs + BOOTSTRAP_STALL_MS },
    ],
  };
}

/**
 * One step. No effect restarts Tor: it retries by itself, and a restart would lose its progress.
 */
export function stepBootstrap(state: BootstrapState, event: BootstrapEvent): BootstrapStep {
  switch (event.type) {
    case 'phase':
      return stepPhase(state, event);
    case 'hint':
      return stepHint(state, event.warning, event.urgent);
    case 'network-up':
      return state.warning === 'network-down' ? quiet({ ...state, warning: null }) : quiet(state);
    case 'tick':
      return stepTick(state, event.nowMs);
  }
}

/**
 * Reads a bootstrap, clock or liveness line of Tor; undefined for everything else. `message` is an
 * event of status 650.
 */
export function readBootstrapEvent(message: ControlMessage, nowMs: number): BootstrapEvent | undefined {
  const { words, keywords } = parseKeywordLine(message.lines[0]?.text ?? '');
  const [type, severity, action] = words;
  if (type === 'NETWORK_LIVENESS') {
    if (severity === 'UP') return { type: 'network-up', nowMs };
    return severity === 'DOWN' ? { type: 'hint', nowMs, warning: 'network-down', urgent: false } : undefined;
  }
  if (type === 'STATUS_CLIENT' && action === 'BOOTSTRAP') return readPhase(keywords, nowMs);
  if (type !== 'STATUS_GENERAL') return undefined;
  // NOTICE means that an untrusted relay said so: it must not hide a better reason.
  if (action === 'CLOCK_SKEW') {
    const trusted = severity === 'WARN';
    return { type: 'hint', nowMs, warning: trusted ? 'CLOCK_SKEW' : 'clock-doubted', urgent: trusted };
  }
  // Tor says this after a laptop slept, too: a hint for a later stall, not a stall.
  return action === 'CLOCK_JUMPED' ? { type: 'hint', nowMs, warning: 'clock-jumped', urgent: false } : undefined;
}

/** Reads the value of `GETINFO status/bootstrap-phase`; undefined if it is none. */
export function readBootstrapPhase(value: string, nowMs: number): BootstrapEvent | undefined {
  const { words, keywords } = parseKeywordLine(value);
  return words[1] === 'BOOTSTRAP' ? readPhase(keywords, nowMs) : undefined;
}

/** True for the tags of this package's table. */
export function isBootstrapTag(text: string): text is BootstrapTag {
  return text === 'unknown' || STAGE_TAGS.some((tag) => tag === text);
}

export function isBootstrapWarning(text: string): text is BootstrapWarning {
  return Object.hasOwn(WARNINGS, text);
}

export function isStallCause(text: string): text is StallCause {
  return STALL_CAUSES.has(text);
}

/**
 * The summary of a stage. Both ends of the gate use it, so no text from Tor crosses the gate.
 */
export function describeProgress(percent: number, tag: BootstrapTag): BootstrapProgress {
  return { percent, tag, summary: message(`tor.stage.${tag}`) };
}

/** The next step for a user after a stall. */
export function nextStepFor(cause: StallCause): string {
  return message(`tor.stalled.${cause}`);
}

function readPhase(keywords: ReadonlyMap<string, string>, nowMs: number): BootstrapEvent | undefined {
  const progress = keywords.get('PROGRESS') ?? '';
  if (!/^[0-9]{1,3}$/.test(progress) || Number(progress) > 100) return undefined;
  const tag = keywords.get('TAG') ?? '';
  const reason = keywords.get('REASON');
  const warned = reason !== undefined || keywords.has('WARNING');
  const warning = warned ? (reason !== undefined && isBootstrapWarning(reason) ? reason : 'MISC') : null;
  return {
    type: 'phase',
    nowMs,
    percent: Number(progress),
    tag: isBootstrapTag(tag) ? tag : 'unknown',
    warning,
    urgent: warned && keywords.get('RECOMMENDATION') === 'warn',
  };
}

function stepPhase(state: BootstrapState, event: BootstrapEvent & { type: 'phase' }): BootstrapStep {
  if (event.percent === 100 && state.stage.state === 'done') return quiet(state);
  if (event.percent === 100) return announce({ ...state, stage: { state: 'done' }, warning: null, clockWarning: null });
  const before = progressOf(state.stage);
  const moved = before?.percent !== event.percent || before.tag !== event.tag;
  const next: BootstrapState = {
    stage: moved ? { state: 'progressing', ...describeProgress(event.percent, event.tag) } : state.stage,
    lastMoveMs: moved ? event.nowMs : state.lastMoveMs,
    warning: event.warning ?? (moved ? null : state.warning),
    clockWarning: event.warning === 'CLOCK_SKEW' ? 'CLOCK_SKEW' : state.clockWarning,
  };
  const wake: BootstrapEffect[] = moved ? [{ type: 'wake-at', atMs: event.nowMs + BOOTSTRAP_STALL_MS }] : [];
  const after = event.urgent || next.stage.state === 'stalled' ? stall(next) : next;
  const shown = moved ? announce(after) : announceIfNew(state, after);
  return { state: after, effects: [...shown.effects, ...wake] };
}

function stepHint(state: BootstrapState, warning: BootstrapWarning, urgent: boolean): BootstrapStep {
  if (state.stage.state === 'done') return quiet(state);
  const aboutClock = WARNINGS[warning] === 'clock-skew';
  const next = aboutClock
    ? { ...state, clockWarning: strongerClock(state.clockWarning, warning) }
    : { ...state, warning };
  return urgent || next.stage.state === 'stalled' ? announceIfNew(state, stall(next)) : quiet(next);
}

function stepTick(state: BootstrapState, nowMs: number): BootstrapStep {
  if (state.stage.state === 'done' || state.stage.state === 'stalled') return quiet(state);
  const dueMs = state.lastMoveMs + BOOTSTRAP_STALL_MS;
  if (nowMs < dueMs) return { state, effects: [{ type: 'wake-at', atMs: dueMs }] };
  return announce(stall(state));
}

function stall(state: BootstrapState): BootstrapState {
  const { percent, tag, summary } = progressOf(state.stage) ?? describeProgress(0, 'starting');
  // A clock that Tor measured as wrong explains failed handshakes. A clock that jumped is the cause
  // only if there is no other.
  const warning = state.clockWarning === 'CLOCK_SKEW' ? 'CLOCK_SKEW' : (state.warning ?? state.clockWarning);
  const cause = warning === null ? 'unknown' : WARNINGS[warning];
  return { ...state, stage: { state: 'stalled', percent, tag, summary, cause, nextStep: nextStepFor(cause), warning } };
}

function progressOf(stage: BootstrapStage): BootstrapProgress | undefined {
  return stage.state === 'progressing' || stage.state === 'stalled' ? stage : undefined;
}

function strongerClock(held: BootstrapWarning | null, found: BootstrapWarning): BootstrapWarning {
  return held === 'CLOCK_SKEW' ? held : found;
}

function announceIfNew(before: BootstrapState, after: BootstrapState): BootstrapStep {
  const was = before.stage;
  const is = after.stage;
  const sameStall =
    was.state === 'stalled' && is.state === 'stalled' && was.warning === is.warning && was.cause === is.cause;
  return was === is || sameStall ? quiet(after) : announce(after);
}

function announce(state: BootstrapState): BootstrapStep {
  return { state, effects: [announceEffect(state)] };
}

function announceEffect(state: BootstrapState): BootstrapEffect {
  return { type: 'announce', stage: state.stage };
}

function quiet(state: BootstrapState): BootstrapStep {
  return { state, effects: [] };
}
