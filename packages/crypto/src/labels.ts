// Every label that separates one use of a key or a hash from another, listed once. PROTOCOL.md §5.6.

export const LABELS = {
  capability: 'sotto/1 capability seed',
  clientAuthorisation: 'sotto/1 onion client authorisation',
  frame: 'sotto/1 frame',
  roomId: 'sotto/1 room id',
  roomTag: 'sotto/1 room tag',
  memberFrame: 'sotto/1 member frame',
  fingerprint: 'sotto/1 fingerprint',
} as const;
export type Label = (typeof LABELS)[keyof typeof LABELS];
