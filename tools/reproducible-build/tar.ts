// Reads Docker's tar archives in memory: enough to name the files of two layers that differ, and
// how.

const BLOCK_BYTES = 512;

export interface TarEntry {
  /** Without a slash at either end. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Where a link leads. */
  readonly target: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds; fractions are kept where the archive has them. */
  readonly modified: number;
  readonly content: Uint8Array;
}

class TarError extends Error {
  override readonly name = 'TarError';
  readonly code = 'tar-malformed';
}

const KINDS: Readonly<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'link',
  '2': 'link',
  '5': 'folder',
};

/** @throws TarError for what is cut short or no archive. */
export function readTar(archive: Uint8Array): readonly TarEntry[] {
  const entries: TarEntry[] = [];
  let extended: ReadonlyMap<string, string> = new Map();
  for (let at = 0; at + BLOCK_BYTES <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    const size = Number(extended.get('size') ?? numberIn(header, 124, 12));
    const content = archive.subarray(at + BLOCK_BYTES, at + BLOCK_BYTES + size);
    if (!Number.isSafeInteger(size) || content.length < size) throw new TarError('the archive ends within an entry');
    at += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'x') extended = new Map([...extended, ...readExtended(content)]);
    else if (type === 'L') extended = new Map([...extended, ['path', textIn(content, 0, content.length)]]);
    else if (type === 'K') extended = new Map([...extended, ['linkpath', textIn(content, 0, content.length)]]);
    else if (type !== 'g') {
      entries.push(entryOf(header, type, content, extended));
      extended = new Map();
    }
  }
  return entries;
}

function entryOf(
  header: Uint8Array,
  type: string,
  content: Uint8Array,
  extended: ReadonlyMap<string, string>,
): TarEntry {
  const prefix = textIn(header, 257, 5) === 'ustar' ? textIn(header, 345, 155) : '';
  const name = textIn(header, 0, 100);
  const path = extended.get('path') ?? (prefix === '' ? name : `${prefix}/${name}`);
  return {
    path: path.replace(/^(\.?\/)+|\/+$/g, ''),
    kind: KINDS[type] ?? 'other',
    target: extended.get('linkpath') ?? textIn(header, 157, 100),
    mode: numberIn(header, 100, 8) & 0o7777,
    uid: Number(extended.get('uid') ?? numberIn(header, 108, 8)),
    gid: Number(extended.get('gid') ?? numberIn(header, 116, 8)),
    modified: Number(extended.get('mtime') ?? numberIn(header, 136, 12)),
    content,
  };
}

function textIn(bytes: Uint8Array, from: number, length: number): string {
  const field = bytes.subarray(from, from + length);
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('utf8');
}

/** Octal digits, or big-endian bytes where the first bit is set. */
function numberIn(header: Uint8Array, from: number, length: number): number {
  const field = header.subarray(from, from + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  const text = textIn(field, 0, length).trim();
  if (!/^[0-7]*$/.test(text)) throw new TarError('a header has no number where one belongs');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

/** Records of `length key=value\n`. */
function readExtended(content: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const length = Number(/^\d+(?= )/.exec(textIn(content, at, 20))?.[0] ?? Number.NaN);
    if (!(length > 0) || at + length > content.length) throw new TarError('an extended header is malformed');
    const record = Buffer.from(content.subarray(at, at + length - 1)).toString('utf8');
    const equals = record.indexOf('=');
    records.set(record.slice(record.indexOf(' ') + 1, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}
