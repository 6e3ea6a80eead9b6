// Reads a container's output from the engine's stream, and one file from the engine's archive.

const STDOUT = 1;
const STREAM_HEADER_BYTES = 8;
const TAR_BLOCK_BYTES = 512;
const TAR_SIZE = { from: 124, to: 136 } as const;
const TAR_TYPE = 156;
/** The type of a file; archives of old programs have a NUL. */
const TAR_FILE_TYPES = new Set(['0', '\0']);

/** Reads a stream to its end. @throws Error if it is longer than `bytesMax`. */
export async function readAll(stream: NodeJS.ReadableStream, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    bytes += buffer.length;
    if (bytes > bytesMax) throw new Error('longer than allowed');
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

/**
 * The standard output in an attached stream: frames of one byte for the stream, three of zero and a
 * length (Docker Engine API, ContainerAttach).
 */
export function standardOutput(bytes: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + STREAM_HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at + 4);
    const from = at + STREAM_HEADER_BYTES;
    if (bytes[at] === STDOUT) parts.push(bytes.subarray(from, from + length));
    at = from + length;
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The first file of a tar archive; undefined if it has none. */
export function fileInArchive(archive: Buffer): string | undefined {
  let at = 0;
  while (at + TAR_BLOCK_BYTES <= archive.length) {
    const header = archive.subarray(at, at + TAR_BLOCK_BYTES);
    const size = Number.parseInt(header.subarray(TAR_SIZE.from, TAR_SIZE.to).toString('latin1'), 8);
    const type = header.subarray(TAR_TYPE, TAR_TYPE + 1).toString('latin1');
    if (Number.isNaN(size)) return undefined;
    const from = at + TAR_BLOCK_BYTES;
    if (TAR_FILE_TYPES.has(type)) return archive.subarray(from, from + size).toString('utf8');
    at = from + Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
  }
  return undefined;
}
