// Docker Compose as the demo and the container tests drive it: the shipped file with the private Tor network laid over it.

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

export const COMPOSE_FILES: readonly string[] = ['docker-compose.yml', 'test/tornet/compose.yml'];

/**
 * The environment of every compose call of one project: what the user tells Compose for runs of their own is no part of it. Images
 * are those that ./scripts/setup has built; none is built again.
 */
export function composeEnvironment(
  project: string,
  files: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const others = Object.entries(environment).filter(([name]) => !name.startsWith('COMPOSE_'));
  const ours = { COMPOSE_PROJECT_NAME: project, COMPOSE_FILE: files.join(':'), COMPOSE_PATH_SEPARATOR: ':' };
  return { ...Object.fromEntries(others), ...ours, SOTTO_PULL_POLICY: 'never' };
}

/** Starts `docker compose …` with pipes (or the caller's terminal). */
export function startCompose(
  project: string,
  args: readonly string[],
  stdio: 'pipe' | 'inherit' = 'pipe',
  files: readonly string[] = COMPOSE_FILES,
): ChildProcess {
  return spawn('docker', ['compose', ...args], { env: composeEnvironment(project, files), stdio });
}

/** Runs `docker compose …` to its end. @returns its exit code and what it printed. */
export function runCompose(
  project: string,
  args: readonly string[],
  files: readonly string[] = COMPOSE_FILES,
): { readonly code: number; readonly stdout: string; readonly stderr: string } {
  const result = spawnSync('docker', ['compose', ...args], {
    env: composeEnvironment(project, files),
    encoding: 'utf8',
  });
  return { code: result.status ?? 1, stdout: result.stdout, stderr: result.stderr };
}

/** Removes all of a project, its volumes included: the guards of a private Tor network are worth nothing. */
export function removeProject(project: string): void {
  runCompose(project, ['--profile', 'client', 'down', '--volumes', '--remove-orphans', '--timeout', '5']);
}
