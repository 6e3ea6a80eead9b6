// Type-checks the tree, and without Node's types the three packages that also run in a browser.
import { spawnSync } from 'node:child_process';
import { readCommandLine } from './command-line.ts';

const PROJECTS = [
  'tsconfig.json',
  'packages/machine/tsconfig.json',
  'packages/protocol/tsconfig.json',
  'packages/crypto/tsconfig.json',
];

readCommandLine({ usage: 'Usage: npm run types', options: {} });
const failed = PROJECTS.filter(
  (project) => spawnSync('npx', ['--no-install', 'tsc', '--noEmit', '-p', project], { stdio: 'inherit' }).status !== 0,
);
process.exitCode = failed.length === 0 ? 0 : 1;
