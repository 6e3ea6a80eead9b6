// The requests of the host's own client: one JSON object a line, with exactly the given fields.
// PROTOCOL.md §6.6.

import { parseJsonObject } from '@sotto/json-socket';
import type { JsonObject } from '@sotto/json-socket';
import { accept, encodeMove, encodeSignedOrder, fromHex, MEMBER_ID_BYTES, refuse, toHex } from '@sotto/protocol';
import type { AccessMode, Decoded, Move, SignedOrder } from '@sotto/protocol';
import type { ModeratorCode } from './errors.ts';

export type ModeratorRequest =
  | { readonly operation: 'invite' }
  | { readonly operation: 'access'; readonly mode: AccessMode }
  /** `memberId`: 16 bytes. */
  | { readonly operation: 'evict'; readonly memberId: Uint8Array }
  | { readonly operation: 'moved' };

/**
 * `ok` with the result of the operation: the connection string, an order, an order and a move, or
 * nothing.
 */
export type ModeratorReply =
  | { readonly ok: true; readonly invite?: string; readonly order?: SignedOrder; readonly move?: Move }
  | { readonly ok: false; readonly code: ModeratorCode };

const MODES: readonly AccessMode[] = ['open', 'knock', 'locked'];

export function readAccessMode(text: unknown): AccessMode | undefined {
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
      return names === 'operation' ? { operation } : undefined;
    case 'access': {
      const mode = readAccessMode(fields['mode']);
      return names === 'mode operation' && mode !== undefined ? { operation, mode } : undefined;
    }
    case 'evict': {
      const { member } = fields;
      const memberId = typeof member === 'string' ? fromHex(member, MEMBER_ID_BYTES) : undefined;
      return names === 'member operation' && memberId !== undefined ? { operation, memberId } : undefined;
    }
    default:
      return undefined;
  }
}
