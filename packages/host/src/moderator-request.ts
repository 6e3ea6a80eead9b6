// The requests of the host's own client: one JSON object a line, with exactly the given fields.
// PROTOCOL.md §6.6.

import { parseJsonObject } from '@sotto/json-socket';
import type { JsonObject } from '@sotto/json-socket';
import {
  accept,
  coverOfName,
  encodeMove,
  encodeSignedOrder,
  equalBytes,
  fromHex,
  MEMBER_ID_BYTES,
  MEMBERS_MAX,
  refuse,
  toHex,
} from '@sotto/protocol';
import type { Cover, Decoded, Move, PlainMode, SignedOrder } from '@sotto/protocol';
import type { ModeratorCode } from './errors.ts';

export type ModeratorRequest =
  | { readonly operation: 'invite' }
  | { readonly operation: 'access'; readonly mode: PlainMode }
  /** `memberId`: 16 bytes. `listed`: the other members, who come into the new room unasked. */
  | { readonly operation: 'evict'; readonly memberId: Uint8Array; readonly listed: readonly Uint8Array[] }
  | { readonly operation: 'move'; readonly listed: readonly Uint8Array[]; readonly cover: Cover }
  | { readonly operation: 'moved' | 'not-moved' };

/**
 * `ok` with the result of the operation: the connection string, an order, an order and a move, or
 * nothing.
 */
export type ModeratorReply =
  | { readonly ok: true; readonly invite?: string; readonly order?: SignedOrder; readonly move?: Move }
  | { readonly ok: false; readonly code: ModeratorCode };

const MODES: readonly PlainMode[] = ['open', 'knock', 'locked'];

export function readAccessMode(text: unknown): PlainMode | undefined {
  return MODES.find((mode) => mode === text);
}

export function decodeModeratorRequest(line: Uint8Array): Decoded<ModeratorRequest, 'moderator-malformed'> {
  const fields = parseJsonObject(line);
  const request = fields === undefined ? undefined : readRequest(fields);
  return request === undefined ? refuse('moderator-malformed') : accept(request);
}

export function encodeModeratorReply(reply: ModeratorReply): string {
  const fields = reply.ok
    ? {
        ok: true,
        ...(reply.invite === undefined ? {} : { invite: reply.invite }),
        ...(reply.order === undefined ? {} : { order: toHex(encodeSignedOrder(reply.order)) }),
        ...(reply.move === undefined ? {} : { move: toHex(encodeMove(reply.move)) }),
      }
    : { ok: false, code: reply.code };
  return `${JSON.stringify(fields)}\n`;
}

function readRequest(fields: JsonObject): ModeratorRequest | undefined {
  const operation = fields['operation'];
  const names = Object.keys(fields).sort().join(' ');
  switch (operation) {
    case 'invite':
    case 'moved':
    case 'not-moved':
      return names === 'operation' ? { operation } : undefined;
    case 'access': {
      const mode = readAccessMode(fields['mode']);
      return names === 'mode operation' && mode !== undefined ? { operation, mode } : undefined;
    }
    case 'evict': {
      const memberId = readMemberId(fields['member']);
      const listed = readListed(fields['listed']);
      if (!hasFields(fields, ['listed', 'member', 'operation']) || memberId === undefined || listed === undefined)
        return undefined;
      return listed.some((other) => equalBytes(other, memberId)) ? undefined : { operation, memberId, listed };
    }
    case 'move': {
      const cover = coverOfName(fields['cover']);
      const listed = readListed(fields['listed']);
      if (!hasFields(fields, ['cover', 'listed', 'operation']) || cover === undefined || listed === undefined)
        return undefined;
      return { operation, listed, cover };
    }
    default:
      return undefined;
  }
}

function readMemberId(value: unknown): Uint8Array | undefined {
  return typeof value === 'string' ? fromHex(value, MEMBER_ID_BYTES) : undefined;
}

function readListed(value: unknown): Uint8Array[] | undefined {
  if (!Array.isArray(value) || value.length > MEMBERS_MAX) return undefined;
  const listed = value.flatMap((text: unknown) => readMemberId(text) ?? []);
  return listed.length === value.length ? listed : undefined;
}

/** `names`: in alphabetical order. */
function hasFields(fields: JsonObject, names: readonly string[]): boolean {
  return Object.keys(fields).sort().join() === names.join();
}
