// Every label that separates one use of a key or a hash from another. PROTOCOL.md §5.6.

import type { Cover } from '@sotto/protocol';

export const LABELS = {
  capability: 'sotto/1 capability seed',
  clientAuthorisation: 'sotto/1 onion client authorisation',
  roomId: 'sotto/1 room id',
  roomTag: 'sotto/1 room tag',
  fingerprint: 'sotto/1 fingerprint',
  groupId: 'sotto/1 group id',
  memberCredential: 'sotto/2 credential',
  member: 'sotto/2 member',
  snapshot: 'sotto/1 join snapshot',
  join: 'sotto/1 join envelope',
  envelopeExporter: 'sotto/1 envelope',
  epochFrame: 'sotto/1 epoch frame',
  safetyNumber: 'sotto/2 safety number',
  leave: 'sotto/2 leave',
  bundle: 'sotto/2 bundle',
  presence: 'sotto/2 presence',
  log: 'sotto/2 log',
  roomCode: 'sotto/2 room code',
} as const;
/** Rooms with cover traffic have a capability of their own. */
export type Label = (typeof LABELS)[keyof typeof LABELS] | `${typeof LABELS.capability} ${Cover}`;
