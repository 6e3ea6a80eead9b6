// Finds the files of a checkout by their kind, so that a new file is checked without being listed.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Folders that are not ours: fetched, made, or Git's own. */
const PASSED_OVER: ReadonlySet<string> = new Set(['.git', '.cache', '.state', 'coverage', 'node_modules', 'sbom']);
const SHELL_NAME = /\.(sh|bash)$/;
const SHELL_FIRST_LINE = /^#!.*\b(ba|da|k)?sh\b/;
const DOCKERFILE_NAME = /^(Dockerfile(\..+)?|.+\.Dockerfile)$/;

/** Every file of ours under a folder, in order. */
export function filesUnder(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() || !PASSED_OVER.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesUnder(path);
      return entry.isFile() ? [path] : [];
    })
    .sort();
}

export function isShell(path: string): boolean {
  if (SHELL_NAME.test(path)) return true;
  const [first = ''] = readFileSync(path, 'utf8').split('\n', 1);
  return SHELL_FIRST_LINE.test(first);
}

export function isDockerfile(path: string): boolean {
  return DOCKERFILE_NAME.test(basename(path));
}
