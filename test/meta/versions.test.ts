// Names and versions of what is not ours stand in .env; where they stand again, they are the same.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const environment = new Map(
  readFileSync('.env', 'utf8')
    .split('\n')
    .filter((line) => /^[A-Z_]+=/.test(line))
    .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

describe('the versions of dependencies and images', () => {
  test.each(['Dockerfile.tor', 'Dockerfile.relay', 'Dockerfile.client', 'test/tornet/Dockerfile'])(
    'are those of .env in %s',
    (file) => {
      const stated = [...readFileSync(file, 'utf8').matchAll(/^ARG ([A-Z_]+)=(\S+)$/gm)];
      expect(stated.length).toBeGreaterThan(0);
      for (const [, name, value] of stated) expect([name, value]).toEqual([name, environment.get(name ?? '')]);
    },
  );

  test('are the same for Node in every file', () => {
    const major = environment.get('SOTTO_NODE_VERSION')?.split('.')[0];
    expect(readFileSync('.nvmrc', 'utf8').trim()).toBe(major);
    expect(environment.get('SOTTO_NODE_IMAGE')).toContain(environment.get('SOTTO_NODE_VERSION') ?? 'missing');
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string; engines: { node: string } };
    expect(manifest.engines.node).toBe(`>=${major ?? ''}.7`);
    expect(environment.get('SOTTO_VERSION')).toBe(manifest.version);
  });

  test('need no newer builder for Dockerfiles than the oldest supported one', () => {
    for (const file of ['Dockerfile.tor', 'Dockerfile.relay', 'Dockerfile.client']) {
      const text = readFileSync(file, 'utf8');
      expect(text).not.toMatch(/^# syntax=/m);
      expect(text).not.toMatch(/<<-?['"]?[A-Z]+/);
      expect(text).not.toMatch(/COPY --link|RUN --mount|@sha256:/);
    }
  });

  test('are exact for every dependency', () => {
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { dependencies?: Record<string, string>; devDependencies?: Record<string, string> }>;
    };
    const ours = Object.entries(lock.packages).filter(([path]) => path === '' || /^packages\/[^/]+$/.test(path));
    const stated = ours.flatMap(([, entry]) => Object.entries({ ...entry.dependencies, ...entry.devDependencies }));
    expect(stated.length).toBeGreaterThan(20);
    for (const [name, version] of stated)
      expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  });
});
