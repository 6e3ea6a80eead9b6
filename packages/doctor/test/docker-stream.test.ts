// The engine's two forms of bytes: an attached stream, and an archive of one file.

import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { fileInArchive, readAll, standardOutput } from '../src/docker-stream.ts';

const frame = (stream: number, text: string): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

function entry(type: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write('torrc');
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write(type, 156);
  const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  padded.write(content);
  return Buffer.concat([header, padded]);
}

describe('an attached stream', () => {
  test('gives the standard output only', () => {
    const bytes = Buffer.concat([frame(1, 'one '), frame(2, 'a warning'), frame(1, 'two')]);
    expect(standardOutput(bytes)).toBe('one two');
  });

  test('gives its complete part if it was cut off', () => {
    expect(standardOutput(frame(1, 'whole').subarray(0, 10))).toBe('wh');
    expect(standardOutput(Buffer.from([1, 0, 0]))).toBe('');
  });

  test('is read no further than its limit', async () => {
    await expect(readAll(Readable.from([Buffer.alloc(6), Buffer.alloc(6)]), 10)).rejects.toThrow('longer than allowed');
    expect((await readAll(Readable.from([Buffer.alloc(6), 'text']), 10)).length).toBe(10);
  });
});

describe('an archive', () => {
  test('gives its first file, after entries of other types', () => {
    expect(fileInArchive(Buffer.concat([entry('5', ''), entry('0', 'x'.repeat(600)), Buffer.alloc(1024)]))).toBe(
      'x'.repeat(600),
    );
  });

  test('gives nothing if it has no file', () => {
    expect(fileInArchive(Buffer.concat([entry('2', ''), Buffer.alloc(1024)]))).toBeUndefined();
    expect(fileInArchive(Buffer.alloc(0))).toBeUndefined();
  });
});
