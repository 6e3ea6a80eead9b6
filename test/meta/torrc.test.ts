// Every line of the two torrc files says why it is there.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** Options that no comment stands above, in their own paragraph. */
function unexplained(torrc: string): string[] {
  const paragraphs = torrc.split(/\n{2,}/).map((paragraph) => paragraph.split('\n').filter(Boolean));
  return paragraphs.flatMap((lines) => {
    const firstComment = lines.findIndex((line) => line.startsWith('#'));
    return lines.filter((line, index) => !line.startsWith('#') && (firstComment === -1 || index < firstComment));
  });
}

describe.each(['torrc', 'torrc.client'])('the file %s', (path) => {
  const text = readFileSync(path, 'utf8');

  test('gives a reason for every option', () => {
    expect(unexplained(text)).toEqual([]);
    expect(text.split('\n').filter((line) => /^[A-Za-z]/.test(line)).length).toBeGreaterThan(10);
  });

  test('fails if an option has no reason', () => {
    expect(unexplained(`${text}\n\nExitRelay 0\n`)).toEqual(['ExitRelay 0']);
    expect(unexplained(`ExitRelay 0\n${text}`)).toEqual(['ExitRelay 0']);
  });
});
