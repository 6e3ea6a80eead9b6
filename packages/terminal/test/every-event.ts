// One or more of every event that a screen may be told, with the same member and the same text
// wherever one stands: a new event has to be added here.

import { WARNING_CODES } from '@sotto/client';
import type { Speaker, StateName, WarningCode } from '@sotto/client';
import type { AccessMode } from '@sotto/protocol';
import type { ShownEvent } from '../src/front-end.ts';

type EachEvent = { readonly [Type in ShownEvent['type']]: readonly (ShownEvent & { readonly type: Type })[] };

const STATES: readonly StateName[] = [
  'bootstrapping',
  'descriptor',
  'rendezvous',
  'joining',
  'knocking',
  'joined',
  'reconnecting',
  'leaving',
  'closed',
];
const WARNINGS: readonly WarningCode[] = WARNING_CODES;
const MODES: readonly AccessMode[] = ['knock', 'locked', 'listed', 'open'];

const COST = { upBytesPerHour: 1_843_200, downBytesPerHour: 18_432_000, meanDelayMs: 1_600 };
const STATUS = {
  slotMs: 2_000,
  epoch: 4,
  epochAgeSeconds: 77,
  newKeysSeconds: 43,
  waitingSeconds: 0,
  patienceSeconds: 7_740,
  unverified: 2,
};

export function everyEvent(member: Speaker, text: string): ShownEvent[] {
  const { name, fingerprint } = member;
  const listed = [
    { name, fingerprint, self: false, present: true, verified: true },
    { name, fingerprint, self: true, present: false, verified: false },
  ];
  const events: EachEvent = {
    state: STATES.map((state) => ({ type: 'state', state, detail: text, code: text })),
    message: [{ type: 'message', id: text, from: member, text }],
    delivered: [{ type: 'delivered', id: text, by: 1 }],
    arrived: [{ type: 'arrived', member }],
    left: [{ type: 'left', member }],
    removed: (['left', 'silent', 'evicted', 'unlisted'] as const).map((reason) => ({
      type: 'removed',
      reason,
      member,
    })),
    gap: [
      { type: 'gap', count: 1, from: member },
      { type: 'gap', count: 2 },
    ],
    error: [{ type: 'error', code: text, message: text, ref: text }],
    epoch: [{ type: 'epoch', epoch: 3 }],
    access: MODES.map((mode) => ({ type: 'access', mode })),
    moved: [{ type: 'moved', invite: text }],
    deferred: [{ type: 'deferred', what: 'access', seconds: 118 }],
    moderated: (['evicted', 'moved', 'access'] as const).map((what) => ({ type: 'moderated', what })),
    members: [{ type: 'members', members: listed }],
    warning: WARNINGS.flatMap((code) => [
      { type: 'warning', code, message: text, from: member, namesakes: [{ name, fingerprint, verified: true }] },
      { type: 'warning', code, message: text, namesakes: [] },
    ]),
    knock: [{ type: 'knock', member, waiting: 1, again: false }],
    queued: [{ type: 'queued' }],
    sent: [{ type: 'sent', ref: text, id: text, text }],
    listing: [{ type: 'listing', members: listed, waiting: [member] }],
    'safety-number': [{ type: 'safety-number', member, number: text }],
    verified: [{ type: 'verified', member }],
    cover: [{ type: 'cover', mode: 'stealth-8', ...COST }],
    circuit: [
      { type: 'circuit', state: 'renewed' },
      { type: 'circuit', state: 'kept', code: 'circuit-kept', message: text },
    ],
    pace: [{ type: 'pace', ref: text, seconds: 12 }],
    status: [
      {
        type: 'status',
        mode: 'stealth-8',
        ...COST,
        ...STATUS,
        circuitAgeSeconds: 40,
        guardSameSeconds: 59,
        vanguards: 'auto',
      },
      {
        type: 'status',
        mode: 'off',
        ...COST,
        ...STATUS,
        circuitAgeSeconds: null,
        guardSameSeconds: null,
        vanguards: null,
      },
    ],
    code: [{ type: 'code', epoch: 3, code: [text, text] }],
    asked: [
      ...(['admit', 'evict'] as const).map((action) => ({ type: 'asked' as const, action, member })),
      { type: 'asked', action: 'move' },
    ],
    'member-refused': [{ type: 'member-refused', code: 'member-ambiguous', member: text, candidates: [member] }],
    unsent: [{ type: 'unsent', refs: [text, undefined] }],
  };
  return Object.values(events).flat();
}
