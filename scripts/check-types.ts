// Type-checks the tree, and the two packages that must also run in a browser without Node's types.
import { spawnSync } from 'node:child_process';

const PROJECTS = ['tsconfig.json', 'packages/protocol/tsconfig.json', 'packages/crypto/tsconfig.json'];

const failed = PROJECTS.filter(
  (project) => spawnSync('npx', ['--no-install', 'tsc', '--noEmit', '-p', project], { stdio: 'inherit' }).status !== 0,
);
process.exitCode = failed.length === 0 ? 0 : 1;
