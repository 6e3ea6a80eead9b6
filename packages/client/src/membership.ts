// Seals this member's contents and opens the others': the place where group keys come in. PROTOCOL.md §5.

import {
  createCredential,
  deriveRoomKeys,
  destroyRoomKeys,
  fingerprint,
  openEnvelope,
  plaintextBytes,
  sealEnvelope,
  signCapability,
  signContent,
  verifyContent,
} from '@sotto/crypto';
import type { MemberCredential, RandomSource, RoomKeys } from '@sotto/crypto';
import {
  bodyBytes,
  decodeContent,
  decodePlaintext,
  encodeContent,
  encodePlaintext,
  FRAME_BYTES,
  MEMBER_FRAME_OVERHEAD_BYTES,
} from '@sotto/protocol';
import type { Content, ContentCode, Invite } from '@sotto/protocol';
import { decodeText, encodeText } from './text.ts';

const PLAINTEXT_SIZES: readonly number[] = FRAME_BYTES.map((bytes) => plaintextBytes(bodyBytes(bytes)));

/** What an entry was. */
export type Opened =
  | { readonly kind: 'nothing'; readonly code: Nothing }
  | { readonly kind: 'content'; readonly memberKey: Uint8Array; readonly content: Content };
/** Why an entry changes nothing: a dummy, noise, what is not ours to read, and an echo, which is known by its bytes. */
type Nothing = OpenCode | 'dummy' | 'own';
type OpenCode = 'envelope-foreign' | 'signature-wrong' | ContentCode;

/** One member's standing in one room: the room's keys and the member's own. */
export class Membership {
  readonly #keys: RoomKeys;
  readonly #credential: MemberCredential;
  readonly #random: RandomSource;

  constructor(invite: Invite, random: RandomSource) {
    this.#keys = deriveRoomKeys(invite.roomSecret, invite.onionKey);
    this.#credential = createCredential(random);
    this.#random = random;
  }

  get roomId(): Uint8Array {
    return this.#keys.roomId;
  }

  get memberKey(): Uint8Array {
    return this.#credential.memberKey;
  }

  get fingerprint(): string {
    return fingerprint(this.memberKey);
  }

  /** PROTOCOL.md §4.2. */
  signAttach(challenge: Uint8Array, from: number): Uint8Array {
    return signCapability(this.#keys, challenge, from);
  }

  /** Seals in the smallest frame that holds it. @returns the body of a PUBLISH frame. PROTOCOL.md §5.1-§5.3. */
  seal(content: Content): Uint8Array {
    const bytes = encodeContent(content, encodeText);
    const signature = signContent(this.#credential, this.#keys.roomId, bytes);
    const size = PLAINTEXT_SIZES.find((length) => length >= MEMBER_FRAME_OVERHEAD_BYTES + bytes.length);
    if (size === undefined) throw new RangeError('a content larger than the largest frame');
    const plaintext = encodePlaintext({ kind: 'member', memberKey: this.memberKey, signature, content: bytes }, size);
    return sealEnvelope(this.#keys.frameKey, plaintext, this.#random);
  }

  open(body: Uint8Array): Opened {
    const envelope = openEnvelope(this.#keys.frameKey, body);
    if (!envelope.ok) return nothing(envelope.code);
    const plaintext = decodePlaintext(envelope.value);
    if (!plaintext.ok) return nothing(plaintext.code);
    if (plaintext.value.kind === 'dummy') return nothing('dummy');
    const { memberKey, content: bytes, signature } = plaintext.value;
    if (!verifyContent(this.#keys.roomId, memberKey, bytes, signature)) return nothing('signature-wrong');
    const content = decodeContent(bytes, decodeText);
    return content.ok ? { kind: 'content', memberKey, content: content.value } : nothing(content.code);
  }

  destroy(): void {
    destroyRoomKeys(this.#keys);
    this.#credential.secret.destroy();
  }
}

function nothing(code: Nothing): Opened {
  return { kind: 'nothing', code };
}

/** Bytes that the largest frame leaves for a plaintext: what long texts are cut for. */
export const LARGEST_PLAINTEXT_BYTES: number = Math.max(...PLAINTEXT_SIZES);
