// Another commit of this repository, checked out into a folder so that its programs run: with the
// packages of this checkout's node_modules, and its own of ours.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const DRIVER = 'scripts/bench-commit';
/** Where the group layer is since the move to folders by subject (adr/0019). */
const OF_TODAY = 'packages/client/src/group/membership.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly link?: boolean }>>;
}

function run(root: string, command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** @returns the full hash of a commit of this repository; undefined if there is none of this name */
export function commitNamed(root: string, name: string): string | undefined {
  return run(root, 'git', ['rev-parse', '--verify', '--quiet', `${name}^{commit}`]);
}

export function hasChanges(root: string): boolean {
  return run(root, 'git', ['status', '--porcelain']) !== '';
}

/** Fills `folder`, which is empty, with a commit that runs. */
export function checkOut(root: string, commit: string, folder: string): void {
  const archive = join(folder, 'tree.tar');
  const wanted = ['packages', 'package.json', 'package-lock.json'];
  const isThere =
    run(root, 'git', ['archive', '--output', archive, commit, ...wanted]) !== undefined &&
    run(root, 'tar', ['-xf', archive, '-C', folder]) !== undefined;
  if (!isThere) throw new Error(`git and tar could not check out ${commit}`);
  linkModules(root, folder);
  cpSync(join(root, DRIVER), join(folder, DRIVER), { recursive: true });
  if (!existsSync(join(folder, OF_TODAY))) {
    cpSync(join(root, DRIVER, 'd97a35e.txt'), join(folder, DRIVER, 'tree.ts'));
  }
}

function linkModules(root: string, folder: string): void {
  link(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'node_modules/@sotto'));
  for (const name of readdirSync(join(folder, 'packages'))) {
    symlinkSync(join(folder, 'packages', name), join(folder, 'node_modules/@sotto', name));
    const own = join('packages', name, 'node_modules');
    if (existsSync(join(root, own))) link(join(root, own), join(folder, own));
  }
}

/** Links all modules but ours: those are each tree's own. */
function link(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    if (!name.startsWith('.') && name !== '@sotto') symlinkSync(join(from, name), join(to, name));
  }
}

/** @returns the packages of the other lock file that this checkout has in another version, or lacks */
export function differentModules(root: string, folder: string): readonly string[] {
  const [here, there] = [root, folder].map(
    (path) => JSON.parse(readFileSync(join(path, 'package-lock.json'), 'utf8')) as Lock,
  );
  return Object.entries(there?.packages ?? {}).flatMap(([path, { version, link: isOurs }]) => {
    const other = here?.packages[path]?.version;
    const isForeign = path.includes('node_modules/') && isOurs !== true;
    return isForeign && other !== version ? [`${path} ${version} there, ${other ?? 'none'} here`] : [];
  });
}
