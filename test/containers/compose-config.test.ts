// The compose linter reads the files itself, without an engine. Here it is held to what Compose
// makes of the same files.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseSettings } from '../../tools/compose-lint/compose-variables.ts';
import { STACKS } from '../../tools/compose-lint/requirements.ts';
import type { StackPlan } from '../../tools/compose-lint/requirements.ts';
import { makeStack, readFiles } from '../../tools/compose-lint/stack.ts';
import { isTree } from '../../tools/compose-lint/tree.ts';
import type { Tree, Value } from '../../tools/compose-lint/tree.ts';

const readText = (path: string): string => readFileSync(path, 'utf8');

function asCompose(plan: StackPlan): Tree {
  const files = plan.files.flatMap((file) => ['--file', file]);
  const run = spawnSync('docker', ['compose', ...files, '--profile', 'client', 'config', '--format', 'json'], {
    encoding: 'utf8',
    // The settings are those of .env, and a terminal's kind is passed through.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Tree;
}

const UNIT_BYTES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const SIZE = /^(\d+)([kmg])$/;

/** One form for what Compose writes another way: sizes, defaults, absolute paths, what is empty. */
function plain(value: Value, key = ''): Value {
  if (Array.isArray(value)) return value.map((entry: Value) => plain(entry));
  if (isTree(value)) {
    const entries = Object.entries(value).map(([name, entry]): [string, Value] => [name, plain(entry, name)]);
    return Object.fromEntries(entries.filter(([name, entry]) => !isLeftOut(name, entry)));
  }
  const size = key.endsWith('_limit') && typeof value === 'string' ? SIZE.exec(value) : null;
  if (size !== null) return String(Number(size[1]) * (UNIT_BYTES[size[2] ?? ''] ?? 0));
  if (key === 'context' && typeof value === 'string')
    return value.replace(process.cwd(), '.').replace(/^\.\/(?=.)/, '');
  // Compose leaves a limit of zero out.
  return key === 'core' && value === 0 ? {} : value;
}

function isLeftOut(name: string, value: Value): boolean {
  if (name === 'required' || name === 'ipam' || (name === 'dockerfile' && value === 'Dockerfile')) return true;
  return value === null || (isTree(value) && Object.keys(value).length === 0 && name !== 'core');
}

/** Names that a stack's parts have; their settings may be nothing at all. */
const namesIn = (tree: Tree, section: string): string[] =>
  Object.keys(isTree(tree[section]) ? tree[section] : {}).sort();

test.each(STACKS)('Compose reads the files of the stack $name as the linter does', (plan) => {
  const source = readFiles(plan, readText);
  const ours = makeStack(plan, source, parseSettings(readText('.env')), readText).tree;
  const theirs = asCompose(plan);
  for (const section of ['services', 'networks', 'volumes']) {
    expect(namesIn(ours, section)).toEqual(namesIn(theirs, section));
    for (const name of namesIn(ours, section)) {
      const [own, other] = [ours, theirs].map((tree) => ((tree[section] as Tree)[name] ?? {}) as Tree);
      const same = (tree: Tree | undefined): Tree => plain(tree ?? {}) as Tree;
      // Compose gives names of its own to networks and volumes; the networks of a service may be a
      // name with nothing under it.
      const apart = { name: undefined, networks: undefined };
      expect({ [name]: { ...same(other), ...apart } }).toEqual({ [name]: { ...same(own), ...apart } });
      expect(namesIn(own ?? {}, 'networks')).toEqual(namesIn(other ?? {}, 'networks'));
    }
  }
});
