// The compose linter reads compose files as Compose does; test/containers/compose-config.test.ts
// holds it to Compose itself.

import { describe, expect, test } from 'vitest';
import { overlay, parseCompose } from '../../tools/compose-lint/compose-files.ts';
import { parseSettings, resolveVariables } from '../../tools/compose-lint/compose-variables.ts';

describe('the reader of compose files', () => {
  test('merges anchors: an explicit key wins, then the first of a list', () => {
    const text = 'x-a: &a { k: 1, l: 1 }\nx-b: &b { k: 2, m: 2 }\nservices: { s: { <<: [*a, *b], l: 3 } }';
    expect(parseCompose(text, 'a')['services']).toEqual({ s: { k: 1, l: 3, m: 2 } });
  });

  test('extends mappings and lists by an overlay, and replaces commands, scalars and mounts', () => {
    const base = parseCompose(
      'services: { s: { command: [a], cap_drop: [ALL], networks: [n], environment: [A=1, B=2], volumes: [{ source: v, target: /v }], cpus: 1 } }',
      'base',
    );
    const over = parseCompose(
      'services: { s: { command: [b], cap_drop: [ALL, X], networks: { m: {} }, environment: { B: "3" }, volumes: [{ source: w, target: /v }], cpus: 2 } }',
      'over',
    );
    expect(overlay(base, over)['services']).toEqual({
      s: {
        command: ['b'],
        cap_drop: ['ALL', 'X'],
        networks: { n: null, m: {} },
        environment: { A: '1', B: '3' },
        volumes: [{ source: 'w', target: '/v' }],
        cpus: 2,
      },
    });
  });

  test.each([
    ['a tag that would take hardening away', 'services: { s: { ports: !reset [] } }'],
    ['a key that stands twice', 'services: { s: { read_only: true, read_only: false } }'],
    ['what is no mapping', '- a'],
    ['what is no YAML', 'a: ]'],
    ['a missing file', ''],
  ])('refuses a file with %s', (_name, text) => {
    expect(() => parseCompose(text, 'file')).toThrow('file: ');
  });

  test.each([
    ['${A}', 'one'],
    ['$A', 'one'],
    ['a ${A}-${A} b', 'a one-one b'],
    ['${B:-two}', 'two'],
    ['${E:-two}', 'two'],
    ['${E-two}', ''],
    ['${A:+there}', 'there'],
    ['${B:+there}', ''],
    ['$$A', '$A'],
  ])('reads %s as %s', (text, value) => {
    const { tree, unresolved } = resolveVariables({ text }, parseSettings('# no\nA=one\nE=\n'));
    expect([tree['text'], unresolved]).toEqual([value, []]);
  });

  test.each(['${B}', '$B', '${B:?why}', '${E:?why}', '${B-${A}}'])('leaves %s unresolved, and reports it', (text) => {
    expect(resolveVariables({ text }, parseSettings('A=one\nE=\n')).unresolved.length).toBe(1);
  });
});
