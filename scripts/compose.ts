// Runs Docker Compose for the demo and the container tests: the shipped file with the overlay of
// the private Tor network.

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

export const COMPOSE_FILES: readonly string[] = ['docker-compose.yml', 'test/tornet/compose.yml'];

/**
 * The environment of every compose call of one project, without the user's own settings of Compose.
 * It uses the images that ./scripts/setup has built, and builds none.
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

/** Removes a project with its volumes: the guards of a private Tor network have no value. */
export function removeProject(project: string): void {
  runCompose(project, ['--profile', 'client', 'down', '--volumes', '--remove-orphans', '--timeout', '5']);
}
