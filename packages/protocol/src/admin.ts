// The host's requests to the relay over admin.sock: one JSON object a line, one reply a line, in
// order. PROTOCOL.md §6.5.

import { fromHex, toHex } from './bytes.ts';
import { coverOfName } from './cover.ts';
import type { Cover } from './cover.ts';
import { accept, ADMIN_CODES, refuse } from './errors.ts';
import type { AdminCode, Decoded } from './errors.ts';
import {
  ADMIN_LINE_BYTES_MAX,
  CAPABILITY_KEY_BYTES,
  PATIENCE_SECONDS_LEAST,
  PATIENCE_SECONDS_MOST,
  ROOM_ID_BYTES,
  ROOM_TAG_BYTES,
} from './limits.ts';

/**
 * `create` makes a room and `resume` takes up one that a restarted relay still finds in its store.
 * A room belongs to the admin connection that asked for it: when that ends without `close`, the
 * relay waits for a `resume` and then closes the room. PROTOCOL.md §6.5.
 */
export type AdminRequest =
  | {
      readonly operation: 'create';
      readonly roomId: Uint8Array;
      readonly capabilityKey: Uint8Array;
      readonly roomTag: Uint8Array;
      readonly cover: Cover;
      /** How long the log keeps a frame, from PATIENCE_SECONDS_LEAST to PATIENCE_SECONDS_MOST. */
      readonly patienceSeconds: number;
    }
  | { readonly operation: 'resume'; readonly roomId: Uint8Array }
  | { readonly operation: 'close'; readonly roomId: Uint8Array }
  | { readonly operation: 'ping' };

export type AdminReply = { readonly ok: true } | { readonly ok: false; readonly code: AdminCode };

export function encodeAdminRequest(request: AdminRequest): string {
  switch (request.operation) {
    case 'create':
      return line({
        operation: 'create',
        room: toHex(request.roomId),
        capability: toHex(request.capabilityKey),
        tag: toHex(request.roomTag),
        cover: request.cover,
        patience: request.patienceSeconds,
      });
    case 'resume':
    case 'close':
      return line({ operation: request.operation, room: toHex(request.roomId) });
    case 'ping':
      return line({ operation: 'ping' });
  }
}

export function decodeAdminRequest(text: string): Decoded<AdminRequest, 'admin-malformed'> {
  const fields = parseLine(text);
  if (fields === undefined) return refuse('admin-malformed');
  const names = Object.keys(fields).sort().join(' ');
  const roomId = hexField(fields, 'room', ROOM_ID_BYTES);
  switch (fields['operation']) {
    case 'ping':
      return names === 'operation' ? accept({ operation: 'ping' }) : refuse('admin-malformed');
    case 'resume':
    case 'close':
      if (names !== 'operation room' || roomId === undefined) return refuse('admin-malformed');
      return accept({ operation: fields['operation'], roomId });
    case 'create': {
      const capabilityKey = hexField(fields, 'capability', CAPABILITY_KEY_BYTES);
      const roomTag = hexField(fields, 'tag', ROOM_TAG_BYTES);
      const cover = coverOfName(fields['cover']);
      const patienceSeconds = fields['patience'];
      if (names !== 'capability cover operation patience room tag') return refuse('admin-malformed');
      if (cover === undefined || !isPatience(patienceSeconds)) return refuse('admin-malformed');
      if (roomId === undefined || capabilityKey === undefined || roomTag === undefined)
        return refuse('admin-malformed');
      return accept({ operation: 'create', roomId, capabilityKey, roomTag, cover, patienceSeconds });
    }
    default:
      return refuse('admin-malformed');
  }
}

export function encodeAdminReply(reply: AdminReply): string {
  return line(reply.ok ? { ok: true } : { ok: false, code: reply.code });
}

export function decodeAdminReply(text: string): Decoded<AdminReply, 'admin-malformed'> {
  const fields = parseLine(text);
  if (fields?.['ok'] === true) return accept({ ok: true });
  const code = fields?.['code'];
  if (fields?.['ok'] !== false || typeof code !== 'string' || !Object.hasOwn(ADMIN_CODES, code)) {
    return refuse('admin-malformed');
  }
  return accept({ ok: false, code: code as AdminCode });
}

/** Whether a value is a room's patience: whole seconds between the bounds. */
export function isPatience(value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return false;
  return value >= PATIENCE_SECONDS_LEAST && value <= PATIENCE_SECONDS_MOST;
}

function line(fields: Readonly<Record<string, string | number | boolean>>): string {
  return `${JSON.stringify(fields)}\n`;
}

function parseLine(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.length > ADMIN_LINE_BYTES_MAX) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  return isObject ? (parsed as Readonly<Record<string, unknown>>) : undefined;
}

function hexField(fields: Readonly<Record<string, unknown>>, name: string, length: number): Uint8Array | undefined {
  const value = fields[name];
  return typeof value === 'string' ? fromHex(value, length) : undefined;
}
