// A program on native primitives loads no code that it does not use, so an image can leave that
// code out.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** @returns the addresses of the modules that Node loads for these entries. */
function loadedFor(...entries: readonly string[]): readonly string[] {
  const program = `
    import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => (process.stdout.write(url + '\\n'), next(url, context)) });
    for (const entry of ${JSON.stringify(entries)}) await import(entry);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  return stdout.split('\n');
}

const UNUSED = /\/node_modules\/@hpke\/|\/pure-provider\./;

test('the native primitives and the group engine load neither @hpke nor the pure primitives', () => {
  const loaded = loadedFor('@sotto/crypto', '@sotto/crypto/mls', '@sotto/crypto/native');
  expect(loaded.some((url) => url.includes('/native-provider.'))).toBe(true);
  expect(loaded.filter((url) => UNUSED.test(url))).toEqual([]);
});

test('control: the pure primitives load both', () => {
  const loaded = loadedFor('@sotto/crypto/pure');
  expect(loaded.some((url) => url.includes('/@hpke/'))).toBe(true);
  expect(loaded.some((url) => url.includes('/pure-provider.'))).toBe(true);
});

test('a public group loads no code of members: no engine, no transitions, no locked memory', () => {
  const loaded = loadedFor('@sotto/crypto/public-group', '@sotto/crypto/native');
  expect(loaded.some((url) => url.includes('/public-group.'))).toBe(true);
  const members = /\/mls\/(?:engine|transitions|secrets|identity)\.|\/locked-memory\.|sodium-native|\/createCommit\.js/;
  expect(loaded.filter((url) => members.test(url))).toEqual([]);
  // Control: the group engine loads them.
  expect(loadedFor('@sotto/crypto/mls').filter((url) => members.test(url)).length).toBeGreaterThan(3);
});
