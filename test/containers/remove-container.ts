// Removes a container that the engine may be removing at the same moment (`docker compose run --rm`).

import type Docker from 'dockerode';

const GONE = 404;
const REMOVAL_IN_PROGRESS = 409;

/** Resolves once the engine no longer lists the container, whichever caller removed it. */
export async function removeContainer(container: Docker.Container): Promise<void> {
  const removed = container.wait({ condition: 'removed' }).catch(passOver(GONE));
  await container.remove({ force: true }).catch(passOver(GONE, REMOVAL_IN_PROGRESS));
  await removed;
}

function passOver(...codes: readonly number[]): (error: unknown) => void {
  return (error) => {
    if (!codes.some((code) => isObject(error) && error.statusCode === code)) throw error;
  };
}

function isObject(value: unknown): value is { readonly statusCode?: unknown } {
  return typeof value === 'object' && value !== null;
}
