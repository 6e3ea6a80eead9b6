// Every "cannot" of the threat model names a test that is there, or says that it is an argument.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const MODEL = readFileSync('docs/THREAT_MODEL.md', 'utf8');
const claims = claimsOf(MODEL);

/** The list items that begin with "Cannot", each on one line. */
function claimsOf(text: string): readonly string[] {
  return text
    .split(/\n(?=[*#]|\n)/)
    .map((item) => item.trim().replaceAll(/\s*\n\s+/g, ' '))
    .filter((item) => item.startsWith('* Cannot'));
}

/** Why a claim is not backed, or undefined. */
function fault(claim: string): string | undefined {
  if (/\bArgument: /.test(claim)) return undefined;
  const proof = /\bTests?: (.*)$/.exec(claim)?.[1];
  if (proof === undefined) return 'names neither a test nor an argument';
  for (const [, path, title] of proof.matchAll(/`([^`]+)`(?: "([^"]+)")?/g)) {
    if (path === undefined || !existsSync(path)) return `names ${path ?? 'nothing'}, which is not there`;
    if (title !== undefined && !readFileSync(path, 'utf8').includes(title))
      return `names "${title}", which ${path} has not`;
  }
  return undefined;
}

describe('THREAT_MODEL.md', () => {
  test('makes more than a dozen claims', () => {
    expect(claims.length).toBeGreaterThan(12);
  });

  test.each(claims)('backs its claim: %s', (claim) => {
    expect(fault(claim)).toBeUndefined();
  });

  test('has only items that say what an adversary can, or cannot', () => {
    const items = MODEL.split('\n').filter((line) => line.startsWith('* '));
    expect(items.filter((line) => !/^\* (?:Can|Cannot)\b/.test(line))).toEqual([]);
    expect(claims).toHaveLength(items.filter((line) => line.startsWith('* Cannot')).length);
  });

  test('fails if a claim names no test', () => {
    expect(claimsOf('* Cannot fly\n  high.\n* Can walk.\n\nCannot.')).toEqual(['* Cannot fly high.']);
    expect(fault('* Cannot fly.')).toBe('names neither a test nor an argument');
    expect(fault('* Cannot fly. Test: `test/fly.test.ts`.')).toContain('which is not there');
    expect(fault('* Cannot fly. Test: `README.md` "no such title in any file".')).toContain('has not');
  });
});
